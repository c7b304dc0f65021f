//! `bazaar`: what a resource takes and gives, for catalogues that list it.
//!
//! ```
//! use serde_json::json;
//! use x402_types::extensions::bazaar::{Bazaar, Method, Shape};
//!
//! let city = json!({"properties": {"city": {"type": "string"}}, "required": ["city"]});
//! let listing = Bazaar::query(Method::Get, Shape::of(city).example(json!({"city": "Paris"})))
//!     .output(Shape::of(json!({"type": "object"})).example(json!({"celsius": 21})))
//!     .build()?;
//! assert_eq!(serde_json::to_value(&listing)?["info"]["input"]["method"], "GET");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod declare;
mod input;
mod references;
mod route;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Extension;
use crate::RawObject;
use crate::json::{object, optional_object};

pub use declare::{BazaarError, Builder, Shape};
pub use input::{BodyType, HttpInput, Input, McpInput, McpTransport, Method};
pub use route::to_template;

/// The key of this extension.
pub const KEY: &str = "bazaar";

/// The extension as it stands in a message: a listing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "BazaarExtension"))]
#[serde(rename_all = "camelCase")]
pub struct Bazaar {
    /// What goes in and comes out, by example.
    #[serde(deserialize_with = "object")]
    pub info: Info,
    /// The JSON Schema of `info`. It refers to nothing outside itself; one that does is refused.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "references::local_object"
    )]
    pub schema: Option<RawObject>,
    /// The path with names for what varies, such as `/users/:id`. An unsound one is dropped on
    /// reading.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "route::sound")]
    #[cfg_attr(feature = "schema", schemars(regex(pattern = "^/[a-zA-Z0-9_/:.~%-]+$")))]
    pub route_template: Option<String>,
}

impl Extension for Bazaar {
    const KEY: &'static str = KEY;
}

/// What goes in and comes out, by example.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "BazaarInfo"))]
pub struct Info {
    /// What goes in.
    pub input: Input,
    /// What comes out.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "optional_object"
    )]
    pub output: Option<Output>,
}

/// What comes out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "BazaarOutput"))]
pub struct Output {
    /// `json`.
    #[serde(rename = "type")]
    pub output_type: String,
    /// One that could come out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub example: Option<Value>,
}
