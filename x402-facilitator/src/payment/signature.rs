//! Who signed: an account's key, which shows at once, or a wallet, which only its code can tell.

use std::collections::HashSet;

use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use x402_evm::{Deployment, PayerSignature, Signature};
use x402_types::ErrorReason;
use x402_types::scheme::Refusal;

use super::Payment;
use crate::RpcError;
use crate::batch::{self, Step};
use crate::chain::Served;
use crate::rpc::{Message, Reverted};

/// What is known of a signature without the chain.
#[derive(Clone)]
pub(crate) enum Proof {
    /// The payer's own key made it.
    Key(Signature),
    /// It did not: if anybody, a wallet can say whether the payer signed.
    Wallet {
        signature: PayerSignature,
        /// What is wrong with it where the payer is no wallet.
        otherwise: Refusal,
    },
}

impl Proof {
    /// Reads a signature of which it is known whether it is the key's.
    pub(super) fn read(
        by_key: Result<Signature, Refusal>,
        signature: &str,
    ) -> Result<Self, Refusal> {
        let otherwise = match by_key {
            Ok(signature) => return Ok(Self::Key(signature)),
            Err(refusal) => refusal,
        };
        match signature.parse() {
            Ok(signature) => Ok(Self::Wallet { signature, otherwise }),
            Err(error) => Err(Refusal { detail: format!("{error}"), ..otherwise }),
        }
    }

    /// What tells a wallet's signature from another over the same payment.
    pub(crate) fn fingerprint(&self) -> Option<B256> {
        match self {
            Self::Key(_) => None,
            Self::Wallet { signature, .. } => Some(keccak256(signature.bytes())),
        }
    }

    /// The signature, whoever made it.
    pub(super) fn signature(&self) -> PayerSignature {
        match self {
            Self::Key(signature) => PayerSignature::from(*signature),
            Self::Wallet { signature, .. } => signature.clone(),
        }
    }
}

/// Who answers for a signature.
#[derive(Debug)]
pub(crate) enum Answering {
    /// The payer's key, or its code.
    Payer,
    /// A wallet that this call deploys, which signed, and what came of its payment after that.
    Deployed(Deployment, Result<(), Reverted>),
}

/// Whether the payer signed. Where it has code, that of EIP-7702 included, the code alone decides:
/// its key may have been given up. `transfer` is the call that settles the payment.
pub(crate) async fn signed(
    payment: &Payment,
    chain: &Served,
    transfer: Message,
) -> Result<Result<Answering, Refusal>, RpcError> {
    if !chain.rpc.has_code(payment.payer).await? {
        let (signature, otherwise) = match &payment.proof {
            Proof::Key(_) => return Ok(Ok(Answering::Payer)),
            Proof::Wallet { signature, otherwise } => (signature, otherwise),
        };
        return match deployment(signature, otherwise, &chain.wallet_factories) {
            Ok(deployment) => rehearse(payment, chain, signature, deployment, transfer).await,
            Err(refusal) => Ok(Err(refusal)),
        };
    }
    let question = Message {
        from: Address::ZERO,
        to: payment.payer,
        value: U256::ZERO,
        input: payment.proof.signature().question(payment.digest),
        gas: chain.limits.gas_limit_cap,
    };
    let answer = chain.rpc.output(question).await?;
    Ok(judge(payment, answer).map(|()| Answering::Payer))
}

fn judge(payment: &Payment, answer: Result<Bytes, Reverted>) -> Result<(), Refusal> {
    let refused = |why: String| Err(Refusal::new(payment.reasons.signature.clone(), why));
    match answer {
        Ok(answer) if PayerSignature::is_yes(&answer) => Ok(()),
        Ok(_) => refused(format!("the wallet {} did not sign this", payment.payer)),
        Err(reverted) => refused(format!("the wallet cannot tell: {}", reverted.reason)),
    }
}

fn deployment(
    signature: &PayerSignature,
    otherwise: &Refusal,
    factories: &HashSet<Address>,
) -> Result<Deployment, Refusal> {
    match signature.deployment() {
        None => Err(otherwise.clone()),
        Some(deployment) if !factories.contains(&deployment.factory) => Err(Refusal::new(
            ErrorReason::Eip6492FactoryNotAllowed,
            format!("this facilitator does not call the factory {}", deployment.factory),
        )),
        Some(deployment) => Ok(deployment.clone()),
    }
}

/// Deploys the wallet, asks it, and lets it pay, all without changing anything.
async fn rehearse(
    payment: &Payment,
    chain: &Served,
    signature: &PayerSignature,
    deployment: Deployment,
    transfer: Message,
) -> Result<Result<Answering, Refusal>, RpcError> {
    let limits = chain.limits;
    let step = |to, input: Bytes, cap, is_view| {
        let gas = batch::beyond_intrinsic(cap, &input);
        Step { to, input, gas, is_view }
    };
    let steps = [
        step(deployment.factory, deployment.calldata.clone(), limits.deployment_gas_cap, false),
        step(payment.payer, signature.question(payment.digest), limits.gas_limit_cap, true),
        step(transfer.to, transfer.input, limits.gas_limit_cap, false),
    ];
    let stepped = batch::rehearse(&chain.rpc, transfer.from, &steps, None).await?;
    let stepped = stepped.and_then(|stepped| <[_; 3]>::try_from(stepped).ok());
    let Some([deployed, asked, paid]) = stepped else {
        return Ok(Err(Refusal::new(
            ErrorReason::InvalidExactEvmPayloadUndeployedSmartWallet,
            "the wallet is not deployed yet, and its deployment cannot be simulated on this chain",
        )));
    };
    let undeployed = |why| Ok(Err(Refusal::new(ErrorReason::SmartWalletDeploymentFailed, why)));
    if let Err(reverted) = deployed.output {
        return undeployed(format!("the factory does not take the call: {}", reverted.reason));
    }
    if !asked.had_code {
        return undeployed(format!("the factory's call does not deploy {}", payment.payer));
    }
    if let Err(refusal) = judge(payment, asked.output) {
        return Ok(Err(refusal));
    }
    Ok(Ok(Answering::Deployed(deployment, paid.output.map(drop))))
}
