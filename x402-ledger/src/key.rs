use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use x402_types::Network;

/// What one payment is known by, whatever header, body or signature carries it: network, asset,
/// payer and nonce. A chain lets each such combination be used once.
///
/// Never made of header or signature bytes: the same payment can be spelled in many ways.
///
/// Cheap to clone: clones share it.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "Parts", into = "Parts")]
pub struct PaymentKey(Arc<Parts>);

#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
struct Parts {
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
        let (asset, payer, nonce) = (fold(asset), fold(payer), fold(nonce));
        Self(Arc::new(Parts { network, asset, payer, nonce }))
    }

    /// The chain.
    pub fn network(&self) -> &Network {
        &self.0.network
    }

    /// The token.
    pub fn asset(&self) -> &str {
        &self.0.asset
    }

    /// Who pays.
    pub fn payer(&self) -> &str {
        &self.0.payer
    }

    /// What the payer uses once.
    pub fn nonce(&self) -> &str {
        &self.0.nonce
    }
}

impl fmt::Display for PaymentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Parts { network, asset, payer, nonce } = &*self.0;
        write!(f, "{network}/{asset}/{payer}/{nonce}")
    }
}

impl fmt::Debug for PaymentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<Parts> for PaymentKey {
    /// Folds again: what was written down elsewhere may be spelled otherwise.
    fn from(Parts { network, asset, payer, nonce }: Parts) -> Self {
        Self::new(network, &asset, &payer, &nonce)
    }
}

impl From<PaymentKey> for Parts {
    fn from(key: PaymentKey) -> Self {
        (*key.0).clone()
    }
}
