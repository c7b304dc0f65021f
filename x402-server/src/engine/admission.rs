use std::sync::Arc;
use std::time::Instant;

use tracing::{Instrument, Span};
use x402_ledger::{ClaimState, PaymentKey};
use x402_types::facilitator::Request;
use x402_types::scheme::{CheckedPayment, Refusal};
use x402_types::{Amount, ErrorReason, Fault, PaymentFlow, SettleResponse};

use super::answers::Why;
use super::claim::Hold;
use super::gate::{Admission, Matter};
use super::head::RequestHead;
use super::hooks::{Entry, Recovery};
use super::identifiers::Known;
use super::meter::Meter;
use super::naming::Named;
use super::observed::{Fate, Seen, reason, verifying};
use super::offered::Offered;
use super::payment::{Facts, Payment};
use super::purchase::Purchase;
use super::refused::Refused;
use super::seen_through::Panicked;
use super::sent::Sent;
use super::settlement::{self, Outcome, Settlement};
use super::shared::{Offer, Shared, seconds_since_1970};
use super::ticket::Ticket;
use crate::foreign::excerpt;

/// Seconds after a payment's end during which it may still be owed: what was settled at the last
/// moment is served, and not asked to be paid again.
const GRACE: u64 = 300;

/// Seconds that a payment for a stream must be good for at the least.
const SHORTEST_STREAM: u64 = 30;

/// Seconds for which a name is remembered at the most.
const LONGEST_NAME: u64 = 24 * 60 * 60;

/// Seconds for which a payment is claimed at the most, however far off the end that its payer chose
/// is: after that it is settled, and will not be verified again, or nobody asks for its outcome any
/// more.
const LONGEST_CLAIM: u64 = 25 * 60 * 60;

/// Seconds by which a payer's clock may be ahead.
const CLOCK_SKEW: u64 = 600;

/// A request with a payment that meets an offer, as far as can be told offline.
pub(crate) struct Paid {
    offered: Offered,
    purchase: Purchase,
    sent: Sent,
    request: Request,
    payment: Payment,
    key: PaymentKey,
    now: u64,
    /// On a route that takes names, where the payment has one.
    named: Option<Named>,
    /// The second until which the name is remembered.
    remembered: u64,
    /// Why it is good for nothing but what it may be owed.
    lapsed: Option<Lapsed>,
    seen: Seen,
}

impl Paid {
    /// Checks a payment offline; where it is good for what is owed only, for that.
    pub(super) fn check(
        offered: &Offered,
        sent: Sent,
        purchase: &Purchase,
        seen: &Seen,
        lapsed: Option<Lapsed>,
    ) -> Result<Self, Why> {
        let offer = sent.find_offer(offered.offers()).ok_or(Why::NoSuchOffer)?;
        match sent.resource() {
            Some(resource) if !same_resource(resource, purchase.url()) => {
                return Err(Why::OtherResource);
            }
            // Settled without being verified, only this tells a facilitator apart what one payment
            // is presented for in several places.
            None if offered.flow() == PaymentFlow::Upfront && sent.names_resource() => {
                return Err(Why::OtherResource);
            }
            _ => {}
        }
        // What is declared now says nothing of what was declared when it was settled.
        if lapsed.is_none() {
            offered.check_echo(&sent, purchase)?;
        }
        let now = seconds_since_1970();
        let check = offered.shared().rules.check;
        let (checked, lapsed) = match offer.terms.check(sent.payload(), now, check) {
            Ok(checked) => (checked, lapsed),
            Err(refusal) if has_ended(&refusal) => {
                match offer.terms.check_at_its_end(sent.payload(), check) {
                    Ok(checked) if checked.valid_before.saturating_add(GRACE) >= now => {
                        (checked, lapsed.or(Some(Lapsed::Ended(refusal))))
                    }
                    _ => return Err(why_not(refusal)),
                }
            }
            Err(refusal) => return Err(why_not(refusal)),
        };
        let CheckedPayment { payer, nonce, amount, valid_before } = checked;
        let Offer { requirements, metered, streaming, .. } = &**offer;
        if *streaming && lapsed.is_none() && valid_before < now.saturating_add(SHORTEST_STREAM) {
            return Err(Why::Refused(ErrorReason::Permit2DeadlineExpired));
        }
        // What may cost nothing in the end, or is settled unverified, must not be remembered for ages,
        // and must be as long as it can be settled.
        let longest = requirements.max_timeout_seconds.saturating_add(CLOCK_SKEW);
        let to_the_end = *metered || offered.flow() == PaymentFlow::Upfront;
        if to_the_end && valid_before > now.saturating_add(longest) {
            return Err(Why::Malformed(format!(
                "the payment is good for longer than maxTimeoutSeconds, {}",
                requirements.max_timeout_seconds
            )));
        }
        let network = requirements.network.clone();
        let key = PaymentKey::new(network, &requirements.asset, &payer, &nonce);
        let payment = Payment::new(Facts {
            payer,
            amount,
            offer: Arc::clone(offer),
            purchase: purchase.clone(),
            receipt: None,
            meter: metered.then(|| {
                let limit = amount.min(requirements.amount);
                Arc::new(if *streaming { Meter::of_stream(limit) } else { Meter::new(limit) })
            }),
            valid_before,
            given_away: false,
            claimed_until: valid_before
                .min(now.saturating_add(LONGEST_CLAIM))
                .saturating_add(GRACE),
        });
        seen.offers(&payment);
        let request = sent.request(offer, purchase.url()).ok_or(Why::Internal)?;
        // However far off the end that the payer chose is.
        let longest = now.saturating_add(offer.requirements.max_timeout_seconds.min(LONGEST_NAME));
        let remembered = valid_before.min(longest).saturating_add(GRACE);
        let (offered, purchase, named) = (offered.clone(), purchase.clone(), None);
        Ok(Self {
            offered,
            purchase,
            sent,
            request,
            payment,
            key,
            now,
            named,
            remembered,
            lapsed,
            seen: seen.clone(),
        })
    }

