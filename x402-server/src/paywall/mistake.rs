use std::fmt;

use x402_types::extensions::bazaar::BazaarError;
use x402_types::scheme::Refusal;
use x402_types::{JsonError, MoneyError, Network, NetworkError, SupportedResponse};

/// Everything that is wrong with a configuration.
#[derive(Debug)]
pub struct ConfigError {
    pub(super) mistakes: Vec<Mistake>,
}

/// One thing that is wrong with a configuration.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Mistake {
    /// No network.
    #[error(
        "no network: add .network(\"base\"), or .network(\"base-sepolia\") for tests (from_env: X402_NETWORK)"
    )]
    NoNetwork,
    /// A network that is none.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// A network without a known token.
    #[error(
        "no token is known on {0}: add .asset(Asset::eip3009(..)) with its address and signing domain"
    )]
    NoToken(Network),
    /// A token of a network that is not among the paywall's.
    #[error(
        "the token {symbol} is on {network}, which is not among the networks: add .network(\"{network}\")"
    )]
    StrayToken {
        /// The token.
        symbol: String,
        /// Its network.
        network: Network,
    },
    /// No payee.
    #[error("nobody is paid: add .pay_to(\"0x…\") with your address (from_env: X402_PAY_TO)")]
    NoPayee,
    /// No facilitator.
    #[error(
        "no facilitator: add .facilitator(\"https://…\"), or .with_facilitator(..) (from_env: X402_FACILITATOR)"
    )]
    NoFacilitator,
    /// The facilitator's address is no use.
    #[cfg(feature = "http-facilitator")]
    #[error(transparent)]
    Facilitator(#[from] crate::facilitator::InvalidFacilitator),
    /// The facilitator does not settle what is offered.
    #[error(
        "the facilitator does not settle {scheme:?} on {network}; it says that it settles: {kinds}"
    )]
    Unsupported {
        /// The scheme.
        scheme: String,
        /// The network.
        network: Network,
        /// What it settles.
        kinds: String,
    },
    /// Only one facilitator may settle a payment by this scheme, and the facilitator has not said
    /// which address that is: it has not been reached yet, or leaves it out.
    #[error("the facilitator has not said who settles `{scheme}` on {network}")]
    UnknownSettler {
        /// The scheme.
        scheme: String,
        /// The network.
        network: Network,
    },
    /// What is charged by `upto` is known after serving, and the price is settled before.
    #[error(
        "a price of `upto` is settled after it was served, when what is charged is known: leave out .upfront() or .upto()"
    )]
    UptoUpfront,
    /// No public address.
    #[error(
        "no public address: add .public_url(\"https://api.example.com\") (from_env: X402_PUBLIC_URL). It is never taken from a request, whose Host header anybody can write"
    )]
    NoPublicUrl,
    /// A public address that is none.
    #[error(
        "the public address {0:?} must begin with https:// or http:// and have no query, fragment or spaces"
    )]
    PublicUrl(String),
    /// A scheme does not take the offer.
    #[error("this cannot be offered: {0}")]
    Offer(#[source] Refusal),
    /// No scheme for a network.
    #[error("no scheme covers {0}")]
    NoScheme(Network),
    /// A price that is none, or too fine.
    #[error(transparent)]
    Price(#[from] MoneyError),
    /// A price of nothing.
    #[error("the price is zero: leave the route without a price instead")]
    ZeroPrice,
    /// A price in a token that the paywall does not take.
    #[error("the price {0} names a token that none of the networks has")]
    NoSuchToken(String),
    /// A price in dollars where no token that the paywall takes is pegged to it.
    #[error(
        "the price {0} is in dollars, and no token of the paywall is pegged to the dollar: name the token, as in \"0.01 EURC\", or say .pegged() of the asset if one is worth one dollar"
    )]
    NoDollars(String),
    /// A choice of networks or tokens that leaves none of the paywall's to be paid in.
    #[error("nothing is left to be paid in: the paywall takes nothing of {0}")]
    NoWayLeft(String),
    /// A way to pay of another paywall.
    #[error("another way to pay belongs to another paywall: make both prices with the same")]
    OtherPaywall,
    /// Words to be found by that payers would drop.
    #[error("tags are at most 5, of at most 32 characters: {0}")]
    Tags(String),
    /// A seller's name that payers would drop.
    #[error("the service name {0:?} must have 1 to 32 printable ASCII characters")]
    ServiceName(String),
    /// A picture's address that payers would drop.
    #[error(
        "the icon's address {0:?} must begin with https:// or http://, with at most 2048 characters"
    )]
    IconUrl(String),
    /// A route that is none.
    #[error("the route {0:?} is none: write it like \"GET /weather/{{city}}\"")]
    Route(String),
    /// A handler is to be listed, and does not say where it is found.
    #[error(
        "{0} is to be listed: say where it is found, as in #[paid(.., route = \"GET /weather\")]"
    )]
    NoRoute(String),
    /// What a price takes and gives cannot be listed.
    #[error("this cannot be listed: {0}")]
    Listing(#[source] BazaarError),
    /// The system gives no random bytes, for the key of quotes.
    #[error("the system gives no random bytes: {0}")]
    NoRandomness(String),
    /// Something does not serialize.
    #[error("the terms do not serialize: {0}")]
    Encoding(#[source] JsonError),
}

impl Mistake {
    /// That the facilitator does not settle this scheme on this network.
    pub(super) fn unsupported(
        scheme: &str,
        network: &Network,
        supported: &SupportedResponse,
    ) -> Self {
        let kinds =
            supported.kinds.iter().map(|kind| format!("{} on {}", kind.scheme, kind.network));
        let kinds = kinds.collect::<Vec<_>>().join(", ");
        Self::Unsupported { scheme: scheme.to_owned(), network: network.clone(), kinds }
    }
}

impl ConfigError {
    pub(super) fn one(mistake: Mistake) -> Self {
        Self { mistakes: vec![mistake] }
    }

    /// Each mistake.
    pub fn mistakes(&self) -> &[Mistake] {
        &self.mistakes
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.mistakes.as_slice() {
            [one] => write!(f, "the paywall's configuration is wrong: {one}"),
            many => {
                write!(f, "the paywall's configuration is wrong in {} places:", many.len())?;
                many.iter().try_for_each(|mistake| write!(f, "\n  - {mistake}"))
            }
        }
    }
}

impl std::error::Error for ConfigError {}
