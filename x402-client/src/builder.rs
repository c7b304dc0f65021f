use std::fmt;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use x402_evm::{ChainReader, ExactEvmPayer, Signer, UptoEvmPayer};
use x402_ledger::dynamic::DynPayments;
use x402_ledger::{MemoryStore, Payments};
use x402_types::scheme::ClientScheme;
use x402_types::{Asset, Network, NetworkError};

use crate::limit::MAX_DECIMALS;
use crate::outstanding::Outstanding;
use crate::payer::{Clock, Inner};
use crate::{Limit, LimitError, Payer};

/// How a [`Payer`] pays. Mistakes are told by [`build`](Self::build), all at once.
#[must_use]
pub struct PayerBuilder {
    accounts: Vec<Account>,
    schemes: Vec<Box<dyn ClientScheme>>,
    chain: Option<Arc<dyn ChainReader>>,
    #[cfg(feature = "reqwest")]
    nodes: Vec<(Result<Network, NetworkError>, String)>,
    approves_permit2: bool,
    limit: Result<Limit, LimitError>,
    networks: Option<Vec<Result<Network, NetworkError>>>,
    assets: Vec<Asset>,
    ledger: Arc<dyn DynPayments>,
    allow_plain_http: bool,
    keep_resource_query: bool,
    clock: Clock,
}

/// What a signer can pay by, once it is known whether there are chains to be read, and Permit2 to be
/// approved.
type Account =
    Box<dyn FnOnce(Option<Arc<dyn ChainReader>>, bool) -> [Box<dyn ClientScheme>; 2] + Send>;

/// Everything that is wrong with a configuration.
#[derive(Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// At least one.
    pub mistakes: Vec<Mistake>,
}

/// Something wrong with a configuration, and what to change.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Mistake {
    /// Nothing to pay with.
    #[error("there is nothing to pay with: give a key with `signer`, or a `scheme`")]
    NoScheme,
    /// Two schemes of one name for one network.
    #[error("two schemes are called {scheme:?} on {network}: give one `signer` or `scheme` for it")]
    TwoSchemes {
        /// Their name.
        scheme: String,
        /// A network that both cover.
        network: Network,
    },
    /// Not a limit.
    #[error("`max_per_payment`: {0}")]
    Limit(#[from] LimitError),
    /// Not a network.
    #[error("`networks`: {0}")]
    Network(#[from] NetworkError),
    /// `networks` was given none.
    #[error("`networks` is empty, so nothing could be paid: name one, or leave it out for all")]
    NoNetworks,
    /// Nothing covers this network.
    #[error("`networks`: no signer or scheme covers {0}")]
    NotCovered(Network),
    /// A node was named for what is not a network.
    #[error("`rpc`: {0}")]
    Node(NetworkError),
    /// A node was named for a chain that is not an EVM's.
    #[error("`rpc`: {0} is not an EVM chain")]
    NotReadable(Network),
    /// A node's address is none.
    #[error("`rpc`: a node's address begins with https:// or http://")]
    NodeUrl,
    /// No client for the nodes.
    #[error("`rpc`: {0}")]
    NodeClient(String),
    /// Nodes and a reader of one's own.
    #[error("`rpc` and `chain_reader` exclude each other")]
    TwoReaders,
    /// Permit2 was to be approved without a look at the chain.
    #[error(
        "`approve_permit2` needs a chain to look at: name a node with `rpc`, or a `chain_reader`"
    )]
    ApprovalUnseen,
    /// No token is known on this network.
    #[error("`networks`: no token is known on {0}: describe one with `asset`")]
    NoAsset(Network),
    /// A token of the pinned table was described in another way.
    #[error("`asset`: {symbol} on {network} is known, and is not as described: leave it out")]
    KnownOtherwise {
        /// The token's symbol, as known.
        symbol: String,
        /// Its network.
        network: Network,
    },
    /// More decimals than any token has.
    #[error("`asset`: {symbol} has {decimals} decimals; at most 36 are possible")]
    Decimals {
        /// The token's symbol.
        symbol: String,
        /// Its decimals.
        decimals: u8,
    },
}

impl PayerBuilder {
    pub(crate) fn new() -> Self {
        Self {
            accounts: Vec::new(),
            schemes: Vec::new(),
            chain: None,
            #[cfg(feature = "reqwest")]
            nodes: Vec::new(),
            approves_permit2: false,
            limit: "$1".parse(),
            networks: None,
            assets: Vec::new(),
            ledger: Arc::new(MemoryStore::with_capacity(DEFAULT_LINES)),
            allow_plain_http: false,
            keep_resource_query: false,
            clock: Box::new(system_time),
        }
    }

