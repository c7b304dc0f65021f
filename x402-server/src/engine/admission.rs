use std::sync::Arc;
use std::time::Instant;

use tracing::{Instrument, Span};
use x402_ledger::ClaimState;
use x402_types::{Amount, PaymentFlow, SettleResponse};

use super::answers::Why;
use super::believed;
use super::claim::Hold;
use super::gate::{Admission, Matter};
use super::hooks::{Entry, Recovery};
use super::identifiers::Known;
use super::meter::Meter;
use super::observed::{Fate, Seen, reason, verifying};
use super::paid::Paid;
use super::payment::{Facts, Payment};
use super::seen_through::Panicked;
use super::settlement::{self, Outcome, Settlement};
use super::shared::Shared;
use super::ticket::Ticket;

impl Paid {
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
            if shared.calls.available_permits() == 0 {
                hold.give_back().await;
                return Err(Why::Busy.into());
            }
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
        let _turn = shared.calls.try_acquire().map_err(|_| Why::Busy)?;
        let (span, began) = (verifying(&self.payment), Instant::now());
        let asked = believed::verify(shared, &self.request, &self.payment).instrument(span.clone());
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
