//! `erc20ApprovalGasSponsoring`: the facilitator pays the gas for the payer's allowance to Permit2,
//! which the payer gives by a signed transaction: for tokens without EIP-2612.

use serde::{Deserialize, Serialize};

use super::fields::{address, hex, version};
use super::{Declared, Signature};
use crate::Amount;

/// The key of this extension.
pub const KEY: &str = "erc20ApprovalGasSponsoring";

/// The extension as a server declares it.
pub type Declaration = Declared<Info>;
/// The extension as a client answers it.
pub type Answer = Declared<Approval>;

/// What a server declares.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "Erc20ApprovalGasSponsoringInfo")
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
                "A signed approve() for Permit2 is put on chain by the facilitator, at its cost."
                    .to_owned(),
            version: "1".to_owned(),
        }
    }
}

impl super::Info for Info {
    const KEY: &'static str = KEY;
    const SCHEMA: &'static str = r#"{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object","properties":{"from":{"type":"string","pattern":"^0x[a-fA-F0-9]{40}$"},"asset":{"type":"string","pattern":"^0x[a-fA-F0-9]{40}$"},"spender":{"type":"string","pattern":"^0x[a-fA-F0-9]{40}$"},"amount":{"type":"string","pattern":"^[0-9]+$"},"signedTransaction":{"type":"string","pattern":"^0x[a-fA-F0-9]+$"},"version":{"type":"string","pattern":"^[0-9]+(\\.[0-9]+)*$"}},"required":["from","asset","spender","amount","signedTransaction","version"]}"#;
}

/// What a client answers: a transaction that lets Permit2 spend. Nothing of it is verified here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "Erc20Approval"))]
#[serde(rename_all = "camelCase")]
pub struct Approval {
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
    /// The raw EIP-1559 transaction, signed and not yet sent.
    #[serde(deserialize_with = "hex")]
    #[cfg_attr(feature = "schema", schemars(regex(pattern = super::fields::pattern::HEX)))]
    pub signed_transaction: Signature,
    /// `1`.
    #[serde(deserialize_with = "version")]
    #[cfg_attr(feature = "schema", schemars(regex(pattern = super::fields::pattern::VERSION)))]
    pub version: String,
}

impl super::Info for Approval {
    const KEY: &'static str = KEY;
    const SCHEMA: &'static str = <Info as super::Info>::SCHEMA;
}
