use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A blockchain, named as [CAIP-2](https://chainagnostic.org/CAIPs/caip-2) has it: `eip155:84532`.
///
/// Version 1 of the protocol used names instead (`base-sepolia`). [`FromStr`] understands both;
/// deserialization, like the wire of version 2, takes CAIP-2 only.
///
/// ```
/// use x402_types::Network;
/// assert_eq!("base-sepolia".parse::<Network>()?, Network::BASE_SEPOLIA);
/// assert_eq!(Network::BASE_SEPOLIA.to_string(), "eip155:84532");
/// assert_eq!(Network::BASE_SEPOLIA.chain_id(), Some(84532));
/// # Ok::<(), x402_types::NetworkError>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Network(Cow<'static, str>);

/// Why a string names no network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    /// Neither CAIP-2 nor a name of version 1.
    #[error(
        "unknown network {0:?}: write it as CAIP-2, such as \"eip155:84532\", or by its x402 v1 name, such as \"base-sepolia\""
    )]
    Unknown(String),
}

macro_rules! networks {
    ($($constant:ident $name:literal $caip2:literal,)*) => {
        impl Network {
            $(#[doc = concat!("`", $caip2, "`, in version 1 `", $name, "`.")]
            pub const $constant: Self = Self(Cow::Borrowed($caip2));)*
        }

        /// Names of version 1 and what they mean.
        const V1_NAMES: &[(&str, &str)] = &[$(($name, $caip2),)*];
    };
}

networks! {
    ETHEREUM "ethereum" "eip155:1",
    SEPOLIA "sepolia" "eip155:11155111",
    ABSTRACT "abstract" "eip155:2741",
    ABSTRACT_TESTNET "abstract-testnet" "eip155:11124",
    BASE_SEPOLIA "base-sepolia" "eip155:84532",
    BASE "base" "eip155:8453",
    AVALANCHE_FUJI "avalanche-fuji" "eip155:43113",
    AVALANCHE "avalanche" "eip155:43114",
    IOTEX "iotex" "eip155:4689",
    SEI "sei" "eip155:1329",
    SEI_TESTNET "sei-testnet" "eip155:1328",
    POLYGON "polygon" "eip155:137",
    POLYGON_AMOY "polygon-amoy" "eip155:80002",
    PEAQ "peaq" "eip155:3338",
    STORY "story" "eip155:1514",
    EDUCHAIN "educhain" "eip155:41923",
    SKALE_BASE_SEPOLIA "skale-base-sepolia" "eip155:324705682",
    MEGAETH "megaeth" "eip155:4326",
    MONAD "monad" "eip155:143",
    STABLE "stable" "eip155:988",
    STABLE_TESTNET "stable-testnet" "eip155:2201",
    CELO "celo" "eip155:42220",
    FLARE "flare" "eip155:14",
    SOLANA "solana" "solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp",
    SOLANA_DEVNET "solana-devnet" "solana:EtWTRABZaYq6iMfeYKouRu166VU2xqa1",
    SOLANA_TESTNET "solana-testnet" "solana:4uhcVJyU9pJkvQyS88uRDiswHXSCkY3z",
}

impl Network {
    pub(crate) const fn known(caip2: &'static str) -> Self {
        Self(Cow::Borrowed(caip2))
    }

    /// The EVM chain of this id.
    pub fn eip155(chain_id: u64) -> Self {
        let caip2 = format!("eip155:{chain_id}");
        V1_NAMES
            .iter()
            .find(|(_, known)| *known == caip2)
            .map_or(Self(Cow::Owned(caip2)), |(_, known)| Self(Cow::Borrowed(known)))
    }

    /// Reads CAIP-2, and only that.
    ///
    /// # Errors
    /// [`NetworkError::Unknown`] where the text is not `namespace:reference` of CAIP-2's alphabet
    /// and lengths, or names an EVM chain by something other than a canonical number.
    pub fn from_caip2(text: &str) -> Result<Self, NetworkError> {
        if let Some((_, known)) = V1_NAMES.iter().find(|(_, known)| *known == text) {
            return Ok(Self(Cow::Borrowed(known)));
        }
        if is_caip2(text) {
            Ok(Self(Cow::Owned(text.to_owned())))
        } else {
            Err(NetworkError::Unknown(excerpt(text)))
        }
    }

    /// Reads a name of version 1, such as `base-sepolia`, and only that.
    ///
    /// # Errors
    /// [`NetworkError::Unknown`] where version 1 has no such name.
    pub fn from_v1_name(name: &str) -> Result<Self, NetworkError> {
        Self::find_v1_name(name).ok_or_else(|| NetworkError::Unknown(excerpt(name)))
    }

    fn find_v1_name(name: &str) -> Option<Self> {
        let (_, caip2) = V1_NAMES.iter().find(|(known, _)| *known == name)?;
        Some(Self(Cow::Borrowed(caip2)))
    }

    /// The name in version 1, where it has one.
    pub fn v1_name(&self) -> Option<&'static str> {
        V1_NAMES.iter().find(|(_, caip2)| *caip2 == self.0).map(|(name, _)| *name)
    }

    /// The CAIP-2 text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands before the colon: `eip155`, `solana`.
    pub fn namespace(&self) -> &str {
        self.0.split_once(':').map_or("", |(namespace, _)| namespace)
    }

    /// What stands after the colon.
    pub fn reference(&self) -> &str {
        self.0.split_once(':').map_or("", |(_, reference)| reference)
    }

    /// The id of an EVM chain; `None` for every other kind.
    pub fn chain_id(&self) -> Option<u64> {
        (self.namespace() == "eip155").then(|| self.reference().parse().ok()).flatten()
    }
}

/// `[-a-z0-9]{3,8}:[-_a-zA-Z0-9]{1,32}`; for `eip155` a number without sign or leading zero.
fn is_caip2(text: &str) -> bool {
    let Some((namespace, reference)) = text.split_once(':') else { return false };
    let namespace_ok = (3..=8).contains(&namespace.len())
        && namespace.bytes().all(|b| b == b'-' || b.is_ascii_lowercase() || b.is_ascii_digit());
    let reference_ok = (1..=32).contains(&reference.len())
        && reference.bytes().all(|b| b == b'-' || b == b'_' || b.is_ascii_alphanumeric());
    let chain_id_ok = namespace != "eip155"
        || reference.parse::<u64>().is_ok_and(|id| id > 0 && id.to_string() == reference);
    namespace_ok && reference_ok && chain_id_ok
}

fn excerpt(text: &str) -> String {
    text.chars().take(64).collect()
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        Self::find_v1_name(text).map_or_else(|| Self::from_caip2(text), Ok)
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Network {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Network {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        crate::json::from_string_with(
            deserializer,
            "a network as CAIP-2, such as \"eip155:84532\"",
            Self::from_caip2,
        )
    }
}
