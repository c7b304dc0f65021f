//! What becomes of a settlement that an earlier process began and did not see the end of.

use alloy_primitives::B256;
use tokio::time::Instant;

use crate::payment::Found;
use crate::receipt::find_transfer;
use crate::settle::{RETRY, Work, failed};
use crate::settlements::{Outcome, Progress};
use crate::verify::{Checked, verify_for_gas};
use crate::{RpcError, Unavailable};

/// How often a payment must be refused until that is believed: a transaction of the earlier process
/// may wait for a block.
const REFUSALS_BELIEVED: u32 = 30;

impl Work {
    /// Ends what an earlier process began. It may have sent a transaction, this one or one that it
    /// could not write down any more: so the outcome is not known until blocks show it.
    pub(crate) async fn take_up(&self, transaction: Option<B256>) -> Result<Outcome, Unavailable> {
        if !self.settlement.advance(Progress::Sent(transaction)) {
            return Err(Unavailable::Busy { network: self.order.chain.network.clone() });
        }
        let mut refusals = 0;
        loop {
            match self.go_on(transaction).await {
                Ok(Outcome::NotSent(error)) => tracing::warn!(%error, "not sent again yet"),
                Ok(Outcome::Failed { transaction: None, .. }) if refusals < REFUSALS_BELIEVED => {
                    refusals += 1;
                }
                Ok(outcome) => {
                    self.complete(&outcome).await;
                    return Ok(outcome);
                }
                Err(error) => tracing::warn!(%error, "an earlier settlement is not known yet"),
            }
            tokio::time::sleep(RETRY).await;
        }
    }

    /// What came of this transaction or another; where nothing did, sends a new one.
    async fn go_on(&self, transaction: Option<B256>) -> Result<Outcome, RpcError> {
        if let Some(transaction) = transaction
            && let Some(receipt) = self.order.chain.rpc.receipt(transaction).await?
        {
            return Ok(self.mined(&receipt).await);
        }
        let payment = &self.order.payment;
        let refusal = match (verify_for_gas(&self.order).await?, &payment.expired) {
            (Ok(Checked::Ready(gas)), None) => return Ok(self.send(gas, Instant::now()).await),
            (Ok(Checked::After(_)), None) => return Ok(self.prepare_and_send().await),
            (Err(refusal), _) if refusal.reason == payment.reasons.used => {
                return Ok(match find_transfer(&self.order, self.age()).await? {
                    Found::Settled(transaction) => Outcome::Settled(transaction),
                    Found::Nothing => failed(refusal),
                    Found::Unclear => Outcome::Unknown(transaction),
                });
            }
            (_, Some(expired)) => expired.clone(),
            (Err(refusal), None) => refusal,
        };
        Ok(failed(refusal))
    }
}
