//! The signer's task itself.

use alloy_primitives::B256;
use alloy_rpc_types_eth::TransactionReceipt;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use x402_evm::LocalSigner;
use x402_types::Network;

use super::line::{Delivery, Line, Slot};
use super::reply::Reply;
use super::transaction::{Fees, Signed};
use super::{Job, Landed, Pace};
use crate::chain::Limits;
use crate::rpc::Rpc;
use crate::{RpcError, Unavailable};

/// Transactions of one signer that may wait for a block at a time: what nodes hold of one account.
pub(super) const MOST_IN_LINE: usize = 64;

pub(super) struct Task {
    pub(super) signer: LocalSigner,
    pub(super) chain_id: u64,
    pub(super) network: Network,
    pub(super) rpc: Rpc,
    pub(super) pace: Pace,
    pub(super) limits: Limits,
    queue: mpsc::Receiver<Job>,
    /// The next nonce, where it is known.
    pub(super) next: Option<u64>,
    pub(super) line: Line,
    broadcasts: JoinSet<Broadcast>,
    fees: Option<(Instant, Fees)>,
    next_look: Instant,
}

/// A transaction that was sent, and what was heard of it.
struct Broadcast {
    nonce: u64,
    hash: B256,
    reply: Reply,
    receipt: Option<TransactionReceipt>,
}

impl Task {
    pub(super) fn new(
        signer: LocalSigner,
        chain_id: u64,
        network: Network,
        rpc: Rpc,
        pace: Pace,
        limits: Limits,
        queue: mpsc::Receiver<Job>,
    ) -> Self {
        Self {
            signer,
            chain_id,
            network,
            rpc,
            pace,
            limits,
            queue,
            next: None,
            line: Line::default(),
            broadcasts: JoinSet::new(),
            fees: None,
            next_look: Instant::now(),
        }
    }

    pub(super) async fn run(mut self) {
        let mut open = true;
        while open || !self.line.is_empty() {
            let room = self.line.len() < MOST_IN_LINE;
            tokio::select! {
                Some(broadcast) = self.broadcasts.join_next() => {
                    if let Ok(broadcast) = broadcast {
                        self.heard(broadcast).await;
                    }
                }
                () = sleep_until(self.next_look), if !self.line.is_empty() => {
                    self.look().await;
                    self.next_look = Instant::now() + self.pace.look;
                }
                job = self.queue.recv(), if open && room => match job {
                    Some(job) => self.take(job).await,
                    None => open = false,
                },
            }
        }
    }

    /// Gives a job a nonce and sends its transaction.
    pub(super) async fn take(&mut self, job: Job) {
        if job.is_late() {
            return job.finish(Landed::NotSent(self.busy()));
        }
        let (fees, nonce) = match self.prepare().await {
            Ok(prepared) => prepared,
            Err(error) => return job.finish(Landed::NotSent(error)),
        };
        let signed = Signed::call(&self.signer, self.chain_id, nonce, &job.call, fees);
        if job.is_late() || !job.sending(signed.hash) {
            // Given up meanwhile. The nonce is not used.
            return job.finish(Landed::NotSent(self.busy()));
        }
        self.next = nonce.checked_add(1);
        if self.line.is_empty() {
            self.next_look = Instant::now() + self.pace.look;
        }
        self.line.insert(nonce, Slot::new(Some(job), signed));
        self.broadcast(nonce);
    }

    async fn prepare(&mut self) -> Result<(Fees, u64), Unavailable> {
        let fees = self.market().await?;
        let nonce = match self.next {
            Some(nonce) => nonce,
            None => {
                let pending = self.rpc.pending_nonce(self.signer.address()).await;
                let pending = pending.map_err(|error| self.trouble(error))?;
                let ours = self.line.last().and_then(|last| last.checked_add(1));
                pending.max(ours.unwrap_or_default())
            }
        };
        Ok((fees, nonce))
    }

