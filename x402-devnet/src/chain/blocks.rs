//! The blocks from the first to the head, found by number, hash and transaction.

use alloy_eips::{BlockId, BlockNumberOrTag};
use alloy_primitives::{B256, map::B256Map};

use super::block::{Block, Mined};

/// All blocks. There is always a head.
#[derive(Debug)]
pub(crate) struct Blocks {
    past: Vec<Block>,
    head: Block,
    hashes: B256Map<u64>,
    transactions: B256Map<(u64, usize)>,
}

impl Blocks {
    pub(crate) fn new(first: Block) -> Self {
        let hashes = std::iter::once((first.hash(), first.number())).collect();
        Self { past: Vec::new(), head: first, hashes, transactions: B256Map::default() }
    }

    pub(crate) fn head(&self) -> &Block {
        &self.head
    }

    pub(crate) fn height(&self) -> u64 {
        self.head.number()
    }

    pub(crate) fn at(&self, number: u64) -> Option<&Block> {
        if number == self.head.number() {
            return Some(&self.head);
        }
        self.past.get(usize::try_from(number).ok()?)
    }

    pub(crate) fn by_hash(&self, hash: &B256) -> Option<&Block> {
        self.at(*self.hashes.get(hash)?)
    }

    /// The block of a mined transaction, and its index there.
    pub(crate) fn of_transaction(&self, hash: &B256) -> Option<(&Block, usize)> {
        let (number, index) = *self.transactions.get(hash)?;
        Some((self.at(number)?, index))
    }

    /// The number a block identifier means. Every block is final at once: `latest`, `safe` and
    /// `finalized` are the head, and so is `pending`.
    pub(crate) fn number(&self, id: BlockId) -> Option<u64> {
        match id {
            BlockId::Hash(hash) => self.hashes.get(&hash.block_hash).copied(),
            BlockId::Number(tag) => {
                let number = self.clamped(tag);
                (number <= self.height()).then_some(number)
            }
        }
    }

    pub(crate) fn clamped(&self, tag: BlockNumberOrTag) -> u64 {
        match tag {
            BlockNumberOrTag::Number(number) => number,
            BlockNumberOrTag::Earliest => 0,
            _ => self.height(),
        }
    }

    pub(crate) fn push(&mut self, block: Block) {
        let number = block.number();
        self.hashes.insert(block.hash(), number);
        for (index, hash) in hashes(&block) {
            self.transactions.insert(hash, (number, index));
        }
        self.past.push(std::mem::replace(&mut self.head, block));
    }

    /// Forgets every block above this height.
    pub(crate) fn truncate(&mut self, height: u64) {
        while self.head.number() > height
            && let Some(parent) = self.past.pop()
        {
            let gone = std::mem::replace(&mut self.head, parent);
            self.hashes.remove(&gone.hash());
            for (_, hash) in hashes(&gone) {
                self.transactions.remove(&hash);
            }
        }
    }
}

fn hashes(block: &Block) -> impl Iterator<Item = (usize, B256)> {
    let hash = |mined: &Mined| *mined.transaction.tx_hash();
    block.transactions.iter().map(hash).enumerate()
}
