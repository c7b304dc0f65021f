//! One task per signer, which alone knows its next nonce.
//!
//! A [`Job`] becomes a transaction ([`transaction`]) whose hash is known before it is sent. Every
//! transaction stands in the task's [`mod@line`] until a block has it: looked for at the pace of the
//! blocks, sent again where it may have been lost, replaced at a higher fee where it is stuck
//! ([`mend`]), always with its own nonce. What a node's reply means is told in [`reply`].

mod line;
mod mend;
mod reply;
mod task;
mod transaction;

pub(crate) use reply::Reply;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_rpc_types_eth::TransactionReceipt;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use x402_evm::LocalSigner;
use x402_types::Network;

use crate::Unavailable;
use crate::chain::Limits;
use crate::rpc::Rpc;
use crate::settlements::Settlement;

/// A signer's task, as others see it.
#[derive(Debug)]
pub(crate) struct Sender {
    address: Address,
    jobs: mpsc::Sender<Job>,
    load: Arc<AtomicUsize>,
}

/// A call that is to be sent as a transaction.
#[derive(Debug)]
pub(crate) struct Job {
    call: Call,
    /// After this it is not sent any more.
    deadline: Instant,
    settlement: Settlement,
    landed: oneshot::Sender<Landed>,
    tries: u8,
    _load: Load,
}

#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) to: Address,
    /// In wei.
    pub(crate) value: U256,
    pub(crate) input: Bytes,
    pub(crate) gas: u64,
}

/// What became of a job.
#[derive(Debug)]
pub(crate) enum Landed {
    /// A block has its transaction.
    Mined(Box<TransactionReceipt>),
    /// Something else used its nonce: no block ever has its transaction.
    Displaced,
    /// It was not sent, or no node took it.
    NotSent(Unavailable),
}

/// How often things are done, by the time that a block takes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// Between two looks for receipts.
    pub(crate) look: Duration,
    /// Until a transaction that may not have arrived is sent again.
    pub(crate) resend: Duration,
    /// Until a transaction that arrived is overdue.
    pub(crate) overdue: Duration,
    /// For which fees are taken to hold.
    pub(crate) fees: Duration,
}

impl Pace {
    pub(crate) fn new(block_time: Duration) -> Self {
        let second = Duration::from_secs(1);
        Self {
            look: (block_time / 8).clamp(Duration::from_millis(20), second),
            resend: (block_time / 2).clamp(Duration::from_millis(250), second),
            overdue: (block_time * 3).max(3 * second),
            fees: block_time.clamp(second / 2, 12 * second),
        }
    }
}

impl Sender {
    /// Starts the signer's task. It ends when the handle is dropped and nothing is under way.
    pub(crate) fn start(
        signer: LocalSigner,
        chain_id: u64,
        network: Network,
        rpc: Rpc,
        pace: Pace,
        limits: Limits,
    ) -> Self {
        let (jobs, queue) = mpsc::channel(limits.max_in_flight);
        let address = signer.address();
        let task = task::Task::new(signer, chain_id, network, rpc, pace, limits, queue);
        tokio::spawn(task.run());
        Self { address, jobs, load: Arc::default() }
    }

    pub(crate) fn address(&self) -> Address {
        self.address
    }

    /// Jobs that wait or are under way.
    pub(crate) fn load(&self) -> usize {
        self.load.load(Ordering::Relaxed)
    }

    /// Sends a call, and tells `settlement` the transaction's hash before it does. `None` where the
    /// queue is full.
    pub(crate) fn submit(
        &self,
        call: Call,
        deadline: Instant,
        settlement: Settlement,
    ) -> Option<oneshot::Receiver<Landed>> {
        let (landed, landing) = oneshot::channel();
        let load = Load::new(&self.load);
        let job = Job { call, deadline, settlement, landed, tries: 0, _load: load };
        self.jobs.try_send(job).ok()?;
        Some(landing)
    }
}

impl Job {
    fn finish(self, landed: Landed) {
        // Nobody listens where the facilitator is being dropped.
        let _ = self.landed.send(landed);
    }

    fn is_late(&self) -> bool {
        Instant::now() >= self.deadline
    }

    /// Whether to send its transaction, which from then on counts as sent.
    fn sending(&self, hash: B256) -> bool {
        self.settlement.sending(hash)
    }
}

/// Counts a job for as long as it exists.
#[derive(Debug)]
struct Load(Arc<AtomicUsize>);

impl Load {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(count))
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
