use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::hostile::from_hostile;
use crate::json::{null_as_default, object, objects, optional_object};
use crate::{Amount, DecodeError, ErrorReason, Network, RawObject, ResourceInfo, Verbatim, header};

/// A version number that can be no other: `x402Version`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Version<const N: u8>;

impl<const N: u8> Serialize for Version<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(N)
    }
}

impl<'de, const N: u8> Deserialize<'de> for Version<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match u64::deserialize(deserializer)? {
            version if version == u64::from(N) => Ok(Self),
            version => {
                Err(serde::de::Error::custom(format_args!("x402Version is {version}, not {N}")))
            }
        }
    }
}

/// The `x402Version` that a message says it has, read without the rest of it.
///
/// `None` where the text is no JSON object or its version no whole number.
pub fn peek_version(json: &str) -> Option<u64> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Versioned {
        x402_version: u64,
    }
    serde_json::from_str::<Versioned>(json).ok().map(|message| message.x402_version)
}

/// One way to pay: an entry of `accepts`, and what a payer echoes as `accepted`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct PaymentRequirements {
    /// How it is paid, such as `exact`.
    pub scheme: String,
    /// Where it is paid.
    pub network: Network,
    /// How much, in atomic units of the asset.
    pub amount: Amount,
    /// The token's address.
    pub asset: String,
    /// Who is paid.
    pub pay_to: String,
    /// How long the payer has, in seconds; the signature lives as long.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    #[serde(deserialize_with = "positive")]
    pub max_timeout_seconds: u64,
    /// What the scheme needs besides: for EIP-3009 `name` and `version` of the signing domain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extra: Option<RawObject>,
}

pub(crate) fn positive<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    match u64::deserialize(deserializer)? {
        0 => Err(serde::de::Error::custom("maxTimeoutSeconds is positive")),
        seconds => Ok(seconds),
    }
}

/// When a payment is settled: `extra.paymentFlow`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PaymentFlow {
    /// Verify, serve, settle. The default, which the wire leaves out.
    #[default]
    Authorization,
    /// Settle, then serve.
    Upfront,
    /// Settle a deposit, serve, settle the charge.
    Escrow,
}

impl PaymentFlow {
    /// The spelling on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Authorization => "authorization",
            Self::Upfront => "upfront",
            Self::Escrow => "escrow",
        }
    }

    /// Reads the spelling on the wire. Unknown ones are `None`, never a default.
    pub fn from_wire(text: &str) -> Option<Self> {
        [Self::Authorization, Self::Upfront, Self::Escrow]
            .into_iter()
            .find(|flow| flow.as_str() == text)
    }
}

/// The terms: what a server answers with status 402, in the `PAYMENT-REQUIRED` header.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct PaymentRequired {
    /// 2.
    pub x402_version: Version<2>,
    /// Why a payment that was sent did not do. Untrusted text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What is for sale.
    #[serde(deserialize_with = "object")]
    pub resource: ResourceInfo,
    /// The ways to pay, at least one. A payer echoes the one it takes to the letter.
    #[cfg_attr(feature = "schema", schemars(length(min = 1)))]
    #[serde(deserialize_with = "at_least_one")]
    pub accepts: Vec<Verbatim<PaymentRequirements>>,
    /// What the server offers or asks besides, by extension.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extensions: Option<RawObject>,
}

pub(crate) fn at_least_one<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    let items = Vec::deserialize(deserializer)?;
    if items.is_empty() {
        return Err(serde::de::Error::custom("`accepts` is empty"));
    }
    Ok(items)
}

/// The payment: what a client sends in the `PAYMENT-SIGNATURE` header.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct PaymentPayload {
    /// 2.
    pub x402_version: Version<2>,
    /// What is bought, as the terms named it.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "optional_object"
    )]
    pub resource: Option<ResourceInfo>,
    /// The way to pay that was taken, echoed.
    pub accepted: Verbatim<PaymentRequirements>,
    /// What the scheme says: for EIP-3009 the authorization and its signature.
    pub payload: RawObject,
    /// Extensions, echoed and answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extensions: Option<RawObject>,
}

impl PaymentPayload {
    /// Reads a payment out of a header's value of at most `limit` bytes. Terms that are known, to the
    /// letter, need not be read once more.
    ///
    /// # Errors
    /// As [`decode`](crate::decode).
    pub fn decode(
        value: &[u8],
        limit: usize,
        known: impl Fn(&str) -> Option<Verbatim<PaymentRequirements>>,
    ) -> Result<Verbatim<Self>, DecodeError> {
        header::decode_with(value, limit, |json| {
            let Parts { x402_version, resource, accepted, payload, extensions } =
                from_hostile(json)?;
            let accepted = match known(accepted.get()) {
                Some(known) => known,
                None => accepted.get().parse()?,
            };
            Ok(Self { x402_version, resource, accepted, payload, extensions })
        })
    }
}

