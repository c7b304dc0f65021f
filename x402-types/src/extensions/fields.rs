//! Fields that several extensions have.

use std::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

/// A signature, or something signed, as text. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline))]
#[serde(transparent)]
pub struct Signature(String);

impl Signature {
    /// A signature of this text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{} bytes>", self.0.len())
    }
}

/// Patterns in the schemas, each of which a reader below knows too.
#[cfg(feature = "schema")]
pub(super) mod pattern {
    pub(crate) const ADDRESS: &str = "^0x[a-fA-F0-9]{40}$";
    pub(crate) const HEX: &str = "^0x[a-fA-F0-9]+$";
    pub(crate) const VERSION: &str = r"^[0-9]+(\.[0-9]+)*$";
}

pub(super) fn address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.len() == 42 && is_hex(&text) {
        Ok(text)
    } else {
        Err(D::Error::custom("an address is 0x and 40 hexadecimal digits"))
    }
}

pub(super) fn hex<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Signature, D::Error> {
    let text = String::deserialize(deserializer)?;
    if is_hex(&text) {
        Ok(Signature(text))
    } else {
        Err(D::Error::custom("expected 0x and hexadecimal digits"))
    }
}

fn is_hex(text: &str) -> bool {
    text.strip_prefix("0x").is_some_and(|digits| {
        !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}

pub(super) fn version<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    let number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if text.split('.').all(number) {
        Ok(text)
    } else {
        Err(D::Error::custom("a version is numbers with points between them"))
    }
}
