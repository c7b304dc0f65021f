//! A field holds what the protocol says, or the message is refused: nothing is coerced.

use crate::common::MESSAGES;
use serde_json::{Value, json};
use x402_types::{facilitator, header, peek_version};

fn refuses(name: &str, key: &str, values: impl IntoIterator<Item = Value>) {
    let message = MESSAGES.iter().find(|message| message.name == name).unwrap();
    for wrong in values {
        let mut value = message.full();
        value[key] = wrong;
        assert!((message.reread)(&value.to_string()).is_err(), "{name}: {key} {}", value[key]);
    }
}

#[test]
fn any_other_version_is_refused() {
    let mut versioned = 0;
    for message in MESSAGES.iter().filter(|message| message.name != "supported-kind") {
        let full = message.full();
        let Some(version) = full["x402Version"].as_u64() else { continue };
        versioned += 1;
        let others = [0, 1, 2, 3, 255, 256, 257, 258, u64::MAX];
        let others = others.into_iter().filter(|other| *other != version).map(Value::from);
        refuses(message.name, "x402Version", others);
        let spellings =
            [json!(version.to_string()), json!(-2), json!(true), json!([2]), json!(2.5)];
        refuses(message.name, "x402Version", spellings);
    }
    assert_eq!(versioned, 6);
}

#[test]
fn yes_in_words_is_not_true() {
    let not_booleans = || [json!("true"), json!("false"), json!(1), json!(0), json!({}), json!([])];
    refuses("verify-response", "isValid", not_booleans());
    refuses("settle-response", "success", not_booleans());
}

#[test]
fn amounts_are_strings() {
    let no_amounts = || {
        [json!(1000), json!(1000.0), json!(""), json!("-1"), json!("01"), json!("1e3"), json!([])]
    };
    refuses("payment-requirements", "amount", no_amounts());
    refuses("v1/payment-requirements", "maxAmountRequired", no_amounts());
    refuses("settle-response", "amount", no_amounts());
}

#[test]
fn a_payer_has_a_positive_whole_number_of_seconds() {
    for name in ["payment-requirements", "v1/payment-requirements"] {
        let wrong = [json!(0), json!(-1), json!(1.5), json!("300"), json!(null), json!(1e30)];
        refuses(name, "maxTimeoutSeconds", wrong);
    }
}

#[test]
fn there_is_at_least_one_way_to_pay() {
    for name in ["payment-required", "v1/payment-required"] {
        refuses(name, "accepts", [json!([]), json!({}), json!([null]), json!([[]]), json!([{}])]);
    }
}

#[test]
fn what_is_kept_raw_is_an_object() {
    let no_objects = || [json!([]), json!("{}"), json!(1), json!(true), json!([{}])];
    for (name, keys) in [
        ("payment-payload", &["payload", "extensions", "accepted"] as &[_]),
        ("v1/payment-payload", &["payload"]),
        ("payment-required", &["extensions"]),
        ("payment-requirements", &["extra"]),
        ("v1/payment-requirements", &["extra", "outputSchema"]),
        ("verify-request", &["paymentPayload", "paymentRequirements"]),
        ("verify-response", &["extensions", "extra"]),
        ("settle-response", &["extensions", "extra"]),
        ("supported-kind", &["extra"]),
    ] {
        for key in keys {
            refuses(name, key, no_objects());
        }
    }
}

#[test]
fn version_2_names_networks_by_caip_2_only() {
    let wrong = ["base-sepolia", "base", "eip155", "eip155:", "eip155:084532", "eip155:*", ""];
    refuses("payment-requirements", "network", wrong.map(Value::from));
}

#[test]
fn a_message_of_one_version_is_none_of_the_other() {
    for message in MESSAGES {
        let other = match message.name.strip_prefix("v1/") {
            Some(name) => name.to_owned(),
            None => format!("v1/{}", message.name),
        };
        let Some(other) = MESSAGES.iter().find(|message| message.name == other) else { continue };
        for (file, text) in message.examples() {
            assert!((other.reread)(&text).is_err(), "{file}");
        }
    }
}

#[test]
fn the_version_can_be_read_without_the_rest() {
    assert_eq!(peek_version(r#"{"x402Version":2}"#), Some(2));
    assert_eq!(peek_version(r#" {"a":[{}],"x402Version":1,"b":null} "#), Some(1));
    assert_eq!(peek_version(r#"{"x402Version":77}"#), Some(77));
    for none in ["", "{}", "[]", "2", r#"{"x402Version":"2"}"#, r#"{"x402Version":-1}"#] {
        assert_eq!(peek_version(none), None, "{none}");
    }
    assert_eq!(peek_version(r#"{"x402Version":1,"x402Version":2}"#), None);
}

#[test]
fn a_facilitator_is_asked_in_either_version() {
    let text = |name: &str| {
        MESSAGES.iter().find(|message| message.name == name).unwrap().full().to_string()
    };
    let (v1, v2) = (text("v1/verify-request"), text("verify-request"));
    let v1: facilitator::Request = header::from_json(&v1).unwrap();
    let v2: facilitator::Request = header::from_json(&v2).unwrap();
    assert!(matches!(v1, facilitator::Request::V1(_)));
    assert!(matches!(v2, facilitator::Request::V2(_)));
    assert_eq!(v1.network(), v2.network());
    for request in [v1, v2] {
        let written = serde_json::to_string(&request).unwrap();
        assert_eq!(header::from_json::<facilitator::Request>(&written).unwrap(), request);
    }

    // The versions of the envelope and of what is in it agree.
    let mixed = text("verify-request").replacen(r#""x402Version":2"#, r#""x402Version":1"#, 1);
    assert!(header::from_json::<facilitator::Request>(&mixed).is_err());
    let unversioned = text("verify-request").replace(r#""x402Version":2"#, r#""?":2"#);
    assert!(header::from_json::<facilitator::Request>(&unversioned).is_err());
}

#[test]
fn a_message_is_an_object_and_never_a_list_of_its_fields() {
    let lists = || [json!([]), json!(["u"]), json!(["u", null, null, null, null, null])];
    refuses("payment-required", "resource", lists());
    refuses("payment-payload", "resource", lists());
    refuses("supported-response", "kinds", [json!([[2, "exact", "eip155:1"]])]);
    let offer = json!(["exact", "eip155:1", "1", "0x1", "0x2", 300, null]);
    refuses("payment-payload", "accepted", [offer.clone()]);
    refuses("payment-required", "accepts", [json!([offer])]);
    for message in MESSAGES {
        let mut fields: Vec<Value> =
            message.full().as_object().unwrap().values().cloned().collect();
        fields.resize(12, Value::Null);
        assert!((message.reread)(&json!(fields).to_string()).is_err());
    }
    for list in [r#"[true,null,null,null,"","",null,null,null]"#, "[true]", "null", "true", "2"] {
        assert!(header::from_json::<x402_types::SettleResponse>(list).is_err(), "{list}");
    }
}
