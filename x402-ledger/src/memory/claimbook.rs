use std::collections::BTreeMap;

use super::{Kept, Keyed};
use crate::{ClaimState, Claimed, PaymentKey, StoreError};

/// Claims, until each of them dies.
#[derive(Debug, Default)]
pub(super) struct Claimbook {
    entries: Keyed<Entry>,
    /// Who dies when, by the second: each of the entries once.
    deaths: BTreeMap<u64, Vec<Kept>>,
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
        if self.entries.len() >= capacity {
            return Err(StoreError::Full { capacity });
        }
        self.deaths.entry(expires).or_default().push(key.clone());
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
        let Some(entry) = self.entries.get(&key) else { return };
        if entry.state != ClaimState::InFlight {
            return;
        }
        let expires = entry.expires;
        self.entries.remove(&key);
        let Some(keys) = self.deaths.get_mut(&expires) else { return };
        // What is released was mostly claimed a moment ago.
        if let Some(at) = keys.iter().rposition(|dying| *dying == key) {
            keys.swap_remove(at);
        }
        if keys.is_empty() {
            self.deaths.remove(&expires);
        }
    }

    fn bury_the_dead(&mut self, now: u64) {
        while let Some(first) = self.deaths.first_entry().filter(|first| *first.key() < now) {
            for key in first.remove() {
                self.entries.remove(&key);
            }
        }
    }
}
