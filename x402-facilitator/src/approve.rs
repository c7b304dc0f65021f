//! A payer's approval of Permit2 is brought to the chain before its payment: with gas for it, where
//! the payer has none.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use alloy_primitives::{Address, B256, Bytes, U256};
use tokio::time::Instant;
use x402_types::ErrorReason;
use x402_types::scheme::Refusal;

use crate::batch::{self, Step, beyond_intrinsic};
use crate::order::Order;
use crate::payment::Approval;
use crate::rpc::Message;
use crate::sender::{Call, Landed, Reply, Sender};
use crate::settle::{DOUBTS, Work};
use crate::settlements::{Outcome, Settlement};
use crate::{RpcError, Unavailable};

/// The payers that were given gas and whose approval was not seen since.
#[derive(Debug, Default)]
pub(crate) struct Given {
    payers: Mutex<HashSet<Address>>,
}

/// Payers that may owe their approval at a time.
const MOST_GIVEN: usize = 10_000;

impl Given {
    fn has(&self, payer: Address) -> bool {
        self.payers().contains(&payer)
    }

    /// `false` where the payer was given some already, or too many were.
    fn give(&self, payer: Address) -> bool {
        let mut payers = self.payers();
        payers.len() < MOST_GIVEN && payers.insert(payer)
    }

    pub(crate) fn forget(&self, payer: Address) {
        self.payers().remove(&payer);
    }

    fn payers(&self) -> MutexGuard<'_, HashSet<Address>> {
        self.payers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether the approval can go through now, and the payment after it. `transfer` is the call that
/// settles the payment.
pub(crate) async fn check(
    order: &Order,
    approval: &Approval,
    transfer: Message,
) -> Result<Result<(), Refusal>, RpcError> {
    let Order { chain, payment, .. } = order;
    let (rpc, payer) = (&chain.rpc, payment.payer);
    let (nonce, fees, balance) =
        tokio::try_join!(rpc.nonce(payer), rpc.fees(), rpc.balance(payer))?;
    let refused = |why: String| Ok(Err(Refusal::new(ErrorReason::Erc20ApprovalTxFailed, why)));
    if approval.nonce != nonce {
        return refused(format!("its nonce is {}, the payer's next is {nonce}", approval.nonce));
    }
    // The estimate allows for twice the base fee.
    let base = fees.max_fee_per_gas.saturating_sub(fees.max_priority_fee_per_gas) / 2;
    if approval.max_fee < base {
        return refused(format!("it offers {} wei per gas, {base} are asked", approval.max_fee));
    }
    let lacks = approval.cost().saturating_sub(balance);
    let most = U256::from(chain.sponsored_wei.unwrap_or_default());
    if lacks > most {
        return refused(format!("the payer lacks {lacks} wei for gas, at most {most} are given"));
    }
    // What an approval does not use is the payer's to keep.
    if !lacks.is_zero() && approval.max_fee > fees.max_fee_per_gas.saturating_mul(2) {
        return refused(format!("it offers {} wei per gas, far too much", approval.max_fee));
    }
    // Where it is its turn, the approval may be on its way.
    if !lacks.is_zero() && chain.given.has(payer) && !chain.turns.is_taken(payer) {
        return refused("the payer was given gas before, and did not approve with it".to_owned());
    }
    let approve = Step {
        to: payment.asset,
        input: approval.input.clone(),
        gas: beyond_intrinsic(approval.gas, &approval.input),
        is_view: false,
    };
    let code = batch::caller(&approve);
    let cap = chain.limits.gas_limit_cap;
    let steps = [
        Step { to: payer, input: Bytes::new(), gas: cap, is_view: false },
        Step {
            gas: beyond_intrinsic(cap, &transfer.input),
            to: transfer.to,
            input: transfer.input,
            is_view: false,
        },
    ];
    let stepped = batch::rehearse(rpc, transfer.from, &steps, Some((payer, code))).await?;
    let Some([_, paid]) = stepped.and_then(|stepped| <[_; 2]>::try_from(stepped).ok()) else {
        let why = "this chain's node cannot simulate the approval and the payment together";
        return refused(why.to_owned());
    };
    Ok(paid.output.map(drop).map_err(|reverted| {
        let why = format!("after the approval: {}", reverted.reason);
        Refusal::new(payment.reasons.simulation.clone(), why)
    }))
}

impl Work {
    /// Brings the approval to the chain. Only one at a time of each payer.
    pub(crate) async fn approve(&self) -> Result<(), Outcome> {
        let Order { chain, payment, .. } = &self.order;
        let Some(approval) = &payment.approval else { return Ok(()) };
        let balance = chain.rpc.balance(payment.payer).await;
        let balance = balance.map_err(|error| Outcome::NotSent(self.trouble(error)))?;
        let lacks = approval.cost().saturating_sub(balance);
        if !lacks.is_zero() {
            self.give(lacks).await?;
        }
        self.broadcast(approval).await?;
        chain.given.forget(payment.payer);
        Ok(())
    }

