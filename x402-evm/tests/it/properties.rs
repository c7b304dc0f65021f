//! Whatever comes in, nothing panics; whatever is changed in a good payment, it is good no more.

use crate::common::*;
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use x402_evm::{ExactEvm, ExactEvmPayer, ExactTerms, Signature};
use x402_types::scheme::{Check, ClientScheme as _, ServerScheme as _};
use x402_types::{PaymentRequirements, RawObject};

const FIELDS: [&str; 7] = [
    "/signature",
    "/authorization/from",
    "/authorization/to",
    "/authorization/value",
    "/authorization/validAfter",
    "/authorization/validBefore",
    "/authorization/nonce",
];

/// Any JSON, with the protocol's keys and values more often than chance has them.
fn json_value() -> impl Strategy<Value = Value> {
    let text = prop_oneof![
        any::<String>(),
        "0x[0-9a-fA-F]{0,132}",
        "[0-9]{1,80}",
        Just(PAY_TO.to_owned()),
        Just("permit2".to_owned()),
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        text.prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 64, 8, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..8).prop_map(Value::from),
            btree_map(key(), inner, 0..8).prop_map(|entries| Value::from(Map::from_iter(entries))),
        ]
    })
}

fn key() -> impl Strategy<Value = String> {
    let known = [
        "signature",
        "authorization",
        "permit2Authorization",
        "from",
        "to",
        "value",
        "validAfter",
        "validBefore",
        "nonce",
        "name",
        "version",
        "assetTransferMethod",
    ];
    prop_oneof![3 => prop::sample::select(known.to_vec()).prop_map(str::to_owned), 1 => any::<String>()]
}

fn object() -> impl Strategy<Value = Value> {
    btree_map(key(), json_value(), 0..8).prop_map(|entries| Value::from(Map::from_iter(entries)))
}

/// Another text of the same kind, unlike the good one in a digit.
fn other_digit(text: &str, at: prop::sample::Index, by: u32) -> String {
    let prefix = if text.starts_with("0x") { 2 } else { 0 };
    let radix = if prefix == 2 { 16 } else { 10 };
    let at = prefix + at.index(text.len() - prefix);
    let digit = text[at..=at].chars().next().and_then(|c| c.to_digit(radix)).unwrap();
    let other = char::from_digit((digit + 1 + by % (radix - 1)) % radix, radix).unwrap();
    format!("{}{other}{}", &text[..at], &text[at + 1..])
}

proptest! {
    #[test]
    fn no_payload_panics(payload in object()) {
        let payload = RawObject::new(&payload).unwrap();
        let terms = ExactEvm.prepare(&offer()).unwrap();
        prop_assert!(terms.check(&payload, NOW, Check::Signature).is_err());
    }

    #[test]
    fn no_authorization_panics(mut authorization in object(), signature in any::<String>()) {
        // Whole but for what was drawn, so that it is read to its end.
        for (key, value) in payload()["authorization"].as_object().unwrap() {
            authorization.as_object_mut().unwrap().entry(key).or_insert_with(|| value.clone());
        }
        let payload = json!({"signature": signature, "authorization": authorization});
        prop_assert!(check(&offer(), &payload, Check::Signature).is_err());
    }

    #[test]
    fn no_offer_panics(
        scheme in prop_oneof![Just("exact".to_owned()), any::<String>()],
        asset in prop_oneof![Just(offer().asset), any::<String>()],
        pay_to in prop_oneof![Just(PAY_TO.to_owned()), any::<String>()],
        extra in object(),
    ) {
        let offer = PaymentRequirements { scheme, asset, pay_to, ..offer_with(&extra) };
        let payer = ExactEvmPayer::new(signer());
        let _ = ExactTerms::new(&offer);
        let terms = ExactEvm.prepare(&offer);
        prop_assert!(terms.is_ok() || payer.can_pay(&offer).is_err());
    }

    #[test]
    fn no_text_panics_as_a_signature(text in prop_oneof![any::<String>(), "0x[0-9a-f]{130}"]) {
        if let Ok(signature) = text.parse::<Signature>() {
            let again: Signature = signature.to_string().parse().unwrap();
            prop_assert_eq!(again, signature);
            let _ = signature.recover(authorization().signing_hash(&domain()));
        }
    }

    #[test]
    fn payment_with_another_digit_is_refused(
        field in prop::sample::select(&FIELDS[..]), at in any::<prop::sample::Index>(), by in any::<u32>()
    ) {
        let mut payload = payload();
        let value = payload.pointer_mut(field).unwrap();
        *value = other_digit(value.as_str().unwrap(), at, by).into();
        prop_assert!(check(&offer(), &payload, Check::Signature).is_err(), "{}", payload);
    }

    #[test]
    fn payment_with_another_value_in_a_field_is_refused(
        field in prop::sample::select(&FIELDS[..]), other in json_value()
    ) {
        let mut payload = payload();
        let value = payload.pointer_mut(field).unwrap();
        prop_assume!(*value != other);
        *value = other;
        prop_assert!(check(&offer(), &payload, Check::Signature).is_err(), "{}", payload);
    }

    #[test]
    fn good_payment_is_refused_for_an_offer_with_another_digit(
        field in prop::sample::select(&["/amount", "/asset", "/payTo", "/network", "/extra/version"][..]),
        at in any::<prop::sample::Index>(),
        by in any::<u32>(),
    ) {
        let mut json = serde_json::to_value(offer()).unwrap();
        let value = json.pointer_mut(field).unwrap();
        let text = value.as_str().unwrap();
        let (kept, digits) = text.split_at(text.find(':').map_or(0, |colon| colon + 1));
        *value = format!("{kept}{}", other_digit(digits, at, by)).into();
        if let Ok(other) = serde_json::from_value::<PaymentRequirements>(json) {
            prop_assert!(check(&other, &payload(), Check::Signature).is_err(), "{:?}", other);
        }
    }
}
