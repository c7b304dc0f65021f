use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::time::{sleep, timeout};
use tracing::{Instrument, Span};
use x402_ledger::{ClaimState, Payment as Line, PaymentKey, Status};
use x402_types::facilitator::Request;
use x402_types::{
    Amount, ErrorReason, Fault, JsonError, PaymentRequirements, SettleResponse, Verbatim,
    VerifyRequest, v1,
};

use super::answers::Why;
use super::caught::caught;
use super::claim::Hold;
use super::hooks::{Recovery, Settling};
use super::insist::insist;
use super::observed::{Seen, Unresolved, known, resolving, settling};
use super::payment::Payment;
use super::purchase::Purchase;
use super::seen_through::{Panicked, SeenThrough};
use super::shared::{Shared, seconds_since_1970};
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
    fn came_about(&self, span: &Span, receipt: &SettleResponse) {
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

/// How one call to the facilitator ended.
type Call = Result<Arc<SettleResponse>, Unsettled>;

/// How a call ended that did not settle.
enum Unsettled {
    Failed(Box<SettleResponse>),
    Pending { transaction: String },
    Unknown,
    NotSent,
}

/// Seconds after a payment's end during which its outcome is still asked for.
const AFTERMATH: u64 = 120;
/// Seconds after which an outcome is given up, however far off the end that the payer chose is.
const LONGEST_WATCH: u64 = 24 * 60 * 60;
/// Bytes of a transaction's name.
const TRANSACTION_LIMIT: usize = 256;
/// Bytes of a network's name.
const NETWORK_LIMIT: usize = 64;
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

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
    if let Err(error) = shared.payments.record(line(&key, &settlement)).await {
        tracing::error!(%error, "the ledger cannot be written; nothing is settled");
        settlement.comes_to("not_sent");
        hold.give_back().await;
        return Outcome::Not(Why::StoreFailed);
    }
    // From here on money may move, and a mere drop must not give the claim back.
    let held = hold.forget();
    let call = match call(&shared, &settlement).await {
        // Facilitators take up a pending settlement where they left it. What is on its way stays
        // so, whatever else is said of it, but for the failure of that very transaction.
        Err(Unsettled::Pending { transaction }) => match call(&shared, &settlement).await {
            again @ (Ok(_) | Err(Unsettled::Pending { .. })) => again,
            Err(Unsettled::Failed(response)) if response.transaction == transaction => {
                Err(Unsettled::Failed(response))
            }
            _ => Err(Unsettled::Pending { transaction }),
        },
        call => call,
    };
    match call {
        Ok(receipt) => {
            // First of all: whatever goes wrong from here on, it is owed.
            let (key, paid) = (key.clone(), Arc::clone(&receipt));
            let hold = Hold::settled(Arc::clone(&shared), key, &settlement.payment, paid, held);
            settlement.came_about(&settlement.span, &receipt);
            write(&shared, hold.key(), Status::Settled, transaction(&receipt)).await;
            if let Some(hooks) = &shared.hooks {
                hooks.after_settle(&settlement.payment, &receipt).await;
            }
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
            free(&shared, &key).await;
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
            write(&shared, &key, Status::Failed("not sent".to_owned()), None).await;
            free(&shared, &key).await;
            Outcome::Not(Why::FacilitatorFailed)
        }
        Unsettled::Pending { transaction } => {
            settlement.comes_to("pending");
            tracing::warn!(payment = %key, "a settlement is not confirmed yet");
            settlement.span.record("x402.transaction", excerpt(&transaction, TRANSACTION_LIMIT));
            write(&shared, &key, Status::Pending, Some(transaction.clone())).await;
            let payment = settlement.payment.clone();
            reconcile(Arc::clone(&shared), key, settlement).await;
            unresolved(&shared, &payment, Some(&transaction)).await;
            Outcome::Not(Why::SettlementPending { transaction })
        }
        Unsettled::Unknown => {
            settlement.comes_to("unknown");
            write(&shared, &key, Status::Unknown, None).await;
            let payment = settlement.payment.clone();
            reconcile(Arc::clone(&shared), key, settlement).await;
            unresolved(&shared, &payment, None).await;
            Outcome::Not(Why::SettlementUnknown)
        }
    }
}

async fn unresolved(shared: &Shared, payment: &Payment, transaction: Option<&str>) {
    if let Some(hooks) = &shared.hooks {
        hooks.on_unresolved(payment, transaction).await;
    }
}

/// Holds the claim and goes on asking, in the background.
async fn reconcile(shared: Arc<Shared>, key: PaymentKey, settlement: Box<Settlement>) {
    shared.identifiers.rest(&key);
    if let Err(error) = shared.claims.advance(&key, ClaimState::Unresolved).await {
        tracing::error!(%error, payment = %key, "an unresolved claim was not written down");
    }
    let unresolved = shared.tallies.unresolved();
    let span = resolving(&settlement.span, &settlement.payment, settlement.amount);
    let asks = Arc::clone(&shared);
    let asking = keep_asking(shared, key, settlement, unresolved).instrument(span);
    drop(SeenThrough::new(asks, asking));
}

