use std::sync::Arc;

use x402_types::{
    Amount, Asset, JsonError, Network, PaymentRequirements, SettleResponse, Verbatim, encode,
};

use super::answers::Why;
use super::claim::Hold;
use super::gate::Gate;
use super::purchase::Purchase;
use super::reply::Reply;
use super::seen_through::{Panicked, SeenThrough};
use super::settlement::{self, Outcome, Settlement};

/// A payment that a request is served on.
///
/// Cheap to clone: clones share it.
#[derive(Clone, Debug)]
pub struct Payment {
    pub(crate) payer: Arc<str>,
    pub(crate) amount: Amount,
    pub(crate) asset: Arc<Asset>,
    pub(crate) requirements: Verbatim<PaymentRequirements>,
    pub(crate) receipt: Option<Arc<SettleResponse>>,
}

impl Payment {
    /// Who pays: the account whose signature was checked.
    pub fn payer(&self) -> &str {
        &self.payer
    }

    /// How much, in atomic units of the asset.
    pub fn amount(&self) -> Amount {
        self.amount
    }

    /// In what.
    pub fn asset(&self) -> &Asset {
        &self.asset
    }

    /// Where.
    pub fn network(&self) -> &Network {
        &self.asset.network
    }

    /// To whom.
    pub fn pay_to(&self) -> &str {
        &self.requirements.pay_to
    }

    /// How, such as `exact`.
    pub fn scheme(&self) -> &str {
        &self.requirements.scheme
    }

    /// The settlement, where the route settles before it serves, or where this payment was settled
    /// by an earlier request that was not served.
    pub fn receipt(&self) -> Option<&SettleResponse> {
        self.receipt.as_deref()
    }

    /// Whether a facilitator that says this name means this payer.
    pub(crate) fn is_payer(&self, name: &str) -> bool {
        match self.network().chain_id() {
            Some(_) => self.payer.eq_ignore_ascii_case(name),
            None => *self.payer == *name,
        }
    }
}

/// The right to serve a request, and the duty to say how that went.
///
/// Dropped without [`finish`](Self::finish), say because the handler panicked or the client went
/// away, nothing is charged and the payment can be used again; where it was settled before serving,
/// the same payment is served once more.
#[derive(Debug)]
#[must_use = "a ticket that is dropped charges nothing"]
pub struct Ticket {
    gate: Gate,
    payment: Payment,
    hold: Hold,
    /// What is still to be settled; `None` where it was settled before.
    settlement: Option<Box<Settlement>>,
    purchase: Purchase,
    response_header: &'static str,
}

impl Ticket {
    pub(super) fn new(
        gate: Gate,
        payment: Payment,
        hold: Hold,
        settlement: Option<Box<Settlement>>,
        purchase: Purchase,
        response_header: &'static str,
    ) -> Self {
        Self { gate, payment, hold, settlement, purchase, response_header }
    }

    /// The payment that the request is served on.
    pub fn payment(&self) -> &Payment {
        &self.payment
    }

    /// Says how the handler answered, and settles if that was with 200 to 299, or with 101: a
    /// connection that is handed over has been served.
    ///
    /// Ready with the headers to add to the handler's answer, none where nothing was charged. The
    /// handler's answer must not leave before.
    ///
    /// # Errors
    /// The answer to give in the handler's stead.
    ///
    /// # Cancel safety
    /// Where the returned future is dropped, even before it is polled, settlement goes on in a task of
    /// its own, its outcome is written down, and the payer, who got nothing, is served once when it
    /// asks again with the same payment.
    pub fn finish(
        self,
        status: u16,
    ) -> impl Future<Output = Result<Vec<(&'static str, String)>, Reply>> + Send + 'static {
        let Self { gate, payment, hold, settlement, purchase, response_header } = self;
        let served = status == 101 || (200..300).contains(&status);
        let step = match settlement {
            Some(settlement) if served => {
                Step::Settle(settlement::start(Arc::clone(gate.shared()), hold, settlement))
            }
            Some(_) => Step::LetGo(hold),
            None => Step::SettledBefore(hold, payment.receipt),
        };
        async move {
            let (receipt, hold) = match step {
                Step::Settle(outcome) => match outcome.await {
                    Ok(Outcome::Settled(receipt, hold)) => (receipt, hold),
                    Ok(Outcome::Not(why)) => return Err(gate.answer(why, purchase.url())),
                    Err(Panicked) => {
                        return Err(gate.answer(Why::SettlementUnknown, purchase.url()));
                    }
                },
                Step::SettledBefore(hold, Some(receipt)) => (receipt, hold),
                Step::LetGo(hold) | Step::SettledBefore(hold, None) => {
                    hold.give_back().await;
                    return Ok(Vec::new());
                }
            };
            let header = match receipt_header(&receipt) {
                Ok(header) => vec![(response_header, header)],
                Err(error) => {
                    tracing::error!(%error, "the receipt does not serialize");
                    Vec::new()
                }
            };
            if served {
                hold.use_up().await;
            } else {
                hold.give_back().await;
            }
            Ok(header)
        }
    }
}

/// Bytes of a receipt's header. Proxies drop answers whose headers are much larger, and this one is
/// paid for.
const RECEIPT_LIMIT: usize = 4 * 1024;

/// The receipt as a header. What a facilitator adds to it is told only as far as there is room.
fn receipt_header(receipt: &SettleResponse) -> Result<String, JsonError> {
    let header = encode(receipt)?;
    if header.len() <= RECEIPT_LIMIT {
        return Ok(header);
    }
    let receipt = receipt.clone();
    encode(&SettleResponse { error_message: None, extensions: None, extra: None, ..receipt })
}

/// What is left to do when the handler has answered.
enum Step {
    Settle(SeenThrough<Outcome>),
    LetGo(Hold),
    SettledBefore(Hold, Option<Arc<SettleResponse>>),
}
