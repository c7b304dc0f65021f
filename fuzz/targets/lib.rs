//! What the fuzz targets share: whatever is read is written, and read again as it was.

use std::fmt::Debug;

use serde::Serialize;
use serde::de::DeserializeOwned;
use x402_types::{Verbatim, decode, encode, header};

/// Reads the bytes as a header, and as the JSON within one.
pub fn header_of<T>(bytes: &[u8])
where
    T: Serialize + DeserializeOwned + PartialEq + Debug,
{
    comes_back::<T>(bytes);
    comes_back::<T>(header::encode_json(bytes).as_bytes());
}

/// Reads the bytes as a body.
pub fn body_of<T>(bytes: &[u8])
where
    T: Serialize + DeserializeOwned + PartialEq + Debug,
{
    comes_back::<T>(header::encode_json(bytes).as_bytes());
}

fn comes_back<T>(value: &[u8])
where
    T: Serialize + DeserializeOwned + PartialEq + Debug,
{
    let read = decode::<T>(value, header::CHALLENGE_LIMIT);
    let verbatim = decode::<Verbatim<T>>(value, header::CHALLENGE_LIMIT);
    assert_eq!(read.is_ok(), verbatim.is_ok(), "read alone and with its text");
    let Ok(message) = read else { return };
    // Debug output is part of what input reaches.
    let _ = format!("{message:?}");

    let written = encode(&message).expect("what was read can be written");
    let again: T = decode(written.as_bytes(), usize::MAX).expect("what was written can be read");
    assert_eq!(again, message);
    assert_eq!(encode(&again).expect("written twice"), written);

    let verbatim = verbatim.expect("as above");
    let kept = header::decode_to_json(value, usize::MAX).expect("as above");
    assert_eq!(verbatim.as_str(), kept.trim_matches([' ', '\t', '\r', '\n']));
}
