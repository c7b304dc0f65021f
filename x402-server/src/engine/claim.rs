use std::sync::Arc;

use tokio::runtime::Handle;
use x402_ledger::{ClaimState, PaymentKey, StoreError};
use x402_types::SettleResponse;

use super::gate::Shared;

/// A hold on a claimed payment. Dropped, it gives the payment back: to be used again where nothing
/// was settled, to be served where it was.
#[derive(Debug)]
pub(crate) struct Hold {
    shared: Arc<Shared>,
    key: PaymentKey,
    /// The settlement, where there has been one.
    paid: Option<SettleResponse>,
    armed: bool,
}

impl Hold {
    /// The hold on a payment that was claimed just now.
    pub(crate) fn new(shared: Arc<Shared>, key: PaymentKey, paid: Option<SettleResponse>) -> Self {
        Self { shared, key, paid, armed: true }
    }

    pub(crate) fn key(&self) -> &PaymentKey {
        &self.key
    }

    /// The settlement, where there has been one.
    pub(crate) fn paid(&self) -> Option<&SettleResponse> {
        self.paid.as_ref()
    }

    /// Gives the payment back now.
    pub(crate) async fn give_back(mut self) -> Result<(), StoreError> {
        let given = give_back(&self.shared, &self.key, self.paid.clone()).await;
        self.armed = false;
        given
    }

    /// The payment was settled and served: it is used up.
    pub(crate) async fn use_up(mut self, receipt: SettleResponse) -> Result<(), StoreError> {
        let used = self.shared.claims.advance(&self.key, ClaimState::Used(receipt)).await;
        self.armed = false;
        used
    }

    /// Someone else has seen to the payment's state.
    pub(crate) fn forget(mut self) {
        self.armed = false;
    }
}

async fn give_back(
    shared: &Shared,
    key: &PaymentKey,
    paid: Option<SettleResponse>,
) -> Result<(), StoreError> {
    match paid {
        None => shared.claims.release(key).await,
        Some(receipt) => shared.claims.advance(key, ClaimState::Owed(receipt)).await,
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        if !self.armed {
            return;
        }
        let (shared, key, paid) = (Arc::clone(&self.shared), self.key.clone(), self.paid.take());
        // Without a runtime the claim stays until the payment's end: nobody is charged for it.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(async move {
                if let Err(error) = give_back(&shared, &key, paid).await {
                    tracing::warn!(%error, payment = %key, "a claim could not be given back");
                }
            });
        }
    }
}
