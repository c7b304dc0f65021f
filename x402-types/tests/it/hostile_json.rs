//! JSON made to be read in two ways, or to exhaust its reader.

use std::thread;

use crate::common::MESSAGES;
use serde_json::Value;
use x402_types::{
    PaymentPayload, RawObject, SettleResponse, Verbatim, decode, header, peek_version,
};

#[test]
fn a_key_that_stands_twice_is_refused_at_any_depth() {
    for (what, inner) in [
        ("known", r#""success":true,"success":true"#),
        ("known, other value", r#""success":true,"success":false"#),
        ("unknown", r#""success":true,"?":1,"?":1"#),
        ("in raw", r#""success":true,"extra":{"a":1,"b":2,"a":1}"#),
        ("deep in raw", r#""success":true,"extra":{"a":[{},{"b":{"c":1,"c":2}}]}"#),
        ("in an unknown list", r#""success":true,"?":[[{"a":1,"a":1}]]"#),
        ("escaped", r#""success":true,"\u0073uccess":true"#),
        ("escaped in raw", r#""success":true,"extra":{"a":1,"\u0061":2}"#),
        ("escaped twice", r#""success":true,"extra":{"\u0061":1,"\u0061":2}"#),
        ("escaped solidus", r#""success":true,"extra":{"a\/b":1,"a/b":2}"#),
        ("empty", r#""success":true,"extra":{"":1,"":2}"#),
        ("surrogates", r#""success":true,"extra":{"\ud83d\ude00":1,"😀":2}"#),
    ] {
        let error = header::from_json::<SettleResponse>(&format!("{{{inner}}}")).unwrap_err();
        assert!(error.to_string().contains("twice"), "{what}: {error}");
    }
}

#[test]
fn every_message_refuses_a_doubled_field() {
    for message in MESSAGES {
        let full = message.full();
        for (key, value) in full.as_object().unwrap() {
            let text = full.to_string();
            let doubled = format!("{},{}:{value}}}", &text[..text.len() - 1], Value::from(&**key));
            assert!((message.reread)(&doubled).is_err(), "{} {key}", message.name);
        }
    }
}

#[test]
fn the_same_key_may_stand_in_different_objects() {
    let text = r#"{"success":true,"extra":{"a":{"a":1},"b":[{"a":1},{"a":1}],"A":0}}"#;
    assert!(header::from_json::<SettleResponse>(text).is_ok());
}

#[test]
fn an_error_quotes_the_text_in_part() {
    let long = "k".repeat(50_000);
    for text in [
        format!(r#"{{"success":true,"{long}":1,"{long}":2}}"#),
        format!(r#"{{"success":"{long}"}}"#),
        format!(r#"{{"success":true,"amount":"{long}"}}"#),
    ] {
        let error = header::from_json::<SettleResponse>(&text).unwrap_err();
        assert!(error.to_string().len() <= 256, "{error}");
        let value = header::encode_json(text.as_bytes());
        let error = decode::<SettleResponse>(value.as_bytes(), usize::MAX).unwrap_err();
        assert!(error.to_string().len() <= 300, "{error}");
    }
}

#[test]
fn nesting_of_32_is_read_and_33_refused() {
    // The message and `extra` are two levels.
    for (open, close) in [("[", "]"), (r#"{"a":"#, "}")] {
        let nested = |depth: usize| {
            let innermost = if open == "[" { "" } else { "1" };
            let (open, close) = (open.repeat(depth - 2), close.repeat(depth - 2));
            format!(r#"{{"success":true,"extra":{{"a":{open}{innermost}{close}}}}}"#)
        };
        assert!(header::from_json::<SettleResponse>(&nested(32)).is_ok());
        let error = header::from_json::<SettleResponse>(&nested(33)).unwrap_err();
        assert!(error.to_string().contains("nested"), "{error}");
    }
}

#[test]
fn deep_nesting_is_refused_on_a_small_stack() {
    let deep = || {
        for (open, close) in [("[", "]"), (r#"{"a":"#, "}")] {
            for depth in [100, 1_000, 10_000] {
                let texts = [
                    open.repeat(depth),
                    open.repeat(depth) + &close.repeat(depth),
                    format!(r#"{{"x402Version":2,"?":{}"#, open.repeat(depth)),
                ];
                for text in &texts {
                    for message in MESSAGES {
                        assert!((message.reread)(text).is_err());
                        let value = header::encode_json(text.as_bytes());
                        assert!((message.reread_header)(value.as_bytes()).is_err());
                    }
                    assert!(text.parse::<Verbatim<PaymentPayload>>().is_err());
                    assert_eq!(peek_version(text), None);
                    drop(text.parse::<RawObject>());
                }
            }
        }
    };
    thread::Builder::new().stack_size(256 * 1024).spawn(deep).unwrap().join().unwrap();
}

#[test]
fn nothing_may_follow_the_message() {
    for tail in ["x", "{}", ",", "]", "\0", "\u{feff}"] {
        let text = format!(r#"{{"success":true}}{tail}"#);
        assert!(header::from_json::<SettleResponse>(&text).is_err(), "{tail:?}");
    }
    assert!(header::from_json::<SettleResponse>(" {\"success\":true}\r\n").is_ok());
    assert!(header::from_json::<SettleResponse>("\u{feff}{\"success\":true}").is_err());
}

#[test]
fn what_is_no_json_is_refused_even_where_it_would_be_kept_unread() {
    for raw in [
        "{a:1}",
        "{'a':1}",
        r#"{"a":NaN}"#,
        r#"{"a":01}"#,
        r#"{"a":+1}"#,
        r#"{"a":.5}"#,
        r#"{"a":1,}"#,
        r#"{"a":"\ud800"}"#,
        "{\"a\":\"\n\"}",
        r#"{"a":1e999}"#,
        r#"{"a":/**/1}"#,
    ] {
        let text = format!(r#"{{"success":true,"extra":{raw}}}"#);
        assert!(header::from_json::<SettleResponse>(&text).is_err(), "{raw}");
    }
}
