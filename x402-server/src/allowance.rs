use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
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
/// A route that settles [`upfront`](crate::Price::upfront) verifies nothing before, and so has no
/// allowance: there each request is paid for. What is given away has no payment: the handler of a
/// route with an allowance takes `Option<Payment>`, because one that counts on a `Payment` is not run
/// without.
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
    book: Mutex<Book>,
}

/// Who has taken how many.
#[derive(Default)]
struct Book {
    taken: HashMap<Arc<str>, u32>,
    /// When each began, the first first: nobody is looked through to find who has lapsed.
    began: VecDeque<(Instant, Arc<str>)>,
}

impl Allowance {
    /// So many for each payer in each span of time, which begins with the first. For 100,000 payers
    /// at a time; further ones have none.
    pub fn new(each: u32, span: Duration) -> Self {
        Self { each, span, payers: 100_000, book: Mutex::default() }
    }

    /// For so many payers at a time.
    pub fn payers(self, payers: usize) -> Self {
        Self { payers, ..self }
    }

    /// Takes one of what this payer has left; `false` where that is nothing.
    pub fn take(&self, payer: &str) -> bool {
        let payer = payer.to_ascii_lowercase();
        let mut book = self.book.lock().unwrap_or_else(PoisonError::into_inner);
        // Under the lock: nobody begins before who has begun already.
        let now = Instant::now();
        book.forget(|began| now.duration_since(began) >= self.span);
        if let Some(count) = book.taken.get_mut(&*payer) {
            let left = *count < self.each;
            *count = count.saturating_add(u32::from(left));
            return left;
        }
        let has_room = self.each > 0 && book.taken.len() < self.payers;
        if has_room {
            book.begin(payer.into(), now);
        }
        has_room
    }
}

impl Book {
    fn begin(&mut self, payer: Arc<str>, now: Instant) {
        self.began.push_back((now, Arc::clone(&payer)));
        self.taken.insert(payer, 1);
    }

    /// Forgets who has lapsed: each once, by whoever comes next.
    fn forget(&mut self, has_lapsed: impl Fn(Instant) -> bool) {
        while let Some((_, payer)) = self.began.pop_front_if(|(began, _)| has_lapsed(*began)) {
            self.taken.remove(&payer);
        }
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
