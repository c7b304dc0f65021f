use serde_json::{Value, json};
use x402_types::extensions::{check_echo, merge};
use x402_types::{ErrorReason, Fault, RawObject};

use super::raw;

/// What is declared, what is echoed, whether that is right, and what a client makes of the two: as
/// the npm package has it.
fn rows() -> Vec<(Value, Value, bool, Value)> {
    let app = |services: Value| json!({"builder-code": {"info": {"a": "app", "s": services}}});
    let ten = json!(["x", "1", "2", "3", "4", "5", "6", "7", "8", "9"]);
    let eleven = json!(["x", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10"]);
    let plain = |info: Value| json!({"a": {"info": info}});
    vec![
        (plain(json!({"x": 1})), plain(json!({"x": 1})), true, plain(json!({"x": 1}))),
        (
            plain(json!({"x": 1})),
            plain(json!({"x": 1, "y": 2})),
            true,
            plain(json!({"x": 1, "y": 2})),
        ),
        (plain(json!({"x": 1})), plain(json!({"x": 2})), false, plain(json!({"x": 1}))),
        (plain(json!({"x": 1})), plain(json!({})), false, plain(json!({"x": 1}))),
        (plain(json!({"x": 1})), json!({}), true, plain(json!({"x": 1}))),
        (
            plain(json!({"x": 1})),
            json!({"b": {"info": {"x": 3}}}),
            true,
            json!({"a": {"info": {"x": 1}}, "b": {"info": {"x": 3}}}),
        ),
        (
            plain(json!({"o": {"p": 1}})),
            plain(json!({"o": {"p": 1, "q": 2}})),
            true,
            plain(json!({"o": {"p": 1, "q": 2}})),
        ),
        (
            plain(json!({"o": {"p": 1}})),
            plain(json!({"o": {"q": 2}})),
            false,
            plain(json!({"o": {"p": 1, "q": 2}})),
        ),
        (
            plain(json!({"l": [1, 2]})),
            plain(json!({"l": [1, 2, 3]})),
            false,
            plain(json!({"l": [1, 2]})),
        ),
        (
            plain(json!({"l": [1, 2]})),
            plain(json!({"l": [2, 1]})),
            false,
            plain(json!({"l": [1, 2]})),
        ),
        (
            plain(json!({"l": [{"p": 1}]})),
            plain(json!({"l": [{"p": 1, "q": 2}]})),
            false,
            plain(json!({"l": [{"p": 1}]})),
        ),
        (
            json!({"a": {"info": {"x": 1}, "schema": {"t": 1}}}),
            json!({"a": {"info": {"x": 1}, "schema": {"t": 2}}}),
            true,
            json!({"a": {"info": {"x": 1}, "schema": {"t": 1}}}),
        ),
        (json!({"a": {"x": 1}}), json!({"a": {"x": 1}}), true, json!({"a": {"x": 1}})),
        (json!({"a": {"x": 1}}), json!({"a": {"x": 2}}), false, json!({"a": {"x": 1}})),
        (
            json!({"sign-in-with-x": {"info": {"domain": "d", "nonce": "1", "issuedAt": "t"}}}),
            json!({"sign-in-with-x": {"info": {"domain": "d", "nonce": "2"}}}),
            true,
            json!({"sign-in-with-x": {"info": {"domain": "d", "nonce": "1", "issuedAt": "t"}}}),
        ),
        (
            json!({"sign-in-with-x": {"info": {"domain": "d", "expirationTime": "t"}}}),
            json!({"sign-in-with-x": {"info": {"domain": "e", "expirationTime": "t"}}}),
            false,
            json!({"sign-in-with-x": {"info": {"domain": "d", "expirationTime": "t"}}}),
        ),
        (
            json!({"offer-receipt": {"info": {"offers": [1]}}}),
            json!({"offer-receipt": {"info": {"offers": [2]}}}),
            true,
            json!({"offer-receipt": {"info": {"offers": [1]}}}),
        ),
        (app(json!(["x"])), app(json!(["y", "x"])), true, app(json!(["y", "x"]))),
        (app(json!(["x"])), app(json!(["y"])), false, app(json!(["y", "x"]))),
        (app(json!(["x"])), app(ten.clone()), true, app(ten)),
        (app(json!(["x"])), app(eleven.clone()), false, app(eleven)),
        (app(json!("x")), app(json!(["x"])), true, app(json!(["x"]))),
        (
            json!({"builder-code": {"info": {"s": ["x"]}}}),
            app(json!(["x"])),
            false,
            json!({"builder-code": {"info": {"s": ["x"], "a": "app"}}}),
        ),
        (json!({}), app(json!(["x"])), false, app(json!(["x"]))),
        (
            json!({}),
            json!({"builder-code": {"info": {"s": ["x"]}}}),
            true,
            json!({"builder-code": {"info": {"s": ["x"]}}}),
        ),
        (
            json!({"builder-code": {"info": {"a": "app"}}}),
            json!({"builder-code": {"info": {"a": "other"}}}),
            false,
            json!({"builder-code": {"info": {"a": "app"}}}),
        ),
    ]
}

#[test]
fn an_echo_holds_what_was_declared() {
    for (declared, echoed, right, _) in rows() {
        let outcome = check_echo(&raw(&declared), Some(&raw(&echoed)));
        assert_eq!(outcome.is_ok(), right, "{declared} {echoed}");
        if let Err(mismatch) = outcome {
            assert!(echoed.get(&mismatch.key).is_some());
            assert_eq!(mismatch.reason(), ErrorReason::ExtensionEchoMismatch);
            assert_eq!(mismatch.reason().as_str(), "extension_echo_mismatch");
            assert_eq!(mismatch.reason().fault(), Fault::Payer);
        }
    }
}

#[test]
fn a_client_adds_to_what_was_declared() {
    for (declared, added, _, expected) in rows() {
        let merged = merge(Some(&raw(&declared)), Some(&raw(&added))).unwrap().unwrap();
        assert_eq!(merged.parse::<Value>().unwrap(), expected, "{declared} {added}");
    }
}

#[test]
fn no_echo_at_all_is_right() {
    assert_eq!(check_echo(&raw(&json!({"a": {"info": {"x": 1}}})), None), Ok(()));
}

#[test]
fn null_is_as_good_as_nothing() {
    let declared = raw(&json!({"a": {"info": {"x": 1, "y": null, "l": [{"z": null}]}}}));
    for echoed in [
        json!({"a": {"info": {"x": 1, "l": [{}]}}}),
        json!({"a": {"info": {"x": 1, "y": null, "l": [{"z": null}], "w": null}}}),
        json!({"a": null}),
    ] {
        assert_eq!(check_echo(&declared, Some(&raw(&echoed))), Ok(()), "{echoed}");
    }
    let app = json!({"builder-code": {"info": {"a": null, "s": null}}});
    assert_eq!(check_echo(&raw(&json!({})), Some(&raw(&app))), Ok(()));
}

#[test]
fn a_number_that_javascript_wrote_again_is_the_same_number() {
    let same = |declared: &str, echoed: &str| {
        let around = |number: &str| -> RawObject {
            format!(r#"{{"a":{{"info":{{"x":{number}}}}}}}"#).parse().unwrap()
        };
        check_echo(&around(declared), Some(&around(echoed))).is_ok()
    };
    for (declared, echoed) in [("1.0", "1"), ("1e2", "100"), ("-0", "0"), ("1.50", "1.5")] {
        assert!(same(declared, echoed), "{declared} {echoed}");
    }
    for (declared, echoed) in [("1", "2"), ("1.5", "1"), ("1", r#""1""#), ("1", "true")] {
        assert!(!same(declared, echoed), "{declared} {echoed}");
    }
}

#[test]
fn what_a_client_does_not_add_to_stays_byte_for_byte() {
    let declared: RawObject =
        r#"{"z":{ "info" : {"x":1.0} },"a":{"info":{"k":{ "l" : 1 },"m":2}}}"#.parse().unwrap();
    let added = raw(&json!({"a": {"info": {"n": 3}}, "z": {"info": {"x": 7}}}));
    let merged = merge(Some(&declared), Some(&added)).unwrap().unwrap();
    assert_eq!(
        merged.as_str(),
        r#"{"z":{ "info" : {"x":1.0} },"a":{"info":{"k":{ "l" : 1 },"m":2,"n":3}}}"#
    );
    assert_eq!(merge(Some(&declared), None).unwrap(), Some(declared.clone()));
    assert_eq!(merge(None, Some(&declared)).unwrap(), Some(declared));
    assert_eq!(merge(None, None).unwrap(), None);
}

#[test]
fn what_is_no_object_is_never_replaced() {
    for (declared, added) in [
        (json!({"a": 1}), json!({"a": {"b": 2}})),
        (json!({"a": {"info": {"x": "server"}}}), json!({"a": "client"})),
        (json!({"a": {"info": "text"}}), json!({"a": {"info": {"b": 1}}})),
    ] {
        let merged = merge(Some(&raw(&declared)), Some(&raw(&added))).unwrap().unwrap();
        assert_eq!(merged.parse::<Value>().unwrap(), declared);
    }
    let merged = merge(Some(&raw(&json!({"a": null}))), Some(&raw(&json!({"a": {"b": 2}}))));
    assert_eq!(merged.unwrap().unwrap().as_str(), r#"{"a":{"b":2}}"#);
}

#[test]
fn nesting_without_end_is_refused_and_harms_nothing() {
    for depth in [40, 100_000] {
        let text = format!(r#"{}1{}"#, r#"{"a":"#.repeat(depth), "}".repeat(depth));
        let deep: RawObject = text.parse().unwrap();
        assert!(merge(Some(&deep), Some(&deep)).is_err());
        if depth > 128 {
            assert_eq!(check_echo(&deep, Some(&deep)).unwrap_err().key, "");
        }
    }
}

#[test]
fn an_app_is_not_invented_beside_a_bare_declaration() {
    let declared = raw(&json!({"builder-code": {"a": "app"}}));
    let bare = json!({"builder-code": {"a": "app", "s": ["x"]}});
    assert_eq!(check_echo(&declared, Some(&raw(&bare))), Ok(()));
    let both = json!({"builder-code": {"a": "app", "info": {"a": "other"}}});
    assert!(check_echo(&declared, Some(&raw(&both))).is_err());
}
