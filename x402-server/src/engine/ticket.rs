use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

#[cfg(feature = "tower")]
use tokio::{runtime::Handle, task::AbortHandle};
use x402_types::extensions::offer_receipt::ReceiptDeclaration;
use x402_types::{JsonError, PaymentFlow, SettleResponse, encode};

use super::answers::Why;
use super::claim::Hold;
use super::hooks::Canceled;
use super::observed::{Awaited, Fate, Seen};
use super::offered::Offered;
use super::payment::Payment;
use super::purchase::Purchase;
use super::reply::Reply;
use super::seen_through::{Panicked, SeenThrough};
use super::settlement::{self, Outcome, Settlement};
use super::shared::seconds_since_1970;
use super::stored::StoredAnswer;
use crate::offer_receipts::told;

/// The right to serve a request, and the duty to say how that went.
///
/// Dropped without [`finish`](Self::finish), say because the handler panicked or the client went
/// away, nothing is charged and the payment can be used again; where it was settled before serving,
/// the same payment is served once more.
#[derive(Debug)]
#[must_use = "a ticket that is dropped charges nothing"]
pub struct Ticket {
    offered: Offered,
    payment: Payment,
    hold: Hold,
    /// What is still to be settled; `None` where it was settled before.
    settlement: Option<Box<Settlement>>,
    purchase: Purchase,
    response_header: &'static str,
    /// Whether room is set aside to keep the answer, because the payer gave the payment a name.
    keeps: bool,
    watch: Option<Watch>,
    awaited: Option<Awaited>,
}

impl Ticket {
    pub(super) fn new(
        offered: Offered,
        payment: Payment,
        hold: Hold,
        settlement: Option<Box<Settlement>>,
        purchase: Purchase,
        response_header: &'static str,
        keeps: bool,
    ) -> Self {
        let watch = offered.shared().hooks.is_some();
        let watch = watch.then(|| Watch::over(&offered, &payment));
        Self {
            offered,
            payment,
            hold,
            settlement,
            purchase,
            response_header,
            keeps,
            watch,
            awaited: None,
        }
    }

    /// Has what becomes of it seen.
    pub(super) fn seen(self, seen: Seen) -> Self {
        Self { awaited: Some(Awaited::new(seen)), ..self }
    }

    /// The payment that the request is served on.
    pub fn payment(&self) -> &Payment {
        &self.payment
    }