    /// Reads the payment's name, where the route takes names.
    pub(super) fn name<H: RequestHead + ?Sized>(mut self, head: &H) -> Result<Self, Why> {
        if let Some(required) = self.offered.identifier() {
            self.named = Named::read(&self.sent, head, required)?;
        }
        Ok(self)
    }

    async fn enter(&self) -> Result<Box<Ticket>, Stop> {
        // What is good for nothing but what is owed is not verified, nor given away for.
        let verified = self.lapsed.is_none();
        if let Some(hooks) = self.offered.shared().hooks.as_ref().filter(|_| verified) {
            entry(hooks.before_verify(&self.payment).await)?;
        }
        self.claim_and_verify().await
    }

    /// What a name has settled already.
    fn known(&self) -> Option<Admission> {
        let Some(named) = &self.named else {
            // What is owed under a name is not owed to who does not know it.
            let identifiers = &self.offered.shared().identifiers;
            let bound = self.offered.identifier().is_some() && identifiers.binds(&self.key);
            return bound.then(|| self.turn_away(Why::Renamed));
        };
        match self.offered.shared().identifiers.find(&self.key, named, self.now) {
            Known::Nothing => None,
            Known::Answered(answer) => {
                self.seen.ends(Fate::Again);
                self.seen.is_answered(answer.status);
                Some(Admission::Again(answer))
            }
            Known::Other => Some(self.turn_away(Why::Renamed)),
        }
    }

    fn turn_away(&self, why: Why) -> Admission {
        Admission::Reject(self.offered.turn_away(why, &self.purchase, &self.seen))
    }

    async fn claim_and_verify(&self) -> Result<Box<Ticket>, Stop> {
        let shared = self.offered.shared();
        let (key, purchase) = (self.key.clone(), self.purchase.claimed(self.named.as_ref()));
        let expires = self.payment.facts.claimed_until;
        let hold = Hold::claim(Arc::clone(shared), key, purchase, expires, self.now).await?;
        if let (None, Some(lapsed)) = (hold.paid(), &self.lapsed) {
            hold.give_back().await;
            return Err(lapsed.why().into());
        }
        if let Some(named) = &self.named {
            let (remembered, now) = (self.remembered, self.now);
            let bound = shared.identifiers.bind(&self.key, named, remembered, now);
            // What is settled is served, though there be no room for its name.
            let served = |why: &Why| hold.paid().is_some() && matches!(why, Why::StoreFailed);
            if let Some(why) = bound.err().filter(|why| !served(why)) {
                hold.give_back().await;
                return Err(why.into());
            }
        }
        if let Some(receipt) = hold.paid().cloned() {
            let room = self.set_aside();
            return Ok(self.ticket(hold, Some(receipt), None, room));
        }
        if self.offered.flow() == PaymentFlow::Upfront {
            if self.named.is_some() && !shared.identifiers.has_room(self.keeps()) {
                hold.give_back().await;
                return Err(Why::StoreFailed.into());
            }
            let settlement = self.settlement(false);
            return match settlement::start(Arc::clone(shared), hold, settlement).await {
                Ok(Outcome::Settled(receipt, hold)) => {
                    let room = self.set_aside();
                    Ok(self.ticket(hold, Some(receipt), None, room))
                }
                Ok(Outcome::GivenAway) => Err(Stop::GivenAway(None)),
                Ok(Outcome::Not(why)) => Err(why.into()),
                Err(Panicked) => Err(Why::SettlementUnknown.into()),
            };
        }
        if let Err(stop) = self.verify().await {
            hold.give_back().await;
            return Err(stop);
        }
        let room = self.set_aside();
        if self.named.is_some() && !room {
            hold.give_back().await;
            return Err(Why::StoreFailed.into());
        }
        Ok(self.ticket(hold, None, Some(self.settlement(true)), room))
    }

