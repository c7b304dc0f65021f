use std::sync::Arc;

use x402_ledger::PaymentKey;
use x402_types::facilitator::Request;
use x402_types::scheme::{CheckedPayment, Refusal};
use x402_types::{ErrorReason, Fault, PaymentFlow, SettleResponse};

use super::answers::Why;
use super::claim::Hold;
use super::gate::{Admission, Gate};
use super::meter::Meter;
use super::payment::Payment;
use super::purchase::Purchase;
use super::seen_through::Panicked;
use super::sent::Sent;
use super::settlement::{self, Outcome, Settlement};
use super::shared::{Offer, Shared, seconds_since_1970};
use super::ticket::Ticket;
use crate::foreign::excerpt;

/// Seconds after a payment's end during which it may still be owed: what was settled at the last
/// moment is served, and not asked to be paid again.
const GRACE: u64 = 300;

/// A request with a payment that meets an offer, as far as can be told offline.
pub(crate) struct Paid {
    gate: Gate,
    purchase: Purchase,
    sent: Sent,
    request: Request,
    payment: Payment,
    key: PaymentKey,
    now: u64,
    valid_before: u64,
    /// That the payment has ended, though not long ago. It may still be owed.
    lapsed: Option<Refusal>,
}

impl Paid {
    /// Checks a payment offline.
    pub(super) fn check(gate: &Gate, sent: Sent, purchase: &Purchase) -> Result<Self, Why> {
        let offer = sent.find_offer(gate.offers()).ok_or(Why::NoSuchOffer)?;
        if sent.resource().is_some_and(|resource| !same_resource(resource, purchase.url())) {
            return Err(Why::OtherResource);
        }
        gate.check_echo(&sent)?;
        let now = seconds_since_1970();
        let check = gate.shared().rules.check;
        let (checked, lapsed) = match offer.terms.check(sent.payload(), now, check) {
            Ok(checked) => (checked, None),
            Err(refusal) if has_ended(&refusal) => {
                match offer.terms.check_at_its_end(sent.payload(), check) {
                    Ok(checked) if checked.valid_before.saturating_add(GRACE) >= now => {
                        (checked, Some(refusal))
                    }
                    _ => return Err(why_not(refusal)),
                }
            }
            Err(refusal) => return Err(why_not(refusal)),
        };
        let CheckedPayment { payer, nonce, amount, valid_before } = checked;
        let Offer { requirements, asset, metered, .. } = offer;
        let network = requirements.network.clone();
        let key = PaymentKey::new(network, &requirements.asset, &payer, &nonce);
        let payment = Payment {
            payer: payer.into(),
            amount,
            asset: Arc::clone(asset),
            requirements: requirements.clone(),
            receipt: None,
            meter: metered.then(|| Arc::new(Meter::new(amount.min(requirements.amount)))),
        };
        let request = sent.request(offer, purchase.url()).ok_or(Why::Internal)?;
        let (gate, purchase) = (gate.clone(), purchase.clone());
        Ok(Self { gate, purchase, sent, request, payment, key, now, valid_before, lapsed })
    }

    /// Claims the payment and has it verified.
    pub(crate) async fn admit(self: Box<Self>) -> Admission {
        match self.claim_and_verify().await {
            Ok(ticket) => Admission::Admit(ticket),
            Err(why) => Admission::Reject(self.gate.answer(why, self.purchase.url())),
        }
    }

    async fn claim_and_verify(&self) -> Result<Box<Ticket>, Why> {
        let shared = self.gate.shared();
        let forgotten = self.valid_before.saturating_add(GRACE);
        let (key, purchase) = (self.key.clone(), self.purchase.clone());
        let hold = Hold::claim(Arc::clone(shared), key, purchase, forgotten, self.now).await?;
        if let Some(receipt) = hold.paid().cloned() {
            return Ok(self.ticket(hold, Some(receipt), None));
        }
        if let Some(refusal) = &self.lapsed {
            hold.give_back().await;
            return Err(why_not(refusal.clone()));
        }
        if self.gate.flow() == PaymentFlow::Upfront {
            let settlement = self.settlement(false);
            return match settlement::start(Arc::clone(shared), hold, settlement).await {
                Ok(Outcome::Settled(receipt, hold)) => Ok(self.ticket(hold, Some(receipt), None)),
                Ok(Outcome::Not(why)) => Err(why),
                Err(Panicked) => Err(Why::SettlementUnknown),
            };
        }
        if let Err(why) = verify(shared, &self.request, &self.payment).await {
            hold.give_back().await;
            return Err(why);
        }
        Ok(self.ticket(hold, None, Some(self.settlement(true))))
    }

    fn settlement(&self, verified: bool) -> Box<Settlement> {
        Box::new(Settlement {
            request: self.request.clone(),
            purchase: self.purchase.clone(),
            valid_before: self.valid_before,
            payment: self.payment.clone(),
            amount: self.payment.amount,
            verified,
            response_header: self.sent.response_header(),
        })
    }

    fn ticket(
        &self,
        hold: Hold,
        receipt: Option<Arc<SettleResponse>>,
        settlement: Option<Box<Settlement>>,
    ) -> Box<Ticket> {
        let payment = Payment { receipt, ..self.payment.clone() };
        let (gate, purchase) = (self.gate.clone(), self.purchase.clone());
        let header = self.sent.response_header();
        Box::new(Ticket::new(gate, payment, hold, settlement, purchase, header))
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
