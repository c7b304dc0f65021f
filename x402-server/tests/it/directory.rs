//! What a site says of itself: what is sold, where, for how much, and what it takes and gives.

use crate::common;
use crate::common::{Double, PAY_TO, SITE};
use serde_json::{Value, json};
use x402_ledger::MemoryStore;
use x402_server::{
    ConfigError, DynamicPrice, Inquiry, ListedPricing, Listing, Mistake, Paywall, Quote, Tag,
};
use x402_types::extensions::bazaar::Shape;
use x402_types::{Asset, Network};

async fn paywall() -> Paywall {
    let double = Double::default();
    common::builder(&double, &MemoryStore::new()).build().await.unwrap()
}

fn json(paywall: &Paywall) -> Value {
    serde_json::from_slice(&paywall.directory_json()).unwrap()
}

#[tokio::test]
async fn a_route_is_listed_with_its_prices_and_schemas() {
    let paywall = paywall().await;
    let city = json!({ "properties": { "city": { "type": "string" } }, "required": ["city"] });
    let listing = Listing::new()
        .path_params(Shape::of(city).example(json!({ "city": "Paris" })))
        .output(Shape::of(json!({ "type": "object" })).example(json!({ "celsius": 21 })));
    let price = paywall.price("$0.01").unwrap().or(paywall.price("$0.5").unwrap().upto());
    let price = price
        .route("GET /weather/{city}")
        .description("Weather right now")
        .mime_type("application/json")
        .tags(["weather"])
        .service_name("Sky")
        .icon_url("https://example.com/sun.png")
        .bazaar(listing);
    let _gate = price.gate().unwrap();
    let told = json(&paywall);
    let resource = format!("{SITE}/weather/{{city}}");
    assert_eq!(told["version"], 1);
    assert_eq!(told["x402Version"], 2);
    assert_eq!(told["resources"], json!([resource]));
    let [route] = &told["routes"].as_array().unwrap()[..] else { panic!("{told}") };
    for (name, value) in [
        ("method", json!("GET")),
        ("path", json!("/weather/{city}")),
        ("resource", json!(resource)),
        ("description", json!("Weather right now")),
        ("mimeType", json!("application/json")),
        ("tags", json!(["weather"])),
        ("serviceName", json!("Sky")),
        ("iconUrl", json!("https://example.com/sun.png")),
    ] {
        assert_eq!(route[name], value, "{name}");
    }
    assert_eq!(
        route["prices"],
        json!([
            {
                "words": "$0.01 USDC on base-sepolia",
                "amount": "0.01",
                "currency": "USD",
                "upTo": false,
            },
            {
                "words": "up to $0.50 USDC on base-sepolia",
                "amount": "0.5",
                "currency": "USD",
                "upTo": true,
            },
        ])
    );
    assert_eq!(route["pricing"], "fixed");
    assert_eq!(route["accepts"][0]["amount"], "10000");
    assert_eq!(route["accepts"][0]["scheme"], "exact");
    assert_eq!(route["accepts"][0]["network"], "eip155:84532");
    assert_eq!(route["accepts"][0]["payTo"], PAY_TO);
    assert_eq!(route["accepts"][1]["scheme"], "upto");
    let bazaar = &route["extensions"]["bazaar"];
    assert_eq!(bazaar["info"]["input"]["method"], "GET");
    assert_eq!(bazaar["info"]["output"]["example"], json!({ "celsius": 21 }));
    assert_eq!(
        bazaar["schema"]["properties"]["input"]["properties"]["method"]["enum"],
        json!(["GET"])
    );
}

#[tokio::test]
async fn what_has_no_route_or_no_gate_any_more_is_not_listed() {
    let paywall = paywall().await;
    assert_eq!(json(&paywall)["routes"], json!([]));
    let price = paywall.price("$0.01").unwrap();
    let _unsaid = price.gate().unwrap();
    assert_eq!(json(&paywall)["routes"], json!([]));
    let gate = price.route("GET /a").gate().unwrap();
    assert_eq!(json(&paywall)["resources"], json!([format!("{SITE}/a")]));
    let shared = gate.clone();
    drop(gate);
    assert_eq!(json(&paywall)["resources"], json!([format!("{SITE}/a")]));
    drop(shared);
    assert_eq!(json(&paywall)["resources"], json!([]));
}

#[tokio::test]
async fn a_route_has_the_price_that_was_said_last_and_is_listed_once() {
    let paywall = paywall().await;
    let gate =
        |price: &str, route: &str| paywall.price(price).unwrap().route(route).gate().unwrap();
    let _gates = [gate("$1", "GET /a"), gate("$2", "POST /a"), gate("$3", "GET /a")];
    let told = paywall.directory();
    assert_eq!(told.resources, [format!("{SITE}/a")]);
    let routes: Vec<_> =
        told.routes.iter().map(|it| (&*it.method, &*it.prices[0].amount)).collect();
    assert_eq!(routes, [("GET", "3"), ("POST", "2")]);
}

#[tokio::test]
async fn a_handler_with_an_attribute_is_listed_from_its_first_request_on() {
    static TAG: Tag = Tag { route: Some("GET /tagged"), ..Tag::new("shop::tagged", &["$0.01"]) };
    let paywall = paywall().await;
    assert_eq!(json(&paywall)["resources"], json!([]));
    for _ in 0..2 {
        paywall.tagged(&TAG).unwrap();
        assert_eq!(json(&paywall)["resources"], json!([format!("{SITE}/tagged")]));
    }
}

