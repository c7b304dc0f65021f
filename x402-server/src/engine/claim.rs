use std::sync::Arc;

use x402_ledger::{ClaimState, Claimed, PaymentKey};
use x402_types::SettleResponse;

use super::answers::Why;
use super::observed::Held;
use super::purchase::Purchase;
use super::seen_through::SeenThrough;
use super::shared::Shared;

/// A hold on a claimed payment. Dropped, it gives the payment back: to be used again where nothing
/// was settled, to be served where it was.
///
/// Claims are taken and given back whether or not the caller stays. A store that is asked over a
/// network may have done what a dropped caller never heard of; done once more, it would be done to
/// another's.
#[derive(Debug)]
pub(crate) struct Hold {
    shared: Arc<Shared>,
    key: PaymentKey,
    /// The settlement, where there has been one.
    paid: Option<Arc<SettleResponse>>,
    armed: bool,
    /// That it is held, for those who count; `None` once another says so.
    held: Option<Held>,
}

impl Hold {
    /// Claims a payment. Where the caller is dropped meanwhile, so is the hold.
    pub(crate) async fn claim(
        shared: Arc<Shared>,
        key: PaymentKey,
        purchase: Purchase,
        expires: u64,
        now: u64,
    ) -> Result<Self, Why> {
        SeenThrough::new(Arc::clone(&shared), async move {
            match shared.claims.claim(&key, purchase.as_str(), expires, now).await {
                Ok(Claimed::Fresh) => {
                    let held = Some(shared.tallies.held());
                    Ok(Self::new(shared, key, None, held))
                }
                Ok(Claimed::Owed(receipt)) => {
                    let held = Some(shared.tallies.held());
                    Ok(Self::new(shared, key, Some(Arc::from(receipt)), held))
                }
                Ok(Claimed::Taken(state)) => Err(Why::Taken(state)),
                Err(error) => {
                    tracing::error!(%error, "the claim store cannot be used; nothing is served");
                    Err(Why::StoreFailed)
                }
            }
        })
        .await
        .unwrap_or(Err(Why::StoreFailed))
    }

    /// The hold on a payment that is claimed already.
    pub(crate) fn new(
        shared: Arc<Shared>,
        key: PaymentKey,
        paid: Option<Arc<SettleResponse>>,
        held: Option<Held>,
    ) -> Self {
        Self { shared, key, paid, armed: true, held }
    }

    pub(crate) fn key(&self) -> &PaymentKey {
        &self.key
    }

    /// The settlement, where there has been one.
    pub(crate) fn paid(&self) -> Option<&Arc<SettleResponse>> {
        self.paid.as_ref()
    }

    /// Gives the payment back, and waits until that is done.
    pub(crate) async fn give_back(mut self) {
        if let Some(giving) = self.giving_back() {
            // A store that panicked has said so.
            let _ = giving.await;
        }
    }

    /// The payment was settled and served: it is used up.
    pub(crate) async fn use_up(mut self) {
        if let Err(error) = self.shared.claims.advance(&self.key, ClaimState::Used).await {
            tracing::error!(%error, payment = %self.key, "a used claim was not written down");
        }
        self.armed = false;
    }

    /// Someone else sees to the payment's state.
    pub(crate) fn forget(mut self) -> Option<Held> {
        self.armed = false;
        self.held.take()
    }

    fn giving_back(&mut self) -> Option<SeenThrough<()>> {
        if !std::mem::take(&mut self.armed) {
            return None;
        }
        let (shared, key, paid) = (Arc::clone(&self.shared), self.key.clone(), self.paid.take());
        // Before the claim is another's.
        match paid {
            None => shared.identifiers.forget(&key),
            Some(_) => shared.identifiers.rest(&key),
        }
        Some(SeenThrough::new(Arc::clone(&shared), async move {
            let given = match paid {
                None => shared.claims.release(&key).await,
                Some(receipt) => {
                    shared
                        .claims
                        .advance(&key, ClaimState::Owed(Box::new(Arc::unwrap_or_clone(receipt))))
                        .await
                }
            };
            if let Err(error) = given {
                tracing::error!(%error, payment = %key, "a claim could not be given back");
            }
        }))
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        drop(self.giving_back());
    }
}
