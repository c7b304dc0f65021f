//! A wallet that is not there yet (ERC-6492) is deployed before it pays, in a transaction of its own.
//!
//! Nothing of it is written down: whether it is done, the chain says.

use alloy_primitives::{B256, U256};
use tokio::time::Instant;
use x402_evm::Deployment;
use x402_types::ErrorReason;
use x402_types::scheme::Refusal;

use crate::Unavailable;
use crate::order::Order;
use crate::rpc::Message;
use crate::sender::{Call, Landed, Sender};
use crate::settle::{Work, with_margin};
use crate::settlements::{Outcome, Settlement};

impl Work {
    /// Deploys the payer's wallet, from the first signer that can pay for it.
    pub(crate) async fn deploy(&self, deployment: &Deployment) -> Result<(), Outcome> {
        let mut why = self.busy();
        for sender in self.senders() {
            match self.deploy_from(sender, deployment).await? {
                Some(error @ Unavailable::NoGas { .. }) => why = error,
                Some(error) => return Err(Outcome::NotSent(error)),
                None => return Ok(()),
            }
        }
        Err(Outcome::NotSent(why))
    }

    /// What kept the call from being sent, if something did.
    async fn deploy_from(
        &self,
        sender: &Sender,
        deployment: &Deployment,
    ) -> Result<Option<Unavailable>, Outcome> {
        let Order { chain, .. } = &self.order;
        let cap = chain.limits.deployment_gas_cap;
        let (to, input) = (deployment.factory, deployment.calldata.clone());
        let (from, value) = (sender.address(), U256::ZERO);
        let message = Message { from, to, value, input: input.clone(), gas: cap };
        let gas = match chain.rpc.estimate_gas(message).await {
            Ok(Ok(gas)) => with_margin(gas).min(cap),
            Ok(Err(reverted)) => return self.unless_deployed(&reverted.reason, None).await,
            Err(error) => return Err(Outcome::NotSent(self.trouble(error))),
        };
        let deadline = Instant::now() + chain.limits.settle_deadline;
        let landing = sender.submit(Call { to, value, input, gas }, deadline, Settlement::aside());
        let Some(landing) = landing else { return Ok(Some(self.busy())) };
        match landing.await {
            Ok(Landed::Mined(receipt)) if receipt.status() => {
                tracing::info!(transaction = %receipt.transaction_hash, "wallet deployed");
                Ok(None)
            }
            Ok(Landed::Mined(receipt)) => {
                let transaction = Some(receipt.transaction_hash);
                self.unless_deployed("its transaction failed", transaction).await
            }
            Ok(Landed::Displaced) => Ok(Some(self.rejected("another transaction took its place"))),
            Ok(Landed::NotSent(error)) => Ok(Some(error)),
            // The signer's task is gone, as when the runtime ends.
            Err(_) => std::future::pending().await,
        }
    }

    /// A factory may refuse what somebody else did just before.
    async fn unless_deployed(
        &self,
        why: &str,
        transaction: Option<B256>,
    ) -> Result<Option<Unavailable>, Outcome> {
        let Order { chain, payment, .. } = &self.order;
        match chain.rpc.has_code(payment.payer).await {
            Ok(true) => Ok(None),
            Ok(false) => {
                let why = format!("the factory does not deploy {}: {why}", payment.payer);
                let refusal = Refusal::new(ErrorReason::SmartWalletDeploymentFailed, why);
                Err(Outcome::Failed { refusal, transaction })
            }
            Err(error) => Err(Outcome::NotSent(self.trouble(error))),
        }
    }
}
