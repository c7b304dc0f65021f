use std::sync::Arc;

use x402_ledger::PaymentKey;
use x402_types::facilitator::Request;
use x402_types::scheme::{CheckedPayment, Refusal};
use x402_types::{ErrorReason, Fault, PaymentFlow};

use super::answers::Why;
use super::head::RequestHead;
use super::meter::Meter;
use super::naming::Named;
use super::observed::Seen;
use super::offered::Offered;
use super::payment::{Facts, Payment};
use super::purchase::Purchase;
use super::refused::Refused;
use super::sent::Sent;
use super::shared::{Offer, seconds_since_1970};

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
    pub(super) offered: Offered,
    pub(super) purchase: Purchase,
    pub(super) sent: Sent,
    pub(super) request: Request,
    pub(super) payment: Payment,
    pub(super) key: PaymentKey,
    pub(super) now: u64,
    /// On a route that takes names, where the payment has one.
    pub(super) named: Option<Named>,
    /// The second until which the name is remembered.
    pub(super) remembered: u64,
    /// Why it is good for nothing but what it may be owed.
    pub(super) lapsed: Option<Lapsed>,
    pub(super) seen: Seen,
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
    pub(super) fn why(&self) -> Why {
        match self {
            Self::Ended(refusal) => why_not(refusal.clone()),
            Self::Price => Why::NoSuchOffer,
            Self::Unsold(Some(refused)) => Why::Hooked(refused.clone()),
            Self::Unsold(None) => Why::Internal,
        }
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

/// Whether a payer that names `theirs` means the resource at `ours`. The query may be left out:
/// it is nobody's business but the seller's.
fn same_resource(theirs: &str, ours: &str) -> bool {
    let without_query = |url: &str| url.split(['?', '#']).next().unwrap_or("").to_owned();
    theirs == ours || (!theirs.contains('?') && without_query(theirs) == without_query(ours))
}
