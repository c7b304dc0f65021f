use std::sync::Arc;

use x402_types::{JsonError, SettleResponse, encode};

use super::answers::Why;
use super::claim::Hold;
use super::gate::Gate;
use super::payment::Payment;
use super::purchase::Purchase;
use super::reply::Reply;
use super::seen_through::{Panicked, SeenThrough};
use super::settlement::{self, Outcome, Settlement};

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
    /// connection that is handed over has been served. From here on nothing more can be
    /// [charged](Payment::charge).
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
        let amount = payment.close();
        let step = match settlement {
            Some(settlement) if served => match settlement.over(amount) {
                Ok(settlement) => {
                    Step::Settle(settlement::start(Arc::clone(gate.shared()), hold, settlement))
                }
                Err(error) => {
                    tracing::error!(%error, "what is charged does not serialize");
                    Step::GiveUp(hold)
                }
            },
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
                Step::GiveUp(hold) => {
                    hold.give_back().await;
                    return Err(gate.answer(Why::Internal, purchase.url()));
                }
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
    GiveUp(Hold),
    SettledBefore(Hold, Option<Arc<SettleResponse>>),
}
