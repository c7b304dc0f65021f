use std::fmt;

use serde::de::{DeserializeOwned, Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::{RawValue, to_raw_value};

use crate::{JsonError, RawObject};

/// A typed extension: what stands under one key.
pub trait Extension: Serialize + DeserializeOwned {
    /// The key that it stands under.
    const KEY: &'static str;
}

/// Why an extension that is there cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("the extension `{key}` is not well formed: {source}")]
pub struct ExtensionError {
    /// Its key.
    pub key: &'static str,
    /// What is wrong with it.
    pub source: JsonError,
}

/// The extensions of a message, by key.
///
/// Values stay as they were read, byte for byte and in order, until they are replaced. Sizes are
/// bounded by the header or body that the message came in.
#[derive(Clone, Default)]
pub struct Extensions(Entries);

impl Extensions {
    /// Reads a message's `extensions`.
    ///
    /// # Errors
    /// Where a key stands twice.
    pub fn read(raw: &RawObject) -> Result<Self, JsonError> {
        raw.parse()
    }

    /// The extension of this type. `None` where it is not there, or `null`.
    ///
    /// # Errors
    /// Where it is there, but not well formed.
    pub fn get<T: Extension>(&self) -> Result<Option<T>, ExtensionError> {
        let error = |source| ExtensionError { key: T::KEY, source };
        match self.raw(T::KEY) {
            None | Some("null") => Ok(None),
            Some(text) => {
                let object: RawObject = text.parse().map_err(error)?;
                object.parse().map(Some).map_err(error)
            }
        }
    }

    /// Puts an extension in, in the place of one with this key where there is one.
    ///
    /// # Errors
    /// Where the value does not serialize to an object.
    pub fn set<T: Extension>(&mut self, value: &T) -> Result<(), JsonError> {
        let raw = to_raw_value(value)?;
        if !raw.get().starts_with('{') {
            return Err(serde_json::Error::custom("an extension is a JSON object").into());
        }
        self.0.set(T::KEY, raw);
        Ok(())
    }

    /// Takes the extension with this key out. Whether there was one.
    pub fn remove(&mut self, key: &str) -> bool {
        let before = self.0.0.len();
        self.0.0.retain(|(known, _)| known != key);
        self.0.0.len() < before
    }

    /// The JSON that stands under this key.
    pub fn raw(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(RawValue::get)
    }

    /// Keys, each with its JSON, in the order of the message.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.0.iter().map(|(key, raw)| (key.as_str(), raw.get()))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.0.is_empty()
    }

    /// What a message holds in `extensions`: nothing where there are none.
    ///
    /// # Errors
    /// Never, in practice: what is in here is JSON.
    pub fn to_raw(&self) -> Result<Option<RawObject>, JsonError> {
        if self.is_empty() { Ok(None) } else { RawObject::new(self).map(Some) }
    }
}

impl fmt::Debug for Extensions {
    /// Their keys only: the values may hold a signature.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(|(key, _)| key)).finish()
    }
}

impl Serialize for Extensions {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Extensions {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Entries::deserialize(deserializer).map(Self)
    }
}

/// An object's entries, in its order. No key stands twice.
#[derive(Clone, Default)]
pub(super) struct Entries(pub(super) Vec<(String, Box<RawValue>)>);

impl Entries {
    pub(super) fn get(&self, key: &str) -> Option<&RawValue> {
        self.0.iter().find(|(known, _)| known == key).map(|(_, raw)| &**raw)
    }

    pub(super) fn set(&mut self, key: &str, raw: Box<RawValue>) {
        match self.0.iter_mut().find(|(known, _)| known == key) {
            Some((_, old)) => *old = raw,
            None => self.0.push((key.to_owned(), raw)),
        }
    }

    pub(super) fn to_raw(&self) -> Result<Box<RawValue>, JsonError> {
        Ok(to_raw_value(self)?)
    }
}

impl Serialize for Entries {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, raw)| (key, raw)))
    }
}

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct EntriesVisitor;
        impl<'de> Visitor<'de> for EntriesVisitor {
            type Value = Entries;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry::<String, Box<RawValue>>()? {
                    entries.push(entry);
                }
                let mut keys: Vec<&str> = entries.iter().map(|(key, _)| key.as_str()).collect();
                keys.sort_unstable();
                if keys.iter().zip(keys.iter().skip(1)).any(|(one, next)| one == next) {
                    return Err(A::Error::custom("a key stands twice"));
                }
                Ok(Entries(entries))
            }
        }
        deserializer.deserialize_map(EntriesVisitor)
    }
}
