//! Counterparts in Python and Go write `null` for what is not there.

use crate::common::{MESSAGES, json};
use serde_json::Value;
use x402_types::{PaymentRequired, header};

#[test]
fn null_reads_like_a_field_that_is_not_there_and_is_never_written() {
    for message in MESSAGES {
        for key in message.optional {
            let mut with_null = message.full();
            let mut without = message.full();
            assert!(!with_null[*key].is_null(), "the full example shows {key}");
            with_null[*key] = Value::Null;
            without.as_object_mut().unwrap().remove(*key);

            let written = (message.reread)(&with_null.to_string())
                .unwrap_or_else(|error| panic!("{} {key}: {error}", message.name));
            assert!(!written.contains("null"), "{} {key}: {written}", message.name);
            assert_eq!(written, (message.reread)(&without.to_string()).unwrap());
        }
    }
}

#[test]
fn every_optional_field_may_be_null_at_once() {
    for message in MESSAGES {
        let mut value = message.full();
        for key in message.optional {
            value[*key] = Value::Null;
        }
        let written = (message.reread)(&value.to_string()).unwrap();
        assert!(!written.contains("null"), "{}: {written}", message.name);
    }
}

#[test]
fn every_other_field_is_required() {
    for message in MESSAGES {
        let full = message.full();
        let required =
            full.as_object().unwrap().keys().filter(|key| !message.optional.contains(&&***key));
        for key in required {
            let mut without = full.clone();
            without.as_object_mut().unwrap().remove(key);
            assert!((message.reread)(&without.to_string()).is_err(), "{} {key}", message.name);

            let mut with_null = full.clone();
            with_null[key] = Value::Null;
            assert!((message.reread)(&with_null.to_string()).is_err(), "{} {key}", message.name);
        }
    }
}

#[test]
fn null_in_an_offer_is_echoed_as_it_came() {
    let offer = r#"{"scheme":"exact","network":"eip155:84532","amount":"1","asset":"0x1","payTo":"0x2","maxTimeoutSeconds":1,"extra":null}"#;
    let terms = format!(
        r#"{{"x402Version":2,"error":null,"resource":{{"url":"u","tags":null}},"accepts":[{offer}],"extensions":null}}"#
    );
    let terms: PaymentRequired = header::from_json(&terms).unwrap();
    assert_eq!(terms.accepts[0].extra, None);
    assert_eq!(terms.accepts[0].as_str(), offer);
    let written = serde_json::to_string(&terms).unwrap();
    assert_eq!(json(&written)["resource"], serde_json::json!({"url": "u"}));
    assert!(written.contains(offer));
}
