//! JSON that must come out as it went in.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;
use std::str::FromStr;
use std::sync::Arc;

use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::{RawValue, to_raw_value};

/// Why a text is not acceptable JSON.
///
/// Shown, it quotes at most a part of the text, however long that is.
#[derive(Debug, thiserror::Error)]
#[error("{:.256}", .0.to_string())]
pub struct JsonError(#[from] serde_json::Error);

/// A JSON object, kept byte for byte as it was read.
///
/// What one side puts into `payload`, `extra` or `extensions` is for the other side; on the way it
/// is neither reordered nor reformatted.
#[derive(Clone)]
pub struct RawObject(Box<RawValue>);

impl RawObject {
    /// The object that this value serializes to.
    ///
    /// # Errors
    /// Where the value does not serialize, or to something other than an object.
    pub fn new<T: Serialize>(value: &T) -> Result<Self, JsonError> {
        Self::from_raw(to_raw_value(value)?)
    }

    /// The text, as read.
    pub fn as_str(&self) -> &str {
        self.0.get()
    }

    /// Reads the object as a type of the caller's.
    ///
    /// # Errors
    /// Where the object is not of that shape.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, JsonError> {
        Ok(serde_json::from_str(self.as_str())?)
    }

    fn from_raw(raw: Box<RawValue>) -> Result<Self, JsonError> {
        if raw.get().starts_with('{') {
            Ok(Self(raw))
        } else {
            Err(JsonError(serde_json::Error::custom("expected a JSON object")))
        }
    }
}

impl FromStr for RawObject {
    type Err = JsonError;

    fn from_str(text: &str) -> Result<Self, JsonError> {
        Self::from_raw(serde_json::from_str(text)?)
    }
}

impl PartialEq for RawObject {
    /// Equal as texts.
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for RawObject {}

impl fmt::Debug for RawObject {
    /// Its length only: it may hold a signature.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{{} bytes}}", self.as_str().len())
    }
}

impl Serialize for RawObject {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for RawObject {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::from_raw(Box::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

/// A message together with the very JSON it was read from.
///
/// Reads as its value; serializes as the text that came in, unknown keys, key order and all. A
/// payer's choice must be echoed so, and a payment forwarded so: counterparts compare, and some
/// hash, the text.
///
/// Cheap to clone: clones share it.
pub struct Verbatim<T>(Arc<Read<T>>);

#[derive(Clone)]
struct Read<T> {
    /// A JSON object.
    text: Box<str>,
    value: T,
}

impl<T: Serialize> Verbatim<T> {
    /// A message of our own, in our own spelling.
    ///
    /// # Errors
    /// Where the value does not serialize.
    pub fn new(value: T) -> Result<Self, JsonError> {
        let text = serde_json::to_string(&value)?;
        Ok(Self::of(text, value))
    }
}

impl<T> Verbatim<T> {
    /// A message, and the text that it was read from or is written as.
    pub(crate) fn of(text: impl Into<Box<str>>, value: T) -> Self {
        Self(Arc::new(Read { text: text.into(), value }))
    }

    /// The text, as read.
    pub fn as_str(&self) -> &str {
        &self.0.text
    }
}

impl<T: Clone> Verbatim<T> {
    /// The message, without its text.
    pub fn into_inner(self) -> T {
        Arc::unwrap_or_clone(self.0).value
    }
}

impl<T> Clone for Verbatim<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Deref for Verbatim<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0.value
    }
}

impl<T> PartialEq for Verbatim<T> {
    /// Equal as texts.
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl<T> Eq for Verbatim<T> {}

impl<T: fmt::Debug> fmt::Debug for Verbatim<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.value.fmt(f)
    }
}

impl<T: DeserializeOwned> FromStr for Verbatim<T> {
    type Err = JsonError;

    fn from_str(text: &str) -> Result<Self, JsonError> {
        Ok(serde_json::from_str(text)?)
    }
}

impl<T> Serialize for Verbatim<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let raw: &RawValue =
            serde_json::from_str(self.as_str()).map_err(serde::ser::Error::custom)?;
        raw.serialize(serializer)
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Verbatim<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let RawObject(raw) = RawObject::deserialize(deserializer)?;
        let value = serde_json::from_str(raw.get()).map_err(D::Error::custom)?;
        Ok(Self::of(raw, value))
    }
}

struct FromObject<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for FromObject<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ObjectVisitor<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
            type Value = T;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<T, A::Error> {
                T::deserialize(MapAccessDeserializer::new(entries))
            }
        }
        deserializer.deserialize_map(ObjectVisitor(PhantomData)).map(Self)
    }
}

/// Reads a structure from a JSON object only, for `#[serde(deserialize_with = "..")]`: `serde`
/// itself would also take a list of its fields, which no counterpart does.
///
/// # Errors
/// Where there is something other than an object, or not of that shape.
pub fn object<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    FromObject::deserialize(deserializer).map(|FromObject(value)| value)
}

pub(crate) fn optional_object<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    let value = Option::deserialize(deserializer)?;
    Ok(value.map(|FromObject(value)| value))
}

pub(crate) fn objects<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    let values = Vec::deserialize(deserializer)?;
    Ok(values.into_iter().map(|FromObject(value)| value).collect())
}

/// Deserializes a type that is a string on the wire.
pub(crate) fn from_string<'de, D, T>(
    deserializer: D,
    expecting: &'static str,
) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err: fmt::Display>,
{
    from_string_with(deserializer, expecting, T::from_str)
}

/// [`from_string`] with a reader of one's own.
pub(crate) fn from_string_with<'de, D, T, E, F>(
    deserializer: D,
    expecting: &'static str,
    read: F,
) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    E: fmt::Display,
    F: FnOnce(&str) -> Result<T, E>,
{
    struct StringVisitor<F>(&'static str, F);
    impl<T, E: fmt::Display, F: FnOnce(&str) -> Result<T, E>> Visitor<'_> for StringVisitor<F> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }

        fn visit_str<X: serde::de::Error>(self, text: &str) -> Result<T, X> {
            (self.1)(text).map_err(X::custom)
        }
    }
    deserializer.deserialize_str(StringVisitor(expecting, read))
}

/// `null` reads like a field that is not there: counterparts in Python and Go write it.
pub(crate) fn null_as_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}
