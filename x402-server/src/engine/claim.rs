use std::sync::Arc;

use x402_ledger::{ClaimState, Claimed, PaymentKey};
use x402_types::SettleResponse;

use super::answers::Why;
use super::insist::insist;
use super::observed::Held;
use super::payment::Payment;
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
    /// The second since 1970 at which the claim dies.
    expires: u64,
    /// The settlement, where there has been one.
    paid: Option<Arc<SettleResponse>>,
    /// Whether what is paid for has been delivered, whatever comes.
    delivered: bool,
    armed: bool,
    /// That it is held, for those who count; `None` once another says so.
    held: Option<Held>,
}

impl Hold {
    /// Claims a payment until this second. Where the caller is dropped meanwhile, so is the hold.
    pub(crate) async fn claim(
        shared: Arc<Shared>,
        key: PaymentKey,
        purchase: Arc<str>,
        expires: u64,
        now: u64,
    ) -> Result<Self, Why> {
        SeenThrough::new(Arc::clone(&shared), async move {
            let paid = match shared.claims.claim(&key, &purchase, expires, now).await {
                Ok(Claimed::Fresh) => None,
                Ok(Claimed::Owed(receipt)) => Some(Arc::from(receipt)),
                Ok(Claimed::Taken(state)) => return Err(Why::Taken(state)),
                Err(error) => {
                    tracing::error!(%error, "the claim store cannot be used; nothing is served");
                    return Err(Why::StoreFailed);
                }
            };
            let held = Some(shared.tallies.held());
            Ok(Self { shared, key, expires, paid, delivered: false, armed: true, held })
        })
        .await
        .unwrap_or(Err(Why::StoreFailed))
    }

    /// The hold on a payment that is settled. What streams has been delivered by then.
    pub(super) fn settled(
        shared: Arc<Shared>,
        key: PaymentKey,
        payment: &Payment,
        receipt: Arc<SettleResponse>,
        held: Option<Held>,
    ) -> Self {
        let (expires, delivered) = (payment.facts.claimed_until, payment.is_streaming());
        Self { shared, key, expires, paid: Some(receipt), delivered, armed: true, held }
    }

    /// What is paid for has been delivered: whatever comes of its settlement, the payment buys nothing
    /// more.
    pub(super) fn deliver(&mut self) {
        self.delivered = true;
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

    /// The payment was settled and served: it is used up. Where the caller is dropped before that is
    /// written down, it was not served after all, and is owed.
    pub(crate) async fn use_up(self) {
        let used = SeenThrough::new(Arc::clone(&self.shared), async move {
            if let Err(error) = self.shared.claims.advance(&self.key, ClaimState::Used).await {
                tracing::error!(%error, payment = %self.key, "a used claim was not written down");
            }
            self
        });
        if let Ok(hold) = used.await {
            hold.forget();
        }
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
        let (delivered, expires) = (self.delivered, self.expires);
        match paid {
            None if !delivered => shared.identifiers.forget(&key),
            _ => shared.identifiers.rest(&key),
        }
        let (settlements, runs) = (shared.settlements.clone(), Arc::clone(&shared));
        let giving = async move {
            let state = match paid {
                _ if delivered => ClaimState::Used,
                Some(receipt) => ClaimState::Owed(Box::new(Arc::unwrap_or_clone(receipt))),
                None => {
                    if let Err(error) = shared.claims.release(&key).await {
                        tracing::error!(%error, payment = %key, "a claim could not be given back");
                    }
                    return;
                }
            };
            if let Err(error) = shared.claims.advance(&key, state.clone()).await {
                tracing::error!(%error, payment = %key, "a settled claim is not written down yet");
                let settlements = shared.settlements.clone();
                let insisting = insist(Arc::clone(&shared), key, state, expires);
                drop(SeenThrough::new(shared, settlements.track_future(insisting)));
            }
        };
        // Whoever waits for settlements waits for this too.
        Some(SeenThrough::new(runs, settlements.track_future(giving)))
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        drop(self.giving_back());
    }
}
