use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// A router's pattern as a template: `{id}` and `[id]` become `:id`, `*` and `{*rest}` `:var1`,
/// `:var2` and so on. `None` where nothing varies, all varies, or the result is unsound.
///
/// ```
/// use x402_types::extensions::bazaar::to_template;
/// assert_eq!(to_template("/users/{id}/posts/{*rest}").as_deref(), Some("/users/:id/posts/:var1"));
/// assert_eq!(to_template("/users"), None);
/// ```
pub fn to_template(pattern: &str) -> Option<String> {
    let (mut wild, mut varies, mut fixed) = (0, false, false);
    let segments: Vec<String> = pattern
        .split('/')
        .map(|segment| {
            let inner = segment
                .strip_prefix('{')
                .and_then(|rest| rest.strip_suffix('}'))
                .or_else(|| segment.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')));
            match inner {
                _ if segment == "*" || inner.is_some_and(|inner| inner.starts_with('*')) => {
                    wild += 1;
                    varies = true;
                    format!(":var{wild}")
                }
                Some(name) => {
                    (varies, fixed) = (true, true);
                    format!(":{name}")
                }
                None => {
                    varies |= segment.starts_with(':');
                    fixed |= !segment.is_empty();
                    segment.to_owned()
                }
            }
        })
        .collect();
    let template = segments.join("/");
    (varies && fixed && is_sound(&template)).then_some(template)
}

/// Whether this is a path, that also once decoded climbs nowhere and names no other host.
pub(super) fn is_sound(template: &str) -> bool {
    let allowed = |byte: u8| {
        byte.is_ascii_alphanumeric()
            || matches!(byte, b'_' | b'/' | b':' | b'.' | b'-' | b'~' | b'%')
    };
    if template.len() < 2 || !template.starts_with('/') || !template.bytes().all(allowed) {
        return false;
    }
    let mut decoded = template.to_owned();
    for _ in 0..5 {
        match decode(&decoded) {
            Some(next) if next == decoded => {
                return !decoded.contains("..") && !decoded.contains("://");
            }
            Some(next) => decoded = next,
            None => return false,
        }
    }
    false
}

/// Percent-decodes once.
fn decode(text: &str) -> Option<String> {
    let mut rest = text.bytes();
    let mut bytes = Vec::with_capacity(text.len());
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let mut digit = || char::from(rest.next()?).to_digit(16);
            let (high, low) = (digit()?, digit()?);
            bytes.push(u8::try_from(high * 16 + low).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

pub(super) fn sound<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<String>, D::Error> {
    Ok(match Option::deserialize(deserializer)? {
        Some(Value::String(template)) if is_sound(&template) => Some(template),
        _ => None,
    })
}