    /// Says how the handler answered, and settles if that was with 200 to 299, or with 101: a
    /// connection that is handed over has been served, unless it is to be metered as it streams. From here on nothing more can be
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
        self.end(status, None)
    }

    /// The bytes that the answer may have, headers and body, to be [kept](Self::finish_with) for
    /// when the payment is sent again; `None` where nothing is kept: the payment has no name, the answer
    /// streams, or there is no room.
    pub fn keeps(&self) -> Option<usize> {
        self.keeps.then(|| self.offered.shared().identifiers.answer_limit())
    }

    /// [`finish`](Self::finish), and where the payment is settled, by now or before, keeps the
    /// answer with its receipt: whoever sends the same [named](crate::Price::payment_identifier)
    /// payment again is given it by [`Admission::Again`](crate::Admission::Again).
    ///
    /// Answers to payments without a name are not kept, nor those above [`keeps`](Self::keeps).
    ///
    /// # Errors
    /// The answer to give in the handler's stead.
    ///
    /// # Cancel safety
    /// As [`finish`](Self::finish); but an answer that was not waited for is kept, and given when
    /// the payer asks again.
    pub fn finish_with(
        self,
        answer: StoredAnswer,
    ) -> impl Future<Output = Result<Vec<(&'static str, String)>, Reply>> + Send + 'static {
        let status = answer.status;
        let kept = self.keeps.then_some(answer);
        self.end(status, kept)
    }

    /// How an answer with this status is to be brought to its client, before or after
    /// [`finish`](Self::finish).
    pub fn delivery(&self, status: u16) -> Delivery {
        let streams = self.settlement.is_some() && self.payment.is_streaming();
        let is_success = (200..300).contains(&status);
        let limit = self.offered.shared().rules.held_back;
        match self.keeps() {
            _ if streams && status == 101 => Delivery::Refused,
            _ if !is_success => Delivery::AtOnce,
            _ if streams => Delivery::Streamed,
            _ if self.settlement.is_some() => Delivery::HeldBack { limit },
            Some(limit) => Delivery::Kept { limit },
            // It is owed, and stays so where the answer breaks off.
            None if self.holds_back() => Delivery::Kept { limit },
            None => Delivery::AtOnce,
        }
    }

    /// Whether an answer is held back here the first time.
    fn holds_back(&self) -> bool {
        self.offered.flow() == PaymentFlow::Authorization && !self.payment.is_streaming()
    }

    /// How long the payment can still be settled.
    pub fn time_left(&self) -> Duration {
        Duration::from_secs(self.payment.facts.valid_before.saturating_sub(seconds_since_1970()))
    }

    /// Does this, here or where the paywall runs; not where neither has a runtime.
    #[cfg(feature = "tower")]
    pub(crate) fn spawn(
        &self,
        task: impl Future<Output = ()> + Send + 'static,
    ) -> Option<AbortHandle> {
        let here = Handle::try_current().ok();
        let runtime = here.or_else(|| self.offered.shared().runtime.clone())?;
        Some(runtime.spawn(task).abort_handle())
    }

    /// The name of the receipt's header.
    #[cfg(feature = "tower")]
    pub(crate) fn response_header(&self) -> &'static str {
        self.response_header
    }

    fn end(
        self,
        status: u16,
        answer: Option<StoredAnswer>,
    ) -> impl Future<Output = Result<Vec<(&'static str, String)>, Reply>> + Send + 'static {
        let Self { offered, payment, mut hold, settlement, purchase, response_header, .. } = self;
        let Self { keeps, watch, awaited, .. } = self;
        // A connection that is handed over runs past the end of the meter.
        let streams = settlement.is_some() && payment.is_streaming();
        let served = (200..300).contains(&status) || (status == 101 && !streams);
        if served && streams {
            hold.deliver();
        }
        if let Some(watch) = watch {
            watch.end((!served).then_some(Canceled::Answered { status }));
        }
        if let Some(awaited) = &awaited {
            awaited.is_answered(status);
        }
        let amount = payment.close();
        let step = match settlement {
            Some(settlement) if served => match settlement.over(amount) {
                Ok(settlement) => {
                    Step::Settle(settlement::start(Arc::clone(offered.shared()), hold, settlement))
                }
                Err(error) => {
                    tracing::error!(%error, "what is charged does not serialize");
                    Step::GiveUp(hold)
                }
            },
            Some(_) => Step::LetGo(hold),
            None => Step::SettledBefore(hold, payment.facts.receipt.clone()),
        };
        let (unknown, settlements) = (offered.clone(), offered.shared().settlements.clone());
        // What is kept for the payer must be kept though the payer has gone. And what has streamed
        // was delivered, whoever waits for the end.
        let to_the_end = answer.is_some() || payment.is_streaming();
        let bought = purchase.clone();
        let end = End { offered, purchase, response_header, served, keeps, answer, step, awaited };
        let end = if to_the_end {
            let shared = Arc::clone(unknown.shared());
            Way::SeenThrough(SeenThrough::new(shared, settlements.track_future(end.come())))
        } else {
            Way::Here(Box::pin(end.come()))
        };
        async move {
            let ended = match end {
                Way::Here(end) => end.await,
                Way::SeenThrough(end) => end.await.unwrap_or_else(|Panicked| {
                    Err(unknown.answer(Why::SettlementUnknown, &bought))
                }),
            };
            match (ended, &unknown.shared().offer_receipts) {
                (Err(reply), Some(receipts)) => Err(Box::pin(receipts.with_offers(reply)).await),
                (ended, _) => ended,
            }
        }
    }
}

/// Tells the seller's hooks of a payment that comes to nothing.
#[derive(Debug)]
struct Watch {
    over: Option<(Offered, Payment)>,
}

impl Watch {
    fn over(offered: &Offered, payment: &Payment) -> Self {
        Self { over: Some((offered.clone(), payment.clone())) }
    }

    /// The handler has answered.
    fn end(mut self, canceled: Option<Canceled>) {
        match canceled {
            Some(why) => self.tell(why),
            None => self.over = None,
        }
    }

    fn tell(&mut self, why: Canceled) {
        let Some((offered, payment)) = self.over.take() else { return };
        let Some(hooks) = offered.shared().hooks.clone() else { return };
        offered.shared().leave(async move { hooks.on_cancel(&payment, why).await });
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.tell(Canceled::Dropped);
    }
}

