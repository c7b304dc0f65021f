//! A payment's way to settlement, in a task of its own: nobody's disconnect ends it.

use std::sync::Arc;
use std::time::Duration;

use alloy_primitives::U256;
use alloy_rpc_types_eth::TransactionReceipt;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;
use x402_ledger::Status;
use x402_ledger::dynamic::DynPayments;
use x402_types::ErrorReason;
use x402_types::scheme::Refusal;

use crate::books::{Earlier, now_millis};
use crate::facilitator::now;
use crate::order::Order;
use crate::payment::Found;
use crate::receipt::{Verdict, find_transfer, judge};
use crate::rpc::Reverted;
use crate::sender::{Call, Landed, Sender};
use crate::settlements::{Outcome, Progress, Settlement, Settlements};
use crate::verify::{Checked, verify_for_gas};
use crate::{RpcError, Unavailable};

/// What a token may need beyond its estimate: the payee's first balance, for one.
const GAS_MARGIN: u64 = 20_000;
/// Between two questions about what is not known yet.
pub(crate) const RETRY: Duration = Duration::from_secs(1);
/// How often a failure that nothing explains is asked about again: behind one address there may be
/// several nodes, not all of them up to date.
pub(crate) const DOUBTS: u32 = 5;

/// How far back it is looked for what used a payment that nobody remembers: longer than payments are
/// usually good for.
const LOOKED_BACK: Duration = Duration::from_secs(60 * 60);

/// What is told where something cannot be done that must be done before a payment.
const BEFOREHAND: [ErrorReason; 2] =
    [ErrorReason::SmartWalletDeploymentFailed, ErrorReason::Erc20ApprovalTxFailed];

