use std::pin::pin;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use tracing::{Instrument, Span};
use x402_ledger::{ClaimState, Payment as Line, PaymentKey, Status};
use x402_types::facilitator::Request;
use x402_types::{
    Amount, ErrorReason, JsonError, PaymentRequirements, SettleResponse, Verbatim, VerifyRequest,
    v1,
};

use super::answers::Why;
use super::believed::{self, TRANSACTION_LIMIT, Unsettled};
use super::caught::caught;
use super::claim::Hold;
use super::hooks::{Recovery, Settling};
use super::observed::{Seen, known, settling};
use super::payment::Payment;
use super::purchase::Purchase;
use super::seen_through::{Panicked, SeenThrough};
use super::shared::Shared;
use super::unresolved::{Sought, reconcile};
use crate::foreign::excerpt;

/// What is to be settled.
#[derive(Debug)]
pub(super) struct Settlement {
    pub(super) request: Request,
    pub(super) purchase: Purchase,
    pub(super) payment: Payment,
    /// How much, in atomic units: what the question says.
    pub(super) amount: Amount,
    /// Whether the facilitator has found the payment good before.
    pub(super) verified: bool,
    /// Where the receipt goes.
    pub(super) response_header: &'static str,
    /// The request that it is for.
    pub(super) seen: Seen,
    /// Its own span; none before it begins.
    pub(super) span: Span,
}

impl Settlement {
    /// The settlement of so much. The payment goes on as it came; only our own terms change.
    pub(super) fn over(mut self: Box<Self>, amount: Amount) -> Result<Box<Self>, JsonError> {
        if amount != self.amount {
            self.request = over(&self.request, amount)?;
            self.amount = amount;
        }
        Ok(self)
    }

    /// It came about.
    pub(super) fn came_about(&self, span: &Span, receipt: &SettleResponse) {
        self.seen.tally.earns(&self.payment.facts.offer.requirements, self.amount);
        span.record("x402.outcome", "settled").record("x402.transaction", &*receipt.transaction);
        tracing::info!("settled");
    }

    /// It did not, or that is not known.
    fn comes_to(&self, outcome: &'static str) {
        self.span.record("x402.outcome", outcome);
    }
}

/// The same question, about so much.
fn over(request: &Request, amount: Amount) -> Result<Request, JsonError> {
    Ok(match request {
        Request::V2(question) => {
            let ours = &*question.payment_requirements;
            Request::v2(VerifyRequest {
                payment_requirements: Verbatim::new(PaymentRequirements {
                    amount,
                    ..ours.clone()
                })?,
                ..VerifyRequest::clone(question)
            })
        }
        Request::V1(question) => {
            let ours = &*question.payment_requirements;
            Request::v1(v1::VerifyRequest {
                payment_requirements: Verbatim::new(v1::PaymentRequirements {
                    max_amount_required: amount,
                    ..ours.clone()
                })?,
                ..v1::VerifyRequest::clone(question)
            })
        }
    })
}

/// How a settlement ended, for the request that waits for it.
pub(super) enum Outcome {
    /// The money moved. Until the hold is told otherwise, the payer is owed what it paid for.
    Settled(Arc<SettleResponse>, Hold),
    /// Nothing was settled, and it is to be served all the same. The claim has been seen to.
    GivenAway,
    /// Nothing is to be served. The claim has been seen to.
    Not(Why),
}

/// Settles, whether or not anybody waits for it. An outcome that nobody takes is dropped, and so the
/// payment is owed.
pub(super) fn start(
    shared: Arc<Shared>,
    hold: Hold,
    mut settlement: Box<Settlement>,
) -> SeenThrough<Outcome> {
    let (settlements, runs) = (shared.settlements.clone(), Arc::clone(&shared));
    let Settlement { payment, amount, seen, .. } = &*settlement;
    // Where the request has no span of ours, it is a child of whatever is under way.
    let span = seen.span().in_scope(|| settling(payment, *amount));
    settlement.span = span.clone();
    let run = run(shared, hold, settlement).instrument(span);
    SeenThrough::new(runs, settlements.track_future(run))
}

