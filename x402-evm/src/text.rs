//! Addresses and words as text, read without taking what a counterpart would not.

use alloy_primitives::{Address, hex};
use serde::{Deserializer, de::Error, de::Visitor};

/// The bytes of `0x` and just so many digits. A decoder of hexadecimal would also do without the
/// prefix, or take it twice.
pub(crate) fn bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.strip_prefix("0x").filter(|digits| digits.len() == 2 * N)?;
    let mut bytes = [0; N];
    hex::decode_to_slice(digits, &mut bytes).ok()?;
    Some(bytes)
}

/// Whether this is `0x` and a whole number of bytes, one at least and so many at most.
pub(crate) fn is_bytes(text: &str, most: usize) -> bool {
    text.strip_prefix("0x").is_some_and(|digits| {
        (1..=most).contains(&(digits.len() / 2))
            && digits.len().is_multiple_of(2)
            && digits.bytes().all(|b| b.is_ascii_hexdigit())
    })
}

/// Reads an address in any case; the checksum, which many counterparts drop, is not insisted on.
pub(crate) fn address(text: &str) -> Option<Address> {
    bytes(text).map(Address::from)
}

/// Whether an address has its checksum, or none because its letters are of one case.
pub(crate) fn is_checksummed(address: &str) -> bool {
    let letters = || address.bytes().skip("0x".len());
    let mixed =
        letters().any(|b| b.is_ascii_lowercase()) && letters().any(|b| b.is_ascii_uppercase());
    !mixed || Address::parse_checksummed(address, None).is_ok()
}

/// As much of a text as belongs into a message: the other side decides how long it is.
pub(crate) fn excerpt(text: &str) -> String {
    text.chars().take(200).collect()
}

/// An address as text: written with the checksum, read in any case.
pub(crate) mod checksummed {
    use super::*;
    use serde::Serializer;

    pub(crate) fn serialize<S: Serializer>(address: &Address, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(address)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Address, D::Error> {
        d.deserialize_str(Hexadecimal).map(Address::from)
    }
}

/// [`checksummed`], where there may be none.
pub(crate) mod optional_checksummed {
    use super::*;
    use serde::{Deserialize, Serializer};

    pub(crate) fn serialize<S: Serializer>(
        address: &Option<Address>,
        s: S,
    ) -> Result<S::Ok, S::Error> {
        match address {
            Some(address) => checksummed::serialize(address, s),
            None => s.serialize_none(),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        d: D,
    ) -> Result<Option<Address>, D::Error> {
        #[derive(Deserialize)]
        struct Checksummed(#[serde(with = "checksummed")] Address);
        Ok(Option::<Checksummed>::deserialize(d)?.map(|Checksummed(address)| address))
    }
}

/// 32 bytes as text.
pub(crate) mod word {
    use super::*;
    use alloy_primitives::B256;
    use serde::Serializer;

    pub(crate) fn serialize<S: Serializer>(word: &B256, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(word)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<B256, D::Error> {
        d.deserialize_str(Hexadecimal).map(B256::from)
    }
}

/// Reads so many bytes.
struct Hexadecimal<const N: usize>;

impl<const N: usize> Visitor<'_> for Hexadecimal<N> {
    type Value = [u8; N];

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "0x and {} hexadecimal digits", 2 * N)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<[u8; N], E> {
        bytes(text).ok_or_else(|| E::invalid_value(serde::de::Unexpected::Other("text"), &self))
    }
}
