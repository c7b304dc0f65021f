//! `offer-receipt`: a server signs what it offers, and later that it was paid.
//!
//! What is signed and how it is carried; signing and verifying need a chain's or a key's code.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Declared, Signature};
use crate::json::{object, objects, optional_object};
use crate::{Amount, JsonError, Network};

/// The key of this extension.
pub const KEY: &str = "offer-receipt";

/// The extension as it stands in a 402.
pub type OfferDeclaration = Declared<Offers>;
/// The extension as it stands beside a settlement.
pub type ReceiptDeclaration = Declared<Paid>;

/// The offers of a 402, signed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "SignedOffers"))]
pub struct Offers {
    /// Usually one for each entry of `accepts`.
    #[serde(deserialize_with = "objects")]
    pub offers: Vec<Signed<Offer>>,
}

impl super::Info for Offers {
    const KEY: &'static str = KEY;
    const SCHEMA: &'static str = r#"{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object","properties":{"offers":{"type":"array","items":{"type":"object","properties":{"format":{"type":"string"},"acceptIndex":{"type":"integer"},"payload":{"type":"object","properties":{"version":{"type":"integer"},"resourceUrl":{"type":"string"},"scheme":{"type":"string"},"network":{"type":"string"},"asset":{"type":"string"},"payTo":{"type":"string"},"amount":{"type":"string"},"validUntil":{"type":"integer"}},"required":["version","resourceUrl","scheme","network","asset","payTo","amount"]},"signature":{"type":"string"}},"required":["format","signature"]}}},"required":["offers"]}"#;
}

/// The receipt of a settlement, signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "ReceiptInfo"))]
pub struct Paid {
    /// What the server says that it was paid.
    #[serde(deserialize_with = "object")]
    pub receipt: Signed<Receipt>,
}

impl super::Info for Paid {
    const KEY: &'static str = KEY;
    const SCHEMA: &'static str = r#"{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object","properties":{"receipt":{"type":"object","properties":{"format":{"type":"string"},"payload":{"type":"object","properties":{"version":{"type":"integer"},"network":{"type":"string"},"resourceUrl":{"type":"string"},"payer":{"type":"string"},"issuedAt":{"type":"integer"},"transaction":{"type":"string"}},"required":["version","network","resourceUrl","payer","issuedAt"]},"signature":{"type":"string"}},"required":["format","signature"]}},"required":["receipt"]}"#;
}

/// One way to pay, as a server stands by it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Offer {
    /// 1.
    pub version: u64,
    /// What is for sale.
    pub resource_url: String,
    /// How it is paid.
    pub scheme: String,
    /// Where it is paid.
    pub network: Network,
    /// The token's address.
    pub asset: String,
    /// Who is paid.
    pub pay_to: String,
    /// How much, in atomic units.
    pub amount: Amount,
    /// Until when, in seconds since 1970. In typed data 0 where it is not there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<u64>,
}

impl Offer {
    /// The canonical text (RFC 8785) that a JWS signs.
    ///
    /// # Errors
    /// Where a number is over 2^53 - 1, which no such text can hold.
    pub fn to_canonical(&self) -> Result<String, JsonError> {
        canonical(self)
    }
}

/// That a server was paid.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Receipt {
    /// 1.
    pub version: u64,
    /// Where it was paid.
    pub network: Network,
    /// What was bought.
    pub resource_url: String,
    /// Who paid.
    pub payer: String,
    /// When this was written, in seconds since 1970.
    pub issued_at: u64,
    /// The transaction, where the server tells it. In typed data empty where it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transaction: Option<String>,
}

impl Receipt {
    /// The canonical text (RFC 8785) that a JWS signs.
    ///
    /// # Errors
    /// Where a number is over 2^53 - 1, which no such text can hold.
    pub fn to_canonical(&self) -> Result<String, JsonError> {
        canonical(self)
    }
}

/// How a payload is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline))]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// As typed data; the payload stands beside the signature.
    Eip712,
    /// As a compact JWS; the payload stands within the signature.
    Jws,
}

