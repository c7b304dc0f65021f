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
pub struct PaymentKey {
    /// Compared first: keys that differ nearly always differ here.
    hash: u64,
    inner: Arc<Inner>,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Inner {
    network: Network,
    /// Asset, payer and nonce in a row.
    rest: Box<str>,
    asset_end: usize,
    payer_end: usize,
    /// The same as bytes.
    evm: Option<Evm>,
}

/// A key of an EVM chain, with a nonce of 32 bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Evm {
    hash: u64,
    chain_id: u64,
    asset: [u8; 20],
    payer: [u8; 20],
    nonce: [u8; 32],
}

impl Evm {
    pub(crate) fn hash(&self) -> u64 {
        self.hash
    }

    pub(crate) fn key(&self) -> PaymentKey {
        let hex = |bytes: &[u8]| const_hex::encode_prefixed(bytes);
        let (asset, payer, nonce) = (hex(&self.asset), hex(&self.payer), hex(&self.nonce));
        PaymentKey::new(Network::eip155(self.chain_id), &asset, &payer, &nonce)
    }
}

/// The bytes of `0x` and just so many digits. Keys have them in lower case.
fn bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.strip_prefix("0x").filter(|digits| digits.len() == 2 * N)?;
    let mut bytes = [0; N];
    const_hex::decode_to_slice(digits, &mut bytes).ok()?;
    Some(bytes)
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
        let chain_id = network.chain_id();
        let asset_end = asset.len();
        let payer_end = asset_end + payer.len();
        let mut rest = [asset, payer, nonce].concat();
        if chain_id.is_some() {
            rest.make_ascii_lowercase();
        }
        let hash = HASHES.hash_one((&network, &rest, asset_end, payer_end));
        let evm = chain_id.and_then(|chain_id| {
            let part = |range: Range<usize>| rest.get(range);
            let asset = bytes(part(0..asset_end)?)?;
            let payer = bytes(part(asset_end..payer_end)?)?;
            let nonce = bytes(part(payer_end..rest.len())?)?;
            Some(Evm { hash, chain_id, asset, payer, nonce })
        });
        let inner = Inner { network, rest: rest.into(), asset_end, payer_end, evm };
        Self { hash, inner: Arc::new(inner) }
    }

    /// What it hashes to.
    pub(crate) fn prehashed(&self) -> u64 {
        self.hash
    }

    pub(crate) fn evm(&self) -> Option<&Evm> {
        self.inner.evm.as_ref()
    }

    fn part(&self, range: Range<usize>) -> &str {
        self.inner.rest.get(range).unwrap_or_default()
    }

    /// The chain.
    pub fn network(&self) -> &Network {
        &self.inner.network
    }

    /// The token.
    pub fn asset(&self) -> &str {
        self.part(0..self.inner.asset_end)
    }

    /// Who pays.
    pub fn payer(&self) -> &str {
        self.part(self.inner.asset_end..self.inner.payer_end)
    }

    /// What the payer uses once.
    pub fn nonce(&self) -> &str {
        self.part(self.inner.payer_end..self.inner.rest.len())
    }
}

impl Hash for PaymentKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.hash.hash(state);
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
