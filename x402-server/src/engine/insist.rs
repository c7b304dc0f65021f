use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;
use x402_ledger::{ClaimState, PaymentKey, StoreError};

use super::caught::caught;
use super::shared::{Shared, seconds_since_1970};

const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Writes down what a settled payment has come to, though the store cannot be used just now: it is
/// asked again until the claim dies. Otherwise the payer would be told that its payment is in use,
/// until it pays a second time.
pub(super) async fn insist(shared: Arc<Shared>, key: PaymentKey, state: ClaimState, expires: u64) {
    let mut pause = FIRST_PAUSE;
    while seconds_since_1970() < expires {
        if caught(pin!(sleep(pause))).await.is_err() {
            break;
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
        match shared.claims.advance(&key, state.clone()).await {
            Ok(()) => {
                tracing::info!(payment = %key, "a settled claim is written down at last");
                return;
            }
            Err(StoreError::Missing) => break,
            Err(error) => {
                tracing::warn!(%error, payment = %key, "a settled claim is not written down yet");
            }
        }
    }
    tracing::error!(payment = %key, "a settled claim was never written down");
}
