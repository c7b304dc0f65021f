//! Adornments of a resource that are not as specified are dropped; the offer stays good.

use serde_json::{Value, json};
use x402_types::{PaymentRequired, ResourceInfo, header};

fn read(key: &str, value: &Value) -> ResourceInfo {
    let text = json!({"url": "https://a", "description": "d", key: value}).to_string();
    header::from_json(&text).unwrap()
}

#[test]
fn a_service_name_is_1_to_32_printable_ascii_characters() {
    for sound in ["a", "Weather & Co. ~", " ", &"x".repeat(32)] {
        assert_eq!(read("serviceName", &json!(sound)).service_name.as_deref(), Some(sound));
    }
    let long = "x".repeat(33);
    for unsound in [json!(""), json!(long), json!("Zürich"), json!("a\nb"), json!("\u{7f}")] {
        assert_eq!(read("serviceName", &unsound).service_name, None, "{unsound}");
    }
}

#[test]
fn tags_are_at_most_5_of_at_most_32_characters() {
    let tags = |tags: &[&str]| tags.iter().map(|tag| (*tag).to_owned()).collect::<Vec<_>>();
    let long = "ü".repeat(32);
    for sound in [&[] as &[&str], &["a"], &["a", "b", "c", "d", "e"], &[&long]] {
        assert_eq!(read("tags", &json!(sound)).tags, Some(tags(sound)));
    }
    let too_long = "x".repeat(33);
    for unsound in [
        json!(["1", "2", "3", "4", "5", "6"]),
        json!([too_long]),
        json!(["a", 1]),
        json!([null]),
        json!("a"),
        json!({"a": "b"}),
    ] {
        assert_eq!(read("tags", &unsound).tags, None, "{unsound}");
    }
}

#[test]
fn an_icon_is_an_http_address_of_at_most_2048_characters() {
    let longest = format!("https://{}", "a".repeat(2040));
    for sound in ["https://a/i.png", "http://a", &longest] {
        assert_eq!(read("iconUrl", &json!(sound)).icon_url.as_deref(), Some(sound));
    }
    for unsound in [
        json!(format!("{longest}a")),
        json!("javascript:alert(1)"),
        json!("data:image/png;base64,AA=="),
        json!("//a/i.png"),
        json!(" https://a"),
        json!(""),
        json!(7),
    ] {
        assert_eq!(read("iconUrl", &unsound).icon_url, None, "{unsound}");
    }
}

#[test]
fn what_is_sound_stays_beside_what_was_dropped() {
    for key in ["serviceName", "tags", "iconUrl"] {
        for unsound in [json!(1), json!(true), json!({}), json!([1]), json!("\u{1}".repeat(3000))] {
            let resource = read(key, &unsound);
            assert_eq!(resource.description.as_deref(), Some("d"));
            let written = serde_json::to_value(&resource).unwrap();
            assert_eq!(written, json!({"url": "https://a", "description": "d"}));
        }
    }
}

#[test]
fn terms_with_an_unsound_resource_can_still_be_paid() {
    let terms = json!({
        "x402Version": 2,
        "resource": {"url": "https://a", "serviceName": 7, "tags": "a", "iconUrl": {}},
        "accepts": [{"scheme": "exact", "network": "eip155:1", "amount": "1", "asset": "0x1",
            "payTo": "0x2", "maxTimeoutSeconds": 1}],
    });
    let terms: PaymentRequired = header::from_json(&terms.to_string()).unwrap();
    assert_eq!(terms.resource, ResourceInfo::new("https://a"));
}

#[test]
fn the_address_itself_is_not_dropped() {
    for unsound in [r#"{"url":1}"#, r#"{"url":null}"#, "{}", r#"{"url":"u","description":1}"#] {
        assert!(header::from_json::<ResourceInfo>(unsound).is_err(), "{unsound}");
    }
}
