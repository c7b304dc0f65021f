//! Going back to an earlier state of the whole chain.

use std::collections::BTreeMap;

use super::{Chain, clock::Clock, pool::Pool, state::Mark};

/// The oldest snapshot gives way to one more.
const MOST: usize = 256;

/// Snapshots by their identifier.
#[derive(Debug, Default)]
pub(crate) struct Snapshots {
    taken: BTreeMap<u64, Snapshot>,
    last: u64,
}

#[derive(Debug)]
struct Snapshot {
    height: u64,
    mark: Mark,
    base_fee: u64,
    clock: Clock,
    pool: Pool,
}

impl Chain {
    pub(crate) fn snapshot(&mut self) -> u64 {
        let snapshot = Snapshot {
            height: self.blocks.height(),
            mark: self.state.mark(),
            base_fee: self.base_fee,
            clock: self.clock,
            pool: self.pool.clone(),
        };
        let snapshots = &mut self.snapshots;
        snapshots.last = snapshots.last.saturating_add(1);
        snapshots.taken.insert(snapshots.last, snapshot);
        if snapshots.taken.len() > MOST {
            snapshots.taken.pop_first();
        }
        snapshots.last
    }

    /// Goes back to a snapshot, which is used up by it, as are all taken after it. `false` where
    /// there is none of this identifier.
    pub(crate) fn revert(&mut self, id: u64) -> bool {
        let mut from_here = self.snapshots.taken.split_off(&id);
        let Some(snapshot) = from_here.remove(&id) else {
            self.snapshots.taken.append(&mut from_here);
            return false;
        };
        self.blocks.truncate(snapshot.height);
        self.state.unwind(snapshot.mark);
        self.base_fee = snapshot.base_fee;
        self.clock = snapshot.clock;
        self.pool = snapshot.pool;
        self.rewind_filters();
        true
    }
}
