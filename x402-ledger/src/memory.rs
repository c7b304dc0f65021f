use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::{ClaimState, Claimed, Claims, Payment, PaymentKey, Payments, Status, StoreError};

/// Claims and payments in this process's memory: for one process, and until it ends.
///
/// Holds at most a stated number of live claims and refuses more. Of the books it keeps the newest
/// lines, of which unfinished ones are never dropped. Cloning shares the store.
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

#[derive(Debug, Default)]
struct Claimbook {
    entries: HashMap<PaymentKey, Entry>,
    /// When each key dies, soonest first. A key that was released and claimed anew stands here
    /// twice; its entry tells which of the two counts.
    deaths: BinaryHeap<Reverse<(u64, PaymentKey)>>,
}

#[derive(Debug)]
struct Entry {
    purchase: String,
    expires: u64,
    state: ClaimState,
}

#[derive(Debug, Default)]
struct Books {
    lines: HashMap<PaymentKey, Box<Payment>>,
    order: VecDeque<PaymentKey>,
}

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

impl Claimbook {
    fn bury_the_dead(&mut self, now: u64) {
        while let Some(Reverse((expires, _))) = self.deaths.peek() {
            if *expires >= now {
                break;
            }
            let Some(Reverse((expires, key))) = self.deaths.pop() else { break };
            if self.entries.get(&key).is_some_and(|entry| entry.expires == expires) {
                self.entries.remove(&key);
            }
        }
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
        let capacity = self.inner.capacity;
        let mut book = self.claims();
        book.bury_the_dead(now);
        if let Some(entry) = book.entries.get_mut(key) {
            return Ok(match &entry.state {
                ClaimState::Owed(receipt) if entry.purchase == purchase => {
                    let receipt = receipt.clone();
                    entry.state = ClaimState::InFlight;
                    Claimed::Owed(receipt)
                }
                state => Claimed::Taken(state.clone()),
            });
        }
        // The heap counts too: claims that come and go must not grow it without bound.
        if book.entries.len() >= capacity || book.deaths.len() >= capacity.saturating_mul(2) {
            let Claimbook { entries, deaths } = &mut *book;
            deaths.retain(|Reverse((expires, key))| {
                entries.get(key).is_some_and(|entry| entry.expires == *expires)
            });
            if entries.len() >= capacity {
                return Err(StoreError::Full { capacity });
            }
        }
        book.deaths.push(Reverse((expires, key.clone())));
        let entry = Entry { purchase: purchase.to_owned(), expires, state: ClaimState::InFlight };
        book.entries.insert(key.clone(), entry);
        Ok(Claimed::Fresh)
    }

    async fn advance(&self, key: &PaymentKey, state: ClaimState) -> Result<(), StoreError> {
        let mut book = self.claims();
        let entry = book.entries.get_mut(key).ok_or(StoreError::Missing)?;
        if state == ClaimState::Used {
            // Nothing more is asked of it than whether it was there.
            entry.purchase = String::new();
        }
        entry.state = state;
        Ok(())
    }

    async fn release(&self, key: &PaymentKey) -> Result<(), StoreError> {
        let mut book = self.claims();
        if book.entries.get(key).is_some_and(|entry| entry.state == ClaimState::InFlight) {
            book.entries.remove(key);
        }
        Ok(())
    }
}

impl Payments for MemoryStore {
    async fn record(&self, payment: Payment) -> Result<(), StoreError> {
        let capacity = self.inner.capacity;
        let key = payment.key.clone();
        let mut books = self.books();
        if books.lines.insert(key.clone(), Box::new(payment)).is_some() {
            return Ok(());
        }
        books.order.push_back(key);
        if books.lines.len() > capacity {
            let Books { lines, order } = &mut *books;
            let finished = order
                .iter()
                .position(|key| lines.get(key).is_none_or(|line| line.status.is_final()));
            if let Some(key) = finished.and_then(|oldest| order.remove(oldest)) {
                lines.remove(&key);
            }
        }
        Ok(())
    }

    async fn complete(
        &self,
        key: &PaymentKey,
        status: Status,
        transaction: Option<String>,
        at: i64,
    ) -> Result<(), StoreError> {
        let mut books = self.books();
        let line = books.lines.get_mut(key).ok_or(StoreError::Missing)?;
        line.status = status;
        line.updated_at = at;
        if transaction.is_some() {
            line.transaction = transaction;
        }
        Ok(())
    }

    async fn payment(&self, key: &PaymentKey) -> Result<Option<Payment>, StoreError> {
        Ok(self.books().lines.get(key).map(|line| Payment::clone(line)))
    }

    async fn recent(&self, limit: usize) -> Result<Vec<Payment>, StoreError> {
        let books = self.books();
        let newest = books.order.iter().rev().take(limit);
        Ok(newest.filter_map(|key| books.lines.get(key).map(|line| Payment::clone(line))).collect())
    }
}
