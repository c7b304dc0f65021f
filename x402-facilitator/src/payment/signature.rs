//! Who signed: an account's key, which shows at once, or a wallet, which only its code can tell.

use std::collections::HashSet;

use alloy_primitives::{Address, B256, keccak256};
use x402_evm::{PayerSignature, Signature};
use x402_types::ErrorReason;
use x402_types::scheme::Refusal;

use super::Payment;
use crate::RpcError;
use crate::rpc::{Message, Rpc};

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

/// Whether the payer signed. Where it has code, that of EIP-7702 included, the code alone decides:
/// its key may have been given up.
pub(crate) async fn signed(
    payment: &Payment,
    rpc: &Rpc,
    gas: u64,
    factories: &HashSet<Address>,
) -> Result<Result<(), Refusal>, RpcError> {
    if !rpc.has_code(payment.payer).await? {
        return Ok(match &payment.proof {
            Proof::Key(_) => Ok(()),
            Proof::Wallet { signature, otherwise } => {
                Err(without_code(signature, otherwise, factories))
            }
        });
    }
    let question = Message {
        from: Address::ZERO,
        to: payment.payer,
        input: payment.proof.signature().question(payment.digest),
        gas,
    };
    let refused = |why: String| Refusal::new(payment.reasons.signature.clone(), why);
    Ok(match rpc.output(question).await? {
        Ok(answer) if PayerSignature::is_yes(&answer) => Ok(()),
        Ok(_) => Err(refused(format!("the wallet {} did not sign this", payment.payer))),
        Err(reverted) => Err(refused(format!("the wallet cannot tell: {}", reverted.reason))),
    })
}

fn without_code(
    signature: &PayerSignature,
    otherwise: &Refusal,
    factories: &HashSet<Address>,
) -> Refusal {
    match signature.deployment() {
        None => otherwise.clone(),
        Some(deployment) if !factories.contains(&deployment.factory) => Refusal::new(
            ErrorReason::Eip6492FactoryNotAllowed,
            format!("this facilitator does not call the factory {}", deployment.factory),
        ),
        Some(_) => Refusal::new(
            ErrorReason::InvalidExactEvmPayloadUndeployedSmartWallet,
            "the wallet is not deployed yet, and this facilitator does not deploy it",
        ),
    }
}
