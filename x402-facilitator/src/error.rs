use std::sync::Arc;

use x402_ledger::StoreError;
use x402_types::Network;
use x402_types::facilitator::FacilitatorError;

use crate::RpcError;

/// Why this facilitator can give no answer now. The payment was not sent, and its money did not move,
/// though its wallet may have been deployed, or its payer given gas for its approval.
///
/// Within the process it comes as the source of [`FacilitatorError::NotSent`], over HTTP as status
/// 502 or 503. What is not known after a transaction was sent is no error but the answer
/// `settlement_pending`.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Unavailable {
    /// As many payments are under way as the chain's `max_in_flight`, or this one waited too long
    /// for its turn. Ask again later.
    #[error("too many payments are under way on {network}")]
    Busy {
        /// The chain.
        network: Network,
    },
    /// No signer can pay for the transaction.
    #[error("no signer on {network} has enough for gas")]
    NoGas {
        /// The chain.
        network: Network,
    },
    /// The chain's fees are above the chain's `max_fee_per_gas`.
    #[error("gas on {network} costs {needed} wei, more than the {cap} wei that are allowed")]
    FeesTooHigh {
        /// The chain.
        network: Network,
        /// What a transaction would have to offer, in wei per gas.
        needed: u128,
        /// What it may offer, in wei per gas.
        cap: u128,
    },
    /// The chain's RPC gave no answer.
    #[error("the RPC of {network} gave no answer")]
    Rpc {
        /// The chain.
        network: Network,
        /// What happened.
        source: Arc<RpcError>,
    },
    /// The chain's RPC takes no transaction of ours.
    #[error("the RPC of {network} refused the transaction: {message}")]
    Rejected {
        /// The chain.
        network: Network,
        /// The node's words.
        message: String,
    },
    /// The books cannot be written, so nothing was sent.
    #[error("the payment could not be written down")]
    Store(#[source] Arc<StoreError>),
}

impl Unavailable {
    pub(crate) fn rpc(network: &Network, error: RpcError) -> Self {
        Self::Rpc { network: network.clone(), source: Arc::new(error) }
    }
}

impl From<Unavailable> for FacilitatorError {
    fn from(error: Unavailable) -> Self {
        Self::NotSent(Box::new(error))
    }
}
