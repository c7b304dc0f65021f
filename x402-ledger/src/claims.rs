use serde::{Deserialize, Serialize};
use x402_types::SettleResponse;

use crate::{PaymentKey, StoreError};

/// What has become of a claimed payment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClaimState {
    /// A request is being served on it. Ends by release or by one of the other states.
    InFlight,
    /// It was sent to be settled, and it is not known whether it was. Never released.
    Unresolved,
    /// It is settled, and its payer has not been served yet. The next request for the same
    /// purchase is served without paying again.
    Owed(Box<SettleResponse>),
    /// It is settled and served: used up. The books know the rest.
    Used,
}

/// What a claim came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claimed {
    /// The payment was unknown and is now this caller's.
    Fresh,
    /// The payment is settled and was owed for this very purchase; it is now this caller's to
    /// serve, without settling.
    Owed(Box<SettleResponse>),
    /// The payment is somebody's already: in this state.
    Taken(ClaimState),
}

/// Has this payment been used?
///
/// Every call is atomic across all who share the store, and safe to drop: it has happened or not.
pub trait Claims: Send + Sync + 'static {
    /// Claims a payment for a purchase.
    ///
    /// `purchase` is what is bought, such as method and address; a payment that is owed is handed
    /// out again only for the same one. `expires` is the second since 1970 from which on the
    /// payment cannot be settled; until then the key is live and is not forgotten. `now` is in
    /// seconds since 1970.
    ///
    /// # Errors
    /// [`StoreError::Full`] rather than forget a live key, [`StoreError::Unavailable`].
    fn claim(
        &self,
        key: &PaymentKey,
        purchase: &str,
        expires: u64,
        now: u64,
    ) -> impl Future<Output = Result<Claimed, StoreError>> + Send;

    /// Writes down what became of a claimed payment.
    ///
    /// # Errors
    /// [`StoreError::Missing`] where it is not claimed, [`StoreError::Unavailable`].
    fn advance(
        &self,
        key: &PaymentKey,
        state: ClaimState,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Gives up a claim that is [`ClaimState::InFlight`]: the payment can be used again. In every
    /// other state this does nothing.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    fn release(&self, key: &PaymentKey) -> impl Future<Output = Result<(), StoreError>> + Send;
}
