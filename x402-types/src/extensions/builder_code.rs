//! `builder-code`: who took part in a payment, written behind the settlement's calldata (ERC-8021).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use super::{Declared, Extensions};
use crate::RawObject;
use crate::json::object;

/// The key of this extension.
pub const KEY: &str = "builder-code";
/// Services that a server may declare, and as many a client may add.
pub const MAX_DECLARED: usize = 5;
/// Services that a client's answer may hold: its own and the server's.
pub const MAX_ECHOED: usize = 2 * MAX_DECLARED;
/// Services behind the calldata: those and one of the facilitator.
pub const MAX_SERVICES: usize = MAX_ECHOED + 1;

/// The extension as it stands in a message.
pub type Declaration = Declared<Info>;

/// Who took part.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "BuilderCode"))]
pub struct Info {
    /// The app that is paid: the server's to say.
    #[serde(rename = "a", default, skip_serializing_if = "Option::is_none")]
    pub app: Option<Code>,
    /// The wallet that settles: the facilitator's to say.
    #[serde(rename = "w", default, skip_serializing_if = "Option::is_none")]
    pub wallet: Option<Code>,
    /// Services between them, at most 11; one may stand without its list.
    #[serde(
        rename = "s",
        default,
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "services"
    )]
    #[cfg_attr(feature = "schema", schemars(schema_with = "services_schema"))]
    pub services: Vec<Code>,
}

impl super::Info for Info {
    const KEY: &'static str = KEY;
    const SCHEMA: &'static str = r#"{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object","properties":{"a":{"type":"string","pattern":"^[a-z0-9_]{1,32}$"},"w":{"type":"string","pattern":"^[a-z0-9_]{1,32}$"},"s":{"type":"array","maxItems":11,"items":{"type":"string","pattern":"^[a-z0-9_]{1,32}$"}}},"additionalProperties":false}"#;
}

/// Why codes do not go together or a text is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CodeError {
    /// Not of the alphabet, or not of the length.
    #[error("a builder code has 1 to 32 lower-case letters, digits and `_`")]
    NotACode,
    /// More services than this party may name.
    #[error("{found} services are named, {allowed} may be")]
    TooManyServices {
        /// Services named.
        found: usize,
        /// Services allowed.
        allowed: usize,
    },
}

impl Info {
    /// What a server declares.
    ///
    /// # Errors
    /// Where there are more than [`MAX_DECLARED`] services.
    pub fn of_server(app: Code, services: Vec<Code>) -> Result<Self, CodeError> {
        Ok(Self { app: Some(app), ..Self::of_client(services)? })
    }

    /// What a client adds.
    ///
    /// # Errors
    /// Where there are more than [`MAX_DECLARED`] services.
    pub fn of_client(services: Vec<Code>) -> Result<Self, CodeError> {
        at_most(MAX_DECLARED, &services)?;
        Ok(Self { app: None, wallet: None, services })
    }

    /// Whom a payment's `extensions` name, as a facilitator reads them: for an account of who took
    /// part no payment is refused. What is no code is passed over, and so are services beyond the
    /// first [`MAX_ECHOED`]; nobody is named where the extension is not well formed. The wallet is
    /// not for a client to say.
    pub fn named_in(extensions: &RawObject) -> Self {
        let code = |value: &Value| value.as_str().and_then(|text| text.parse().ok());
        let Some(Named { app, services }) = named(extensions) else { return Self::default() };
        let services = match &services {
            Some(Value::Array(services)) => services.as_slice(),
            Some(service) => std::slice::from_ref(service),
            None => &[],
        };
        Self {
            app: app.as_ref().and_then(code),
            wallet: None,
            services: services.iter().filter_map(code).take(MAX_ECHOED).collect(),
        }
    }

    /// What a facilitator makes of a client's answer: the wallet is its own, and its service comes
    /// last where it is not named already.
    ///
    /// # Errors
    /// Where the answer holds more than [`MAX_ECHOED`] services.
    pub fn settled_by(
        mut self,
        wallet: Option<Code>,
        service: Option<Code>,
    ) -> Result<Self, CodeError> {
        at_most(MAX_ECHOED, &self.services)?;
        self.wallet = wallet;
        self.services.extend(service.filter(|code| !self.services.contains(code)));
        Ok(self)
    }

