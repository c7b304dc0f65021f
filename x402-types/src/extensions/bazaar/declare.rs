use serde_json::{Map, Value, json};

use super::references::outside;
use super::route::is_sound;
use super::{Bazaar, BodyType, HttpInput, Info, Input, McpInput, Method, Output};
use crate::{JsonError, RawObject};

/// A JSON Schema and one value that it describes.
#[derive(Clone, Debug, Default)]
pub struct Shape {
    schema: Value,
    example: Option<Value>,
}

impl Shape {
    /// What this schema describes. Definitions of its own (`#/$defs/..`) go with it.
    pub const fn of(schema: Value) -> Self {
        Self { schema, example: None }
    }

    /// The same, with a value by example.
    pub fn example(self, example: Value) -> Self {
        Self { example: Some(example), ..self }
    }
}

/// Why something cannot be listed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BazaarError {
    /// A request with this method has no body.
    #[error("a request with the method {} has no body: declare its query", .0.as_str())]
    NoBody(Method),
    /// A request with this method is listed with its body.
    #[error("a request with the method {} has a body: declare that", .0.as_str())]
    Body(Method),
    /// A schema is neither an object nor a truth value.
    #[error("the schema of `{0}` is not a JSON Schema")]
    NotASchema(&'static str),
    /// A schema refers to something outside itself.
    #[error("the schema of `{0}` refers to something outside itself: {1}")]
    Outside(&'static str, String),
    /// Examples of a query, of a path or of headers are objects.
    #[error("the example of `{0}` is not an object")]
    Example(&'static str),
    /// Not a path with names for what varies.
    #[error("{0:?} is no route template, such as \"/users/:id\"")]
    Route(String),
    /// An MCP tool has a name.
    #[error("the tool has no name")]
    NoToolName,
    /// Something does not serialize.
    #[error(transparent)]
    Json(#[from] JsonError),
}

/// A listing in the making.
#[derive(Clone, Debug)]
pub struct Builder {
    input: Kind,
    path: Option<Shape>,
    headers: Option<Shape>,
    output: Option<Shape>,
    route_template: Option<String>,
}

#[derive(Clone, Debug)]
enum Kind {
    Query(Method, Shape),
    Body(Method, BodyType, Shape),
    Mcp(McpInput),
}

impl Bazaar {
    /// A request with a query: GET, HEAD or DELETE.
    pub const fn query(method: Method, query: Shape) -> Builder {
        Builder::new(Kind::Query(method, query))
    }

    /// A request with a body: POST, PUT or PATCH.
    pub const fn body(method: Method, body_type: BodyType, body: Shape) -> Builder {
        Builder::new(Kind::Body(method, body_type, body))
    }

    /// A call of a tool over MCP.
    pub const fn mcp(tool: McpInput) -> Builder {
        Builder::new(Kind::Mcp(tool))
    }
}

impl Builder {
    const fn new(input: Kind) -> Self {
        Self { input, path: None, headers: None, output: None, route_template: None }
    }

    /// What comes out.
    pub fn output(self, output: Shape) -> Self {
        Self { output: Some(output), ..self }
    }

    /// What varies in the path.
    pub fn path_params(self, path: Shape) -> Self {
        Self { path: Some(path), ..self }
    }

    /// Headers that a request needs.
    pub fn headers(self, headers: Shape) -> Self {
        Self { headers: Some(headers), ..self }
    }

    /// The path with names for what varies, such as `/users/:id`; see
    /// [`to_template`](super::to_template).
    pub fn route_template(self, template: impl Into<String>) -> Self {
        Self { route_template: Some(template.into()), ..self }
    }

    /// The listing, with the schema of its `info`.
    ///
    /// # Errors
    /// What is wrong with what was given.
    pub fn build(self) -> Result<Bazaar, BazaarError> {
        let mut properties = Map::new();
        let mut required = Vec::new();
        let input = match self.input {
            Kind::Mcp(tool) => {
                if tool.tool_name.is_empty() {
                    return Err(BazaarError::NoToolName);
                }
                describe_tool(&tool, &mut properties)?;
                required.extend(["type", "toolName", "inputSchema"]);
                Input::Mcp(tool)
            }
            Kind::Query(method, _) if method.has_body() => return Err(BazaarError::Body(method)),
            Kind::Body(method, ..) if !method.has_body() => {
                return Err(BazaarError::NoBody(method));
            }
            Kind::Query(method, query) => {
                required.extend(["type", "method"]);
                describe_method(method, &mut properties);
                let query_params = parameters("queryParams", query, &mut properties)?;
                Input::Http(HttpInput { method: Some(method), query_params, ..Default::default() })
            }
            Kind::Body(method, body_type, body) => {
                required.extend(["type", "method", "bodyType"]);
                describe_method(method, &mut properties);
                properties.insert(
                    "bodyType".to_owned(),
                    json!({ "type": "string", "enum": [body_type] }),
                );
                let at = "#/properties/input/properties/body";
                properties.insert("body".to_owned(), embedded("body", body.schema, at, None)?);
                if body.example.is_some() {
                    required.push("body");
                }
                let (method, body_type) = (Some(method), Some(body_type));
                let body = body.example;
                Input::Http(HttpInput { method, body_type, body, ..Default::default() })
            }
        };
        let input = match input {
            Input::Http(mut http) => {
                if let Some(path) = self.path {
                    http.path_params = parameters("pathParams", path, &mut properties)?;
                }
                if let Some(headers) = self.headers {
                    http.headers = parameters("headers", headers, &mut properties)?;
                }
                Input::Http(http)
            }
            tool @ Input::Mcp(_) => tool,
        };
        let mut schema = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "properties": {
                "input": {
                    "type": "object",
                    "properties": properties,
                    "required": required,
                    "additionalProperties": false,
                },
            },
            "required": ["input"],
        });
        let output = match self.output {
            None => None,
            Some(Shape { schema: output, example }) => {
                let at = "#/properties/output/properties/example";
                let example_schema = embedded("output", output, at, None)?;
                if let Some(Value::Object(known)) = schema.get_mut("properties") {
                    known.insert(
                        "output".to_owned(),
                        json!({
                            "type": "object",
                            "properties": { "type": { "type": "string" }, "example": example_schema },
                            "required": ["type"],
                        }),
                    );
                }
                Some(Output { output_type: "json".to_owned(), example })
            }
        };
        if let Some(template) = self.route_template.as_ref().filter(|known| !is_sound(known)) {
            return Err(BazaarError::Route(template.clone()));
        }
        Ok(Bazaar {
            info: Info { input, output },
            schema: Some(RawObject::new(&schema)?),
            route_template: self.route_template,
        })
    }
}

fn describe_method(method: Method, properties: &mut Map<String, Value>) {
    properties.insert("type".to_owned(), json!({ "type": "string", "const": "http" }));
    properties.insert("method".to_owned(), json!({ "type": "string", "enum": [method] }));
}

fn describe_tool(tool: &McpInput, properties: &mut Map<String, Value>) -> Result<(), BazaarError> {
    let arguments = Value::Object(tool.input_schema.clone());
    if let Some(address) = outside(&arguments) {
        return Err(BazaarError::Outside("inputSchema", address.to_string()));
    }
    properties.insert("type".to_owned(), json!({ "type": "string", "const": "mcp" }));
    properties.insert("toolName".to_owned(), json!({ "type": "string" }));
    properties.insert("inputSchema".to_owned(), json!({ "type": "object" }));
    if tool.description.is_some() {
        properties.insert("description".to_owned(), json!({ "type": "string" }));
    }
    if let Some(transport) = tool.transport {
        properties.insert("transport".to_owned(), json!({ "type": "string", "enum": [transport] }));
    }
    if tool.example.is_some() {
        let at = "#/properties/input/properties/example";
        properties.insert("example".to_owned(), embedded("inputSchema", arguments, at, None)?);
    }
    Ok(())
}

/// Parameters by name: puts their schema among the properties, and gives back the example.
fn parameters(
    name: &'static str,
    shape: Shape,
    properties: &mut Map<String, Value>,
) -> Result<Option<Map<String, Value>>, BazaarError> {
    let at = format!("#/properties/input/properties/{name}");
    properties.insert(name.to_owned(), embedded(name, shape.schema, &at, Some("object"))?);
    match shape.example {
        None => Ok(None),
        Some(Value::Object(example)) => Ok(Some(example)),
        Some(_) => Err(BazaarError::Example(name)),
    }
}

/// A schema as a part of another one that stands there: what it refers to within itself is found
/// there too.
fn embedded(
    name: &'static str,
    mut schema: Value,
    at: &str,
    usual_type: Option<&str>,
) -> Result<Value, BazaarError> {
    match &mut schema {
        Value::Object(entries) => {
            entries.remove("$schema");
            entries.remove("$id");
            if let Some(usual) = usual_type {
                entries.entry("type").or_insert_with(|| usual.into());
            }
        }
        Value::Bool(_) => {}
        _ => return Err(BazaarError::NotASchema(name)),
    }
    if let Some(address) = outside(&schema) {
        return Err(BazaarError::Outside(name, address.to_string()));
    }
    rebase(&mut schema, at);
    Ok(schema)
}

fn rebase(schema: &mut Value, at: &str) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(|item| rebase(item, at)),
        Value::Object(entries) => {
            for (key, value) in entries {
                match value {
                    Value::String(address) if key == "$ref" => {
                        let within = address.strip_prefix('#').unwrap_or_default();
                        if within.is_empty() || within.starts_with('/') {
                            *address = format!("{at}{within}");
                        }
                    }
                    value => rebase(value, at),
                }
            }
        }
        _ => {}
    }
}