/// Asks for a settlement whose outcome is not known, until it is or the payment is long past its
/// end. To ask again is safe: a chain settles an authorization once. A payment found settled is
/// owed, because the request that carried it was not served.
async fn keep_asking(
    shared: Arc<Shared>,
    key: PaymentKey,
    settlement: Box<Settlement>,
    unresolved: Unresolved,
) {
    let mut pause = FIRST_PAUSE;
    let longest = seconds_since_1970().saturating_add(LONGEST_WATCH);
    let end = settlement.payment.facts.valid_before.saturating_add(AFTERMATH).min(longest);
    while seconds_since_1970() < end {
        // Where the runtime that it was begun on is gone, the pause is over.
        let _ = caught(pin!(sleep(pause))).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
        // A facilitator that comes back must not find all of them at its door at once.
        let turn = shared.turns.acquire().await;
        let asked = call(&shared, &settlement).await;
        drop(turn);
        match asked {
            Ok(receipt) => {
                tracing::info!(payment = %key, "settled after all; it is owed");
                settlement.came_about(&Span::current(), &receipt);
                write(&shared, &key, Status::Settled, transaction(&receipt)).await;
                if let Some(hooks) = &shared.hooks {
                    hooks.after_settle(&settlement.payment, &receipt).await;
                }
                // What has streamed was delivered before.
                let state = match settlement.payment.is_streaming() {
                    true => ClaimState::Used,
                    false => ClaimState::Owed(Box::new(Arc::unwrap_or_clone(receipt))),
                };
                drop(unresolved);
                if let Err(error) = shared.claims.advance(&key, state.clone()).await {
                    tracing::error!(%error, payment = %key, "an owed claim is not written down yet");
                    let expires = settlement.payment.facts.claimed_until;
                    insist(shared, key, state, expires).await;
                }
                return;
            }
            Err(Unsettled::Pending { transaction }) => {
                write(&shared, &key, Status::Pending, Some(transaction)).await;
            }
            // That it would fail now does not tell that it did not happen before.
            Err(Unsettled::Failed(_) | Unsettled::Unknown | Unsettled::NotSent) => {}
        }
    }
    Span::current().record("x402.outcome", "unknown");
    tracing::error!(payment = %key, "the outcome of a settlement was never learnt");
}

async fn call(shared: &Shared, settlement: &Settlement) -> Call {
    if settlement.amount.is_zero() {
        return Ok(Arc::new(nothing(settlement)));
    }
    let began = Instant::now();
    // It may panic before there is anything to wait for.
    let asked = async { shared.facilitator.settle(&settlement.request).await };
    let asked = pin!(timeout(shared.rules.settle_timeout, asked));
    let answered = caught(asked).await;
    settlement.seen.tally.settled(began);
    match answered {
        Ok(Ok(Ok(response))) => judge(response, settlement),
        Ok(Ok(Err(error))) if error.is_definite() => {
            tracing::error!(%error, "the facilitator was not reached; nothing was settled");
            Err(Unsettled::NotSent)
        }
        Ok(Ok(Err(error))) => {
            tracing::error!(%error, "the outcome of a settlement is not known");
            Err(Unsettled::Unknown)
        }
        Err(Panicked) => {
            tracing::error!("the outcome of a settlement is not known: it panicked");
            Err(Unsettled::Unknown)
        }
        Ok(Err(_)) => {
            tracing::error!("the outcome of a settlement is not known: no answer in time");
            Err(Unsettled::Unknown)
        }
    }
}

/// The receipt of a payment on which nothing is charged. Nobody is asked: nothing moves.
fn nothing(settlement: &Settlement) -> SettleResponse {
    let payment = &settlement.payment;
    let settled = SettleResponse::settled(payment.payer(), "", payment.network().as_str());
    SettleResponse { amount: Some(Amount::ZERO), ..settled }
}

fn transaction(response: &SettleResponse) -> Option<String> {
    Some(response.transaction.clone()).filter(|hash| !hash.is_empty())
}

/// Believes the facilitator only as far as it agrees with what was asked.
fn judge(mut response: SettleResponse, settlement: &Settlement) -> Call {
    let payment = &settlement.payment;
    if response.success {
        let same_payer = response.payer.as_deref().is_none_or(|payer| payment.is_payer(payer));
        let same_network = response.network().is_none_or(|network| network == *payment.network());
        let same_amount = response.amount.is_none_or(|amount| amount == settlement.amount);
        // It is never asked to settle nothing, which alone needs no transaction.
        let transaction = 1..=TRANSACTION_LIMIT;
        let sound = transaction.contains(&response.transaction.len())
            && response.network.len() <= NETWORK_LIMIT;
        if !sound || !same_payer || !same_network || !same_amount {
            tracing::error!("the facilitator settled something else than it was asked to");
            return Err(Unsettled::Unknown);
        }
        if payment.is_metered() {
            response.amount = Some(settlement.amount);
        }
        return Ok(Arc::new(response));
    }
    let sent = !response.transaction.is_empty();
    let in_doubt = match &response.error_reason {
        // Says that something went wrong, not that nothing was sent; or that a transaction
        // succeeded, though not as it should have.
        Some(
            ErrorReason::UnexpectedSettleError | ErrorReason::InvalidExactEvmTransferEventMismatch,
        ) => true,
        // Nothing that we know to be an end.
        Some(ErrorReason::Other(_)) | None => sent,
        Some(reason) => match reason.fault() {
            Fault::Unsettled => true,
            // It was good a moment ago and we hold the claim: who used it may have been ourselves.
            Fault::Replay => settlement.verified || sent,
            _ => false,
        },
    };
    Err(match (in_doubt, sent) {
        (false, _) => Unsettled::Failed(Box::new(response)),
        (true, true) => Unsettled::Pending { transaction: response.transaction },
        (true, false) => Unsettled::Unknown,
    })
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

async fn write(shared: &Shared, key: &PaymentKey, status: Status, transaction: Option<String>) {
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

/// Nothing was settled: the payment can be used again.
async fn free(shared: &Shared, key: &PaymentKey) {
    shared.identifiers.forget(key);
    if let Err(error) = shared.claims.release(key).await {
        tracing::warn!(%error, payment = %key, "a claim could not be given back");
    }
}

fn milliseconds_since_1970() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
