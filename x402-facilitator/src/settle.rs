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
use crate::order::Order;
use crate::receipt::{Verdict, find_transfer, judge};
use crate::sender::{Call, Landed};
use crate::settlements::{Outcome, Settlement, Settlements};
use crate::verify::verify_for_gas;
use crate::{RpcError, Unavailable};

/// What a token may need beyond its estimate: the payee's first balance, for one.
const GAS_MARGIN: u64 = 20_000;
/// Between two questions about a failed transaction to a chain that does not answer.
const RETRY: Duration = Duration::from_secs(1);

/// A settlement at work.
pub(crate) struct Work {
    pub(crate) order: Order,
    pub(crate) settlement: Settlement,
    pub(crate) settlements: Arc<Settlements>,
    pub(crate) payments: Arc<dyn DynPayments>,
    pub(crate) started: Instant,
    /// A place among the settlements that may be under way.
    pub(crate) _turn: OwnedSemaphorePermit,
}

impl Work {
    pub(crate) async fn run(self) {
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

    async fn settle(&self) -> Result<Outcome, Unavailable> {
        let earlier = self.earlier().await?;
        if let Some(earlier) = &earlier
            && let Some(outcome) = self.take_up(earlier).await?
        {
            return Ok(outcome);
        }
        if let Some(refusal) = &self.order.expired {
            return Ok(failed(refusal.clone()));
        }
        let gas = match verify_for_gas(&self.order).await.map_err(|error| self.trouble(error))? {
            Ok(gas) => gas,
            Err(refusal) => return self.refused(refusal, earlier.as_ref()).await,
        };
        self.write_down().await?;
        let outcome = self.send(gas).await;
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

    /// Takes a settlement up where an earlier process left it, if that sent a transaction.
    async fn take_up(&self, earlier: &Payment) -> Result<Option<Outcome>, Unavailable> {
        let transaction = earlier.transaction.as_ref().and_then(|hash| hash.parse().ok());
        let Some(transaction): Option<B256> = transaction else { return Ok(None) };
        match &earlier.status {
            Status::Settled => return Ok(Some(Outcome::Settled(transaction))),
            Status::Failed(_) => return Ok(None),
            _ => {}
        }
        let receipt = self.order.chain.rpc.receipt(transaction).await;
        let Some(receipt) = receipt.map_err(|error| self.trouble(error))? else {
            return Ok(None);
        };
        let outcome = self.mined(&receipt).await;
        self.complete(&outcome).await;
        Ok(Some(outcome))
    }

    /// The payment does not go through. If that is because an earlier process settled it and could
    /// not write that down any more, it is settled.
    async fn refused(
        &self,
        refusal: Refusal,
        earlier: Option<&Payment>,
    ) -> Result<Outcome, Unavailable> {
        let unfinished = earlier.filter(|line| !line.status.is_final());
        if let Some(earlier) = unfinished
            && refusal.reason == ErrorReason::InvalidExactEvmNonceAlreadyUsed
        {
            let age = now_millis().saturating_sub(earlier.created_at);
            let age = Duration::from_millis(u64::try_from(age).unwrap_or_default());
            let transfer = find_transfer(&self.order, age).await;
            if let Some(transaction) = transfer.map_err(|error| self.trouble(error))? {
                let outcome = Outcome::Settled(transaction);
                self.complete(&outcome).await;
                return Ok(outcome);
            }
        }
        Ok(failed(refusal))
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
        let written = self.payments.record(&line).await;
        written.map_err(|error| Unavailable::Store(Arc::new(error)))
    }

    /// Sends the transaction, from the least busy signer that can pay for it.
    async fn send(&self, gas: u64) -> Outcome {
        let Order { chain, terms, authorization, signature, .. } = &self.order;
        let cap = chain.limits.gas_limit_cap;
        let call = Call {
            to: terms.asset(),
            input: authorization.calldata(*signature),
            gas: gas.saturating_add(gas / 10).saturating_add(GAS_MARGIN).min(cap),
        };
        let mut why = Unavailable::Busy { network: chain.network.clone() };
        for sender in chain.senders_by_load() {
            let deadline = self.started + chain.limits.settle_deadline;
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
                    if !next_may_do {
                        break;
                    }
                    self.settlement.not_sent();
                }
                // The runtime is being shut down: nobody hears this any more.
                Err(_) => break,
            }
        }
        Outcome::NotSent(why)
    }

    /// Our transaction is in a block.
    async fn mined(&self, receipt: &TransactionReceipt) -> Outcome {
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
        loop {
            match self.settled_by_another().await {
                Ok(answer) => return answer,
                Err(error) => {
                    tracing::warn!(%error, "a failed transaction cannot be explained yet");
                    tokio::time::sleep(RETRY).await;
                }
            }
        }
    }

    async fn settled_by_another(&self) -> Result<Result<B256, Refusal>, RpcError> {
        // Before it was sent it would have gone through, so it cannot have been used before.
        if let Some(transaction) = find_transfer(&self.order, self.started.elapsed()).await? {
            return Ok(Ok(transaction));
        }
        let mut refusal = diagnose(&self.order, "the transaction failed").await?;
        if refusal.reason == ErrorReason::InvalidExactEvmTransactionSimulationFailed {
            refusal.reason = ErrorReason::InvalidExactEvmTransactionFailed;
        }
        Ok(Err(refusal))
    }

    async fn complete(&self, outcome: &Outcome) {
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

fn failed(refusal: Refusal) -> Outcome {
    Outcome::Failed { refusal, transaction: None }
}

fn now_millis() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
