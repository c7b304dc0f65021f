//! How a message is written into a header, and what is read out of one.

use x402_types::{DecodeError, SettleResponse, decode, encode, header};

/// Encodes to all of `+`, `/` and `=`.
const JSON: &str = r#"{"success":true,"payer":"~~~???>>>ÿÿ"}"#;

fn read(value: impl AsRef<[u8]>) -> Result<SettleResponse, DecodeError> {
    decode(value.as_ref(), header::CHALLENGE_LIMIT)
}

#[test]
fn a_header_is_written_in_the_standard_alphabet_with_padding() {
    let message: SettleResponse = header::from_json(r#"{"success":true,"payer":"a"}"#).unwrap();
    let value = encode(&message).unwrap();
    assert_eq!(value, header::encode_json(&serde_json::to_vec(&message).unwrap()));
    assert_eq!(value.len() % 4, 0);
    assert_eq!(header::encode_json(b"\xfb\xff\xfe!"), "+//+IQ==");
    assert_eq!(header::encode_json(b"{}"), "e30=");
}

#[test]
fn padded_unpadded_and_url_safe_headers_are_read() {
    for pad in ["", " ", "  "] {
        let value = header::encode_json(format!("{JSON}{pad}").as_bytes());
        assert!(value.contains('+') && value.contains('/'), "{value}");
        let url_safe = value.replace('+', "-").replace('/', "_");
        let expected: SettleResponse = header::from_json(JSON).unwrap();
        for value in [&value, &url_safe] {
            assert_eq!(read(value).unwrap(), expected);
            assert_eq!(read(value.trim_end_matches('=')).unwrap(), expected);
        }
    }
}

#[test]
fn one_header_has_one_alphabet() {
    let value = header::encode_json(JSON.as_bytes());
    let mixed = value.replace('+', "-");
    assert!(matches!(read(mixed), Err(DecodeError::Base64(_))));
}

#[test]
fn spaces_around_the_value_are_dropped_and_within_it_refused() {
    let value = header::encode_json(JSON.as_bytes());
    assert!(read(format!("  \t{value}\r\n ")).is_ok());
    for space in [" ", "\t", "\n", "\r\n", "\u{a0}"] {
        let (left, right) = value.split_at(8);
        let split = format!("{left}{space}{right}");
        assert!(matches!(read(split), Err(DecodeError::Base64(_))), "{space:?}");
    }
}

#[test]
fn a_truncated_header_is_refused_wherever_it_was_cut() {
    let value = header::encode_json(JSON.as_bytes());
    let last = value.trim_end_matches('=').len();
    for length in 0..last {
        assert!(read(&value[..length]).is_err(), "{length}");
    }
}

#[test]
fn garbage_is_refused() {
    for value in ["!", "{}", JSON, "=", "====", "e30=e30=", "e=30", "null", "\0", "e30%3D", "é"] {
        assert!(read(value).is_err(), "{value:?}");
    }
    for byte in 0..=u8::MAX {
        assert!(read([byte]).is_err());
        assert!(read([byte; 64]).is_err());
    }
    assert!(matches!(read(""), Err(DecodeError::Json(_))));
    assert!(matches!(read([0xff; 8]), Err(DecodeError::Base64(_))));
    assert!(matches!(read(header::encode_json(b"\xff\xfe")), Err(DecodeError::Utf8(_))));
    assert!(matches!(read(header::encode_json(b"{}")), Err(DecodeError::Json(_))));
}

#[test]
fn two_headers_joined_by_a_comma_are_refused() {
    let value = header::encode_json(JSON.as_bytes());
    assert!(matches!(read(format!("{value}, {value}")), Err(DecodeError::Base64(_))));
    assert!(matches!(read(format!("{value},{value}")), Err(DecodeError::Base64(_))));
}

#[test]
fn the_limit_is_checked_before_anything_is_decoded() {
    // Neither base64 nor JSON: whoever decodes first says so.
    let huge = vec![b'!'; 1 << 20];
    for limit in [0, 1, header::PAYMENT_LIMIT, header::CHALLENGE_LIMIT, huge.len() - 1] {
        match decode::<SettleResponse>(&huge, limit) {
            Err(DecodeError::TooLong { length, limit: told }) => {
                assert_eq!((length, told), (huge.len(), limit));
            }
            other => panic!("{other:?}"),
        }
        assert!(matches!(header::decode_to_json(&huge, limit), Err(DecodeError::TooLong { .. })));
    }
    assert!(matches!(decode::<SettleResponse>(&huge, huge.len()), Err(DecodeError::Base64(_))));
}

#[test]
fn a_header_of_exactly_the_limit_is_read() {
    let value = header::encode_json(JSON.as_bytes());
    assert!(decode::<SettleResponse>(value.as_bytes(), value.len()).is_ok());
    assert!(decode::<SettleResponse>(value.as_bytes(), value.len() - 1).is_err());
    assert!(decode::<SettleResponse>(format!(" {value} ").as_bytes(), value.len()).is_ok());
}

#[test]
fn the_json_is_handed_out_unread() {
    for json in ["", "no JSON", r#"{"a":1,"a":2}"#] {
        let value = header::encode_json(json.as_bytes());
        assert_eq!(header::decode_to_json(value.as_bytes(), 1024).unwrap(), json);
    }
}
