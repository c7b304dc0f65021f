use std::fmt;

use serde::{Deserialize, Serialize};
use x402_types::Network;

/// What one payment is known by, whatever header, body or signature carries it: network, asset,
/// payer and nonce. A chain lets each such combination be used once.
///
/// Never made of header or signature bytes: the same payment can be spelled in many ways.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PaymentKey {
    network: Network,
    asset: String,
    payer: String,
    nonce: String,
}

impl PaymentKey {
    /// The key of a payment. On EVM chains, where hexadecimal digits have no case, all parts are
    /// folded to lower case.
    pub fn new(network: Network, asset: &str, payer: &str, nonce: &str) -> Self {
        let evm = network.chain_id().is_some();
        let fold = |text: &str| if evm { text.to_ascii_lowercase() } else { text.to_owned() };
        Self { asset: fold(asset), payer: fold(payer), nonce: fold(nonce), network }
    }

    /// The chain.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// The token.
    pub fn asset(&self) -> &str {
        &self.asset
    }

    /// Who pays.
    pub fn payer(&self) -> &str {
        &self.payer
    }

    /// What the payer uses once.
    pub fn nonce(&self) -> &str {
        &self.nonce
    }
}

impl fmt::Display for PaymentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { network, asset, payer, nonce } = self;
        write!(f, "{network}/{asset}/{payer}/{nonce}")
    }
}
