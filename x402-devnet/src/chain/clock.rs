//! Time on the chain: the wall clock, moved where a test asked for it.

use std::time::{SystemTime, UNIX_EPOCH};

/// Seconds since 1970, as the next block will carry them.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Clock {
    /// Seconds by which the chain is ahead of the wall clock, or behind it.
    offset: i64,
    next: Option<u64>,
}

impl Clock {
    /// The timestamp of a block that would be mined now on a parent of this timestamp. Equal to
    /// the parent's where blocks come faster than seconds, so that the chain never runs ahead of
    /// the wall clock.
    pub(crate) fn peek(&self, parent: u64) -> u64 {
        self.next.unwrap_or_else(|| wall().saturating_add_signed(self.offset)).max(parent)
    }

    /// As `peek`, for a block that is being mined.
    pub(crate) fn tick(&mut self, parent: u64) -> u64 {
        let now = self.peek(parent);
        self.next = None;
        now
    }

    pub(crate) fn advance(&mut self, seconds: u64) {
        let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
        self.offset = self.offset.saturating_add(seconds);
        self.next = self.next.map(|next| next.saturating_add_signed(seconds));
    }

    /// The next block carries exactly this timestamp, and the clock runs on from there.
    pub(crate) fn set_next(&mut self, timestamp: u64) {
        self.next = Some(timestamp);
        let ahead = i128::from(timestamp) - i128::from(wall());
        self.offset = i64::try_from(ahead).unwrap_or(i64::MAX);
    }
}

fn wall() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map(|since| since.as_secs()).unwrap_or_default()
}
