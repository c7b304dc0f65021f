//! A payment's way to settlement, in a task of its own: nobody's disconnect ends it.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use alloy_primitives::B256;
use alloy_rpc_types_eth::TransactionReceipt;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;
use x402_evm::EXACT;
use x402_ledger::dynamic::DynPayments;
use x402_ledger::{Payment, Status};
use x402_types::ErrorReason;
use x402_types::scheme::Refusal;

use crate::diagnose::diagnose;
use crate::facilitator::now;
use crate::order::Order;
use crate::receipt::{Verdict, find_transfer, judge};
use crate::sender::{Call, Landed};
use crate::settlements::{Outcome, Settlement, Settlements};
use crate::verify::verify_for_gas;
use crate::{RpcError, Unavailable};

/// What a token may need beyond its estimate: the payee's first balance, for one.
const GAS_MARGIN: u64 = 20_000;
/// Between two questions about what is not known yet.
pub(crate) const RETRY: Duration = Duration::from_secs(1);
/// How often a failure that nothing explains is asked about again: behind one address there may be
/// several nodes, not all of them up to date.
const DOUBTS: u32 = 5;

/// A settlement at work.
pub(crate) struct Work {
    pub(crate) order: Order,
    pub(crate) settlement: Settlement,
    pub(crate) settlements: Arc<Settlements>,
    pub(crate) payments: Arc<dyn DynPayments>,
    pub(crate) started: Instant,
    /// How long before `started` an earlier process began to settle this.
    pub(crate) begun_before: Duration,
    /// A place among the settlements that may be under way.
    pub(crate) _turn: OwnedSemaphorePermit,
}

impl Work {
    pub(crate) async fn run(mut self) {
        let outcome = self.settle().await.unwrap_or_else(Outcome::NotSent);
        match &outcome {
            Outcome::Settled(transaction) => tracing::info!(%transaction, "settled"),
            Outcome::Failed { refusal, transaction } => {
                tracing::info!(%refusal, ?transaction, "failed");
            }
            Outcome::NotSent(error) => {
                tracing::warn!(error = error as &dyn std::error::Error, "not sent");
            }
        }
        self.settlement.finish(outcome);
        self.settlements.release(&self.order.id(), &self.settlement);
    }

    async fn settle(&mut self) -> Result<Outcome, Unavailable> {
        let Some(earlier) = self.earlier().await? else { return self.begin().await };
        let transaction = earlier.transaction.as_ref().and_then(|hash| hash.parse().ok());
        match (&earlier.status, transaction) {
            (Status::Settled, Some(transaction)) => Ok(Outcome::Settled(transaction)),
            (Status::Settled | Status::Failed(_), _) => self.begin().await,
            _ => {
                let age = now_millis().saturating_sub(earlier.created_at);
                self.begun_before = Duration::from_millis(u64::try_from(age).unwrap_or_default());
                self.take_up(transaction).await
            }
        }
    }

    async fn begin(&self) -> Result<Outcome, Unavailable> {
        if let Some(refusal) = &self.order.expired {
            return Ok(failed(refusal.clone()));
        }
        let gas = match verify_for_gas(&self.order).await.map_err(|error| self.trouble(error))? {
            Ok(gas) => gas,
            Err(refusal) => return Ok(failed(refusal)),
        };
        self.write_down().await?;
        let outcome = self.send(gas, self.started).await;
        self.complete(&outcome).await;
        Ok(outcome)
    }

    /// The line of the books about this payment, where an earlier process left one.
    async fn earlier(&self) -> Result<Option<Payment>, Unavailable> {
        let line = self.payments.payment(&self.order.key()).await;
        let line = line.map_err(|error| Unavailable::Store(Arc::new(error)))?;
        // A payer can sign two payments of the same nonce.
        Ok(line.filter(|line| {
            line.amount == self.order.amount()
                && line.pay_to.eq_ignore_ascii_case(&self.order.terms.pay_to().to_string())
        }))
    }

    async fn write_down(&self) -> Result<(), Unavailable> {
        let order = &self.order;
        let now = now_millis();
        let line = Payment {
            key: order.key(),
            pay_to: order.terms.pay_to().to_string(),
            amount: order.amount(),
            scheme: EXACT.to_owned(),
            purchase: order.purchase.clone(),
            created_at: now,
            updated_at: now,
            status: Status::Intended,
            transaction: None,
        };
        let written = self.payments.record(line).await;
        written.map_err(|error| Unavailable::Store(Arc::new(error)))
    }

