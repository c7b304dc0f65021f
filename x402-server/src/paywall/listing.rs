use x402_types::RawObject;
use x402_types::extensions::bazaar::{Bazaar, BazaarError, BodyType, Method, Shape, to_template};

/// What a price takes and gives, for catalogues: the extension `bazaar`, but for the method, which
/// is that of the request.
///
/// Every challenge carries it, and every payment its echo: long schemas make long headers, which
/// proxies and servers refuse.
///
/// ```
/// use serde_json::json;
/// use x402_server::Listing;
/// use x402_types::extensions::bazaar::Shape;
///
/// # fn list(price: x402_server::Price) -> Result<(), x402_server::ConfigError> {
/// let city = json!({"properties": {"city": {"type": "string"}}, "required": ["city"]});
/// let listing = Listing::new()
///     .query(Shape::of(city).example(json!({"city": "Paris"})))
///     .output(Shape::of(json!({"type": "object"})).example(json!({"celsius": 21})));
/// let gate = price.bazaar(listing).gate()?;
/// # drop(gate); Ok(()) }
/// ```
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct Listing {
    query: Option<Shape>,
    body: Option<(BodyType, Shape)>,
    path: Option<Shape>,
    headers: Option<Shape>,
    output: Option<Shape>,
    route_template: Option<String>,
    /// What could not be written as JSON, and why.
    #[cfg(feature = "schemars")]
    unwritable: Option<String>,
}

impl Listing {
    /// A request without anything, answered with anything.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a query: with GET, HEAD and DELETE. Methods without a body take any query where neither
    /// this nor a body is said.
    pub fn query(self, query: Shape) -> Self {
        Self { query: Some(query), ..self }
    }

    /// Takes a body: with POST, PUT and PATCH.
    pub fn body(self, body_type: BodyType, body: Shape) -> Self {
        Self { body: Some((body_type, body)), ..self }
    }

    /// What varies in the path.
    pub fn path_params(self, path: Shape) -> Self {
        Self { path: Some(path), ..self }
    }

    /// Headers that a request needs.
    pub fn headers(self, headers: Shape) -> Self {
        Self { headers: Some(headers), ..self }
    }

    /// What comes out.
    pub fn output(self, output: Shape) -> Self {
        Self { output: Some(output), ..self }
    }

    /// The path with names for what varies, as a router has it (`/users/{id}`) or as a catalogue
    /// does (`/users/:id`).
    pub fn route(self, pattern: &str) -> Self {
        let template = to_template(pattern).unwrap_or_else(|| pattern.to_owned());
        Self { route_template: Some(template), ..self }
    }

    /// The declarations, by method. The pattern stands in where no path was said.
    pub(super) fn by_method(
        &self,
        pattern: Option<&str>,
    ) -> Result<Vec<(&'static str, RawObject)>, BazaarError> {
        #[cfg(feature = "schemars")]
        if let Some(message) = &self.unwritable {
            let error = <serde_json::Error as serde::ser::Error>::custom(message);
            return Err(BazaarError::Json(error.into()));
        }
        let mut declared = Vec::new();
        let query = match (&self.query, &self.body) {
            (None, None) => Some(Shape::of(serde_json::json!({ "type": "object" }))),
            (query, _) => query.clone(),
        };
        if let Some(query) = query {
            // What is bought by HEAD is what GET buys, and so declared.
            for method in [Method::Get, Method::Delete] {
                declared.push((method, Bazaar::query(method, query.clone())));
            }
        }
        if let Some((body_type, body)) = &self.body {
            for method in [Method::Post, Method::Put, Method::Patch] {
                declared.push((method, Bazaar::body(method, *body_type, body.clone())));
            }
        }
        let declared = declared.into_iter().map(|(method, mut listing)| {
            if let Some(path) = &self.path {
                listing = listing.path_params(path.clone());
            }
            if let Some(headers) = &self.headers {
                listing = listing.headers(headers.clone());
            }
            if let Some(output) = &self.output {
                listing = listing.output(output.clone());
            }
            let template = self.route_template.clone().or_else(|| to_template(pattern?));
            if let Some(template) = template {
                listing = listing.route_template(template);
            }
            Ok((method.as_str(), RawObject::new(&listing.build()?)?))
        });
        declared.collect()
    }
}

/// By Rust types, with their schemas as [`schemars`] derives them. An example that cannot be written
/// as JSON is a mistake of the [gate](crate::Price::gate).
#[cfg(feature = "schemars")]
impl Listing {
    /// Takes a query that this type can be read from, such as this one.
    pub fn query_of<T: schemars::JsonSchema>(mut self, example: impl serde::Serialize) -> Self {
        let query = self.read::<T>(example);
        self.query(query)
    }

    /// Takes a JSON body that this type can be read from, such as this one.
    pub fn json_of<T: schemars::JsonSchema>(mut self, example: impl serde::Serialize) -> Self {
        let body = self.read::<T>(example);
        self.body(BodyType::Json, body)
    }

    /// What varies in the path is what this type can be read from, such as this.
    pub fn path_of<T: schemars::JsonSchema>(mut self, example: impl serde::Serialize) -> Self {
        let path = self.read::<T>(example);
        self.path_params(path)
    }

    /// What comes out is what this type is written as, such as this one.
    pub fn output_of<T: schemars::JsonSchema>(mut self, example: impl serde::Serialize) -> Self {
        let settings = schemars::generate::SchemaSettings::draft2020_12().for_serialize();
        let schema = settings.into_generator().into_root_schema_for::<T>();
        let output = self.shape(schema, example);
        self.output(output)
    }

    fn read<T: schemars::JsonSchema>(&mut self, example: impl serde::Serialize) -> Shape {
        let settings = schemars::generate::SchemaSettings::draft2020_12().for_deserialize();
        let schema = settings.into_generator().into_root_schema_for::<T>();
        self.shape(schema, example)
    }

    fn shape(&mut self, schema: schemars::Schema, example: impl serde::Serialize) -> Shape {
        let shape = Shape::of(schema.to_value());
        match serde_json::to_value(example) {
            Ok(example) => shape.example(example),
            Err(error) => {
                self.unwritable.get_or_insert_with(|| error.to_string());
                shape
            }
        }
    }
}
