mod books;
mod claimbook;
mod kept;

use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use books::Books;
use claimbook::Claimbook;
use kept::{Kept, Prehashed};

use crate::{ClaimState, Claimed, Claims, Payment, PaymentKey, Payments, Status, StoreError};

/// Claims and payments in this process's memory: for one process, and until it ends.
///
/// Holds at most a stated number of live claims and refuses more. Of the books it keeps the newest
/// lines, of which unfinished ones are never dropped; of payments that failed without a transaction, an
/// eighth of its room. Cloning shares the store.
#[derive(Clone, Debug)]
pub struct MemoryStore {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    capacity: usize,
    claims: Mutex<Claimbook>,
    payments: Mutex<Books>,
}

/// By payment.
type Keyed<T> = HashMap<Kept, T, BuildHasherDefault<Prehashed>>;

const DEFAULT_CAPACITY: usize = 1 << 20;

impl MemoryStore {
    /// A store for at most a million live claims.
    pub fn new() -> Self {
        Self::with_capacity(DEFAULT_CAPACITY)
    }

    /// A store for at most so many live claims, and as many lines of the books.
    pub fn with_capacity(capacity: usize) -> Self {
        let inner = Inner { capacity, claims: Mutex::default(), payments: Mutex::default() };
        Self { inner: Arc::new(inner) }
    }

    fn claims(&self) -> MutexGuard<'_, Claimbook> {
        self.inner.claims.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.inner.payments.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl Claims for MemoryStore {
    async fn claim(
        &self,
        key: &PaymentKey,
        purchase: &str,
        expires: u64,
        now: u64,
    ) -> Result<Claimed, StoreError> {
        self.claims().claim(self.inner.capacity, key, purchase, expires, now)
    }

    async fn advance(&self, key: &PaymentKey, state: ClaimState) -> Result<(), StoreError> {
        self.claims().advance(key, state)
    }

    async fn release(&self, key: &PaymentKey) -> Result<(), StoreError> {
        self.claims().release(key);
        Ok(())
    }
}

impl Payments for MemoryStore {
    async fn record(&self, payment: Payment) -> Result<(), StoreError> {
        self.books().record(self.inner.capacity, payment);
        Ok(())
    }

    async fn complete(
        &self,
        key: &PaymentKey,
        status: Status,
        transaction: Option<String>,
        at: i64,
    ) -> Result<(), StoreError> {
        self.books().complete(self.inner.capacity, key, status, transaction, at)
    }

    async fn payment(&self, key: &PaymentKey) -> Result<Option<Payment>, StoreError> {
        Ok(self.books().payment(key))
    }

    async fn recent(&self, limit: usize) -> Result<Vec<Payment>, StoreError> {
        Ok(self.books().recent(limit))
    }
}