/// A [`PaymentPayload`] of which the terms have not been read yet.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Parts<'a> {
    x402_version: Version<2>,
    #[serde(default, deserialize_with = "optional_object")]
    resource: Option<ResourceInfo>,
    #[serde(borrow)]
    accepted: &'a RawValue,
    payload: RawObject,
    #[serde(default)]
    extensions: Option<RawObject>,
}

/// What a facilitator is asked at `/verify`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct VerifyRequest {
    /// 2.
    pub x402_version: Version<2>,
    /// The payment, as the payer wrote it.
    pub payment_payload: Verbatim<PaymentPayload>,
    /// The server's own terms: not what the payer says that they are.
    pub payment_requirements: Verbatim<PaymentRequirements>,
}

/// What a facilitator is asked at `/settle`: the same as at `/verify`.
pub type SettleRequest = VerifyRequest;

/// What a facilitator answers at `/verify`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct VerifyResponse {
    /// Whether the payment can be settled.
    pub is_valid: bool,
    /// Why not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invalid_reason: Option<ErrorReason>,
    /// Why not, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invalid_message: Option<String>,
    /// Who pays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payer: Option<String>,
    /// Extensions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extensions: Option<RawObject>,
    /// What the scheme says besides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extra: Option<RawObject>,
}

impl VerifyResponse {
    /// The payment is good.
    pub fn valid(payer: impl Into<String>) -> Self {
        Self {
            is_valid: true,
            invalid_reason: None,
            invalid_message: None,
            payer: Some(payer.into()),
            extensions: None,
            extra: None,
        }
    }

    /// The payment is not good.
    pub fn invalid(reason: ErrorReason, payer: Option<String>) -> Self {
        Self {
            is_valid: false,
            invalid_reason: Some(reason),
            invalid_message: None,
            payer,
            extensions: None,
            extra: None,
        }
    }
}

/// What a facilitator answers at `/settle`, and what a client reads in `PAYMENT-RESPONSE`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct SettleResponse {
    /// Whether the payment is settled.
    pub success: bool,
    /// Why not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_reason: Option<ErrorReason>,
    /// Why not, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_message: Option<String>,
    /// Who paid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payer: Option<String>,
    /// The transaction that moved the money; empty where none was sent.
    #[serde(default, deserialize_with = "null_as_default")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub transaction: String,
    /// Where: CAIP-2, or the name of version 1 in an answer of version 1.
    #[serde(default, deserialize_with = "null_as_default")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub network: String,
    /// How much was settled, in atomic units, where the scheme leaves that open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<Amount>,
    /// Extensions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extensions: Option<RawObject>,
    /// What the scheme says besides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extra: Option<RawObject>,
}

impl SettleResponse {
    /// The payment is settled by this transaction.
    pub fn settled(
        payer: impl Into<String>,
        transaction: impl Into<String>,
        network: impl Into<String>,
    ) -> Self {
        Self {
            success: true,
            error_reason: None,
            error_message: None,
            payer: Some(payer.into()),
            transaction: transaction.into(),
            network: network.into(),
            amount: None,
            extensions: None,
            extra: None,
        }
    }

    /// The payment is not settled. `transaction` is empty where none was sent.
    pub fn failed(
        reason: ErrorReason,
        payer: Option<String>,
        transaction: impl Into<String>,
        network: impl Into<String>,
    ) -> Self {
        Self {
            success: false,
            error_reason: Some(reason),
            error_message: None,
            payer,
            transaction: transaction.into(),
            network: network.into(),
            amount: None,
            extensions: None,
            extra: None,
        }
    }

    /// Where it was settled, if the answer names a network at all.
    pub fn network(&self) -> Option<Network> {
        self.network.parse().ok()
    }
}

/// What a facilitator answers at `/supported`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct SupportedResponse {
    /// What it can verify and settle.
    #[serde(deserialize_with = "objects")]
    pub kinds: Vec<SupportedKind>,
    /// Extensions that it understands, by key.
    #[serde(default, deserialize_with = "null_as_default")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<Vec<String>>"))]
    pub extensions: Vec<String>,
    /// The addresses that it settles from, by family of networks (`eip155:*`).
    #[serde(default, deserialize_with = "null_as_default")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<BTreeMap<String, Vec<String>>>"))]
    pub signers: BTreeMap<String, Vec<String>>,
}

/// One thing that a facilitator can verify and settle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct SupportedKind {
    /// 1 or 2.
    pub x402_version: u8,
    /// The scheme.
    pub scheme: String,
    /// The network: CAIP-2, or in version 1 its name.
    pub network: String,
    /// What an offer needs to know of the facilitator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extra: Option<RawObject>,
}

impl SupportedResponse {
    /// The entry for version 2 of the protocol, this scheme and this network.
    pub fn kind(&self, scheme: &str, network: &Network) -> Option<&SupportedKind> {
        self.kinds.iter().find(|kind| {
            kind.x402_version == 2 && kind.scheme == scheme && kind.network == network.as_str()
        })
    }
}

impl fmt::Display for PaymentRequirements {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { scheme, network, amount, asset, pay_to, .. } = self;
        write!(f, "{scheme} {amount} of {asset} on {network} to {pay_to}")
    }
}
