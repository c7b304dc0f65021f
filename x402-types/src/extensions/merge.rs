use serde::Deserialize;
use serde::de::Error as _;
use serde_json::value::{RawValue, to_raw_value};

use super::builder_code;
use super::entries::Entries;
use crate::{JsonError, RawObject};

/// Nesting that no message of the protocol comes near.
const MAX_DEPTH: usize = 32;

/// What a client sends in `extensions`: all that the server declared, and what the client adds.
///
/// Where both say something the server's stands, object by object; its `null` says nothing. Only the services of
/// `builder-code` become one list, the client's first. What the client does not add to is kept byte
/// for byte.
///
/// # Errors
/// Where a key stands twice in one object, or objects that are merged nest deeper than 32.
pub fn merge(
    server: Option<&RawObject>,
    client: Option<&RawObject>,
) -> Result<Option<RawObject>, JsonError> {
    let (server, client) = match (server, client) {
        (Some(server), Some(client)) => (server, client),
        (one, other) => return Ok(one.or(other).cloned()),
    };
    let mut merged: Entries = server.parse()?;
    let client: Entries = client.parse()?;
    for (key, added) in client.0 {
        let Some(declared) = merged.get(&key) else {
            merged.set(&key, added);
            continue;
        };
        let together = merge_values(&key, declared, &added, 1)?;
        merged.set(&key, together);
    }
    RawObject::new(&merged).map(Some)
}

fn merge_values(
    extension: &str,
    declared: &RawValue,
    added: &RawValue,
    depth: usize,
) -> Result<Box<RawValue>, JsonError> {
    if depth > MAX_DEPTH {
        let message = format!("nested deeper than {MAX_DEPTH}");
        return Err(serde_json::Error::custom(message).into());
    }
    if declared.get() == "null" {
        return Ok(added.to_owned());
    }
    if !(is_object(declared) && is_object(added)) {
        return Ok(declared.to_owned());
    }
    let mut merged: Entries = serde_json::from_str(declared.get())?;
    let added: Entries = serde_json::from_str(added.get())?;
    let mut changed = false;
    for (key, added) in added.0 {
        let together = match merged.get(&key) {
            None => added,
            Some(declared) if extension == builder_code::KEY && key == "s" => {
                services(declared, &added)?.unwrap_or_else(|| declared.to_owned())
            }
            Some(declared) => merge_values(extension, declared, &added, depth + 1)?,
        };
        changed |= merged.get(&key).map(RawValue::get) != Some(together.get());
        merged.set(&key, together);
    }
    if changed { merged.to_raw() } else { Ok(declared.to_owned()) }
}

fn is_object(raw: &RawValue) -> bool {
    raw.get().starts_with('{')
}

/// The client's services, then those of the server that are not among them.
fn services(declared: &RawValue, added: &RawValue) -> Result<Option<Box<RawValue>>, JsonError> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Services {
        One(String),
        Many(Vec<String>),
    }
    let read = |raw: &RawValue| match serde_json::from_str(raw.get()) {
        Ok(Services::One(code)) => Some(vec![code]),
        Ok(Services::Many(codes)) => Some(codes),
        Err(_) => None,
    };
    let (Some(declared), Some(mut codes)) = (read(declared), read(added)) else {
        return Ok(None);
    };
    for code in declared {
        if !codes.contains(&code) {
            codes.push(code);
        }
    }
    Ok(Some(to_raw_value(&codes)?))
}
