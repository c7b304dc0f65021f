//! Transactions that wait for a block.

use std::collections::{BTreeMap, BinaryHeap};

use alloy_consensus::{Transaction as _, TxEnvelope, transaction::Recovered};
use alloy_primitives::{
    Address, B256, U256,
    map::{AddressMap, B256Map},
};

/// More waiting transactions than these are refused, of one sender and of all.
const PER_SENDER: usize = 1024;
const IN_ALL: usize = 8192;

/// The pool: of every sender, its transactions by nonce.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pool {
    senders: AddressMap<BTreeMap<u64, Waiting>>,
    hashes: B256Map<(Address, u64)>,
    arrivals: u64,
}

#[derive(Debug, Clone)]
struct Waiting {
    transaction: Recovered<TxEnvelope>,
    arrival: u64,
}

/// Why the pool does not take a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Full {
    AlreadyKnown,
    Underpriced,
    Pool,
}

/// Transactions in the order in which a block takes them: of every sender by nonce without gaps,
/// between senders the higher tip first, then the earlier arrival.
#[derive(Debug)]
pub(crate) struct Ready<'a> {
    pool: &'a Pool,
    base_fee: u64,
    heads: BinaryHeap<(u128, std::cmp::Reverse<u64>, Address, u64)>,
}

impl Pool {
    pub(crate) fn len(&self) -> usize {
        self.hashes.len()
    }

    pub(crate) fn by_hash(&self, hash: &B256) -> Option<&Recovered<TxEnvelope>> {
        let (sender, nonce) = self.hashes.get(hash)?;
        Some(&self.senders.get(sender)?.get(nonce)?.transaction)
    }

    /// Takes a transaction, or puts it in the place of one with the same nonce whose fees it
    /// exceeds by at least a tenth.
    pub(crate) fn insert(&mut self, transaction: Recovered<TxEnvelope>) -> Result<(), Full> {
        let hash = *transaction.tx_hash();
        let (sender, nonce) = (transaction.signer(), transaction.nonce());
        if self.hashes.contains_key(&hash) {
            return Err(Full::AlreadyKnown);
        }
        let old = self.senders.get(&sender).and_then(|waiting| waiting.get(&nonce));
        match old.map(|old| &old.transaction) {
            Some(old) => {
                if !outbids(&transaction, old) {
                    return Err(Full::Underpriced);
                }
                let replaced = *old.tx_hash();
                self.hashes.remove(&replaced);
            }
            None => {
                let own = self.senders.get(&sender).map(BTreeMap::len).unwrap_or_default();
                if own >= PER_SENDER || self.hashes.len() >= IN_ALL {
                    return Err(Full::Pool);
                }
            }
        }
        self.arrivals = self.arrivals.saturating_add(1);
        let waiting = Waiting { transaction, arrival: self.arrivals };
        self.senders.entry(sender).or_default().insert(nonce, waiting);
        self.hashes.insert(hash, (sender, nonce));
        Ok(())
    }

    pub(crate) fn remove(&mut self, sender: Address, nonce: u64) {
        let Some(waiting) = self.senders.get_mut(&sender) else { return };
        if let Some(gone) = waiting.remove(&nonce) {
            self.hashes.remove(gone.transaction.tx_hash());
        }
        if waiting.is_empty() {
            self.senders.remove(&sender);
        }
    }

    pub(crate) fn remove_hash(&mut self, hash: &B256) -> bool {
        let Some((sender, nonce)) = self.hashes.get(hash).copied() else { return false };
        self.remove(sender, nonce);
        true
    }

    /// Forgets what can no longer be mined, given the senders' account nonces.
    pub(crate) fn prune(&mut self, nonce: impl Fn(Address) -> u64) {
        self.senders.retain(|sender, waiting| {
            let alive = waiting.split_off(&nonce(*sender));
            for gone in std::mem::replace(waiting, alive).into_values() {
                self.hashes.remove(gone.transaction.tx_hash());
            }
            !waiting.is_empty()
        });
    }

    /// The nonce after the last of the sender's transactions that follow its account's nonce.
    pub(crate) fn next_nonce(&self, sender: Address, nonce: u64) -> u64 {
        let Some(waiting) = self.senders.get(&sender) else { return nonce };
        (nonce..).find(|nonce| !waiting.contains_key(nonce)).unwrap_or(nonce)
    }

    /// What a block at this base fee takes, given the senders' account nonces.
    pub(crate) fn ready(&self, base_fee: u64, nonce: impl Fn(Address) -> u64) -> Ready<'_> {
        let mut ready = Ready { pool: self, base_fee, heads: BinaryHeap::new() };
        for sender in self.senders.keys() {
            ready.queue(*sender, nonce(*sender));
        }
        ready
    }
}

impl Ready<'_> {
    pub(crate) fn is_empty(&self) -> bool {
        self.heads.is_empty()
    }

    fn queue(&mut self, sender: Address, nonce: u64) {
        let waiting = self.pool.senders.get(&sender).and_then(|waiting| waiting.get(&nonce));
        let Some(waiting) = waiting else { return };
        let Some(tip) = waiting.transaction.effective_tip_per_gas(self.base_fee) else { return };
        self.heads.push((tip, std::cmp::Reverse(waiting.arrival), sender, nonce));
    }

    /// The next transaction, if any. Where it was taken, the sender's following one becomes ready.
    pub(crate) fn pop(&mut self) -> Option<Recovered<TxEnvelope>> {
        let (_, _, sender, nonce) = self.heads.pop()?;
        let waiting = self.pool.senders.get(&sender)?.get(&nonce)?;
        Some(waiting.transaction.clone())
    }

    pub(crate) fn took(&mut self, transaction: &Recovered<TxEnvelope>) {
        if let Some(nonce) = transaction.nonce().checked_add(1) {
            self.queue(transaction.signer(), nonce);
        }
    }
}

fn outbids(new: &TxEnvelope, old: &TxEnvelope) -> bool {
    let tenth_more = |old: u128| U256::from(old) * U256::from(110) / U256::from(100);
    U256::from(new.max_fee_per_gas()) >= tenth_more(old.max_fee_per_gas())
        && U256::from(new.priority_fee_or_price()) >= tenth_more(old.priority_fee_or_price())
        && new.max_fee_per_gas() > old.max_fee_per_gas()
}