    /// Pays by `exact` and `upto` on EVM chains, from this signer's account. Of `upto` the most that
    /// may be settled is what counts against the limit.
    pub fn signer(mut self, signer: impl Signer) -> Self {
        self.accounts.push(Box::new(|chain, approves| {
            let signer = Arc::new(signer);
            let mut exact = ExactEvmPayer::new(Arc::clone(&signer));
            let mut upto = UptoEvmPayer::new(signer);
            if let Some(chain) = chain {
                (exact, upto) = (exact.reading(Arc::clone(&chain)), upto.reading(chain));
            }
            if approves {
                (exact, upto) = (exact.approving_permit2(), upto.approving_permit2());
            }
            [Box::new(exact), Box::new(upto)]
        }));
        self
    }

    /// Reads this network's chain through a node's JSON-RPC before it pays by Permit2: whether
    /// Permit2 may move the money. Where it may not, an allowance over just the amount is signed if
    /// the seller's facilitator puts it on chain (`eip2612GasSponsoring`), and otherwise nothing,
    /// unless [`approve_permit2`](Self::approve_permit2) is on.
    ///
    /// Without, payments by Permit2 are signed and sent unseen; nothing else needs it.
    #[cfg(feature = "reqwest")]
    pub fn rpc(mut self, network: impl AsRef<str>, url: impl Into<String>) -> Self {
        self.nodes.push((network.as_ref().parse(), url.into()));
        self
    }

    /// The same as `rpc`, through a reader of one's own.
    pub fn chain_reader(mut self, reader: impl ChainReader) -> Self {
        self.chain = Some(Arc::new(reader));
        self
    }

    /// Approves Permit2 where it may not yet move a token, the seller takes no permit of EIP-2612
    /// for it, and its facilitator puts an approval on chain (`erc20ApprovalGasSponsoring`). Needs
    /// `rpc` or [`chain_reader`](Self::chain_reader), and is for the accounts of
    /// [`signer`](Self::signer).
    ///
    /// This is more than a payment, and no limit counts it: a signed transaction lets Permit2 move
    /// all that the account has of the token, now and later, so that from then on one more signature
    /// for Permit2 may be worth that much. Whoever has the transaction can put it on chain, paid or
    /// not. Its gas comes out of the account, though facilitators may fund it: at most a hundredth of
    /// the chain's coin, whatever the node says of fees, and on some rollups their data fee on top.
    pub fn approve_permit2(mut self) -> Self {
        self.approves_permit2 = true;
        self
    }

    /// Pays by this scheme too.
    pub fn scheme(mut self, scheme: impl ClientScheme) -> Self {
        self.schemes.push(Box::new(scheme));
        self
    }

    /// Pays at most so many dollars at once: `"$0.10"`. One dollar unless told otherwise. [`Limit`]
    /// tells what this covers.
    pub fn max_per_payment(mut self, limit: &str) -> Self {
        self.limit = limit.parse();
        self
    }

    /// Pays on these networks only, named as CAIP-2 (`"eip155:84532"`) or as in version 1
    /// (`"base-sepolia"`). Unless told, on every network on which it knows a token.
    pub fn networks(mut self, networks: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        let networks = networks.into_iter().map(|network| network.as_ref().parse());
        self.networks.get_or_insert_default().extend(networks);
        self
    }

    /// Pays in this token too, which the pinned table does not have.
    ///
    /// The limit counts it as a dollar a piece. Its decimals and signing domain are believed as
    /// given here, never as a seller gives them.
    pub fn asset(mut self, asset: Asset) -> Self {
        self.assets.push(asset);
        self
    }

    /// Keeps the books here. Unless told, the newest lines are kept in memory.
    pub fn ledger(mut self, ledger: impl Payments) -> Self {
        self.ledger = Arc::new(ledger);
        self
    }

    /// Pays sellers over plain http too, where anybody on the way can take the payment or change
    /// its payee. Without it only `https` is paid, and `http` on this very machine.
    pub fn allow_plain_http(mut self) -> Self {
        self.allow_plain_http = true;
        self
    }

    /// Echoes the resource's address together with its query.
    ///
    /// A payment is handed on to the seller's facilitator, which has no need to read what was asked
    /// for; the query is therefore left out unless told otherwise. Sellers do not compare it.
    pub fn keep_resource_query(mut self) -> Self {
        self.keep_resource_query = true;
        self
    }

    /// Takes the time from here, in seconds since 1970, instead of from the system.
    pub fn clock(mut self, clock: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        self.clock = Box::new(clock);
        self
    }

