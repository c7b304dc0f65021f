//! What the signer's task does about a transaction that goes wrong.

use std::ops::Range;

use tokio::time::Instant;

use super::Landed;
use super::line::{Delivery, Slot};
use super::reply::Reply;
use super::task::{MOST_IN_LINE, Task};
use super::transaction::{Fees, Signed};
use crate::Unavailable;

/// How often a job gets another nonce because somebody else took its own.
const MOST_TRIES: u8 = 4;
/// How often a nonce must be found used without a receipt until that is believed: behind one
/// address there may be several nodes, not all of them up to date.
const MISSING_BELIEVED: u32 = 5;
/// An overdue transaction is sent again, and every so often replaced at a higher fee.
const REPLACED_EVERY: u32 = 4;
/// How often a transaction is overdue that no node says it has, until its nonce is used up by
/// another: one that a node dislikes in words we do not know must not hold up the rest.
const GIVEN_UP_AFTER: u32 = 3;
/// How often a nonce is signed for, but for fees that have risen meanwhile.
const MOST_SIGNED: usize = 8;

impl Task {
    /// No node has this nonce's transaction, nor ever will.
    pub(super) async fn refused(&mut self, nonce: u64, reply: Reply) {
        let Some(slot) = self.line.remove(nonce) else { return };
        let network = self.network.clone();
        let unavailable = match reply {
            Reply::NonceTooLow | Reply::Conflict => {
                // Somebody else uses the account. Ask for the next nonce anew.
                self.next = None;
                let Some(mut job) = slot.job else { return };
                if job.tries < MOST_TRIES {
                    job.tries += 1;
                    return self.take(job).await;
                }
                let message = "others send from this signer's account".to_owned();
                return job.finish(Landed::NotSent(Unavailable::Rejected { network, message }));
            }
            Reply::NoGas => Unavailable::NoGas { network },
            Reply::Refused(message) | Reply::Unclear(message) => {
                Unavailable::Rejected { network, message }
            }
            Reply::Accepted => return,
        };
        let fees = slot.newest().map(|signed| signed.fees);
        if let Some(job) = slot.job {
            job.finish(Landed::NotSent(unavailable));
        }
        // What was refused may have been refused for its price.
        if let Some(fees) = self.market().await.ok().or(fees) {
            self.vacate(nonce, fees);
        }
    }

    /// Puts a nonce that was not used back, or uses it up where later ones would be held up.
    fn vacate(&mut self, nonce: u64, fees: Fees) {
        let filler = Signed::filler(&self.signer, self.chain_id, nonce, fees);
        self.line.insert(nonce, Slot::new(None, filler));
        // From the end, because this may have been what the last ones were kept for.
        while let Some(last) = self.line.last()
            && let Some(slot) = self.line.slot(last)
            && slot.job.is_none()
            && slot.delivery == Delivery::Unsent
            && !slot.sending
        {
            self.line.remove(last);
            if self.next == last.checked_add(1) {
                self.next = Some(last);
            }
        }
    }

    /// Sees to the first in line where it is overdue: everything else waits for it.
    pub(super) async fn tend(&mut self) {
        let pace = self.pace;
        let Some((nonce, first)) = self.line.first() else { return };
        if first.sending || first.delivery == Delivery::Unsent {
            return;
        }
        if first.since.elapsed() < pace.overdue {
            return;
        }
        let next = match self.rpc.nonce(self.signer.address()).await {
            Ok(next) => next,
            Err(error) => return tracing::warn!(network = %self.network, %error, "no nonce"),
        };
        let market = self.market().await.ok();
        let Some(slot) = self.line.slot(nonce) else { return };
        if next < nonce {
            slot.since = Instant::now();
            return self.fill(next..nonce, market);
        }
        if next > nonce {
            slot.missing += 1;
            if slot.missing >= MISSING_BELIEVED
                && let Some(slot) = self.line.remove(nonce)
            {
                tracing::error!(network = %self.network, nonce, "nonce used by somebody else");
                self.next = None;
                if let Some(job) = slot.job {
                    job.finish(Landed::Displaced);
                }
            }
            return;
        }
        slot.missing = 0;
        slot.overdue += 1;
        slot.since = Instant::now();
        if let Some(market) = market {
            self.outbid(nonce, market);
        }
        self.broadcast(nonce);
    }

    /// Uses up nonces that an earlier process left: its transactions were lost, or offer too little.
    fn fill(&mut self, nonces: Range<u64>, market: Option<Fees>) {
        let Some(fees) = market else { return };
        tracing::warn!(network = %self.network, ?nonces, "nonces left unused");
        for nonce in nonces.take(MOST_IN_LINE) {
            let filler = Signed::filler(&self.signer, self.chain_id, nonce, fees);
            self.line.insert(nonce, Slot::new(None, filler));
            self.broadcast(nonce);
        }
    }

    /// Replaces an overdue nonce's transaction by one of higher fees, if that would help.
    fn outbid(&mut self, nonce: u64, market: Fees) {
        let cap = self.limits.max_fee_per_gas;
        let Some(slot) = self.line.slot(nonce) else { return };
        let Some(old) = slot.newest() else { return };
        let priced_out = old.fees.max_fee < market.needed;
        let unwanted = slot.delivery < Delivery::Accepted && slot.overdue >= GIVEN_UP_AFTER;
        let stuck = match slot.delivery {
            Delivery::Accepted => slot.overdue.is_multiple_of(REPLACED_EVERY),
            _ => old.calls && unwanted,
        };
        if !priced_out && (!stuck || slot.signed.len() >= MOST_SIGNED) {
            return;
        }
        let Some(fees) = old.fees.outbid(market, cap) else { return };
        let call = slot.job.as_ref().filter(|_| !unwanted);
        let signed = match call {
            Some(job) => {
                let signed = Signed::call(&self.signer, self.chain_id, nonce, &job.call, fees);
                if !job.sending(signed.hash) {
                    return;
                }
                signed
            }
            None => Signed::filler(&self.signer, self.chain_id, nonce, fees),
        };
        tracing::info!(network = %self.network, nonce, hash = %signed.hash, "transaction replaced");
        slot.signed.push(signed);
        slot.delivery = Delivery::Unclear;
    }
}
