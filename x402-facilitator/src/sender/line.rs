//! A signer's transactions that no block has yet, by nonce.

use std::collections::BTreeMap;

use alloy_primitives::B256;
use tokio::time::Instant;

use super::Job;
use super::transaction::Signed;

/// The line: transactions by nonce.
#[derive(Debug, Default)]
pub(super) struct Line {
    slots: BTreeMap<u64, Slot>,
}

/// A nonce in use.
#[derive(Debug)]
pub(super) struct Slot {
    /// Whoever waits for it; `None` where only the nonce is to be used up.
    pub(super) job: Option<Job>,
    /// Every transaction signed for it, the newest last. Any of them may end up in a block.
    pub(super) signed: Vec<Signed>,
    /// Whether a node said that it has the newest.
    pub(super) delivery: Delivery,
    /// When the newest was last sent.
    pub(super) sent_at: Instant,
    /// When it was first sent, or last found overdue.
    pub(super) since: Instant,
    /// Whether it is being sent right now.
    pub(super) sending: bool,
    /// How often it was found overdue.
    pub(super) overdue: u32,
    /// How often the nonce was found used without a receipt.
    pub(super) missing: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Delivery {
    /// No node can have it.
    Unsent,
    /// It may have arrived.
    Unclear,
    /// A node has it.
    Accepted,
}

impl Slot {
    pub(super) fn new(job: Option<Job>, signed: Signed) -> Self {
        Self {
            job,
            signed: vec![signed],
            delivery: Delivery::Unsent,
            sent_at: Instant::now(),
            since: Instant::now(),
            sending: false,
            overdue: 0,
            missing: 0,
        }
    }

    pub(super) fn newest(&self) -> Option<&Signed> {
        self.signed.last()
    }

    pub(super) fn hashes(&self) -> impl Iterator<Item = B256> {
        self.signed.iter().rev().map(|signed| signed.hash)
    }

    /// Whether the transaction of this hash makes the call, rather than only use up the nonce.
    pub(super) fn calls(&self, hash: B256) -> bool {
        self.signed.iter().any(|signed| signed.hash == hash && signed.calls)
    }
}

impl Line {
    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    pub(super) fn insert(&mut self, nonce: u64, slot: Slot) {
        self.slots.insert(nonce, slot);
    }

    pub(super) fn remove(&mut self, nonce: u64) -> Option<Slot> {
        self.slots.remove(&nonce)
    }

    pub(super) fn slot(&mut self, nonce: u64) -> Option<&mut Slot> {
        self.slots.get_mut(&nonce)
    }

    /// The nonce that blocks take first.
    pub(super) fn first(&self) -> Option<(u64, &Slot)> {
        self.slots.first_key_value().map(|(nonce, slot)| (*nonce, slot))
    }

    /// The nonce that blocks take last.
    pub(super) fn last(&self) -> Option<u64> {
        self.slots.last_key_value().map(|(nonce, _)| *nonce)
    }

    pub(super) fn hashes(&self) -> Vec<B256> {
        self.slots.values().flat_map(Slot::hashes).collect()
    }

    pub(super) fn nonce_of(&self, hash: B256) -> Option<u64> {
        let has = |slot: &Slot| slot.signed.iter().any(|signed| signed.hash == hash);
        self.slots.iter().find(|(_, slot)| has(slot)).map(|(nonce, _)| *nonce)
    }

    /// The nonces whose newest transaction may not have arrived and was sent before this.
    pub(super) fn undelivered(&self, before: Instant) -> Vec<u64> {
        let due = |slot: &Slot| {
            !slot.sending && slot.delivery < Delivery::Accepted && slot.sent_at <= before
        };
        self.slots.iter().filter(|(_, slot)| due(slot)).map(|(nonce, _)| *nonce).collect()
    }
}