    async fn give(&self, wei: U256) -> Result<(), Outcome> {
        let Order { chain, payment, .. } = &self.order;
        let payer = payment.payer;
        let most = U256::from(chain.sponsored_wei.unwrap_or_default());
        if wei > most {
            return Err(unapproved(format!("the payer lacks {wei} wei for gas"), None));
        }
        if !chain.given.give(payer) {
            return Err(unapproved("the payer was given gas before".to_owned(), None));
        }
        let mut why = self.busy();
        for sender in self.senders() {
            match self.give_from(sender, wei).await {
                Ok(None) => return Ok(()),
                Ok(Some(error @ Unavailable::NoGas { .. })) => why = error,
                Ok(Some(error)) => {
                    why = error;
                    break;
                }
                // It may have cost us something: not again.
                Err(refused) => return Err(refused),
            }
        }
        chain.given.forget(payer);
        Err(Outcome::NotSent(why))
    }

    /// What kept the gas money from being sent, if something did.
    async fn give_from(
        &self,
        sender: &Sender,
        value: U256,
    ) -> Result<Option<Unavailable>, Outcome> {
        let Order { chain, payment, .. } = &self.order;
        let (from, to, cap) = (sender.address(), payment.payer, chain.limits.gas_limit_cap);
        let message = Message { from, to, value, input: Bytes::new(), gas: cap };
        let gas = match chain.rpc.estimate_gas(message).await {
            Ok(Ok(gas)) => gas.saturating_add(gas / 10).min(cap),
            Ok(Err(reverted)) => {
                let why = format!("the payer cannot be given gas: {}", reverted.reason);
                return Err(unapproved(why, None));
            }
            Err(error) => return Ok(Some(self.trouble(error))),
        };
        let deadline = Instant::now() + chain.limits.settle_deadline;
        let call = Call { to, value, input: Bytes::new(), gas };
        let Some(landing) = sender.submit(call, deadline, Settlement::aside()) else {
            return Ok(Some(self.busy()));
        };
        match landing.await {
            Ok(Landed::Mined(receipt)) if receipt.status() => Ok(None),
            Ok(Landed::Mined(receipt)) => {
                let why = "the payer does not take gas money".to_owned();
                Err(unapproved(why, Some(receipt.transaction_hash)))
            }
            Ok(Landed::Displaced) => Ok(Some(self.rejected("another transaction took its place"))),
            Ok(Landed::NotSent(error)) => Ok(Some(error)),
            // The signer's task is gone, as when the runtime ends.
            Err(_) => std::future::pending().await,
        }
    }

    /// Sends the payer's transaction, again and again, until a block has it.
    async fn broadcast(&self, approval: &Approval) -> Result<(), Outcome> {
        let Order { chain, payment, .. } = &self.order;
        let deadline = Instant::now() + chain.limits.settle_deadline;
        let look = (chain.block_time / 8).clamp(Duration::from_millis(20), Duration::from_secs(1));
        let resend = chain.block_time.max(Duration::from_secs(1));
        let mut sent: Option<Instant> = None;
        let mut gone = 0;
        loop {
            let is_due = sent.is_none_or(|sent| sent.elapsed() >= resend);
            if is_due {
                match Reply::of(&chain.rpc.send(&approval.raw).await) {
                    Reply::Refused(why) if sent.is_none() => {
                        let why = format!("the node does not take the approval: {why}");
                        let reason = ErrorReason::Erc20ApprovalBroadcastFailed;
                        let refusal = Refusal::new(reason, why);
                        return Err(Outcome::Failed { refusal, transaction: None });
                    }
                    reply => tracing::debug!(hash = %approval.hash, ?reply, "approval sent"),
                }
                sent = Some(Instant::now());
            }
            let (receipt, next) =
                tokio::join!(chain.rpc.receipt(approval.hash), chain.rpc.nonce(payment.payer));
            match (receipt, next) {
                (Ok(Some(receipt)), _) if receipt.status() => return Ok(()),
                (Ok(Some(_)), _) => {
                    let why = "the approval failed".to_owned();
                    return Err(unapproved(why, Some(approval.hash)));
                }
                (Ok(None), Ok(next)) if next > approval.nonce && gone >= DOUBTS => {
                    let why = "the payer sent another transaction in its place".to_owned();
                    return Err(unapproved(why, None));
                }
                (Ok(None), Ok(next)) if next > approval.nonce && is_due => gone += 1,
                _ => {}
            }
            if Instant::now() >= deadline {
                return Err(Outcome::NotSent(self.rejected("the approval is in no block yet")));
            }
            tokio::time::sleep(look).await;
        }
    }
}

fn unapproved(why: String, transaction: Option<B256>) -> Outcome {
    let refusal = Refusal::new(ErrorReason::Erc20ApprovalTxFailed, why);
    Outcome::Failed { refusal, transaction }
}
