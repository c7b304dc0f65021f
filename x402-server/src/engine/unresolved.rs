//! Settlements whose outcome is not known.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tracing::{Instrument, Span};
use x402_ledger::{ClaimState, PaymentKey, Status};

use super::believed::{self, Unsettled};
use super::caught::caught;
use super::insist::insist;
use super::observed::{Unresolved, resolving};
use super::seen_through::SeenThrough;
use super::settlement::{Settlement, record, tell_settled, transaction, write};
use super::shared::{Shared, seconds_since_1970};

/// Seconds after a payment's end during which its outcome is still asked for.
const AFTERMATH: u64 = 120;
/// Seconds after which an outcome is given up, however far off the end that the payer chose is.
const LONGEST_WATCH: u64 = 24 * 60 * 60;
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest pause of the first minutes. After that they become longer with the time that has passed: a
/// payer who chose an end far off must not have a facilitator asked thousands of times.
const USUAL_PAUSE: Duration = Duration::from_secs(30);
const LONGEST_PAUSE: Duration = Duration::from_secs(10 * 60);

/// What is to be found out.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Sought {
    /// What came of it.
    Outcome,
    /// The same, once the ledger takes the intent: nothing was sent yet.
    Unwritten,
}

/// Holds the claim and goes on asking, in the background.
pub(super) async fn reconcile(
    shared: Arc<Shared>,
    key: PaymentKey,
    settlement: Box<Settlement>,
    sought: Sought,
) {
    shared.identifiers.rest(&key);
    if let Err(error) = shared.claims.advance(&key, ClaimState::Unresolved).await {
        tracing::error!(%error, payment = %key, "an unresolved claim was not written down");
    }
    let unresolved = shared.tallies.unresolved();
    let span = resolving(&settlement.span, &settlement.payment, settlement.amount);
    let asks = Arc::clone(&shared);
    let asking = keep_asking(shared, key, settlement, sought, unresolved).instrument(span);
    drop(SeenThrough::new(asks, asking));
}

/// Asks for a settlement whose outcome is not known, until it is or the payment is long past its
/// end. To ask again is safe: a chain settles an authorization once. A payment found settled is
/// owed, because the request that carried it was not served.
async fn keep_asking(
    shared: Arc<Shared>,
    key: PaymentKey,
    settlement: Box<Settlement>,
    mut sought: Sought,
    unresolved: Unresolved,
) {
    let (mut pause, began) = (FIRST_PAUSE, Instant::now());
    let longest = seconds_since_1970().saturating_add(LONGEST_WATCH);
    let end = settlement.payment.facts.valid_before.saturating_add(AFTERMATH).min(longest);
    while seconds_since_1970() < end {
        // Where the runtime that it was begun on is gone, the pause is over.
        let _ = caught(pin!(sleep(pause))).await;
        pause = (pause * 2).min(USUAL_PAUSE.max(began.elapsed() / 4)).min(LONGEST_PAUSE);
        if sought == Sought::Unwritten {
            if !record(&shared, &key, &settlement).await {
                continue;
            }
            sought = Sought::Outcome;
        }
        // A facilitator that comes back must not find all of them at its door at once.
        let turn = shared.turns.acquire().await;
        let asked = believed::settle(&shared, &settlement).await;
        drop(turn);
        match asked {
            Ok(receipt) => {
                tracing::info!(payment = %key, "settled after all; it is owed");
                settlement.came_about(&Span::current(), &receipt);
                write(&shared, &key, Status::Settled, transaction(&receipt)).await;
                tell_settled(&shared, &settlement.payment, &receipt);
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
