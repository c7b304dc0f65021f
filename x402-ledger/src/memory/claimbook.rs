use std::collections::BTreeMap;

use super::{Kept, Keyed};
use crate::{ClaimState, Claimed, PaymentKey, StoreError};

/// Claims, until each of them dies.
#[derive(Debug, Default)]
pub(super) struct Claimbook {
    entries: Keyed<Entry>,
    /// Who dies when, by the second. A key that was released and claimed anew stands here twice; its
    /// entry tells which of the two counts.
    deaths: BTreeMap<u64, Vec<Kept>>,
    /// How many keys `deaths` has.
    mortals: usize,
}

#[derive(Debug)]
struct Entry {
    purchase: Box<str>,
    expires: u64,
    state: ClaimState,
}

impl Claimbook {
    pub(super) fn claim(
        &mut self,
        capacity: usize,
        key: &PaymentKey,
        purchase: &str,
        expires: u64,
        now: u64,
    ) -> Result<Claimed, StoreError> {
        self.bury_the_dead(now);
        let key = Kept::from(key);
        if let Some(entry) = self.entries.get_mut(&key) {
            return Ok(match &entry.state {
                ClaimState::Owed(receipt) if *entry.purchase == *purchase => {
                    let receipt = receipt.clone();
                    entry.state = ClaimState::InFlight;
                    Claimed::Owed(receipt)
                }
                state => Claimed::Taken(state.clone()),
            });
        }
        // The dead-to-be count too: claims that come and go must not grow them without bound.
        if self.entries.len() >= capacity || self.mortals >= capacity.saturating_mul(2) {
            self.forget_the_released();
            if self.entries.len() >= capacity {
                return Err(StoreError::Full { capacity });
            }
        }
        self.deaths.entry(expires).or_default().push(key.clone());
        self.mortals += 1;
        let entry = Entry { purchase: purchase.into(), expires, state: ClaimState::InFlight };
        self.entries.insert(key, entry);
        Ok(Claimed::Fresh)
    }

    pub(super) fn advance(
        &mut self,
        key: &PaymentKey,
        state: ClaimState,
    ) -> Result<(), StoreError> {
        let entry = self.entries.get_mut(&Kept::from(key)).ok_or(StoreError::Missing)?;
        if state == ClaimState::Used {
            // Nothing more is asked of it than whether it was there.
            entry.purchase = Box::default();
        }
        entry.state = state;
        Ok(())
    }

    pub(super) fn release(&mut self, key: &PaymentKey) {
        let key = Kept::from(key);
        if self.entries.get(&key).is_some_and(|entry| entry.state == ClaimState::InFlight) {
            self.entries.remove(&key);
        }
    }

    fn bury_the_dead(&mut self, now: u64) {
        while let Some(first) = self.deaths.first_entry().filter(|first| *first.key() < now) {
            let (expires, keys) = first.remove_entry();
            self.mortals = self.mortals.saturating_sub(keys.len());
            for key in keys {
                if self.entries.get(&key).is_some_and(|entry| entry.expires == expires) {
                    self.entries.remove(&key);
                }
            }
        }
    }

    fn forget_the_released(&mut self) {
        let Self { entries, deaths, mortals } = self;
        deaths.retain(|expires, keys| {
            keys.retain(|key| entries.get(key).is_some_and(|entry| entry.expires == *expires));
            !keys.is_empty()
        });
        *mortals = deaths.values().map(Vec::len).sum();
    }
}
