use x402_ledger::{
    ClaimState, Claimed, Claims, MemoryStore, Payment as Line, PaymentKey, Payments, Status,
    StoreError,
};

use super::latch::Latch;

/// A store behind a network: the work is done where it is, the answer comes when it is let through.
#[derive(Clone, Default)]
pub struct Remote {
    pub store: MemoryStore,
    pub claims: Latch,
    pub advances: Latch,
    pub releases: Latch,
}

impl Claims for Remote {
    async fn claim(
        &self,
        key: &PaymentKey,
        purchase: &str,
        expires: u64,
        now: u64,
    ) -> Result<Claimed, StoreError> {
        let claimed = self.store.claim(key, purchase, expires, now).await;
        self.claims.pass().await;
        claimed
    }

    async fn advance(&self, key: &PaymentKey, state: ClaimState) -> Result<(), StoreError> {
        self.store.advance(key, state).await?;
        self.advances.pass().await;
        Ok(())
    }

    async fn release(&self, key: &PaymentKey) -> Result<(), StoreError> {
        self.store.release(key).await?;
        self.releases.pass().await;
        Ok(())
    }
}

impl Payments for Remote {
    async fn record(&self, payment: Line) -> Result<(), StoreError> {
        self.store.record(payment).await
    }

    async fn complete(
        &self,
        key: &PaymentKey,
        status: Status,
        transaction: Option<String>,
        at: i64,
    ) -> Result<(), StoreError> {
        self.store.complete(key, status, transaction, at).await
    }

    async fn payment(&self, key: &PaymentKey) -> Result<Option<Line>, StoreError> {
        self.store.payment(key).await
    }

    async fn recent(&self, limit: usize) -> Result<Vec<Line>, StoreError> {
        self.store.recent(limit).await
    }
}
