use serde_json::{Value, json};
use utoipa::openapi::extensions::ExtensionsBuilder;
use utoipa::openapi::header::Header;
use utoipa::openapi::path::{Operation, Parameter, ParameterIn, PathItem};
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::openapi::{ComponentsBuilder, ContentBuilder, OpenApi, Ref, RefOr, Required, Response};

use super::directory::{Directory, ListedPrice, ListedPricing, ListedRoute};

/// The name of the schema of a 402's body.
const TERMS: &str = "PaymentRequired";

/// Adds to every operation of the document that is sold what its clients need to know: the 402, the
/// headers of payment and receipt, and the price as `x-payment-info`, where indexers look for it.
///
/// ```
/// # fn document(paywall: &x402_server::Paywall, mut document: utoipa::openapi::OpenApi) {
/// use utoipa::Modify;
///
/// paywall.directory().modify(&mut document);
/// # }
/// ```
impl utoipa::Modify for Directory {
    fn modify(&self, document: &mut OpenApi) {
        let mut any = false;
        for (path, item) in &mut document.paths.paths {
            let path = plain(path);
            for route in self.routes.iter().filter(|route| plain(&route.path) == path) {
                if let Some(operation) = operation(item, &route.method) {
                    route.describe(operation);
                    any = true;
                }
            }
        }
        if any {
            let components =
                document.components.get_or_insert_with(|| ComponentsBuilder::new().build());
            components.schemas.entry(TERMS.to_owned()).or_insert_with(|| RefOr::T(terms()));
        }
    }
}

impl ListedRoute {
    fn describe(&self, operation: &mut Operation) {
        let responses = &mut operation.responses.responses;
        for (_, response) in responses.iter_mut().filter(|(status, _)| status.starts_with('2')) {
            if let RefOr::T(response) = response {
                let headers = &mut response.headers;
                headers.entry("PAYMENT-RESPONSE".to_owned()).or_insert_with(|| {
                    RefOr::T(header("The receipt: a SettleResponse as JSON, in base64."))
                });
            }
        }
        responses.entry("402".to_owned()).or_insert_with(|| RefOr::T(payment_required()));
        let parameters = operation.parameters.get_or_insert_default();
        let known = |it: &RefOr<Parameter>| match it {
            RefOr::T(it) => it.name.eq_ignore_ascii_case(SIGNATURE),
            RefOr::Ref(_) => false,
        };
        if !parameters.iter().any(known) {
            parameters.push(RefOr::T(signature()));
        }
        let info = ExtensionsBuilder::new().add("x-payment-info", self.payment_info()).build();
        operation.extensions.get_or_insert_default().merge(info);
    }

    /// The price, as indexers read it, and the offers it comes from.
    fn payment_info(&self) -> Value {
        let offers = self.prices.iter().zip(&self.accepts).map(|(price, accepted)| {
            json!({
                "words": price.words,
                "amount": accepted.amount,
                "asset": accepted.asset,
                "network": accepted.network,
                "scheme": accepted.scheme,
                "payTo": accepted.pay_to,
            })
        });
        let offers: Vec<Value> = offers.collect();
        let mut info = json!({ "protocols": [{ "x402": {} }], "offers": offers });
        let price = self.prices.iter().find(|price| price.currency == "USD");
        let price = price.or(self.prices.first()).map(ListedPrice::to_info);
        let price = match self.pricing {
            ListedPricing::Fixed => price,
            ListedPricing::PerRequest => Some(json!({ "mode": "dynamic" })),
        };
        if let (Some(price), Value::Object(info)) = (price, &mut info) {
            info.insert("price".to_owned(), price);
        }
        info
    }
}

impl ListedPrice {
    fn to_info(&self) -> Value {
        match self.up_to {
            true => {
                json!({ "mode": "dynamic", "currency": self.currency, "min": "0", "max": self.amount })
            }
            false => json!({ "mode": "fixed", "currency": self.currency, "amount": self.amount }),
        }
    }
}

const SIGNATURE: &str = "PAYMENT-SIGNATURE";

fn signature() -> Parameter {
    let mut parameter = Parameter::new(SIGNATURE);
    parameter.parameter_in = ParameterIn::Header;
    parameter.required = Required::False;
    parameter.description = Some(
        "The payment: a PaymentPayload as JSON, in base64. Without it the answer is 402.".into(),
    );
    parameter.schema = Some(RefOr::T(text()));
    parameter
}

fn payment_required() -> Response {
    let body = ContentBuilder::new().schema(Some(Ref::from_schema_name(TERMS))).build();
    let mut response =
        Response::new("Payment required: the terms, and what was wrong with a payment.");
    response.content.insert("application/json".to_owned(), RefOr::T(body));
    let terms = header("The terms: a PaymentRequired as JSON, in base64.");
    response.headers.insert("PAYMENT-REQUIRED".to_owned(), RefOr::T(terms));
    response
}

fn header(description: &str) -> Header {
    let mut header = Header::new(text());
    header.description = Some(description.to_owned());
    header
}

fn text() -> Schema {
    Schema::Object(ObjectBuilder::new().schema_type(Type::String).build())
}

/// The body of a 402, as far as clients need it.
fn terms() -> Schema {
    let described = json!({
        "type": "object",
        "description": "What is to be paid, and for what.",
        "required": ["x402Version", "resource", "accepts"],
        "properties": {
            "x402Version": { "type": "integer", "description": "The version of the protocol: 2." },
            "error": { "type": "string", "description": "Why a payment is wanted." },
            "resource": {
                "type": "object",
                "required": ["url"],
                "properties": {
                    "url": { "type": "string" },
                    "description": { "type": "string" },
                    "mimeType": { "type": "string" },
                },
            },
            "accepts": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required":
                        ["scheme", "network", "amount", "asset", "payTo", "maxTimeoutSeconds"],
                    "properties": {
                        "scheme": { "type": "string" },
                        "network": { "type": "string", "description": "By CAIP-2." },
                        "amount": { "type": "string", "description": "In atomic units." },
                        "asset": { "type": "string", "description": "The token's address." },
                        "payTo": { "type": "string" },
                        "maxTimeoutSeconds": { "type": "integer" },
                        "extra": { "type": "object" },
                    },
                },
            },
            "extensions": { "type": "object" },
        },
    });
    serde_json::from_value(described)
        .unwrap_or_else(|_| Schema::Object(ObjectBuilder::new().build()))
}

fn operation<'a>(item: &'a mut PathItem, method: &str) -> Option<&'a mut Operation> {
    match method {
        "GET" => item.get.as_mut(),
        "PUT" => item.put.as_mut(),
        "POST" => item.post.as_mut(),
        "DELETE" => item.delete.as_mut(),
        "HEAD" => item.head.as_mut(),
        "PATCH" => item.patch.as_mut(),
        "TRACE" => item.trace.as_mut(),
        _ => None,
    }
}

/// A path's pattern as OpenAPI writes it: `{*rest}` and `{id:[0-9]+}` have a name only.
fn plain(path: &str) -> String {
    let mut plain = String::with_capacity(path.len());
    let mut rest = path;
    while let Some((before, after)) = rest.split_once('{') {
        let (inner, behind) = after.split_once('}').unwrap_or((after, ""));
        let name = inner.split(':').next().unwrap_or(inner).trim_start_matches('*');
        plain.extend([before, "{", name, "}"]);
        rest = behind.trim_start_matches(['}', '*']);
    }
    plain + rest
}
