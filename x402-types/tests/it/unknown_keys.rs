//! A newer counterpart says more than we know.

use crate::common::MESSAGES;
use serde_json::{Value, json};

#[test]
fn unknown_keys_are_never_fatal_at_any_depth() {
    for message in MESSAGES {
        for (file, text) in message.examples() {
            let mut value: Value = serde_json::from_str(&text).unwrap();
            add_everywhere(&mut value);
            (message.reread)(&value.to_string()).unwrap_or_else(|error| panic!("{file}: {error}"));
        }
    }
}

#[test]
fn an_unknown_key_may_hold_anything() {
    for message in MESSAGES {
        for anything in [json!(null), json!(1.5), json!("x"), json!([[], {}]), json!({"a": {}})] {
            let mut value = message.full();
            value["aKeyOfTheFuture"] = anything;
            (message.reread)(&value.to_string()).unwrap();
        }
    }
}

#[test]
fn a_key_in_another_case_is_an_unknown_key() {
    let text = r#"{"isvalid":true,"isValid":false}"#;
    let answer: x402_types::VerifyResponse = x402_types::header::from_json(text).unwrap();
    assert!(!answer.is_valid);
}

/// Into every object of the tree. A list also suits `signers`, whose keys are data.
fn add_everywhere(value: &mut Value) {
    match value {
        Value::Object(entries) => {
            entries.values_mut().for_each(add_everywhere);
            entries.insert("aKeyOfTheFuture".to_owned(), json!([]));
        }
        Value::Array(items) => items.iter_mut().for_each(add_everywhere),
        _ => {}
    }
}