    /// Whether the answer to a payment with a name is kept.
    fn keeps(&self) -> bool {
        !self.payment.is_streaming()
    }

    /// Sets room aside for the answer to a payment with a name, which was found good.
    fn set_aside(&self) -> bool {
        let identifiers = &self.offered.shared().identifiers;
        self.named.is_some() && identifiers.set_aside(&self.key, self.keeps())
    }

    /// Has the payment verified, with the seller's hooks around it.
    async fn verify(&self) -> Result<(), Stop> {
        let shared = self.offered.shared();
        let verified = self.ask(shared).await;
        let Some(hooks) = &shared.hooks else { return Ok(verified?) };
        match verified {
            Ok(()) => match entry(hooks.after_verify(&self.payment).await) {
                Err(Stop::GivenAway(_)) => Err(Stop::GivenAway(Some(self.payment.given_away()))),
                said => said,
            },
            Err(Why::Refused(reason)) => {
                match hooks.on_verify_failure(&self.payment, &reason).await {
                    Recovery::Stand => Err(Why::Refused(reason).into()),
                    Recovery::GiveAway => Err(Stop::GivenAway(None)),
                }
            }
            Err(why) => Err(why.into()),
        }
    }

    /// Asks the facilitator, which is seen.
    async fn ask(&self, shared: &Shared) -> Result<(), Why> {
        let (span, began) = (verifying(&self.payment), Instant::now());
        let asked = verify(shared, &self.request, &self.payment).instrument(span.clone());
        let verified = asked.await;
        self.seen.tally.verified(began);
        match &verified {
            Ok(()) => span.record("x402.outcome", "valid"),
            Err(why @ Why::Refused(_)) => {
                span.record("x402.outcome", "invalid").record("error.type", reason(why))
            }
            Err(why) => span.record("x402.outcome", "failed").record("error.type", reason(why)),
        };
        verified
    }

    fn settlement(&self, verified: bool) -> Box<Settlement> {
        Box::new(Settlement {
            request: self.request.clone(),
            purchase: self.purchase.clone(),
            payment: self.payment.clone(),
            amount: self.payment.amount(),
            verified,
            response_header: self.sent.response_header(),
            seen: self.seen.clone(),
            span: Span::none(),
        })
    }

    fn ticket(
        &self,
        hold: Hold,
        receipt: Option<Arc<SettleResponse>>,
        settlement: Option<Box<Settlement>>,
        room: bool,
    ) -> Box<Ticket> {
        let mut payment = self.payment.clone();
        if let Some(receipt) = receipt {
            let mut facts = Facts::clone(&payment.facts);
            // What was settled is all that can be had for it.
            let settled = receipt.amount.unwrap_or(Amount::ZERO);
            facts.meter = facts.meter.map(|_| Arc::new(Meter::new(settled)));
            facts.receipt = Some(receipt);
            payment = Payment::new(facts);
        }
        let (offered, purchase) = (self.offered.clone(), self.purchase.clone());
        let header = self.sent.response_header();
        let keeps = room && self.keeps();
        let ticket = Ticket::new(offered, payment, hold, settlement, purchase, header, keeps);
        Box::new(ticket.seen(self.seen.clone()))
    }
}

impl Matter for Paid {
    fn shared(&self) -> &Shared {
        self.offered.shared()
    }

    fn seen(&self) -> &Seen {
        &self.seen
    }