/// Settles once: writes the intent down, asks the facilitator, writes the outcome down. What is not
/// known in the end stays claimed, and a task of its own goes on asking.
async fn run(shared: Arc<Shared>, hold: Hold, settlement: Box<Settlement>) -> Outcome {
    let key = hold.key().clone();
    if let Some(hooks) = &shared.hooks {
        match hooks.before_settle(&settlement.payment, settlement.amount).await {
            Settling::GoOn => {}
            Settling::GiveAway => {
                settlement.comes_to("given_away");
                hold.give_back().await;
                return Outcome::GivenAway;
            }
            Settling::Withhold(refused) => {
                settlement.comes_to("withheld");
                hold.give_back().await;
                return Outcome::Not(Why::Hooked(refused));
            }
        }
    }
    if !record(&shared, &key, &settlement).await {
        settlement.comes_to("not_sent");
        match settlement.payment.is_streaming() {
            // It is delivered, and so it is settled as soon as that can be written down.
            true => {
                drop(hold.forget());
                reconcile(shared, key, settlement, Sought::Unwritten).await;
            }
            false => hold.give_back().await,
        }
        return Outcome::Not(Why::StoreFailed);
    }
    // From here on money may move, and a mere drop must not give the claim back.
    let held = hold.forget();
    let call = match believed::settle(&shared, &settlement).await {
        // Facilitators take up a pending settlement where they left it. What is on its way stays
        // so, whatever else is said of it, but for the failure of that very transaction.
        Err(Unsettled::Pending { transaction }) => {
            match believed::settle(&shared, &settlement).await {
                again @ (Ok(_) | Err(Unsettled::Pending { .. })) => again,
                Err(Unsettled::Failed(response)) if response.transaction == transaction => {
                    Err(Unsettled::Failed(response))
                }
                _ => Err(Unsettled::Pending { transaction }),
            }
        }
        call => call,
    };
    match call {
        Ok(receipt) => {
            // First of all: whatever goes wrong from here on, it is owed.
            let (key, paid) = (key.clone(), Arc::clone(&receipt));
            let hold = Hold::settled(Arc::clone(&shared), key, &settlement.payment, paid, held);
            settlement.came_about(&settlement.span, &receipt);
            write(&shared, hold.key(), Status::Settled, transaction(&receipt)).await;
            tell_settled(&shared, &settlement.payment, &receipt);
            Outcome::Settled(receipt, hold)
        }
        // Rarer, and too much to be carried along by every settlement.
        Err(how) => Box::pin(see_to(how, shared, key, settlement)).await,
    }
}

/// Sees to a payment whose settlement failed, or is not known.
async fn see_to(
    how: Unsettled,
    shared: Arc<Shared>,
    key: PaymentKey,
    settlement: Box<Settlement>,
) -> Outcome {
    match how {
        Unsettled::Failed(response) => {
            let reason = response.error_reason.clone();
            let reason = reason.unwrap_or(ErrorReason::UnexpectedSettleError);
            let message = response.error_message.as_ref().map(|message| excerpt(message, 256));
            let said = excerpt(reason.as_str(), 128);
            settlement.comes_to("failed");
            settlement.span.record("error.type", known(&reason));
            tracing::warn!(reason = said, message, payment = %key, "settlement failed");
            write(&shared, &key, Status::Failed(said), transaction(&response)).await;
            free(&shared, &key, &settlement).await;
            if let Some(hooks) = &shared.hooks
                && hooks.on_settle_failure(&settlement.payment, &reason).await == Recovery::GiveAway
            {
                return Outcome::GivenAway;
            }
            let header = settlement.response_header;
            Outcome::Not(Why::SettlementFailed { reason, response, header })
        }
        Unsettled::NotSent => {
            settlement.comes_to("not_sent");
            match settlement.payment.is_streaming() {
                // It is delivered, and so it is sent again. The intent stands.
                true => reconcile(shared, key, settlement, Sought::Outcome).await,
                false => {
                    write(&shared, &key, Status::Failed("not sent".to_owned()), None).await;
                    free(&shared, &key, &settlement).await;
                }
            }
            Outcome::Not(Why::FacilitatorFailed)
        }
        Unsettled::Pending { transaction } => {
            settlement.comes_to("pending");
            tracing::warn!(payment = %key, "a settlement is not confirmed yet");
            settlement.span.record("x402.transaction", excerpt(&transaction, TRANSACTION_LIMIT));
            write(&shared, &key, Status::Pending, Some(transaction.clone())).await;
            let payment = settlement.payment.clone();
            reconcile(Arc::clone(&shared), key, settlement, Sought::Outcome).await;
            tell_unresolved(&shared, payment, Some(transaction.clone()));
            Outcome::Not(Why::SettlementPending { transaction })
        }
        Unsettled::Unknown => {
            settlement.comes_to("unknown");
            write(&shared, &key, Status::Unknown, None).await;
            let payment = settlement.payment.clone();
            reconcile(Arc::clone(&shared), key, settlement, Sought::Outcome).await;
            tell_unresolved(&shared, payment, None);
            Outcome::Not(Why::SettlementUnknown)
        }
    }
}

