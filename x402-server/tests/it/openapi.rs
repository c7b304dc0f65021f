//! What is paid for, in an OpenAPI document.

#![allow(dead_code, reason = "read by the document only")]

use crate::common;
use crate::common::{Double, SITE};
use serde_json::{Value, json};
use utoipa::{Modify, OpenApi};
use x402_ledger::MemoryStore;
use x402_server::{ConfigError, Inquiry, Paywall, Quote};

#[utoipa::path(get, path = "/weather/{city}", params(("city" = String, Path,)), responses(
    (status = 200, description = "Fine", body = String),
    (status = 404, description = "No such city"),
))]
async fn weather() {}

#[utoipa::path(delete, path = "/weather/{city}", params(("city" = String, Path,)), responses(
    (status = 204, description = "Gone"),
))]
async fn forget() {}

#[utoipa::path(post, path = "/chat", responses((status = 201, description = "Said")))]
async fn chat() {}

#[utoipa::path(get, path = "/files/{rest}", responses((status = 200, description = "A file")))]
async fn file() {}

#[derive(OpenApi)]
#[openapi(paths(weather, forget, chat, file))]
struct Api;

async fn paywall() -> Paywall {
    let double = Double::default();
    common::builder(&double, &MemoryStore::new()).build().await.unwrap()
}

fn document(paywall: &Paywall) -> Value {
    let mut document = Api::openapi();
    paywall.directory().modify(&mut document);
    serde_json::to_value(document).unwrap()
}

#[tokio::test]
async fn what_is_sold_is_described_as_sold() {
    let paywall = paywall().await;
    let _gate = paywall.price("$0.01").unwrap().route("GET /weather/{city}").gate().unwrap();
    let document = document(&paywall);
    let operation = &document["paths"]["/weather/{city}"]["get"];
    let responses = &operation["responses"];
    let wanted = &responses["402"];
    assert!(wanted["headers"]["PAYMENT-REQUIRED"]["description"].is_string(), "{wanted}");
    let schema = "#/components/schemas/PaymentRequired";
    assert_eq!(wanted["content"]["application/json"]["schema"]["$ref"], schema);
    assert!(responses["200"]["headers"]["PAYMENT-RESPONSE"].is_object(), "{responses}");
    assert_eq!(responses["200"]["description"], "Fine");
    assert!(responses["404"]["headers"].is_null(), "{responses}");
    let parameters = operation["parameters"].as_array().unwrap();
    assert_eq!(parameters[0]["name"], "city");
    let payment = &parameters[1];
    assert_eq!((&payment["name"], &payment["in"]), (&json!("PAYMENT-SIGNATURE"), &json!("header")));
    assert_eq!(payment["required"], false);
    let info = &operation["x-payment-info"];
    assert_eq!(info["price"], json!({ "mode": "fixed", "currency": "USD", "amount": "0.01" }));
    assert_eq!(info["protocols"], json!([{ "x402": {} }]));
    assert_eq!(info["offers"][0]["network"], "eip155:84532");
    assert_eq!(info["offers"][0]["scheme"], "exact");
    assert_eq!(info["offers"][0]["amount"], "10000");
}

#[tokio::test]
async fn the_body_that_is_described_is_the_body_that_is_sent() {
    let paywall = paywall().await;
    let price = paywall.price("$0.01").unwrap().route("GET /weather/{city}");
    let gate = price.gate().unwrap();
    let document = document(&paywall);
    let schema = &document["components"]["schemas"]["PaymentRequired"];
    let head = common::Head::of("/weather/paris", None);
    let admission = gate.admit(&head).await;
    let x402_server::Admission::Reject(reply) = admission else { panic!("{admission:?}") };
    let body: Value = serde_json::from_str(reply.text()).unwrap();
    let validator = jsonschema::validator_for(schema).unwrap();
    assert!(validator.is_valid(&body), "{body} is not {schema}");
    assert!(!validator.is_valid(&json!({ "x402Version": 2 })));
    assert_eq!(body["resource"]["url"], format!("{SITE}/weather/paris"));
}

#[tokio::test]
async fn what_costs_nothing_is_left_alone() {
    let paywall = paywall().await;
    let before = serde_json::to_value(Api::openapi()).unwrap();
    assert_eq!(document(&paywall), before);
    // Another method, and a path that the document does not have.
    let _gates = ["GET /weather/{city}", "PUT /weather/{city}", "GET /elsewhere"]
        .map(|route| paywall.price("$0.01").unwrap().route(route).gate().unwrap());
    let after = document(&paywall);
    for path in ["/chat", "/files/{rest}"] {
        assert_eq!(after["paths"][path], before["paths"][path]);
    }
    let delete = |it: &Value| it["paths"]["/weather/{city}"]["delete"].clone();
    assert_eq!(delete(&after), delete(&before));
}

#[tokio::test]
async fn a_price_that_is_a_limit_is_told_as_a_range() {
    let paywall = paywall().await;
    let _gate = paywall.price("$0.5").unwrap().upto().route("POST /chat").gate().unwrap();
    let document = document(&paywall);
    let operation = &document["paths"]["/chat"]["post"];
    let price = json!({ "mode": "dynamic", "currency": "USD", "min": "0", "max": "0.5" });
    assert_eq!(operation["x-payment-info"]["price"], price);
    assert!(operation["responses"]["201"]["headers"]["PAYMENT-RESPONSE"].is_object());
}

#[tokio::test]
async fn a_routers_pattern_is_known_as_the_documents() {
    for route in ["GET /files/{*rest}", "GET /files/{rest:.*}", "GET /files/{rest}*"] {
        let paywall = paywall().await;
        let _gate = paywall.price("$0.01").unwrap().route(route).gate().unwrap();
        let document = document(&paywall);
        let operation = &document["paths"]["/files/{rest}"]["get"];
        assert!(operation["x-payment-info"].is_object(), "{route}: {document}");
    }
}

#[tokio::test]
async fn described_twice_is_described_once() {
    let paywall = paywall().await;
    let _gate = paywall.price("$0.01").unwrap().route("GET /weather/{city}").gate().unwrap();
    let mut document = Api::openapi();
    paywall.directory().modify(&mut document);
    let once = serde_json::to_value(&document).unwrap();
    paywall.directory().modify(&mut document);
    assert_eq!(serde_json::to_value(&document).unwrap(), once);
}

#[tokio::test]
async fn a_price_that_is_told_with_each_request_has_no_amount() {
    let paywall = paywall().await;
    let price = paywall
        .price_by(|it: Inquiry| async move { Ok::<Quote, ConfigError>(it.price("$0.01")?.into()) });
    let _gate = price.route("GET /weather/{city}").gate().unwrap();
    let document = document(&paywall);
    let operation = &document["paths"]["/weather/{city}"]["get"];
    let info = &operation["x-payment-info"];
    assert_eq!(info["price"], json!({ "mode": "dynamic" }));
    assert_eq!(info["offers"], json!([]));
    assert!(operation["responses"]["402"].is_object(), "{operation}");
}