#[tokio::test]
async fn a_token_that_is_not_known_is_not_said_to_be_worth_a_dollar() {
    let address = "0x1111111111111111111111111111111111111111";
    let token = Asset::eip3009(Network::BASE_SEPOLIA, "HAY", address, "Hay", "1", 6);
    let double = Double::default();
    let builder = common::builder::<Paywall>(&double, &MemoryStore::new()).asset(token);
    let paywall = builder.build().await.unwrap();
    let _gate = paywall.price("0.25 HAY").unwrap().route("GET /hay").gate().unwrap();
    let told = paywall.directory();
    let price = &told.routes[0].prices[0];
    assert_eq!((&*price.words, &*price.currency), ("0.25 HAY on base-sepolia", "HAY"));
}

#[tokio::test]
async fn the_json_is_made_anew_only_when_something_has_changed() {
    let paywall = paywall().await;
    let gate = paywall.price("$0.01").unwrap().route("GET /a").gate().unwrap();
    let first = paywall.directory_json();
    assert_eq!(first.as_ptr(), paywall.directory_json().as_ptr());
    let _other = paywall.price("$0.01").unwrap().route("GET /b").gate().unwrap();
    let second = paywall.directory_json();
    assert_ne!(first, second);
    assert_eq!(second.as_ptr(), paywall.directory_json().as_ptr());
    drop(gate);
    assert_ne!(second, paywall.directory_json());
}

/// A price of a cent, found out with every request.
fn found_out(paywall: &Paywall) -> DynamicPrice {
    paywall
        .price_by(|it: Inquiry| async move { Ok::<Quote, ConfigError>(it.price("$0.01")?.into()) })
}

#[tokio::test]
async fn a_price_that_is_told_with_each_request_is_listed_without_one() {
    let paywall = paywall().await;
    let city = json!({ "properties": { "city": { "type": "string" } }, "required": ["city"] });
    let listing = Listing::new().path_params(Shape::of(city).example(json!({ "city": "Paris" })));
    let price = found_out(&paywall)
        .route("GET /weather/{city}")
        .description("Weather right now")
        .mime_type("application/json")
        .tags(["weather"])
        .service_name("Sky")
        .icon_url("https://example.com/sun.png")
        .bazaar(listing);
    let gate = price.gate().unwrap();
    let told = json(&paywall);
    let resource = format!("{SITE}/weather/{{city}}");
    assert_eq!(told["resources"], json!([resource]));
    let route = told["routes"][0].as_object().unwrap();
    for (name, value) in [
        ("method", json!("GET")),
        ("path", json!("/weather/{city}")),
        ("resource", json!(resource)),
        ("description", json!("Weather right now")),
        ("mimeType", json!("application/json")),
        ("tags", json!(["weather"])),
        ("serviceName", json!("Sky")),
        ("iconUrl", json!("https://example.com/sun.png")),
        ("pricing", json!("perRequest")),
    ] {
        assert_eq!(route[name], value, "{name}");
    }
    assert_eq!(route["extensions"]["bazaar"]["info"]["input"]["method"], "GET");
    assert!(!route.contains_key("accepts") && !route.contains_key("prices"), "{route:?}");
    // It is listed for as long as it is sold.
    drop((gate, price));
    assert_eq!(json(&paywall)["routes"], json!([]));
}

#[tokio::test]
async fn a_fixed_price_is_said_to_be_one_and_may_take_the_place_of_one_that_is_not() {
    let paywall = paywall().await;
    let _per_request = found_out(&paywall).route("GET /a").gate().unwrap();
    assert_eq!(paywall.directory().routes[0].pricing, ListedPricing::PerRequest);
    let fixed = paywall.price("$0.01").unwrap().route("GET /a").gate().unwrap();
    let [route] = &paywall.directory().routes[..] else { panic!("listed twice") };
    assert_eq!((route.pricing, route.accepts.len()), (ListedPricing::Fixed, 1));
    assert_eq!(json(&paywall)["routes"][0]["pricing"], "fixed");
    drop(fixed);
    assert_eq!(json(&paywall)["routes"][0]["pricing"], "perRequest");
}

#[tokio::test]
async fn what_cannot_be_told_of_a_price_is_a_mistake_of_its_gate() {
    let paywall = paywall().await;
    let price = found_out(&paywall).route("weather").tags(["x"; 6]).service_name("");
    let error = price.gate().unwrap_err();
    let [Mistake::Tags(_), Mistake::ServiceName(_), Mistake::Route(_)] = error.mistakes() else {
        panic!("{error}");
    };
    assert_eq!(json(&paywall)["routes"], json!([]));
}

#[tokio::test]
async fn a_tag_is_listed_before_its_first_request_if_it_says_its_route() {
    static TAG: Tag = Tag { route: Some("GET /tagged"), ..Tag::new("shop::tagged", &["$0.01"]) };
    static LOST: Tag = Tag::new("shop::lost", &["$0.01"]);
    let paywall = paywall().await;
    paywall.list_tagged(&TAG).unwrap();
    assert_eq!(json(&paywall)["resources"], json!([format!("{SITE}/tagged")]));
    let error = paywall.list_tagged(&LOST).unwrap_err();
    assert!(error.to_string().contains("shop::lost"), "{error}");
    assert!(matches!(error.mistakes(), [Mistake::NoRoute(_)]), "{error}");
}
