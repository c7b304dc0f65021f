//! What is read as a payload of EIP-3009.

use crate::common::*;
use alloy_primitives::hex;
use serde_json::{Value, json};
use x402_evm::ExactTerms;
use x402_types::scheme::Check;
use x402_types::{Amount, ErrorReason, RawObject};

const FIELDS: [&str; 6] = ["from", "to", "value", "validAfter", "validBefore", "nonce"];

/// The good payload with a field of the authorization changed.
fn with(field: &str, value: impl Into<Value>) -> Value {
    let mut payload = payload();
    payload["authorization"][field] = value.into();
    payload
}

#[test]
fn no_field_may_be_missing() {
    let remove = |value: &mut Value, key: &str| value.as_object_mut().unwrap().remove(key).unwrap();
    for field in ["signature", "authorization"] {
        let mut payload = payload();
        remove(&mut payload, field);
        assert_eq!(reason(&payload), ErrorReason::InvalidPayload, "{field}");
    }
    for field in FIELDS {
        let mut payload = payload();
        remove(&mut payload["authorization"], field);
        assert_eq!(reason(&payload), ErrorReason::InvalidPayload, "{field}");
    }
}

#[test]
fn every_field_is_a_string() {
    let others = [json!(null), json!(1000), json!(10.5), json!(true), json!([]), json!({})];
    for other in others {
        for field in FIELDS {
            let payload = with(field, other.clone());
            assert_eq!(reason(&payload), ErrorReason::InvalidPayload, "{field}: {other}");
        }
        let mut unsigned = payload();
        unsigned["signature"] = other.clone();
        assert_eq!(reason(&unsigned), ErrorReason::InvalidPayload, "signature: {other}");
    }
}

#[test]
fn amounts_and_times_are_canonical_decimals_of_256_bits() {
    let over = "115792089237316195423570985008687907853269984665640564039457584007913129639936";
    let unsound = [
        "",
        " ",
        "010000",
        "00",
        "+10000",
        "-1",
        "10000.0",
        "1e4",
        "0x2710",
        "10_000",
        "10,000",
        " 10000",
        "10000 ",
        "１００００",
        "٣",
        "NaN",
        over,
        &"9".repeat(10_000),
    ];
    for field in ["value", "validAfter", "validBefore"] {
        for text in unsound {
            let refused = reason(&with(field, text));
            assert_eq!(refused, ErrorReason::InvalidPayload, "{field}: {text:?}");
        }
    }
    let largest = with("validBefore", Amount::MAX.to_string());
    assert!(check(&offer(), &largest, Check::WithoutSignature).is_ok());
}

#[test]
fn addresses_and_nonces_are_0x_and_just_their_digits() {
    for field in ["from", "to", "nonce"] {
        let good = payload()["authorization"][field].as_str().unwrap().to_owned();
        let digits = &good[2..];
        let unsound = [
            String::new(),
            "0x".to_owned(),
            digits.to_owned(),
            format!("0X{digits}"),
            format!("0x0x{digits}"),
            format!("0x0x{}", &digits[2..]),
            format!("0x{}", &digits[1..]),
            format!("0x{}", &digits[2..]),
            format!("0x{digits}0"),
            format!("0x{digits}00"),
            format!("0x{}g", &digits[1..]),
            format!("0x{}é", &digits[2..]),
            format!(" {good}"),
            format!("{good} "),
        ];
        for text in unsound {
            let refused = reason(&with(field, text.as_str()));
            assert_eq!(refused, ErrorReason::InvalidPayload, "{field}: {text:?}");
        }
    }
}

#[test]
fn spelling_of_digits_makes_no_second_payment() {
    let expected = check(&offer(), &payload(), Check::Signature).unwrap();
    for field in ["from", "to", "nonce"] {
        let text = payload()["authorization"][field].as_str().unwrap().to_owned();
        let capitals = format!("0x{}", text[2..].to_ascii_uppercase());
        for spelling in [text.to_ascii_lowercase(), capitals] {
            let paid = check(&offer(), &with(field, spelling.as_str()), Check::Signature);
            assert_eq!(paid.as_ref(), Ok(&expected), "{field}: {spelling}");
        }
    }
}

#[test]
fn payment_by_permit2_is_of_another_type() {
    let permit2 = json!({"from": "0x", "permitted": {}, "witness": {}});
    let mut both = payload();
    both["permit2Authorization"] = permit2.clone();
    let mut null = payload();
    null["permit2Authorization"] = Value::Null;
    let payloads = [json!({"signature": "0x", "permit2Authorization": permit2}), both, null];
    for payload in payloads {
        assert_eq!(reason(&payload), ErrorReason::UnsupportedPayloadType, "{payload}");
    }
    let written = [
        r#""permit2\u0041uthorization":{},"#,
        r#""permit2Authorization":{},"permit2Authorization":{},"#,
    ];
    for key in written {
        let payload = payload().to_string().replacen('{', &format!("{{{key}"), 1);
        let refusal = ExactTerms::read(&payload.parse().unwrap()).unwrap_err();
        assert_eq!(refusal.reason, ErrorReason::UnsupportedPayloadType, "{payload}");
    }
}

#[test]
fn unknown_keys_are_ignored_as_counterparts_ignore_them() {
    let mut payload = with("memo", "for lunch");
    payload["asset"] = json!({"decimals": 18});
    assert!(check(&offer(), &payload, Check::Signature).is_ok());
}

#[test]
fn list_of_the_fields_is_no_authorization() {
    let mut payload = payload();
    let values: Vec<Value> =
        FIELDS.iter().map(|field| payload["authorization"][field].clone()).collect();
    payload["authorization"] = values.into();
    assert_eq!(reason(&payload), ErrorReason::InvalidPayload);
}

#[test]
fn key_that_stands_twice_is_refused() {
    let once = payload().to_string();
    for field in FIELDS {
        let key = format!("\"{field}\":");
        let twice = once.replacen(&key, &format!("{key}\"0\",{key}"), 1);
        assert!(ExactTerms::read(&once.parse().unwrap()).is_ok());
        let refusal = ExactTerms::read(&twice.parse().unwrap()).unwrap_err();
        assert_eq!(refusal.reason, ErrorReason::InvalidPayload, "{field}");
    }
}

#[test]
fn refusal_is_short_however_long_the_payload() {
    let long = "é".repeat(20_000);
    let mut lists = payload();
    lists["authorization"] = json!(long);
    for payload in [lists, with("from", long.as_str()), with("value", long.as_str())] {
        let payload = RawObject::new(&payload).unwrap();
        let refusal = ExactTerms::read(&payload).unwrap_err();
        assert!(refusal.detail.chars().count() <= 200, "{}", refusal.detail.len());
    }
}

#[test]
fn refusal_of_a_signature_does_not_show_it() {
    let mut high = signature();
    high[32] = 0xff;
    for signature in [hex::encode_prefixed(high), hex::encode(signature())] {
        let refusal = check(&offer(), &signed_with(&signature), Check::Signature).unwrap_err();
        assert!(!refusal.to_string().contains(&signature[4..20]), "{refusal}");
    }
}
