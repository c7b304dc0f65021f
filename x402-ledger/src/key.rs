use std::fmt;
use std::hash::{BuildHasher, Hash, Hasher, RandomState};
use std::ops::Range;
use std::sync::{Arc, LazyLock};

use serde::{Deserialize, Serialize};
use x402_types::Network;

/// What one payment is known by, whatever header, body or signature carries it: network, asset,
/// payer and nonce. A chain lets each such combination be used once.
///
/// Never made of header or signature bytes: the same payment can be spelled in many ways.
///
/// Cheap to clone and to look up: clones share it, and it is hashed once, with a secret of this
/// process. The order of keys means nothing.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "Parts", into = "Parts")]
pub struct PaymentKey(Arc<Inner>);

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Inner {
    /// Compared first: keys that differ nearly always differ here.
    hash: u64,
    network: Network,
    /// Asset, payer and nonce in a row: there may be millions of keys.
    rest: Box<str>,
    asset_end: usize,
    payer_end: usize,
}

static HASHES: LazyLock<RandomState> = LazyLock::new(RandomState::new);

#[derive(Serialize, Deserialize)]
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
        let asset_end = asset.len();
        let payer_end = asset_end + payer.len();
        let mut rest = [asset, payer, nonce].concat();
        if evm {
            rest.make_ascii_lowercase();
        }
        let hash = HASHES.hash_one((&network, &rest, asset_end, payer_end));
        Self(Arc::new(Inner { hash, network, rest: rest.into(), asset_end, payer_end }))
    }

    fn part(&self, range: Range<usize>) -> &str {
        self.0.rest.get(range).unwrap_or_default()
    }

    /// The chain.
    pub fn network(&self) -> &Network {
        &self.0.network
    }

    /// The token.
    pub fn asset(&self) -> &str {
        self.part(0..self.0.asset_end)
    }

    /// Who pays.
    pub fn payer(&self) -> &str {
        self.part(self.0.asset_end..self.0.payer_end)
    }

    /// What the payer uses once.
    pub fn nonce(&self) -> &str {
        self.part(self.0.payer_end..self.0.rest.len())
    }
}

impl Hash for PaymentKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash.hash(state);
    }
}

impl fmt::Display for PaymentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (network, asset, payer) = (self.network(), self.asset(), self.payer());
        write!(f, "{network}/{asset}/{payer}/{}", self.nonce())
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
        Self {
            network: key.network().clone(),
            asset: key.asset().to_owned(),
            payer: key.payer().to_owned(),
            nonce: key.nonce().to_owned(),
        }
    }
}
