//! The protocol's extensions, against what the official npm package declares and does.

mod bazaar;
mod builder_code;
mod echo;
mod gas_sponsoring;
mod hostile;
mod map;
mod offer_receipt;
mod payment_identifier;
mod sign_in_with_x;

use serde::de::DeserializeOwned;
use serde_json::Value;
use x402_types::extensions::{Extension, ExtensionError, Extensions};
use x402_types::{RawObject, header};

/// Reads one extension out of a message's `extensions`.
fn get<T: Extension>(extensions: &Value) -> Result<Option<T>, ExtensionError> {
    let raw: RawObject = header::from_json(&extensions.to_string()).unwrap();
    Extensions::read(&raw).unwrap().get()
}

/// The same extension, written into a message and read out of it.
fn again<T: Extension>(value: &T) -> T {
    let mut extensions = Extensions::default();
    extensions.set(value).unwrap();
    let text = serde_json::to_string(&extensions).unwrap();
    let raw: RawObject = header::from_json(&text).unwrap();
    Extensions::read(&raw).unwrap().get().unwrap().unwrap()
}

fn read<T: DeserializeOwned>(value: &Value) -> Option<T> {
    header::from_json(&value.to_string()).ok()
}

fn raw(value: &Value) -> RawObject {
    value.to_string().parse().unwrap()
}

fn schema_of<T: serde::Serialize>(declaration: &T) -> jsonschema::Validator {
    let value = serde_json::to_value(declaration).unwrap();
    assert!(jsonschema::meta::is_valid(&value["schema"]));
    jsonschema::validator_for(&value["schema"]).unwrap()
}
