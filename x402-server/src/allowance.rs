use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::{Entry, Hooks, Payment};

/// So many requests that each payer has for nothing in a span of time.
///
/// As the paywall's [`hooks`](crate::PaywallBuilder::hooks) it gives them away once the facilitator
/// has found the payer's payment good, and then does not settle it: whoever is given something has
/// shown to be able to pay, with any client there is. In the hooks or the price function of one's own
/// it is asked by [`take`](Self::take).
///
/// A payer has several accounts for the asking, each with an allowance of its own. In memory, for this
/// process.
///
/// ```
/// # fn build(builder: x402_server::PaywallBuilder) -> x402_server::PaywallBuilder {
/// use std::time::Duration;
/// use x402_server::Allowance;
///
/// builder.hooks(Allowance::new(5, Duration::from_secs(24 * 60 * 60)))
/// # }
/// ```
pub struct Allowance {
    each: u32,
    span: Duration,
    payers: usize,
    taken: Mutex<HashMap<String, Taken>>,
}

struct Taken {
    since: Instant,
    count: u32,
}

impl Allowance {
    /// So many for each payer in each span of time, which begins with the first. For 100,000 payers
    /// at a time; further ones have none.
    pub fn new(each: u32, span: Duration) -> Self {
        Self { each, span, payers: 100_000, taken: Mutex::default() }
    }

    /// For so many payers at a time.
    pub fn payers(self, payers: usize) -> Self {
        Self { payers, ..self }
    }

    /// Takes one of what this payer has left; `false` where that is nothing.
    pub fn take(&self, payer: &str) -> bool {
        let now = Instant::now();
        let payer = payer.to_ascii_lowercase();
        let mut taken = self.taken();
        if taken.len() >= self.payers && !taken.contains_key(&payer) {
            taken.retain(|_, it| now.duration_since(it.since) < self.span);
            if taken.len() >= self.payers {
                return false;
            }
        }
        let entry = taken.entry(payer).or_insert(Taken { since: now, count: 0 });
        if now.duration_since(entry.since) >= self.span {
            *entry = Taken { since: now, count: 0 };
        }
        let left = entry.count < self.each;
        entry.count = entry.count.saturating_add(u32::from(left));
        left
    }

    fn taken(&self) -> MutexGuard<'_, HashMap<String, Taken>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Hooks for Allowance {
    async fn after_verify(&self, payment: &Payment) -> Entry {
        if self.take(payment.payer()) { Entry::GiveAway } else { Entry::GoOn }
    }
}

impl fmt::Debug for Allowance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Allowance")
            .field("each", &self.each)
            .field("span", &self.span)
            .finish_non_exhaustive()
    }
}
