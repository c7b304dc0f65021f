use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use super::references;

/// What goes in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "BazaarInput"))]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Input {
    /// A request over HTTP.
    Http(HttpInput),
    /// A call of a tool over MCP.
    Mcp(McpInput),
}

/// A request over HTTP: with a query, or with a body.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "BazaarHttpInput"))]
#[serde(rename_all = "camelCase")]
pub struct HttpInput {
    /// Its method. One with a `bodyType` is POST, PUT or PATCH.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<Method>,
    /// Its query, by example.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query_params: Option<Map<String, Value>>,
    /// How its body is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body_type: Option<BodyType>,
    /// Its body, by example.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Value>,
    /// What varies in its path, by example.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path_params: Option<Map<String, Value>>,
    /// Headers that it needs, by example.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub headers: Option<Map<String, Value>>,
}

/// A call of a tool over MCP.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "BazaarMcpInput"))]
#[serde(rename_all = "camelCase")]
pub struct McpInput {
    /// The tool.
    #[serde(deserialize_with = "not_empty")]
    #[cfg_attr(feature = "schema", schemars(length(min = 1)))]
    pub tool_name: String,
    /// What it does. Untrusted text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// How it is reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transport: Option<McpTransport>,
    /// The JSON Schema of its arguments. It refers to nothing outside itself.
    #[serde(deserialize_with = "references::local_map")]
    pub input_schema: Map<String, Value>,
    /// Arguments, by example.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub example: Option<Value>,
}

/// A method of HTTP that can be listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline))]
#[serde(rename_all = "UPPERCASE")]
#[allow(missing_docs, reason = "their names say it")]
pub enum Method {
    Get,
    Head,
    Delete,
    Post,
    Put,
    Patch,
}

impl Method {
    /// Whether a request with this method has a body.
    pub const fn has_body(self) -> bool {
        matches!(self, Self::Post | Self::Put | Self::Patch)
    }

    /// The spelling on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Delete => "DELETE",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
        }
    }
}

/// How a body is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline))]
#[serde(rename_all = "kebab-case")]
pub enum BodyType {
    /// As JSON.
    Json,
    /// As a form.
    FormData,
    /// As plain text.
    Text,
}

/// How a tool is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline))]
#[serde(rename_all = "kebab-case")]
pub enum McpTransport {
    /// `streamable-http`
    StreamableHttp,
    /// `sse`
    Sse,
}

impl<'de> Deserialize<'de> for Input {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let fields = Map::deserialize(deserializer)?;
        let kind = fields.get("type").and_then(Value::as_str).map(str::to_owned);
        let value = Value::Object(fields);
        match kind.as_deref() {
            Some("http") => {
                let input: HttpInput = serde_json::from_value(value).map_err(D::Error::custom)?;
                match (input.method, input.body_type) {
                    (Some(method), Some(_)) if !method.has_body() => Err(D::Error::custom(
                        format_args!("`bodyType` with the method {}", method.as_str()),
                    )),
                    _ => Ok(Self::Http(input)),
                }
            }
            Some("mcp") => serde_json::from_value(value).map(Self::Mcp).map_err(D::Error::custom),
            _ => Err(D::Error::custom("the type of `input` is `http` or `mcp`")),
        }
    }
}

fn not_empty<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.is_empty() { Err(D::Error::custom("`toolName` is empty")) } else { Ok(text) }
}