    /// What the market asks for now.
    pub(super) async fn market(&mut self) -> Result<Fees, Unavailable> {
        if let Some((until, fees)) = self.fees
            && Instant::now() < until
        {
            return Ok(fees);
        }
        let market = self.rpc.fees().await.map_err(|error| self.trouble(error))?;
        let cap = self.limits.max_fee_per_gas;
        let fees = Fees::of_market(market, cap).map_err(|needed| {
            let network = self.network.clone();
            Unavailable::FeesTooHigh { network, needed, cap }
        })?;
        self.fees = Some((Instant::now() + self.pace.fees, fees));
        Ok(fees)
    }

    /// Sends a nonce's newest transaction, and looks for its receipt right away: there are chains
    /// that do not make one wait.
    pub(super) fn broadcast(&mut self, nonce: u64) {
        let Some(slot) = self.line.slot(nonce) else { return };
        let Some(signed) = slot.newest().cloned() else { return };
        slot.sending = true;
        slot.sent_at = Instant::now();
        let rpc = self.rpc.clone();
        self.broadcasts.spawn(async move {
            let hash = signed.hash;
            let reply = Reply::of(&rpc.send(&signed.raw).await);
            let receipt = match reply {
                Reply::Accepted | Reply::NonceTooLow => rpc.receipt(hash).await.ok().flatten(),
                _ => None,
            };
            Broadcast { nonce, hash, reply, receipt }
        });
    }

    async fn heard(&mut self, broadcast: Broadcast) {
        let Broadcast { nonce, hash, reply, receipt } = broadcast;
        let Some(slot) = self.line.slot(nonce) else { return };
        slot.sending = false;
        if let Some(receipt) = receipt {
            return self.land(nonce, receipt);
        }
        let first = slot.signed.len() == 1 && slot.delivery == Delivery::Unsent;
        match reply {
            Reply::Accepted => {
                if slot.newest().is_some_and(|newest| newest.hash == hash) {
                    slot.delivery = Delivery::Accepted;
                }
            }
            // Only the first reply is proof: what was sent before may have arrived.
            reply if reply.is_no() && first => self.refused(nonce, reply).await,
            reply => {
                let network = &self.network;
                if slot.delivery == Delivery::Unsent {
                    tracing::warn!(%network, nonce, %hash, ?reply, "may not have arrived");
                } else {
                    tracing::debug!(%network, nonce, %hash, ?reply, "may not have arrived");
                }
                slot.delivery = slot.delivery.max(Delivery::Unclear);
            }
        }
    }

    /// Looks for what blocks have taken, and after what they should have.
    async fn look(&mut self) {
        let Some((_, first)) = self.line.first() else { return };
        let (mut receipts, answered) = self.rpc.receipts(first.hashes()).await;
        if !receipts.is_empty() && self.line.len() > 1 {
            // Where a block has the first, it may have more.
            receipts.extend(self.rpc.receipts(self.line.hashes()).await.0);
        }
        for receipt in receipts {
            if let Some(nonce) = self.line.nonce_of(receipt.transaction_hash) {
                self.land(nonce, receipt);
            }
        }
        if answered {
            self.tend().await;
        }
        let now = Instant::now();
        if let Some(before) = now.checked_sub(self.pace.resend) {
            for nonce in self.line.undelivered(before) {
                self.broadcast(nonce);
            }
        }
    }

    /// A block has a transaction of this nonce.
    fn land(&mut self, nonce: u64, receipt: TransactionReceipt) {
        let Some(slot) = self.line.remove(nonce) else { return };
        let calls = slot.calls(receipt.transaction_hash);
        if let Some(job) = slot.job {
            let landed = if calls { Landed::Mined(Box::new(receipt)) } else { Landed::Displaced };
            job.finish(landed);
        }
    }

    fn busy(&self) -> Unavailable {
        Unavailable::Busy { network: self.network.clone() }
    }

    fn trouble(&self, error: RpcError) -> Unavailable {
        Unavailable::rpc(&self.network, error)
    }
}
