//! `payment-identifier`: the client names its payment, so that a request that is sent again is known
//! to be the same one.
//!
//! The same id with the same payment gets the same answer; with another payment it is a conflict.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Declared;

/// The key of this extension.
pub const KEY: &str = "payment-identifier";

/// The extension as it stands in a message.
pub type Declaration = Declared<Info>;

/// Whether a payment must be named, and its name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "PaymentIdentifier")
)]
#[serde(rename_all = "camelCase")]
pub struct Info {
    /// The server's: whether it refuses payments without a name.
    pub required: bool,
    /// The client's: the name of this payment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Id>,
}

impl super::Info for Info {
    const KEY: &'static str = KEY;
    const SCHEMA: &'static str = r#"{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object","properties":{"required":{"type":"boolean"},"id":{"type":"string","minLength":16,"maxLength":128,"pattern":"^[a-zA-Z0-9_-]+$"}},"required":["required"]}"#;
}

/// A payment's name: 16 to 128 letters, digits, `_` and `-`.
///
/// ```
/// use x402_types::extensions::payment_identifier::Id;
/// assert_eq!(Id::from_random([0xab; 16]).as_str(), "pay_abababababababababababababababab");
/// assert!("pay_7".parse::<Id>().is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(Box<str>);

/// Why a text is no [`Id`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a payment's id has 16 to 128 letters, digits, `_` and `-`")]
pub struct IdError;

impl Id {
    /// `pay_` and these bytes as hexadecimal digits. The bytes must be random.
    pub fn from_random(bytes: [u8; 16]) -> Self {
        Self(format!("pay_{:032x}", u128::from_be_bytes(bytes)).into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Id {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        if (16..=128).contains(&text.len()) && text.bytes().all(allowed) {
            Ok(Self(text.into()))
        } else {
            Err(IdError)
        }
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        crate::json::from_string(deserializer, "a payment's id")
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Id {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "PaymentId".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "description": "A payment's name.",
            "pattern": "^[A-Za-z0-9_-]{16,128}$",
        })
    }
}
