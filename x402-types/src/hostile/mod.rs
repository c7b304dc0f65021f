//! JSON that must not be believed.
//!
//! | file | what |
//! |---|---|
//! | `glance` | most of it can be seen to have one meaning without being read |
//! | `unambiguous` | the rest is read, to see |

mod glance;
mod unambiguous;

use serde::Deserialize;
use serde::de::Error as _;

use crate::JsonError;

/// Nesting that no message of the protocol comes near.
const MAX_DEPTH: usize = 32;
/// Keys of all objects around a place in a message, as many as are usual.
const KEYS: usize = 24;

/// Reads hostile JSON: a key that stands twice in one object, at any depth, is refused, because two
/// readers may each believe another one of the two; so is nesting deeper than 32, and anything that
/// is not an object.
pub(crate) fn from_hostile<'de, T: Deserialize<'de>>(text: &'de str) -> Result<T, JsonError> {
    if !text.trim_ascii_start().starts_with('{') {
        return Err(serde_json::Error::custom("expected a JSON object").into());
    }
    if !glance::is_plain(text) {
        unambiguous::check(text)?;
    }
    Ok(serde_json::from_str(text)?)
}