/// A payload and its signature, which nobody has verified.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(
        rename = "Signed{T}",
        extend(
            "if" = { "properties": { "format": { "const": "eip712" } } },
            "then" = { "required": ["payload"], "properties": { "payload": { "type": "object" } } },
        ),
    )
)]
#[serde(rename_all = "camelCase", bound(deserialize = "T: Deserialize<'de>"), try_from = "Wire<T>")]
pub struct Signed<T> {
    /// How it is signed.
    pub format: Format,
    /// Which entry of `accepts` it is about. A hint: nothing signs it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accept_index: Option<u64>,
    /// What is signed; a JWS carries it itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload: Option<T>,
    /// As hexadecimal digits, or a compact JWS.
    pub signature: Signature,
}

impl<T: DeserializeOwned + Clone> Signed<T> {
    /// What is signed: the payload beside typed data's signature, the one within a JWS.
    ///
    /// A JWS is verified over its own text, never over this written again.
    ///
    /// # Errors
    /// Where a JWS is not one, or holds something else.
    pub fn payload(&self) -> Result<Cow<'_, T>, JsonError> {
        let error = |text: &str| JsonError::from(serde_json::Error::custom(text));
        match self.format {
            Format::Eip712 => match &self.payload {
                Some(payload) => Ok(Cow::Borrowed(payload)),
                None => Err(error("typed data without its payload")),
            },
            Format::Jws => {
                let mut parts = self.signature.as_str().split('.');
                let (Some(_), Some(payload), Some(_), None) =
                    (parts.next(), parts.next(), parts.next(), parts.next())
                else {
                    return Err(error("a compact JWS has three parts"));
                };
                let bytes = URL_SAFE_NO_PAD
                    .decode(payload)
                    .map_err(|_| error("the payload of a JWS is base64url without padding"))?;
                let text = std::str::from_utf8(&bytes)
                    .map_err(|_| error("the payload of a JWS is UTF-8"))?;
                Ok(Cow::Owned(crate::header::from_json(text)?))
            }
        }
    }
}

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", bound = "T: Deserialize<'de>")]
struct Wire<T> {
    /// How it is signed.
    format: Format,
    /// Which entry of `accepts` it is about. A hint: nothing signs it.
    #[serde(default)]
    accept_index: Option<u64>,
    /// What is signed; a JWS carries it itself.
    #[serde(default, deserialize_with = "optional_object")]
    payload: Option<T>,
    /// As hexadecimal digits, or a compact JWS.
    signature: Signature,
}

impl<T> TryFrom<Wire<T>> for Signed<T> {
    type Error = &'static str;

    fn try_from(wire: Wire<T>) -> Result<Self, &'static str> {
        let Wire { format, accept_index, payload, signature } = wire;
        if format == Format::Eip712 && payload.is_none() {
            return Err("typed data without its payload");
        }
        Ok(Self { format, accept_index, payload, signature })
    }
}

/// The largest whole number that RFC 8785 writes as it is.
const MAX_SAFE: u64 = (1 << 53) - 1;

/// RFC 8785 of an object whose values are texts and whole numbers and whose keys are ASCII: strings
/// as `serde_json` writes them, keys in order of their bytes.
fn canonical<T: Serialize>(payload: &T) -> Result<String, JsonError> {
    let mut entries: Vec<(String, Value)> =
        serde_json::from_value::<Map<_, _>>(serde_json::to_value(payload)?)?.into_iter().collect();
    entries.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
    let mut text = String::from("{");
    for (key, value) in entries {
        if value.as_u64().is_some_and(|number| number > MAX_SAFE) {
            return Err(serde_json::Error::custom(format_args!("`{key}` is over 2^53 - 1")).into());
        }
        if text.len() > 1 {
            text.push(',');
        }
        text.push_str(&serde_json::to_string(&key)?);
        text.push(':');
        text.push_str(&serde_json::to_string(&value)?);
    }
    text.push('}');
    Ok(text)
}
