//! `eip2612GasSponsoring`: the facilitator pays the gas for the payer's allowance to Permit2, which
//! the payer gives by signature (EIP-2612).

use serde::{Deserialize, Serialize};

use super::fields::{address, hex, version};
use super::{Declared, Signature};
use crate::Amount;

/// The key of this extension.
pub const KEY: &str = "eip2612GasSponsoring";

/// The extension as a server declares it.
pub type Declaration = Declared<Info>;
/// The extension as a client answers it.
pub type Answer = Declared<Permit>;

/// What a server declares.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "Eip2612GasSponsoringInfo")
)]
#[serde(rename_all = "camelCase")]
pub struct Info {
    /// What it is, for people.
    pub description: String,
    /// `1`.
    #[serde(deserialize_with = "version")]
    #[cfg_attr(feature = "schema", schemars(regex(pattern = super::fields::pattern::VERSION)))]
    pub version: String,
}

impl Default for Info {
    fn default() -> Self {
        Self {
            description:
                "An EIP-2612 permit for Permit2 is put on chain by the facilitator, at its cost."
                    .to_owned(),
            version: "1".to_owned(),
        }
    }
}

impl super::Info for Info {
    const KEY: &'static str = KEY;
    const SCHEMA: &'static str = r#"{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object","properties":{"from":{"type":"string","pattern":"^0x[a-fA-F0-9]{40}$"},"asset":{"type":"string","pattern":"^0x[a-fA-F0-9]{40}$"},"spender":{"type":"string","pattern":"^0x[a-fA-F0-9]{40}$"},"amount":{"type":"string","pattern":"^[0-9]+$"},"nonce":{"type":"string","pattern":"^[0-9]+$"},"deadline":{"type":"string","pattern":"^[0-9]+$"},"signature":{"type":"string","pattern":"^0x[a-fA-F0-9]+$"},"version":{"type":"string","pattern":"^[0-9]+(\\.[0-9]+)*$"}},"required":["from","asset","spender","amount","nonce","deadline","signature","version"]}"#;
}

/// What a client answers: a permit for Permit2. Nothing of it is verified here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "Eip2612Permit"))]
#[serde(rename_all = "camelCase")]
pub struct Permit {
    /// Whose tokens.
    #[serde(deserialize_with = "address")]
    #[cfg_attr(feature = "schema", schemars(regex(pattern = super::fields::pattern::ADDRESS)))]
    pub from: String,
    /// Which token.
    #[serde(deserialize_with = "address")]
    #[cfg_attr(feature = "schema", schemars(regex(pattern = super::fields::pattern::ADDRESS)))]
    pub asset: String,
    /// Who may spend them: Permit2.
    #[serde(deserialize_with = "address")]
    #[cfg_attr(feature = "schema", schemars(regex(pattern = super::fields::pattern::ADDRESS)))]
    pub spender: String,
    /// How many, in atomic units.
    pub amount: Amount,
    /// The owner's nonce at the token.
    pub nonce: Amount,
    /// Until when, in seconds since 1970.
    pub deadline: Amount,
    /// The owner's signature: r, s and v.
    #[serde(deserialize_with = "hex")]
    #[cfg_attr(feature = "schema", schemars(regex(pattern = super::fields::pattern::HEX)))]
    pub signature: Signature,
    /// `1`.
    #[serde(deserialize_with = "version")]
    #[cfg_attr(feature = "schema", schemars(regex(pattern = super::fields::pattern::VERSION)))]
    pub version: String,
}

impl super::Info for Permit {
    const KEY: &'static str = KEY;
    const SCHEMA: &'static str = <Info as super::Info>::SCHEMA;
}