    /// What stands behind the calldata: a CBOR map, its length, the schema's number 2 and the marker
    /// of ERC-8021. Nothing where nobody is named.
    ///
    /// # Errors
    /// Where there are more than [`MAX_SERVICES`] services.
    pub fn suffix(&self) -> Result<Vec<u8>, CodeError> {
        at_most(MAX_SERVICES, &self.services)?;
        let mut entries = Vec::new();
        let mut count = 0;
        for (key, code) in [("a", &self.app), ("w", &self.wallet)] {
            if let Some(code) = code {
                count += 1;
                cbor_text(key, &mut entries);
                cbor_text(code.as_str(), &mut entries);
            }
        }
        if !self.services.is_empty() {
            count += 1;
            cbor_text("s", &mut entries);
            cbor_head(CBOR_ARRAY, self.services.len(), &mut entries);
            self.services.iter().for_each(|code| cbor_text(code.as_str(), &mut entries));
        }
        if count == 0 {
            return Ok(Vec::new());
        }
        let mut suffix = Vec::with_capacity(entries.len() + 20);
        cbor_head(CBOR_MAP, count, &mut suffix);
        suffix.append(&mut entries);
        // 13 texts of at most 34 bytes each.
        let length = u16::try_from(suffix.len()).unwrap_or(u16::MAX);
        suffix.extend(length.to_be_bytes());
        suffix.push(2);
        suffix.extend([0x80, 0x21].repeat(8));
        Ok(suffix)
    }
}

/// An answer as it came.
#[derive(Deserialize)]
struct Answer {
    #[serde(deserialize_with = "object")]
    info: Named,
}

#[derive(Deserialize)]
struct Named {
    #[serde(rename = "a", default)]
    app: Option<Value>,
    #[serde(rename = "s", default)]
    services: Option<Value>,
}

fn named(extensions: &RawObject) -> Option<Named> {
    let extensions = Extensions::read(extensions).ok()?;
    let answer: RawObject = extensions.raw(KEY)?.parse().ok()?;
    answer.parse::<Answer>().ok().map(|answer| answer.info)
}

const fn at_most(allowed: usize, services: &[Code]) -> Result<(), CodeError> {
    let found = services.len();
    if found > allowed { Err(CodeError::TooManyServices { found, allowed }) } else { Ok(()) }
}

const CBOR_TEXT: u8 = 3 << 5;
const CBOR_ARRAY: u8 = 4 << 5;
const CBOR_MAP: u8 = 5 << 5;

/// A CBOR head: the length within the first byte up to 23, else in the byte behind it. None here is
/// over 32.
fn cbor_head(major: u8, length: usize, out: &mut Vec<u8>) {
    let length = u8::try_from(length).unwrap_or(u8::MAX);
    if length < 24 {
        out.push(major | length);
    } else {
        out.extend([major | 24, length]);
    }
}

fn cbor_text(text: &str, out: &mut Vec<u8>) {
    cbor_head(CBOR_TEXT, text.len(), out);
    out.extend(text.bytes());
}

fn services<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Code>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Services {
        One(Code),
        Many(Vec<Code>),
    }
    let services = match Option::deserialize(deserializer)? {
        None => Vec::new(),
        Some(Services::One(code)) => vec![code],
        Some(Services::Many(codes)) => codes,
    };
    at_most(MAX_SERVICES, &services).map_err(serde::de::Error::custom)?;
    Ok(services)
}

#[cfg(feature = "schema")]
fn services_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
    let code = generator.subschema_for::<Code>();
    schemars::json_schema!({
        "description": "Services between them, at most 11; one may stand without its list.",
        "anyOf": [
            code,
            { "type": "array", "items": code, "maxItems": MAX_SERVICES },
            { "type": "null" },
        ],
    })
}

/// The code of one who takes part: 1 to 32 lower-case letters, digits and `_`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(Box<str>);

impl Code {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Code {
    type Err = CodeError;

    fn from_str(text: &str) -> Result<Self, CodeError> {
        let allowed = |byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_');
        if (1..=32).contains(&text.len()) && text.bytes().all(allowed) {
            Ok(Self(text.into()))
        } else {
            Err(CodeError::NotACode)
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Code {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        crate::json::from_string(deserializer, "a builder code")
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Code {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Code".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "pattern": "^[a-z0-9_]{1,32}$" })
    }
}
