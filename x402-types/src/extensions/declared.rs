use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::Extension;
use crate::json::object;
use crate::{JsonError, RawObject};

/// The `info` of an extension, and what describes it.
pub trait Info: Serialize + DeserializeOwned {
    /// The key that the extension stands under.
    const KEY: &'static str;
    /// The JSON Schema, of draft 2020-12, that a declaration carries.
    const SCHEMA: &'static str;
}

/// An extension as it stands in a message: its `info`, and the schema of that.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "{I}Extension"))]
#[serde(bound(serialize = "I: Serialize", deserialize = "I: Deserialize<'de>"))]
pub struct Declared<I> {
    /// What is said.
    #[serde(deserialize_with = "object")]
    pub info: I,
    /// The JSON Schema of `info` once the client has added its part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<RawObject>,
}

impl<I: Info> Declared<I> {
    /// A declaration with its schema, as a server makes it.
    ///
    /// # Errors
    /// Where [`Info::SCHEMA`] is not a JSON object.
    pub fn new(info: I) -> Result<Self, JsonError> {
        Ok(Self { info, schema: Some(I::SCHEMA.parse()?) })
    }

    /// The same without its schema, as a client may answer.
    pub const fn answer(info: I) -> Self {
        Self { info, schema: None }
    }
}

impl<I: Info> Extension for Declared<I> {
    const KEY: &'static str = I::KEY;
}