    /// The payer.
    ///
    /// # Errors
    /// [`ConfigError`] with everything that is wrong.
    pub fn build(mut self) -> Result<Payer, ConfigError> {
        let mut mistakes = Vec::new();
        #[cfg(feature = "reqwest")]
        if !self.nodes.is_empty() {
            match reader(std::mem::take(&mut self.nodes), &mut mistakes) {
                Some(_) if self.chain.is_some() => mistakes.push(Mistake::TwoReaders),
                reader => self.chain = reader,
            }
        }
        for account in std::mem::take(&mut self.accounts) {
            self.schemes.extend(account(self.chain.clone(), self.approves_permit2));
        }
        if self.approves_permit2 && self.chain.is_none() {
            mistakes.push(Mistake::ApprovalUnseen);
        }
        if self.schemes.is_empty() {
            mistakes.push(Mistake::NoScheme);
        }
        for asset in &self.assets {
            if let Some(known) = Asset::find(&asset.network, &asset.address)
                && known != asset
            {
                mistakes.push(Mistake::KnownOtherwise {
                    symbol: known.symbol.clone().into_owned(),
                    network: known.network.clone(),
                });
            }
            if asset.decimals > MAX_DECIMALS {
                mistakes.push(Mistake::Decimals {
                    symbol: asset.symbol.clone().into_owned(),
                    decimals: asset.decimals,
                });
            }
        }
        let networks = self.networks.map(|networks| {
            if networks.is_empty() {
                mistakes.push(Mistake::NoNetworks);
            }
            let sound = |network| match network {
                Ok(network) => Some(network),
                Err(error) => {
                    mistakes.push(Mistake::Network(error));
                    None
                }
            };
            networks.into_iter().filter_map(sound).collect::<Vec<_>>()
        });
        for network in networks.iter().flatten() {
            let mut covering = self.schemes.iter().filter(|scheme| scheme.covers(network));
            if covering.next().is_none() && !self.schemes.is_empty() {
                mistakes.push(Mistake::NotCovered(network.clone()));
            }
            let mut tokens = Asset::known().iter().chain(&self.assets);
            if !tokens.any(|asset| asset.network == *network) {
                mistakes.push(Mistake::NoAsset(network.clone()));
            }
        }
        mistakes.extend(same_scheme_twice(&self.schemes, networks.as_deref(), &self.assets));
        let limit = match self.limit {
            Ok(limit) if mistakes.is_empty() => limit,
            Ok(_) => return Err(ConfigError { mistakes }),
            Err(error) => {
                mistakes.push(error.into());
                return Err(ConfigError { mistakes });
            }
        };
        let inner = Inner {
            schemes: self.schemes,
            limit,
            networks,
            assets: self.assets,
            ledger: self.ledger,
            outstanding: Outstanding::default(),
            allow_plain_http: self.allow_plain_http,
            keep_resource_query: self.keep_resource_query,
            clock: self.clock,
        };
        Ok(Payer { inner: Arc::new(inner) })
    }
}

/// A reader of the chains whose nodes are named.
#[cfg(feature = "reqwest")]
fn reader(
    nodes: Vec<(Result<Network, NetworkError>, String)>,
    mistakes: &mut Vec<Mistake>,
) -> Option<Arc<dyn ChainReader>> {
    let mut known = std::collections::BTreeMap::new();
    for (network, url) in nodes {
        let chain_id = match network {
            Ok(network) => network.chain_id().ok_or(Mistake::NotReadable(network)),
            Err(error) => Err(Mistake::Node(error)),
        };
        // The address may hold a key, and is not shown.
        let url =
            ::reqwest::Url::parse(&url).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        match (chain_id, url) {
            (Ok(chain_id), Some(url)) => drop(known.insert(chain_id, url)),
            (Err(mistake), _) => mistakes.push(mistake),
            (Ok(_), None) => mistakes.push(Mistake::NodeUrl),
        }
    }
    match crate::reqwest::JsonRpc::new(known) {
        Ok(reader) => Some(Arc::new(reader)),
        Err(error) => {
            mistakes.push(Mistake::NodeClient(error.to_string()));
            None
        }
    }
}

/// Lines that the books in memory keep.
const DEFAULT_LINES: usize = 10_000;

/// A network on which an offer would not say which of two schemes is meant.
fn same_scheme_twice(
    schemes: &[Box<dyn ClientScheme>],
    networks: Option<&[Network]>,
    assets: &[Asset],
) -> Option<Mistake> {
    let tokens = || Asset::known().iter().chain(assets).map(|asset| &asset.network);
    schemes.iter().enumerate().find_map(|(index, scheme)| {
        let twin = schemes.iter().skip(index + 1).find(|twin| twin.scheme() == scheme.scheme())?;
        let network = tokens().find(|network| {
            networks.is_none_or(|networks| networks.contains(network))
                && scheme.covers(network)
                && twin.covers(network)
        })?;
        Some(Mistake::TwoSchemes { scheme: scheme.scheme().to_owned(), network: network.clone() })
    })
}

fn system_time() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

impl fmt::Debug for PayerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PayerBuilder").finish_non_exhaustive()
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the payer cannot be built")?;
        for mistake in &self.mistakes {
            write!(f, "\n- {mistake}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}
