//! Filters that clients poll.

use std::collections::BTreeMap;

use alloy_eips::BlockNumberOrTag;
use alloy_rpc_types_eth::{Filter, FilterBlockOption, FilterChanges, Log, Transaction};

use super::{Chain, block::Block};

/// The oldest filter gives way to one more.
const MOST: usize = 256;

/// Installed filters by their identifier.
#[derive(Debug, Default)]
pub(crate) struct Filters {
    installed: BTreeMap<u64, Installed>,
    last: u64,
}

#[derive(Debug)]
struct Installed {
    what: What,
    /// The first block not told yet.
    next: u64,
}

/// What a filter waits for.
#[derive(Debug, Clone)]
pub(crate) enum What {
    Blocks,
    Logs(Box<Filter>),
}

impl Chain {
    pub(crate) fn install_filter(&mut self, what: What) -> u64 {
        let next = self.blocks.height().saturating_add(1);
        let filters = &mut self.filters;
        filters.last = filters.last.saturating_add(1);
        filters.installed.insert(filters.last, Installed { what, next });
        if filters.installed.len() > MOST {
            filters.installed.pop_first();
        }
        filters.last
    }

    pub(crate) fn uninstall_filter(&mut self, id: u64) -> bool {
        self.filters.installed.remove(&id).is_some()
    }

    /// What has come since the last time this was asked.
    pub(crate) fn filter_changes(&mut self, id: u64) -> Option<FilterChanges<Transaction>> {
        let height = self.blocks.height();
        let installed = self.filters.installed.get_mut(&id)?;
        let from = std::mem::replace(&mut installed.next, height.saturating_add(1));
        let news = (from..=height).filter_map(|number| self.blocks.at(number));
        Some(match &installed.what {
            What::Blocks => FilterChanges::Hashes(news.map(Block::hash).collect()),
            What::Logs(filter) => {
                let (first, last) = self.blocks.range(filter);
                let inside = news.filter(|block| (first..=last).contains(&block.number()));
                FilterChanges::Logs(inside.flat_map(|block| block.matching_logs(filter)).collect())
            }
        })
    }

    /// All logs of an installed filter, told before or not.
    pub(crate) fn filter_logs(&self, id: u64) -> Option<Vec<Log>> {
        match &self.filters.installed.get(&id)?.what {
            What::Logs(filter) => self.logs(filter),
            What::Blocks => None,
        }
    }

    /// Logs of the blocks that the filter names; `None` where it names an unknown block.
    pub(crate) fn logs(&self, filter: &Filter) -> Option<Vec<Log>> {
        if let FilterBlockOption::AtBlockHash(hash) = &filter.block_option {
            return Some(self.blocks.by_hash(hash)?.matching_logs(filter).collect());
        }
        let (first, last) = self.blocks.range(filter);
        let blocks = (first..=last.min(self.blocks.height())).filter_map(|at| self.blocks.at(at));
        Some(blocks.flat_map(|block| block.matching_logs(filter)).collect())
    }

    /// After blocks were forgotten, filters go on with the ones that take their place.
    pub(super) fn rewind_filters(&mut self) {
        let next = self.blocks.height().saturating_add(1);
        for installed in self.filters.installed.values_mut() {
            installed.next = installed.next.min(next);
        }
    }
}

impl super::blocks::Blocks {
    /// First and last block number of a filter. An open end is the head, whatever it will be.
    fn range(&self, filter: &Filter) -> (u64, u64) {
        match filter.block_option {
            FilterBlockOption::Range { from_block, to_block } => {
                let from = self.clamped(from_block.unwrap_or(BlockNumberOrTag::Latest));
                let to = match to_block {
                    Some(to @ (BlockNumberOrTag::Number(_) | BlockNumberOrTag::Earliest)) => {
                        self.clamped(to)
                    }
                    _ => u64::MAX,
                };
                (from, to)
            }
            FilterBlockOption::AtBlockHash(_) => (0, u64::MAX),
        }
    }
}
