//! The protocol's HTTP headers: their names, and how a message is written into one.
//!
//! A header holds the message's JSON in base64 with the standard alphabet and padding. What is read
//! may lack the padding or use the URL-safe alphabet: both are seen in the field.

use base64::Engine as _;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::engines::{STANDARD, URL_SAFE};
use crate::hostile::from_hostile;
use crate::{JsonError, Verbatim};

/// 402, from server to client: the terms, a [`PaymentRequired`](crate::PaymentRequired).
pub const PAYMENT_REQUIRED: &str = "PAYMENT-REQUIRED";
/// From client to server: the payment, a [`PaymentPayload`](crate::PaymentPayload).
pub const PAYMENT_SIGNATURE: &str = "PAYMENT-SIGNATURE";
/// From server to client: what settlement came to, a [`SettleResponse`](crate::SettleResponse).
pub const PAYMENT_RESPONSE: &str = "PAYMENT-RESPONSE";
/// The payment in version 1, a [`v1::PaymentPayload`](crate::v1::PaymentPayload).
pub const X_PAYMENT: &str = "X-PAYMENT";
/// What settlement came to, in version 1.
pub const X_PAYMENT_RESPONSE: &str = "X-PAYMENT-RESPONSE";
/// [`PAYMENT_REQUIRED`] as some deployed sellers spell it. Read, never written.
pub const X_PAYMENT_REQUIRED: &str = "X-PAYMENT-REQUIRED";
/// [`PAYMENT_SIGNATURE`] as some deployed payers spell it. Read, never written.
pub const X_PAYMENT_SIGNATURE: &str = "X-PAYMENT-SIGNATURE";

/// Bytes of a payment header that a server reads unless it is told otherwise.
pub const PAYMENT_LIMIT: usize = 16 * 1024;
/// Bytes of a challenge or receipt header that a client reads unless it is told otherwise.
pub const CHALLENGE_LIMIT: usize = 64 * 1024;

/// Why a header holds no message.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// Longer than the limit; nothing of it was decoded.
    #[error("the header has {length} bytes, {limit} are allowed")]
    TooLong {
        /// Bytes of the header.
        length: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// Not base64.
    #[error("the header is not base64")]
    Base64(#[source] base64::DecodeError),
    /// Not UTF-8 beneath the base64.
    #[error("the header does not hold UTF-8")]
    Utf8(#[source] std::str::Utf8Error),
    /// Not the message's JSON beneath the base64.
    #[error("the header does not hold the message: {0}")]
    Json(#[from] JsonError),
}

/// Writes a message as a header's value.
///
/// # Errors
/// Where the message does not serialize.
pub fn encode<T: Serialize>(message: &T) -> Result<String, JsonError> {
    Ok(encode_json(&serde_json::to_vec(message)?))
}

/// Writes a message that is JSON already as a header's value.
pub fn encode_json(json: &[u8]) -> String {
    STANDARD.encode(json)
}

/// Reads a message out of a header's value of at most `limit` bytes.
///
/// # Errors
/// [`DecodeError`], before anything is decoded where the value is too long. A key that stands twice
/// in one object, at any depth, is an error.
pub fn decode<T: DeserializeOwned>(value: &[u8], limit: usize) -> Result<T, DecodeError> {
    let json = decode_to_json(value, limit)?;
    Ok(from_hostile(&json)?)
}

/// [`decode`], with the very text that the message was read from.
///
/// # Errors
/// As [`decode`].
pub fn decode_verbatim<T: DeserializeOwned>(
    value: &[u8],
    limit: usize,
) -> Result<Verbatim<T>, DecodeError> {
    decode_with(value, limit, |json| from_hostile(json))
}

/// [`decode_verbatim`], read in this way.
pub(crate) fn decode_with<T>(
    value: &[u8],
    limit: usize,
    read: impl FnOnce(&str) -> Result<T, JsonError>,
) -> Result<Verbatim<T>, DecodeError> {
    let json = decode_to_json(value, limit)?;
    let value = read(&json)?;
    let trimmed = json.trim_ascii();
    let text = if trimmed.len() == json.len() { json } else { trimmed.to_owned() };
    Ok(Verbatim::of(text, value))
}

/// Reads the JSON text out of a header's value of at most `limit` bytes, without looking at it.
///
/// # Errors
/// As [`decode`], but for [`DecodeError::Json`].
pub fn decode_to_json(value: &[u8], limit: usize) -> Result<String, DecodeError> {
    let value = value.trim_ascii();
    if value.len() > limit {
        return Err(DecodeError::TooLong { length: value.len(), limit });
    }
    let bytes = STANDARD
        .decode(value)
        .or_else(|error| URL_SAFE.decode(value).map_err(|_| error))
        .map_err(DecodeError::Base64)?;
    String::from_utf8(bytes).map_err(|error| DecodeError::Utf8(error.utf8_error()))
}

/// Reads a message out of JSON that came as a body, as strictly as [`decode`] does.
///
/// # Errors
/// Where the text is not the message, or a key stands twice in one object.
pub fn from_json<T: DeserializeOwned>(text: &str) -> Result<T, JsonError> {
    from_hostile(text)
}
