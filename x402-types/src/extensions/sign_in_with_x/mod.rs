//! `sign-in-with-x`: who paid once comes back with a signature in place of another payment.
//!
//! The server's challenge ([`Challenge`]), what a wallet signs ([`Info::message_text`]), what the
//! client sends in the [`HEADER`] ([`Message`]), and every check but that of the signature
//! ([`Message::check`]). That a nonce is one's own and fresh is for its keeper to say.

mod check;
mod text;
mod time;

use serde::{Deserialize, Serialize};

use super::{Extension, Signature};
use crate::json::{null_as_default, object, objects};
use crate::{JsonError, Network, RawObject};

pub use check::{Expected, MAX_AGE_SECONDS, SiwxError};
pub use time::TimeError;

/// The key of this extension.
pub const KEY: &str = "sign-in-with-x";
/// From client to server: a [`Message`], in base64 as all headers of the protocol.
pub const HEADER: &str = "SIGN-IN-WITH-X";

const SCHEMA: &str = r#"{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object","properties":{"domain":{"type":"string"},"address":{"type":"string"},"statement":{"type":"string"},"uri":{"type":"string","format":"uri"},"version":{"type":"string"},"chainId":{"type":"string"},"type":{"type":"string"},"nonce":{"type":"string"},"issuedAt":{"type":"string","format":"date-time"},"expirationTime":{"type":"string","format":"date-time"},"notBefore":{"type":"string","format":"date-time"},"requestId":{"type":"string"},"resources":{"type":"array","items":{"type":"string","format":"uri"}},"signature":{"type":"string"}},"required":["domain","address","uri","version","chainId","type","nonce","issuedAt","signature"]}"#;

/// The extension as it stands in a 402: what a wallet is asked to sign, and on which chains.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "SignInWithXChallenge")
)]
#[serde(rename_all = "camelCase")]
pub struct Challenge {
    /// What is signed, without who signs it.
    #[serde(deserialize_with = "object")]
    pub info: Info,
    /// Whose signatures are understood.
    #[serde(deserialize_with = "objects")]
    pub supported_chains: Vec<SupportedChain>,
    /// The JSON Schema of the client's [`Message`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<RawObject>,
}

impl Challenge {
    /// A challenge with its schema.
    ///
    /// # Errors
    /// Never, in practice: the schema is JSON.
    pub fn new(info: Info, supported_chains: Vec<SupportedChain>) -> Result<Self, JsonError> {
        Ok(Self { info, supported_chains, schema: Some(SCHEMA.parse()?) })
    }
}

impl Extension for Challenge {
    const KEY: &'static str = KEY;
}

/// What is signed, but for who signs it and on which chain.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "SignInWithXInfo"))]
#[serde(rename_all = "camelCase")]
pub struct Info {
    /// The server's host, with its port where that is not the scheme's own.
    pub domain: String,
    /// The address that is signed in to.
    pub uri: String,
    /// `1`.
    pub version: String,
    /// A number used once: 32 hexadecimal digits.
    pub nonce: String,
    /// When this was made, as RFC 3339 has it.
    pub issued_at: String,
    /// Until when it may be used, as RFC 3339 has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expiration_time: Option<String>,
    /// What the signer agrees to. Untrusted text of one line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statement: Option<String>,
    /// From when it may be used, as RFC 3339 has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<String>,
    /// The server's name for this request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// What is signed in to besides, as addresses.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "null_as_default")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<Vec<String>>"))]
    pub resources: Vec<String>,
}

impl Info {
    /// A challenge for `uri`, made at `now` in seconds since 1970. The nonce must be random.
    ///
    /// # Errors
    /// Where `now` is beyond the year 9999.
    pub fn new(
        domain: impl Into<String>,
        uri: impl Into<String>,
        nonce: [u8; 16],
        now: u64,
    ) -> Result<Self, TimeError> {
        let uri = uri.into();
        Ok(Self {
            domain: domain.into(),
            version: "1".to_owned(),
            nonce: format!("{:032x}", u128::from_be_bytes(nonce)),
            issued_at: time::write(now)?,
            resources: vec![uri.clone()],
            uri,
            ..Self::default()
        })
    }

    /// The same, of use until `time`, in seconds since 1970.
    ///
    /// # Errors
    /// Where that is beyond the year 9999.
    pub fn until(self, time: u64) -> Result<Self, TimeError> {
        Ok(Self { expiration_time: Some(time::write(time)?), ..self })
    }

    /// The same, with what the signer agrees to.
    pub fn statement(self, statement: impl Into<String>) -> Self {
        Self { statement: Some(statement.into()), ..self }
    }
}

/// A chain whose signatures are understood.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct SupportedChain {
    /// The chain.
    pub chain_id: Network,
    /// How its accounts sign.
    #[serde(rename = "type")]
    pub signature_type: SignatureType,
    /// How the signature is to be read, where `type` leaves that open: `eip1271`, `siws`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature_scheme: Option<String>,
}

impl SupportedChain {
    /// A chain with its usual way to sign. `None` where no way to sign on it is known.
    pub fn new(chain_id: Network) -> Option<Self> {
        let signature_type = SignatureType::of(&chain_id)?;
        Some(Self { chain_id, signature_type, signature_scheme: None })
    }
}

/// How an account signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline))]
#[serde(rename_all = "lowercase")]
pub enum SignatureType {
    /// As EVM accounts do.
    Eip191,
    /// As Solana's do.
    Ed25519,
}

impl SignatureType {
    /// How accounts of this chain sign.
    pub fn of(network: &Network) -> Option<Self> {
        match network.as_str().split_once(':') {
            Some(("eip155", _)) => Some(Self::Eip191),
            Some(("solana", _)) => Some(Self::Ed25519),
            _ => None,
        }
    }
}

/// What a client sends in the [`HEADER`]: the challenge, who signs it, and the signature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "SignInWithXMessage")
)]
#[serde(rename_all = "camelCase")]
pub struct Message {
    /// What is signed.
    #[serde(flatten)]
    pub info: Info,
    /// Who signs: on EVM chains in mixed-case checksum form, as it stands in the text.
    pub address: String,
    /// On which chain.
    pub chain_id: Network,
    /// How.
    #[serde(rename = "type")]
    pub signature_type: SignatureType,
    /// How the signature is to be read, where `type` leaves that open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature_scheme: Option<String>,
    /// The signature: hexadecimal digits on EVM chains, base58 on Solana.
    pub signature: Signature,
}

impl Message {
    /// The text that was signed.
    ///
    /// # Errors
    /// As [`Info::message_text`].
    pub fn text(&self) -> Result<String, SiwxError> {
        self.info.message_text(&self.address, &self.chain_id)
    }
}
