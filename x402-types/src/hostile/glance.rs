use memchr::memchr;

use super::{KEYS, MAX_DEPTH};

/// Keys of one object that are compared with each other.
const FEW: usize = 16;
/// Digits that every reader takes for the same number.
const DIGITS: usize = 18;

/// Whether a text, if it is JSON at all, has no key twice in one object, is not nested too deep, and
/// has no number that readers take for different ones.
///
/// `false` where that takes a closer look. It is not read here, so nothing is said of its grammar.
pub(super) fn is_plain(text: &str) -> bool {
    let text = text.as_bytes();
    // With escapes, one key can be spelled in two ways, and a quote ends nothing.
    if memchr(b'\\', text).is_some() {
        return false;
    }
    // Keys, behind a gap for each list and object that is open around them.
    let mut keys: Vec<Option<&[u8]>> = Vec::with_capacity(KEYS);
    // Which of those are objects: the innermost is the lowest bit.
    let (mut depth, mut objects, mut key_is_next) = (0, 0_u64, false);
    let mut rest = text;
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'"' => {
                let Some((string, after)) =
                    memchr(b'"', rest).and_then(|it| rest.split_at_checked(it))
                else {
                    return false;
                };
                if key_is_next {
                    keys.push(Some(string));
                    key_is_next = false;
                }
                rest = after.get(1..).unwrap_or_default();
            }
            b'{' | b'[' => {
                depth += 1;
                if depth >= MAX_DEPTH {
                    return false;
                }
                key_is_next = *byte == b'{';
                objects = objects << 1 | u64::from(key_is_next);
                keys.push(None);
            }
            b'}' | b']' => {
                let Some(gap) = keys.iter().rposition(Option::is_none) else { return false };
                if !all_different(keys.get(gap..).unwrap_or_default()) {
                    return false;
                }
                keys.truncate(gap);
                (depth, objects) = (depth - 1, objects >> 1);
                key_is_next = false;
            }
            b',' => key_is_next = objects & 1 == 1,
            b'0'..=b'9' => {
                let ends =
                    |byte: &u8| !matches!(byte, b'0'..=b'9' | b'.' | b'+' | b'-' | b'e' | b'E');
                let length = rest.iter().position(ends).unwrap_or(rest.len());
                let (number, after) = rest.split_at_checked(length).unwrap_or_default();
                if length > DIGITS || number.iter().any(|byte| matches!(byte, b'e' | b'E')) {
                    return false;
                }
                rest = after;
            }
            _ => {}
        }
    }
    true
}

fn all_different(keys: &[Option<&[u8]>]) -> bool {
    keys.len() <= FEW
        && keys.iter().enumerate().all(|(at, key)| !keys.iter().take(at).any(|known| known == key))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::de::IgnoredAny;

    use super::super::unambiguous::check;
    use super::*;

    /// Objects with keys of few letters, so that some stand twice.
    fn json() -> impl Strategy<Value = String> {
        let number = prop_oneof![Just("0"), Just("-12.5"), Just("1e999"), Just("1E-3")];
        let long = (17_usize..24).prop_map(|digits| "9".repeat(digits));
        let text = r#"[a-c{}\[\]:, ü]{0,2}|\\u0061|\\"|\\\\"#.prop_map(|it| format!("\"{it}\""));
        let leaf = prop_oneof![number.prop_map(str::to_owned), long, text, Just("true".to_owned())];
        let key = r#"[a-c]|\\u0061|"#;
        let value = leaf.prop_recursive(40, 60, 4, move |inner| {
            let entry = (key, " ?", inner.clone()).prop_map(|(k, s, v)| format!("\"{k}\"{s}:{v}"));
            let list =
                |open, items: Vec<String>, close| format!("{open}{}{close}", items.join(","));
            let object = move |items| list('{', items, '}');
            let array = move |items| list('[', items, ']');
            prop_oneof![
                prop::collection::vec(entry, 0..4).prop_map(object),
                prop::collection::vec(inner, 0..4).prop_map(array),
            ]
        });
        (value, 0_usize..36).prop_map(|(value, around)| {
            format!("{{\"a\":{}{value}{}}}", "[".repeat(around), "]".repeat(around))
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]

        #[test]
        fn what_is_plain_is_unambiguous(text in json()) {
            prop_assert!(serde_json::from_str::<IgnoredAny>(&text).is_ok(), "{text}");
            prop_assert!(!is_plain(&text) || check(&text).is_ok(), "{text}");
        }

        #[test]
        fn what_is_no_json_is_left_to_its_reader(text in r#"[{}\[\]:,"a\\1e ü-]{0,40}"#) {
            let plain = is_plain(&text);
            prop_assert!(!plain || serde_json::from_str::<IgnoredAny>(&text).is_err()
                || check(&text).is_ok() || !text.trim_start().starts_with('{'), "{text}");
        }
    }

    #[test]
    fn the_usual_is_plain() {
        let nested = r#" {"a" : {"a": [{"a":1}, {"a":-2.5}], "ü":"}{][,:"}, "b": true, "c":null} "#;
        let payment = r#"{"x402Version":2,"accepted":{"amount":"1"},"payload":{"nonce":"0x00"}}"#;
        for text in ["{}", nested, payment] {
            assert!(is_plain(text), "{text}");
        }
    }
}
