use serde_json::{Map, Value};

use super::{builder_code, offer_receipt, sign_in_with_x};
use crate::{ErrorReason, RawObject};

/// A client echoed an extension, but not what the server had declared in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the extension `{key}` is not echoed as it was declared")]
pub struct EchoMismatch {
    /// The extension's key; empty where the extensions as a whole are unreadable.
    pub key: String,
}

impl EchoMismatch {
    /// What the payer is told: `extension_echo_mismatch`.
    pub const fn reason(&self) -> ErrorReason {
        ErrorReason::ExtensionEchoMismatch
    }
}

/// Whether a client left standing what a server declared.
///
/// Of each extension that is echoed, `info` must hold all that the declared `info` holds; it may hold
/// more. Lists are equal, numbers equal in value, and `null` is as good as nothing. What a server
/// makes afresh for every answer is left out: times and nonces of `sign-in-with-x`, the offers of
/// `offer-receipt`. The services of `builder-code` may be added to, up to 10, and its app may not be
/// invented. An extension that is not echoed, or was not declared, is no mismatch.
///
/// # Errors
/// The first extension that differs.
pub fn check_echo(advertised: &RawObject, echoed: Option<&RawObject>) -> Result<(), EchoMismatch> {
    let Some(echoed) = echoed else { return Ok(()) };
    let read = |raw: &RawObject| -> Result<Map<String, Value>, EchoMismatch> {
        raw.parse().map_err(|_| EchoMismatch { key: String::new() })
    };
    let (advertised, echoed) = (read(advertised)?, read(echoed)?);
    for (key, value) in echoed.iter().filter(|(_, value)| !value.is_null()) {
        let declared = advertised.get(key);
        // Some declare without the envelope, and are echoed so.
        let bare = declared.is_some_and(|declared| declared.get("info").is_none());
        let echo = if bare { value } else { info(value) };
        let declared = declared.map(info);
        let preserved = declared.is_none_or(|declared| preserves(key, declared, echo));
        let owned = key != builder_code::KEY
            || (keeps_app(declared, info(value)) && few_services(info(value)));
        if !preserved || !owned {
            return Err(EchoMismatch { key: key.clone() });
        }
    }
    Ok(())
}

fn info(value: &Value) -> &Value {
    value.get("info").unwrap_or(value)
}

fn dynamic(key: &str) -> &'static [&'static str] {
    match key {
        sign_in_with_x::KEY => &["nonce", "issuedAt", "expirationTime"],
        offer_receipt::KEY => &["offers"],
        _ => &[],
    }
}

fn preserves(key: &str, declared: &Value, echo: &Value) -> bool {
    let (Value::Object(declared), Value::Object(echo)) = (declared, echo) else {
        return contains(declared, echo);
    };
    declared.iter().filter(|(field, _)| !dynamic(key).contains(&field.as_str())).all(
        |(field, value)| match echo.get(field) {
            None => value.is_null(),
            Some(echo) if key == builder_code::KEY && field == "s" => adds_services(value, echo),
            Some(echo) => contains(value, echo),
        },
    )
}

/// Whether a value holds all that another holds.
fn contains(declared: &Value, echo: &Value) -> bool {
    match (declared, echo) {
        (Value::Null, _) => true,
        (Value::Object(declared), Value::Object(echo)) => {
            declared.iter().all(|(field, value)| match echo.get(field) {
                None => value.is_null(),
                Some(echo) => contains(value, echo),
            })
        }
        _ => same(declared, echo),
    }
}

fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        // JavaScript reads 1.0 and writes 1.
        (Value::Number(one), Value::Number(other)) => {
            one == other || one.as_f64() == other.as_f64()
        }
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            let set = |(_, value): &(&String, &Value)| !value.is_null();
            one.iter().filter(set).count() == other.iter().filter(set).count()
                && one
                    .iter()
                    .filter(set)
                    .all(|(key, one)| other.get(key).is_some_and(|other| same(one, other)))
        }
        _ => one == other,
    }
}

/// One service may stand without its list.
fn list(value: &Value) -> &[Value] {
    match value {
        Value::Array(items) => items,
        Value::Null => &[],
        other => std::slice::from_ref(other),
    }
}

fn adds_services(declared: &Value, echo: &Value) -> bool {
    list(declared).iter().all(|code| list(echo).contains(code))
}

fn few_services(echo: &Value) -> bool {
    echo.get("s").is_none_or(|services| list(services).len() <= builder_code::MAX_ECHOED)
}

fn keeps_app(declared: Option<&Value>, echo: &Value) -> bool {
    let app = |value: &Value| value.get("a").filter(|app| !app.is_null()).cloned();
    app(echo).is_none_or(|claimed| declared.and_then(app) == Some(claimed))
}