/// Why an authorization is not settled that was settled over another amount.
pub(crate) const OTHER_AMOUNT: &str =
    "the authorization is settled over another amount, or being so";

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
            Outcome::Unknown(transaction) => {
                tracing::warn!(?transaction, "not known whether settled");
            }
            Outcome::NotSent(error) => {
                tracing::warn!(error = error as &dyn std::error::Error, "not sent");
            }
        }
        self.settlement.finish(outcome);
        self.settlements.release(&self.order.payment.id, &self.settlement);
    }

    async fn settle(&mut self) -> Result<Outcome, Unavailable> {
        let earlier = match self.earlier().await? {
            Earlier::Nothing => return self.begin().await,
            Earlier::OtherAmount => return Ok(failed(self.other_amount())),
            Earlier::Line(line) => line,
        };
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
        let payment = &self.order.payment;
        if let Some(refusal) = &payment.expired {
            return Ok(failed(refusal.clone()));
        }
        let mut checked = verify_for_gas(&self.order).await;
        if let Ok(Err(refusal)) = &checked
            && (BEFOREHAND.contains(&refusal.reason)
                || payment.approval.is_some() && refusal.reason == payment.reasons.simulation)
        {
            // Another payment of the same payer may just have done it, even between the simulation
            // and the question why it failed.
            let _turn = self.order.chain.turns.take(payment.payer).await;
            checked = verify_for_gas(&self.order).await;
        }
        let checked = match checked.map_err(|error| self.trouble(error))? {
            Ok(checked) => checked,
            Err(refusal) if refusal.reason == payment.reasons.used => {
                return Ok(self.used_before(refusal).await);
            }
            Err(refusal) => return Ok(failed(refusal)),
        };
        self.write_down().await?;
        let outcome = match checked {
            Checked::Ready(gas) => self.send(gas, self.started).await,
            Checked::After(_) => self.prepare_and_send().await,
        };
        self.complete(&outcome).await;
        Ok(outcome)
    }

    /// Whether a payment that was used before we sent anything was settled by that, perhaps by a
    /// process of ours that wrote nothing down.
    async fn used_before(&self, refusal: Refusal) -> Outcome {
        // From here on it may turn out to be settled, so nobody's patience makes it one that was not.
        if !self.settlement.advance(Progress::Sent(None)) {
            return Outcome::NotSent(self.busy());
        }
        let begins = Duration::from_secs(now().saturating_sub(self.order.payment.begins));
        let outcome = self.found(refusal, begins.min(LOOKED_BACK)).await;
        if let Outcome::Settled(_) = outcome {
            match self.write_down().await {
                Ok(()) => self.complete(&outcome).await,
                Err(error) => tracing::error!(%error, "the books are behind"),
            }
        }
        outcome
    }

    /// What became of a payment that was used, by what blocks of the latest time show.
    pub(crate) async fn found(&self, refusal: Refusal, since: Duration) -> Outcome {
        match find_transfer(&self.order, since).await {
            Ok(Found::Settled(transaction)) => Outcome::Settled(transaction),
            Ok(Found::Nothing) => failed(refusal),
            Ok(Found::Unclear) => Outcome::Unknown(None),
            Err(error) => {
                tracing::warn!(%error, "a payment that was used cannot be looked for");
                Outcome::Unknown(None)
            }
        }
    }

    /// Sends the transaction, from the least busy signer that can pay for it. It may wait for its
    /// turn as long as a settlement may take, `since` when, and the payment has not expired.
    pub(crate) async fn send(&self, gas: u64, since: Instant) -> Outcome {
        let Order { chain, payment, .. } = &self.order;
        let cap = chain.limits.gas_limit_cap;
        let gas = with_margin(gas).min(cap);
        let (to, input) = (payment.to, payment.input.clone());
        let call = Call { to, value: U256::ZERO, input, gas };
        let limit = chain.limits.settle_deadline;
        let deadline = (since + limit).min(Instant::now() + payment.left(now()).min(limit));
        let mut why = Unavailable::Busy { network: chain.network.clone() };
        let before = self.settlement.progress();
        for sender in self.senders() {
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

    /// The signers that may settle this, least busy first.
    pub(crate) fn senders(&self) -> impl Iterator<Item = &Sender> {
        let only_from = self.order.payment.only_from;
        let may_send = move |sender: &&Sender| only_from.is_none_or(|it| it == sender.address());
        self.order.chain.senders_by_load().into_iter().filter(may_send)
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
                Ok(Found::Settled(settled_by)) => Outcome::Settled(settled_by),
                Ok(_) => Outcome::Unknown(Some(transaction)),
                Err(refusal) => failed(refusal),
            },
        }
    }

    /// Our transaction will never be in a block.
    async fn displaced(&self) -> Outcome {
        match self.after_failure().await {
            Ok(Found::Settled(settled_by)) => Outcome::Settled(settled_by),
            Ok(_) => Outcome::Unknown(self.settlement.transaction()),
            Err(refusal) if refusal.reason == self.order.payment.reasons.used => failed(refusal),
            Err(_) => Outcome::NotSent(Unavailable::Rejected {
                network: self.order.chain.network.clone(),
                message: "another transaction took its place".to_owned(),
            }),
        }
    }

    /// Whether somebody else's transaction settled this very payment, and if not, why ours failed.
    /// Until the chain answers that, the outcome is not known. Nor is it where money moved through a
    /// contract that does not show for which payment: called failed, a payer that it moved for would
    /// be asked to pay again.
    async fn after_failure(&self) -> Result<Found, Refusal> {
        let mut asked = 0;
        loop {
            match self.settled_by_another().await {
                Ok(Ok(Found::Unclear)) if asked < DOUBTS => asked += 1,
                Ok(Err(refusal)) if self.is_doubtful(&refusal) && asked < DOUBTS => asked += 1,
                Ok(answer) => return answer,
                Err(error) => {
                    tracing::warn!(%error, "a failed transaction cannot be explained yet");
                }
            }
            tokio::time::sleep(RETRY).await;
        }
    }

    async fn settled_by_another(&self) -> Result<Result<Found, Refusal>, RpcError> {
        let Order { chain, payment, .. } = &self.order;
        let reasons = payment.reasons;
        let failure = Reverted::new("the transaction failed");
        let mut refusal = payment.diagnose(&chain.rpc, &failure).await?;
        if refusal.reason == reasons.used {
            // Before it was sent it would have gone through, so it cannot have been used before.
            match find_transfer(&self.order, self.age()).await? {
                Found::Nothing => {}
                found => return Ok(Ok(found)),
            }
        }
        if refusal.reason == reasons.simulation {
            refusal.reason = reasons.transaction.clone();
        }
        Ok(Err(refusal))
    }

    /// Whether a node that is a block behind would give this for the reason of a failure.
    fn is_doubtful(&self, refusal: &Refusal) -> bool {
        let reasons = self.order.payment.reasons;
        // A settlement by somebody else may have used up money and allowance as well.
        let used_up =
            [ErrorReason::Permit2AllowanceRequired, ErrorReason::Permit2InsufficientBalance];
        refusal.reason == reasons.transaction
            || refusal.reason == reasons.used
            || used_up.contains(&refusal.reason)
    }

    /// How long ago the first attempt to settle this began.
    pub(crate) fn age(&self) -> Duration {
        self.begun_before.saturating_add(self.started.elapsed())
    }

    fn other_amount(&self) -> Refusal {
        Refusal::new(self.order.payment.reasons.used.clone(), OTHER_AMOUNT)
    }

    pub(crate) fn trouble(&self, error: RpcError) -> Unavailable {
        Unavailable::rpc(&self.order.chain.network, error)
    }
}

/// What a transaction brings that was estimated to need so much.
pub(crate) fn with_margin(gas: u64) -> u64 {
    gas.saturating_add(gas / 10).saturating_add(GAS_MARGIN)
}

pub(crate) fn failed(refusal: Refusal) -> Outcome {
    Outcome::Failed { refusal, transaction: None }
}
