//! The chain behind its lock, and the task that mines it.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use parking_lot::{Mutex, MutexGuard};
use tokio::{
    runtime::Handle,
    task::AbortHandle,
    time::{Instant, MissedTickBehavior, interval_at},
};

use crate::chain::Chain;

/// What every handle of a development chain shares.
#[derive(Debug)]
pub(crate) struct Node {
    chain: Mutex<Chain>,
    miner: OnceLock<AbortHandle>,
}

impl Node {
    pub(crate) fn new(chain: Chain) -> Self {
        Self { chain: Mutex::new(chain), miner: OnceLock::new() }
    }

    /// Held for one short execution, and never across an await.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Chain> {
        self.chain.lock()
    }

    /// Mines a block per interval, until the last handle is dropped.
    pub(crate) fn mine_every(self: &Arc<Self>, interval: Duration, runtime: &Handle) {
        let node = Arc::downgrade(self);
        let miner = runtime.spawn(async move {
            let mut ticks = interval_at(Instant::now() + interval, interval);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                ticks.tick().await;
                let Some(node) = node.upgrade() else { return };
                node.lock().mine();
            }
        });
        // A second miner is never started.
        let _ = self.miner.set(miner.abort_handle());
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Some(miner) = self.miner.get() {
            miner.abort();
        }
    }
}
