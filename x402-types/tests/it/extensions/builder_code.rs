use proptest::prelude::*;
use serde_json::json;
use x402_types::extensions::Declared;
use x402_types::extensions::builder_code::{Code, CodeError, Declaration, Info};

use super::{get, read, schema_of};

fn code(text: &str) -> Code {
    text.parse().unwrap()
}

fn info(app: &str, wallet: &str, services: &[&str]) -> Info {
    let some = |text: &str| (!text.is_empty()).then(|| code(text));
    Info {
        app: some(app),
        wallet: some(wallet),
        services: services.iter().map(|text| code(text)).collect(),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

const MARKER: &str = "80218021802180218021802180218021";

#[test]
fn a_declaration_is_that_of_the_npm_package() {
    let golden = json!({"info":{"a":"my_app","s":["svc1","svc2"]},"schema":{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object","properties":{"a":{"type":"string","pattern":"^[a-z0-9_]{1,32}$"},"w":{"type":"string","pattern":"^[a-z0-9_]{1,32}$"},"s":{"type":"array","maxItems":11,"items":{"type":"string","pattern":"^[a-z0-9_]{1,32}$"}}},"additionalProperties":false}});
    let services = vec![code("svc1"), code("svc2")];
    let ours: Declaration =
        Declared::new(Info::of_server(code("my_app"), services).unwrap()).unwrap();
    assert_eq!(serde_json::to_value(&ours).unwrap(), golden);
    let theirs = get::<Declaration>(&json!({"builder-code": golden})).unwrap().unwrap();
    assert_eq!(theirs.info, ours.info);
    assert_eq!(super::again(&ours), ours);
    let plain = Info::of_server(code("my_app"), Vec::new()).unwrap();
    assert_eq!(serde_json::to_value(&plain).unwrap(), json!({"a": "my_app"}));
}

#[test]
fn the_suffix_is_byte_for_byte_that_of_the_npm_package() {
    let a = |count: usize| "a".repeat(count);
    for (info, golden) in [
        (info("my_app", "", &[]), "a16161666d795f617070000a02".to_owned()),
        (
            info("my_app", "wallet1", &[]),
            "a26161666d795f61707061776777616c6c657431001402".to_owned(),
        ),
        (
            info("app", "w", &["s1", "s2"]),
            "a361616361707061776177617382627331627332001402".to_owned(),
        ),
        (info("", "", &["s1"]), "a1617381627331000702".to_owned()),
        (info("", "abc", &[]), "a1617763616263000702".to_owned()),
        (info(&a(23), "", &[]), format!("a1616177{}001b02", "61".repeat(23))),
        (info(&a(24), "", &[]), format!("a161617818{}001d02", "61".repeat(24))),
        (info(&a(32), "", &[]), format!("a161617820{}002502", "61".repeat(32))),
    ] {
        assert_eq!(hex(&info.suffix().unwrap()), golden + MARKER, "{info:?}");
    }
}

#[test]
fn eleven_services_have_the_length_that_the_npm_package_writes() {
    let names: Vec<String> = (0..11).map(|i| format!("svc_{i}_{}", "z".repeat(24))).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let suffix = hex(&info("app", "", &names).suffix().unwrap());
    assert!(suffix.starts_with("a261616361707061738b781e7376635f305f7a7a"), "{suffix}");
    assert!(suffix.ends_with(&format!("7a016b02{MARKER}")), "{suffix}");
}

#[test]
fn nobody_leaves_no_suffix() {
    assert_eq!(Info::default().suffix(), Ok(Vec::new()));
}

#[test]
fn each_party_names_so_many_services_and_no_more() {
    let codes = |count: usize| (0..count).map(|i| code(&format!("s{i}"))).collect::<Vec<_>>();
    assert!(Info::of_client(codes(5)).is_ok() && Info::of_server(code("a"), codes(5)).is_ok());
    let refused = CodeError::TooManyServices { found: 6, allowed: 5 };
    assert_eq!(Info::of_client(codes(6)), Err(refused));
    assert_eq!(Info::of_server(code("a"), codes(6)), Err(refused));

    let echoed = Info { services: codes(10), ..Info::default() };
    let settled = echoed.settled_by(Some(code("w")), Some(code("own"))).unwrap();
    assert_eq!((settled.services.len(), settled.services.last()), (11, Some(&code("own"))));
    assert!(settled.suffix().is_ok());
    assert!(settled.settled_by(None, None).is_err(), "eleven are not an answer's");
    let many = Info { services: codes(12), ..Info::default() };
    assert!(many.suffix().is_err());

    for (count, good) in [(0, true), (11, true), (12, false)] {
        assert_eq!(read::<Info>(&json!({"s": codes(count)})).is_some(), good);
    }
}

#[test]
fn the_wallet_is_the_facilitators_and_a_service_stands_once() {
    let echoed = info("app", "claimed", &["own", "s1"]);
    let settled = echoed.settled_by(Some(code("mine")), Some(code("own"))).unwrap();
    assert_eq!(settled, info("app", "mine", &["own", "s1"]));
    assert_eq!(settled.settled_by(None, None).unwrap(), info("app", "", &["own", "s1"]));
}

#[test]
fn one_service_may_stand_without_its_list() {
    assert_eq!(read::<Info>(&json!({"s": "single"})), Some(info("", "", &["single"])));
    assert_eq!(read::<Info>(&json!({"a": null, "w": null, "s": null})), Some(Info::default()));
    assert_eq!(serde_json::to_string(&Info::default()).unwrap(), "{}");
}

#[test]
fn a_code_is_short_and_of_its_alphabet() {
    let declared: Declaration = Declared::new(Info::default()).unwrap();
    let schema = schema_of(&declared);
    for (text, good) in [
        ("a", true),
        ("z_9", true),
        ("", false),
        ("A", false),
        ("a-b", false),
        ("é", false),
        ("a\n", false),
        (&"a".repeat(32), true),
        (&"a".repeat(33), false),
    ] {
        assert_eq!(text.parse::<Code>().is_ok(), good, "{text:?}");
        for value in [json!({"a": text}), json!({"w": text}), json!({"s": [text]})] {
            assert_eq!(read::<Info>(&value).is_some(), good, "{value}");
            assert_eq!(schema.is_valid(&value), good, "{value}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_length_in_a_suffix_is_that_of_the_map_before_it(
        app in proptest::option::of("[a-z0-9_]{1,32}"),
        wallet in proptest::option::of("[a-z0-9_]{1,32}"),
        services in proptest::collection::vec("[a-z0-9_]{1,32}", 0..=11),
    ) {
        let read = |text: &String| text.parse::<Code>().unwrap();
        let info = Info {
            app: app.as_ref().map(read),
            wallet: wallet.as_ref().map(read),
            services: services.iter().map(read).collect(),
        };
        let suffix = info.suffix().unwrap();
        if info == Info::default() {
            prop_assert!(suffix.is_empty());
        } else {
            let (map, tail) = suffix.split_at(suffix.len() - 19);
            prop_assert_eq!(usize::from(u16::from_be_bytes([tail[0], tail[1]])), map.len());
            prop_assert_eq!(tail[2], 2);
            prop_assert_eq!(hex(&tail[3..]), MARKER);
            let texts: usize = app.iter().chain(&wallet).chain(&services).map(String::len).sum();
            prop_assert!(map.len() > texts);
        }
    }
}

#[test]
fn a_facilitator_reads_what_is_a_code_and_passes_over_what_is_none() {
    let named = |json: &str| Info::named_in(&json.parse().unwrap());
    let of = |info: &str| named(&format!(r#"{{"builder-code":{{"info":{info}}}}}"#));
    assert_eq!(of(r#"{"a":"app","s":["s1","S2",3,"s4"]}"#), info("app", "", &["s1", "s4"]));
    assert_eq!(of(r#"{"a":"app","w":"wallet"}"#), info("app", "", &[]), "no word of the wallet's");
    assert_eq!(of(r#"{"a":7,"s":"alone"}"#), info("", "", &["alone"]));
    let many: Vec<String> = (0..10_000).map(|at| format!("\"s{at}\"")).collect();
    assert_eq!(of(&format!(r#"{{"s":[{}]}}"#, many.join(","))).services.len(), 10);
    for nobody in [
        "{}",
        r#"{"builder-code":null}"#,
        r#"{"builder-code":[]}"#,
        r#"{"builder-code":{"info":["app"]}}"#,
        r#"{"builder-code":{"info":{"a":"app","a":"other"}}}"#,
        r#"{"builder-code":{"info":{"a":"app"}},"builder-code":{"info":{"a":"app"}}}"#,
        r#"{"builder-code":{"a":"app"}}"#,
    ] {
        assert_eq!(named(nobody), Info::default(), "{nobody}");
    }
}