    /// Claims the payment and has it verified.
    async fn admit(self: Box<Self>) -> Admission {
        if let Some(known) = self.known() {
            return known;
        }
        let why = match self.enter().await {
            Ok(ticket) => return Admission::Admit(ticket),
            Err(Stop::GivenAway(payment)) => {
                self.seen.ends(Fate::GivenAway);
                return Admission::GivenAway(payment);
            }
            Err(Stop::Why(why)) => why,
        };
        // Another request with this payment may have been answered meanwhile.
        let used = matches!(why, Why::Taken(ClaimState::Used));
        let known = if used { self.known() } else { None };
        known.unwrap_or_else(|| self.turn_away(why))
    }
}

/// Why a payment is good for what is owed only.
pub(super) enum Lapsed {
    /// It has ended, though not long ago.
    Ended(Refusal),
    /// What was asked is asked no more.
    Price,
    /// Nothing is sold; `None` where nobody knows why.
    Unsold(Option<Refused>),
}

impl Lapsed {
    /// Why it is not served, where nothing is owed.
    fn why(&self) -> Why {
        match self {
            Self::Ended(refusal) => why_not(refusal.clone()),
            Self::Price => Why::NoSuchOffer,
            Self::Unsold(Some(refused)) => Why::Hooked(refused.clone()),
            Self::Unsold(None) => Why::Internal,
        }
    }
}

/// Why a payment does not lead to a ticket.
enum Stop {
    Why(Why),
    /// The payment is there where it was found good.
    GivenAway(Option<Payment>),
}

impl From<Why> for Stop {
    fn from(why: Why) -> Self {
        Self::Why(why)
    }
}

/// What a hook says of a payment.
fn entry(said: Entry) -> Result<(), Stop> {
    match said {
        Entry::GoOn => Ok(()),
        Entry::GiveAway => Err(Stop::GivenAway(None)),
        Entry::Refuse(refused) => Err(Why::Hooked(refused).into()),
    }
}

/// Whether time is all that is wrong with a payment.
fn has_ended(refusal: &Refusal) -> bool {
    matches!(
        refusal.reason,
        ErrorReason::InvalidExactEvmPayloadAuthorizationValidBefore
            | ErrorReason::Permit2DeadlineExpired
    )
}

fn why_not(refusal: Refusal) -> Why {
    tracing::debug!(reason = %refusal.reason, detail = refusal.detail, "payment refused");
    match refusal.reason.fault() {
        Fault::Malformed => Why::Malformed(refusal.detail),
        _ => Why::Refused(refusal.reason),
    }
}

/// Asks the facilitator, and believes it only as far as it agrees with what we have read ourselves.
async fn verify(shared: &Shared, request: &Request, payment: &Payment) -> Result<(), Why> {
    let asked = shared.facilitator.verify(request);
    let response = match tokio::time::timeout(shared.rules.verify_timeout, asked).await {
        Ok(Ok(response)) => response,
        Ok(Err(error)) => {
            tracing::error!(%error, "the facilitator did not verify; nothing is served");
            return Err(Why::FacilitatorFailed);
        }
        Err(_) => {
            tracing::error!("the facilitator did not verify in time; nothing is served");
            return Err(Why::FacilitatorFailed);
        }
    };
    if !response.is_valid {
        let Some(reason) = response.invalid_reason else { return Err(Why::FacilitatorFailed) };
        let message = response.invalid_message.map(|message| excerpt(&message, 256));
        let said = excerpt(reason.as_str(), 128);
        match reason.fault() {
            Fault::Seller => {
                tracing::error!(reason = said, message, "the facilitator refused our own terms");
            }
            _ => tracing::info!(reason = said, message, "the facilitator refused"),
        }
        return Err(Why::Refused(reason));
    }
    match &response.payer {
        Some(payer) if !payment.is_payer(payer) => {
            tracing::error!(payer, "the facilitator verified another payer's payment");
            Err(Why::FacilitatorFailed)
        }
        _ => Ok(()),
    }
}

/// Whether a payer that names `theirs` means the resource at `ours`. The query may be left out:
/// it is nobody's business but the seller's.
fn same_resource(theirs: &str, ours: &str) -> bool {
    let without_query = |url: &str| url.split(['?', '#']).next().unwrap_or("").to_owned();
    theirs == ours || (!theirs.contains('?') && without_query(theirs) == without_query(ours))
}
