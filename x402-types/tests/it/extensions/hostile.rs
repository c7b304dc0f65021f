//! Whatever comes in, nothing panics.

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::Value;
use x402_types::extensions::*;
use x402_types::{Network, RawObject};

fn read_as_everything(text: &str) {
    let Ok(raw) = text.parse::<RawObject>() else { return };
    drop(merge(Some(&raw), Some(&raw)));
    drop(check_echo(&raw, Some(&raw)));
    let Ok(extensions) = Extensions::read(&raw) else { return };
    drop(extensions.get::<bazaar::Bazaar>());
    drop(
        extensions.get::<builder_code::Declaration>().map(|found| found.map(|it| it.info.suffix())),
    );
    drop(extensions.get::<eip2612_gas_sponsoring::Answer>());
    drop(extensions.get::<erc20_approval_gas_sponsoring::Answer>());
    drop(extensions.get::<payment_identifier::Declaration>());
    if let Ok(Some(challenge)) = extensions.get::<sign_in_with_x::Challenge>() {
        drop(challenge.info.message_text("0x1", &Network::BASE));
        let _ = challenge.info.check_times(0);
        let _ = challenge.info.check_origin(&challenge.info.uri);
    }
    if let Ok(Some(offers)) = extensions.get::<offer_receipt::OfferDeclaration>() {
        for offer in &offers.info.offers {
            drop(offer.payload().map(|payload| payload.to_canonical()));
        }
    }
    let written = extensions.to_raw().unwrap();
    assert_eq!(written.is_none(), extensions.is_empty());
}

/// Extensions under their own keys, of nearly the right shape.
fn nearly() -> impl Strategy<Value = String> {
    let keys = [
        bazaar::KEY,
        builder_code::KEY,
        eip2612_gas_sponsoring::KEY,
        erc20_approval_gas_sponsoring::KEY,
        offer_receipt::KEY,
        payment_identifier::KEY,
        sign_in_with_x::KEY,
    ];
    let words = "info|schema|input|type|http|mcp|\\$ref|#|offers|format|jws|a\\.b\\.c|signature|a|s|id|required|x";
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        words.prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    let value = leaf.prop_recursive(4, 24, 5, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map(words, inner, 0..5)
                .prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    });
    (proptest::sample::select(keys.to_vec()), value)
        .prop_map(|(key, value)| serde_json::json!({ key: value }).to_string())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_make_a_reader_panic(bytes in vec(any::<u8>(), 0..256)) {
        read_as_everything(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn nothing_that_is_nearly_an_extension_makes_a_reader_panic(text in nearly()) {
        read_as_everything(&text);
    }

    #[test]
    fn what_is_echoed_as_it_was_declared_is_right_unless_an_app_is_named(text in nearly()) {
        let raw: RawObject = text.parse().unwrap();
        let tampered = text.contains(builder_code::KEY);
        prop_assert!(tampered || check_echo(&raw, Some(&raw)).is_ok(), "{}", text);
    }

    #[test]
    fn what_is_merged_is_a_right_echo(server in nearly(), client in nearly()) {
        let (server, client): (RawObject, RawObject) = (server.parse().unwrap(), client.parse().unwrap());
        let merged = merge(Some(&server), Some(&client)).unwrap().unwrap();
        let builder = merged.as_str().contains(builder_code::KEY);
        prop_assert!(builder || check_echo(&server, Some(&merged)).is_ok());
    }
}