/// How an answer is to be brought to its client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// As it comes, once [`Ticket::finish`] is ready.
    AtOnce,
    /// Whole, once [`Ticket::finish`] is ready. An answer that has more bytes is refused, and
    /// finished as one with status 500.
    HeldBack {
        /// The most bytes of its body.
        limit: usize,
    },
    /// Read, and given to [`Ticket::finish_with`] where it has no more bytes; otherwise as it comes.
    /// One that breaks off before is finished as one with status 500.
    Kept {
        /// The most bytes of its headers and body.
        limit: usize,
    },
    /// Not at all, and finished as one with status 500: a connection that is handed over cannot be
    /// metered as a stream.
    Refused,
    /// As it comes, at once; [`Ticket::finish`] is called when it has ended or broken off, and the
    /// future need not be waited for.
    Streamed,
}

/// The headers to add to the answer, or what to answer in its stead.
type Ended = Result<Vec<(&'static str, String)>, Reply>;

/// Where the end of a ticket is brought about.
enum Way {
    Here(Pin<Box<dyn Future<Output = Ended> + Send>>),
    SeenThrough(SeenThrough<Ended>),
}

/// The end of a ticket, once the handler has answered.
struct End {
    offered: Offered,
    purchase: Purchase,
    response_header: &'static str,
    served: bool,
    keeps: bool,
    answer: Option<StoredAnswer>,
    step: Step,
    awaited: Option<Awaited>,
}

impl End {
    async fn come(self) -> Ended {
        // Field by field: taken apart, all of it would be carried along twice.
        let (offered, purchase) = (&self.offered, &self.purchase);
        let turn_away = |why, awaited| Err(offered.turn_away_awaited(why, purchase, awaited));
        let (receipt, hold) = match self.step {
            Step::Settle(outcome) => match outcome.await {
                Ok(Outcome::Settled(receipt, hold)) => (receipt, hold),
                Ok(Outcome::GivenAway) => {
                    ends(self.awaited, Fate::GivenAway);
                    return Ok(Vec::new());
                }
                Ok(Outcome::Not(why)) => return turn_away(why, self.awaited),
                Err(Panicked) => return turn_away(Why::SettlementUnknown, self.awaited),
            },
            Step::SettledBefore(hold, Some(receipt)) => (receipt, hold),
            Step::GiveUp(hold) => {
                hold.give_back().await;
                return turn_away(Why::Internal, self.awaited);
            }
            Step::LetGo(hold) | Step::SettledBefore(hold, None) => {
                hold.give_back().await;
                return Ok(Vec::new());
            }
        };
        let signed = match &offered.shared().offer_receipts {
            Some(it) if self.served => {
                // Rarer, and large.
                Box::pin(it.receipt(&receipt, hold.key(), purchase.url())).await
            }
            _ => None,
        };
        let headers = match receipt_header(&receipt, signed) {
            Ok(header) => vec![(self.response_header, header)],
            Err(error) => {
                tracing::error!(%error, "the receipt does not serialize");
                Vec::new()
            }
        };
        if !self.served {
            hold.give_back().await;
            return Ok(headers);
        }
        if self.keeps {
            let identifiers = &offered.shared().identifiers;
            match self.answer {
                Some(mut answer) => {
                    for (name, value) in &headers {
                        answer.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
                        answer.headers.push(((*name).to_owned(), value.clone().into_bytes()));
                    }
                    // Before the claim tells that the payment is used.
                    identifiers.keep(hold.key(), answer);
                }
                None => identifiers.rest(hold.key()),
            }
        }
        hold.use_up().await;
        ends(self.awaited, Fate::Paid);
        Ok(headers)
    }
}

fn ends(awaited: Option<Awaited>, fate: Fate) {
    if let Some(awaited) = awaited {
        awaited.ends(fate);
    }
}

/// Bytes of a receipt's header. Proxies drop answers whose headers are much larger, and this one is
/// paid for.
const RECEIPT_LIMIT: usize = 4 * 1024;

/// The receipt as a header. What a facilitator adds to it is told only as far as there is room, and
/// goes before what is signed.
fn receipt_header(
    receipt: &SettleResponse,
    signed: Option<ReceiptDeclaration>,
) -> Result<String, JsonError> {
    if signed.is_none() {
        let header = encode(receipt)?;
        if header.len() <= RECEIPT_LIMIT {
            return Ok(header);
        }
    }
    let mut header = String::new();
    for told in told(receipt, signed) {
        header = encode(&told)?;
        if header.len() <= RECEIPT_LIMIT {
            break;
        }
    }
    Ok(header)
}

/// What is left to do when the handler has answered.
enum Step {
    Settle(SeenThrough<Outcome>),
    LetGo(Hold),
    GiveUp(Hold),
    SettledBefore(Hold, Option<Arc<SettleResponse>>),
}
