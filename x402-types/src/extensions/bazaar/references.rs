//! What a schema refers to. A catalogue that resolved an address in a stranger's schema would fetch
//! whatever the stranger likes, from inside its own network.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use crate::RawObject;

/// Keys whose value is the address of a schema, or moves the place that addresses start from.
const ADDRESSES: &[&str] = &["$ref", "$dynamicRef", "$recursiveRef", "$id"];

/// The first thing outside itself that a schema refers to.
pub(super) fn outside(schema: &Value) -> Option<&Value> {
    match schema {
        Value::Array(items) => items.iter().find_map(outside),
        Value::Object(entries) => entries.iter().find_map(|(key, value)| {
            let local = value.as_str().is_some_and(|address| address.starts_with('#'));
            if ADDRESSES.contains(&key.as_str()) && !local { Some(value) } else { outside(value) }
        }),
        _ => None,
    }
}

fn refuse_outside<E: serde::de::Error>(schema: &Value) -> Result<(), E> {
    match outside(schema) {
        None => Ok(()),
        Some(_) => Err(E::custom("a schema refers to something outside itself")),
    }
}

pub(super) fn local_object<'de, D>(deserializer: D) -> Result<Option<RawObject>, D::Error>
where
    D: Deserializer<'de>,
{
    let raw = Option::<RawObject>::deserialize(deserializer)?;
    if let Some(raw) = &raw {
        refuse_outside::<D::Error>(&raw.parse().map_err(D::Error::custom)?)?;
    }
    Ok(raw)
}

pub(super) fn local_map<'de, D>(deserializer: D) -> Result<Map<String, Value>, D::Error>
where
    D: Deserializer<'de>,
{
    let schema = Value::Object(Map::deserialize(deserializer)?);
    refuse_outside::<D::Error>(&schema)?;
    match schema {
        Value::Object(schema) => Ok(schema),
        _ => Err(D::Error::custom("a schema is an object")),
    }
}
