use serde_json::json;
use x402_types::extensions::{Declared, Extensions, merge, payment_identifier};
use x402_types::{PaymentRequired, RawObject, header};

use super::raw;

type Identifier = payment_identifier::Declaration;

fn identifier(required: bool) -> Identifier {
    Declared::answer(payment_identifier::Info { required, id: None })
}

#[test]
fn what_is_unknown_passes_byte_for_byte_and_in_order() {
    let text = r#"{"z":{ "b" : 1.0,"a":[ ] },"payment-identifier":{"info":{"required":true}},"a": null,"m":"\u0061"}"#;
    let raw: RawObject = header::from_json(text).unwrap();
    let mut extensions = Extensions::read(&raw).unwrap();
    extensions.set(&identifier(false)).unwrap();
    let written = extensions.to_raw().unwrap().unwrap();
    assert_eq!(
        written.as_str(),
        r#"{"z":{ "b" : 1.0,"a":[ ] },"payment-identifier":{"info":{"required":false}},"a":null,"m":"\u0061"}"#
    );
    assert_eq!(extensions.raw("z"), Some(r#"{ "b" : 1.0,"a":[ ] }"#));
    let keys: Vec<_> = extensions.iter().map(|(key, _)| key).collect();
    assert_eq!(keys, ["z", "payment-identifier", "a", "m"]);
}

#[test]
fn a_new_extension_comes_last_and_one_can_be_taken_out() {
    let mut extensions = Extensions::read(&raw(&json!({"z": 1}))).unwrap();
    extensions.set(&identifier(true)).unwrap();
    assert_eq!(
        extensions.to_raw().unwrap().unwrap().as_str(),
        r#"{"z":1,"payment-identifier":{"info":{"required":true}}}"#
    );
    assert_eq!(extensions.get::<Identifier>().unwrap(), Some(identifier(true)));
    assert!(extensions.remove("z") && !extensions.remove("z"));
    assert!(extensions.remove("payment-identifier") && extensions.is_empty());
    assert_eq!(extensions.to_raw().unwrap(), None, "nothing is not written as `{{}}`");
}

#[test]
fn an_extension_that_is_missing_or_null_is_none() {
    for value in [json!({}), json!({"payment-identifier": null}), json!({"other": {}})] {
        assert_eq!(super::get::<Identifier>(&value).unwrap(), None);
    }
}

#[test]
fn an_extension_that_is_not_well_formed_is_an_error_that_names_it() {
    for value in
        [json!(1), json!("x"), json!([]), json!({}), json!({"info": 1}), json!({"info": []})]
    {
        let error = super::get::<Identifier>(&json!({"payment-identifier": value})).unwrap_err();
        assert_eq!(error.key, "payment-identifier");
        assert!(error.to_string().contains("payment-identifier"), "{error}");
    }
}

#[test]
fn a_key_that_stands_twice_is_refused() {
    let twice: RawObject = r#"{"a":1,"\u0061":2}"#.parse().unwrap();
    assert!(Extensions::read(&twice).is_err());
    let inner: RawObject = r#"{"k":{"a":1,"a":2}}"#.parse().unwrap();
    let added = raw(&json!({"k": {"b": 1}}));
    assert!(merge(Some(&inner), Some(&added)).is_err());
    assert!(merge(Some(&added), Some(&inner)).is_err());
}

#[test]
fn extensions_are_read_from_and_written_into_a_message() {
    let mut terms: PaymentRequired = header::from_json(
        r#"{"x402Version":2,"resource":{"url":"u"},"accepts":[{"scheme":"exact","network":"eip155:84532","amount":"1","asset":"0x1","payTo":"0x2","maxTimeoutSeconds":1}]}"#,
    )
    .unwrap();
    let mut extensions = Extensions::default();
    extensions.set(&identifier(true)).unwrap();
    terms.extensions = extensions.to_raw().unwrap();
    let value = x402_types::encode(&terms).unwrap();
    let back: PaymentRequired = x402_types::decode(value.as_bytes(), value.len()).unwrap();
    let read = Extensions::read(&back.extensions.unwrap()).unwrap();
    assert_eq!(read.get::<Identifier>().unwrap(), Some(identifier(true)));
}

#[test]
fn debug_shows_keys_and_no_values() {
    let extensions = Extensions::read(&raw(&json!({"k": {"signature": "0xsecret"}}))).unwrap();
    assert_eq!(format!("{extensions:?}"), r#"{"k"}"#);
}