/// Tells the seller's hooks, which nobody waits for.
pub(super) fn tell_settled(shared: &Arc<Shared>, payment: &Payment, receipt: &Arc<SettleResponse>) {
    if let Some(hooks) = shared.hooks.clone() {
        let (payment, receipt) = (payment.clone(), Arc::clone(receipt));
        shared.leave(async move { hooks.after_settle(&payment, &receipt).await });
    }
}

fn tell_unresolved(shared: &Arc<Shared>, payment: Payment, transaction: Option<String>) {
    if let Some(hooks) = shared.hooks.clone() {
        shared.leave(async move { hooks.on_unresolved(&payment, transaction.as_deref()).await });
    }
}

pub(super) fn transaction(response: &SettleResponse) -> Option<String> {
    Some(response.transaction.clone()).filter(|hash| !hash.is_empty())
}

/// Writes down that money is about to move; whether that could be done.
pub(super) async fn record(shared: &Shared, key: &PaymentKey, settlement: &Settlement) -> bool {
    let recorded = async { shared.payments.record(line(key, settlement)).await };
    match caught(pin!(recorded)).await {
        Ok(Ok(())) => return true,
        Ok(Err(error)) => {
            tracing::error!(%error, payment = %key, "the ledger cannot be written; nothing is settled");
        }
        Err(Panicked) => {
            tracing::error!(payment = %key, "the ledger panicked at an intent; nothing is settled");
        }
    }
    false
}

fn line(key: &PaymentKey, settlement: &Settlement) -> Line {
    let Settlement { payment, purchase, amount, .. } = settlement;
    let at = milliseconds_since_1970();
    Line {
        key: key.clone(),
        pay_to: payment.pay_to().to_owned(),
        amount: *amount,
        scheme: payment.scheme().to_owned(),
        purchase: purchase.as_str().to_owned(),
        created_at: at,
        updated_at: at,
        status: Status::Intended,
        transaction: None,
    }
}

pub(super) async fn write(
    shared: &Shared,
    key: &PaymentKey,
    status: Status,
    transaction: Option<String>,
) {
    let at = milliseconds_since_1970();
    let written = async { shared.payments.complete(key, status, transaction, at).await };
    match caught(pin!(written)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => {
            tracing::error!(%error, payment = %key, "the ledger missed an outcome");
        }
        Err(Panicked) => tracing::error!(payment = %key, "the ledger panicked at an outcome"),
    }
}

/// Nothing was settled: the payment can be used again, unless what it pays for has been delivered.
async fn free(shared: &Shared, key: &PaymentKey, settlement: &Settlement) {
    let freed = if settlement.payment.is_streaming() {
        shared.identifiers.rest(key);
        shared.claims.advance(key, ClaimState::Used).await
    } else {
        shared.identifiers.forget(key);
        shared.claims.release(key).await
    };
    if let Err(error) = freed {
        tracing::warn!(%error, payment = %key, "a claim could not be given back");
    }
}

fn milliseconds_since_1970() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