    /// Sends the transaction, from the least busy signer that can pay for it. It may wait for its
    /// turn as long as a settlement may take, `since` when, and the payment has not expired.
    pub(crate) async fn send(&self, gas: u64, since: Instant) -> Outcome {
        let Order { chain, terms, authorization, signature, .. } = &self.order;
        let cap = chain.limits.gas_limit_cap;
        let call = Call {
            to: terms.asset(),
            input: authorization.calldata(*signature),
            gas: gas.saturating_add(gas / 10).saturating_add(GAS_MARGIN).min(cap),
        };
        let limit = chain.limits.settle_deadline;
        let left = Duration::from_secs(authorization.valid_before_seconds().saturating_sub(now()));
        let deadline = (since + limit).min(Instant::now() + left.min(limit));
        let mut why = Unavailable::Busy { network: chain.network.clone() };
        let before = self.settlement.progress();
        for sender in chain.senders_by_load() {
            let landing = sender.submit(call.clone(), deadline, self.settlement.clone());
            let Some(mut landing) = landing else { continue };
            let mut known = None;
            let landed = loop {
                tokio::select! {
                    landed = &mut landing => break landed,
                    // The first, and every one that replaces it.
                    transaction = self.settlement.sent(known) => {
                        known = Some(transaction);
                        self.note(Status::Pending, known).await;
                    }
                }
            };
            match landed {
                Ok(Landed::Mined(receipt)) => return self.mined(&receipt).await,
                Ok(Landed::Displaced) => return self.displaced().await,
                Ok(Landed::NotSent(error)) => {
                    let next_may_do = matches!(error, Unavailable::NoGas { .. });
                    why = error;
                    self.settlement.advance(before.clone());
                    if !next_may_do {
                        break;
                    }
                }
                // The signer's task is gone, as when the runtime ends. What it sent, nobody knows.
                Err(_) => std::future::pending().await,
            }
        }
        Outcome::NotSent(why)
    }

    /// Our transaction is in a block.
    pub(crate) async fn mined(&self, receipt: &TransactionReceipt) -> Outcome {
        let transaction = receipt.transaction_hash;
        let failed = |refusal| Outcome::Failed { refusal, transaction: Some(transaction) };
        match judge(&self.order, receipt) {
            Verdict::Settled => Outcome::Settled(transaction),
            Verdict::NoTransfer => failed(Refusal::new(
                ErrorReason::InvalidExactEvmTransferEventMismatch,
                "the transaction succeeded, but the token does not say that it moved the money",
            )),
            Verdict::Reverted => match self.after_failure().await {
                Ok(settled_by) => Outcome::Settled(settled_by),
                Err(refusal) => failed(refusal),
            },
        }
    }

    /// Our transaction will never be in a block.
    async fn displaced(&self) -> Outcome {
        match self.after_failure().await {
            Ok(settled_by) => Outcome::Settled(settled_by),
            Err(refusal) if refusal.reason == ErrorReason::InvalidExactEvmNonceAlreadyUsed => {
                failed(refusal)
            }
            Err(_) => Outcome::NotSent(Unavailable::Rejected {
                network: self.order.chain.network.clone(),
                message: "another transaction took its place".to_owned(),
            }),
        }
    }

    /// Whether somebody else's transaction settled this very payment, and if not, why ours failed.
    /// Until the chain answers that, the outcome is not known.
    async fn after_failure(&self) -> Result<B256, Refusal> {
        let mut asked = 0;
        loop {
            match self.settled_by_another().await {
                Ok(Err(refusal)) if is_doubtful(&refusal) && asked < DOUBTS => asked += 1,
                Ok(answer) => return answer,
                Err(error) => {
                    tracing::warn!(%error, "a failed transaction cannot be explained yet");
                }
            }
            tokio::time::sleep(RETRY).await;
        }
    }

    async fn settled_by_another(&self) -> Result<Result<B256, Refusal>, RpcError> {
        let mut refusal = diagnose(&self.order, "the transaction failed").await?;
        if refusal.reason == ErrorReason::InvalidExactEvmNonceAlreadyUsed {
            // Before it was sent it would have gone through, so it cannot have been used before.
            if let Some(transaction) = find_transfer(&self.order, self.age()).await? {
                return Ok(Ok(transaction));
            }
        }
        if refusal.reason == ErrorReason::InvalidExactEvmTransactionSimulationFailed {
            refusal.reason = ErrorReason::InvalidExactEvmTransactionFailed;
        }
        Ok(Err(refusal))
    }

    /// How long ago the first attempt to settle this began.
    pub(crate) fn age(&self) -> Duration {
        self.begun_before.saturating_add(self.started.elapsed())
    }

    pub(crate) async fn complete(&self, outcome: &Outcome) {
        match outcome {
            Outcome::Settled(transaction) => self.note(Status::Settled, Some(*transaction)).await,
            Outcome::Failed { refusal, transaction } => {
                let status = Status::Failed(refusal.reason.as_str().to_owned());
                self.note(status, *transaction).await;
            }
            Outcome::NotSent(_) => self.note(Status::Failed("not_sent".to_owned()), None).await,
        }
    }

    /// Completes the line of the books. What has happened on chain has happened, so that this fails
    /// is no reason to answer anything else.
    async fn note(&self, status: Status, transaction: Option<B256>) {
        let transaction = transaction.map(|hash| hash.to_string());
        let key = self.order.key();
        if let Err(error) = self.payments.complete(&key, status, transaction, now_millis()).await {
            tracing::error!(%key, %error, "the books are behind");
        }
    }

    fn trouble(&self, error: RpcError) -> Unavailable {
        Unavailable::rpc(&self.order.chain.network, error)
    }
}

/// Whether a node that is a block behind would give this for the reason of a failure.
fn is_doubtful(refusal: &Refusal) -> bool {
    matches!(
        refusal.reason,
        ErrorReason::InvalidExactEvmTransactionFailed
            | ErrorReason::InvalidExactEvmNonceAlreadyUsed
    )
}

pub(crate) fn failed(refusal: Refusal) -> Outcome {
    Outcome::Failed { refusal, transaction: None }
}

fn now_millis() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
