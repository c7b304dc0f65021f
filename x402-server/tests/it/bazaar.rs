//! Listings: what a price takes and gives, told with the method of the request.

use crate::common;
use crate::common::{Double, Goods, Head, Payer, Shop, request};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use x402_ledger::MemoryStore;
use x402_server::{Admission, ConfigError, Gate, Listing, Mistake, Paywall, Price};
use x402_types::RawObject;
use x402_types::extensions::bazaar::{BazaarError, BodyType, Shape};

#[derive(Deserialize, JsonSchema)]
#[allow(dead_code, reason = "read by its schema only")]
struct City {
    city: String,
    unit: Option<Unit>,
}

#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Unit {
    Celsius,
}

#[derive(Serialize, JsonSchema)]
struct Weather {
    degrees: i32,
    unit: Unit,
}

fn query() -> Listing {
    Listing::new().query_of::<City>(json!({ "city": "Paris", "unit": "celsius" }))
}

fn body() -> Listing {
    Listing::new().json_of::<City>(json!({ "city": "Paris" }))
}

async fn listed(listing: Listing) -> Shop {
    Shop::open_with(Goods::default(), |it| it, |price| price.bazaar(listing)).await
}

/// What a request with this method is told.
async fn told(shop: &Shop, method: &str) -> Value {
    let challenge = shop.send(request(method, "/goods", &[])).await.challenge().expect("terms");
    let extensions = challenge.extensions.map(|it| it.parse::<Value>().unwrap());
    extensions.map_or(Value::Null, |it| it["bazaar"].clone())
}

fn gate_of(paywall: &Paywall, change: impl FnOnce(Price) -> Price) -> Result<Gate, ConfigError> {
    change(paywall.price("$0.01").unwrap()).gate()
}

async fn paywall() -> Paywall {
    common::builder(&Double::default(), &MemoryStore::new()).build().await.unwrap()
}

#[tokio::test]
async fn the_method_of_the_request_is_declared() {
    let shop = listed(query().json_of::<City>(json!({ "city": "Paris" }))).await;
    for method in ["GET", "DELETE", "POST", "PUT", "PATCH"] {
        let told = told(&shop, method).await;
        assert_eq!(told["info"]["input"]["type"], "http");
        assert_eq!(told["info"]["input"]["method"], method);
        let known = &told["schema"]["properties"]["input"]["properties"]["method"]["enum"];
        assert_eq!(*known, json!([method]));
    }
    assert_eq!(told(&shop, "HEAD").await["info"]["input"]["method"], "GET");
    assert_eq!(told(&shop, "PROPFIND").await, Value::Null);
}

#[tokio::test]
async fn a_listing_is_declared_to_the_methods_that_it_describes() {
    let (query, body, empty) = (query(), body(), Listing::new());
    for (listing, with_body, without) in
        [(query, false, true), (body, true, false), (empty, false, true)]
    {
        let shop = listed(listing).await;
        for method in ["GET", "HEAD", "DELETE"] {
            assert_eq!(told(&shop, method).await.is_object(), without, "{method}");
        }
        for method in ["POST", "PUT", "PATCH"] {
            assert_eq!(told(&shop, method).await.is_object(), with_body, "{method}");
        }
    }
}

#[tokio::test]
async fn what_is_declared_meets_its_own_schema() {
    let output = Weather { degrees: 21, unit: Unit::Celsius };
    let listing = query()
        .json_of::<City>(json!({ "city": "Paris" }))
        .path_of::<City>(json!({ "city": "Paris" }))
        .headers(Shape::of(json!({ "properties": { "x-key": { "type": "string" } } })))
        .output_of::<Weather>(output)
        .route("/weather/{city}");
    let shop = listed(listing).await;
    for method in ["GET", "DELETE", "POST", "PUT", "PATCH"] {
        let told = told(&shop, method).await;
        let validator = jsonschema::draft202012::new(&told["schema"]).unwrap();
        assert!(validator.is_valid(&told["info"]), "{told}");
        let mut wrong = told["info"].clone();
        wrong["input"]["method"] = json!("OPTIONS");
        assert!(!validator.is_valid(&wrong));
        let mut wrong = told["info"].clone();
        wrong["output"]["example"]["unit"] = json!("kelvin");
        assert!(!validator.is_valid(&wrong), "the type's definitions are not found");
        assert_eq!(told["routeTemplate"], "/weather/:city");
        assert_eq!(told["info"]["output"]["example"], json!({ "degrees": 21, "unit": "celsius" }));
        assert_eq!(told["info"]["input"]["pathParams"], json!({ "city": "Paris" }));
    }
    let get = told(&shop, "GET").await;
    let example = json!({ "city": "Paris", "unit": "celsius" });
    assert_eq!(get["info"]["input"]["queryParams"], example);
    let post = told(&shop, "POST").await;
    assert_eq!(post["info"]["input"]["bodyType"], "json");
    assert_eq!(post["info"]["input"]["body"], json!({ "city": "Paris" }));
}

#[tokio::test]
async fn the_body_and_a_refusal_carry_what_the_header_carries() {
    let shop = listed(query()).await;
    let unpaid = shop.send(request("GET", "/goods", &[])).await;
    let declared = unpaid.challenge().unwrap().extensions.unwrap();
    assert!(unpaid.body.contains(declared.as_str()), "{}", unpaid.body);
    let mut payment = Payer::number(1).pay(&unpaid.challenge().unwrap()).await;
    payment.accepted = payment.accepted.replace("10000", "1");
    let refused = shop.buy(&payment).await;
    assert_eq!(refused.challenge().unwrap().extensions.unwrap(), declared);
}

#[tokio::test]
async fn the_echo_is_held_to_what_was_declared_for_the_method() {
    let shop = listed(query().json_of::<City>(json!({ "city": "Paris" }))).await;
    let ask = async |method: &str| {
        shop.send(request(method, "/goods", &[])).await.challenge().expect("terms")
    };
    for (probed, bought, sound) in [
        ("GET", "GET", true),
        ("HEAD", "GET", true),
        ("POST", "POST", true),
        ("POST", "GET", false),
    ] {
        let terms = ask(probed).await;
        let mut payment = Payer::number(1).pay(&terms).await;
        payment.extensions = Some(terms.extensions.unwrap().as_str().to_owned());
        let header = payment.header();
        let answer = shop.send(request(bought, "/goods", &[("payment-signature", &header)])).await;
        match sound {
            true => drop(answer.assert_served()),
            false => drop(answer.assert_challenged("extension_echo_mismatch")),
        }
    }
}

#[tokio::test]
async fn the_facilitator_is_handed_the_listing_that_the_payer_echoes() {
    let shop = listed(query()).await;
    let terms = shop.terms("/goods").await;
    let mut payment = Payer::number(1).pay(&terms).await;
    let echo = terms.extensions.clone().unwrap();
    payment.extensions = Some(echo.as_str().to_owned());
    shop.buy(&payment).await.assert_served();
    let asked = shop.facilitator.asked();
    assert_eq!(asked.len(), 2);
    assert!(asked.iter().all(|(_, text)| text.contains(echo.as_str())));
}

#[tokio::test]
async fn what_cannot_be_listed_is_a_mistake() {
    let paywall = paywall().await;
    let outside = json!({ "$ref": "http://169.254.169.254/latest" });
    let unwritable = std::collections::BTreeMap::from([((1, 2), 3)]);
    let listings = [
        Listing::new().query(Shape::of(json!(7))),
        Listing::new().query(Shape::of(outside.clone())),
        Listing::new().output(Shape::of(outside)),
        Listing::new().body(BodyType::Json, Shape::of(json!("x"))),
        Listing::new().query(Shape::of(json!(true)).example(json!([]))),
        Listing::new().route("//evil/../{id}"),
        Listing::new().output_of::<Weather>(unwritable),
    ];
    for listing in listings {
        let described = format!("{listing:?}");
        let error = gate_of(&paywall, |price| price.bazaar(listing)).unwrap_err();
        assert!(matches!(error.mistakes(), [Mistake::Listing(_)]), "{described}: {error}");
    }
    let own = Listing::new().query(Shape::of(json!({ "$id": "https://example.com/x" })));
    assert!(gate_of(&paywall, |price| price.bazaar(own)).is_ok());
    let outside = Listing::new().query(Shape::of(json!({ "not": { "$ref": "x.json" } })));
    let error = gate_of(&paywall, |price| price.bazaar(outside)).unwrap_err();
    let [Mistake::Listing(BazaarError::Outside(name, address))] = error.mistakes() else {
        panic!("{error}")
    };
    assert_eq!((*name, address.as_str()), ("queryParams", "\"x.json\""));
}

#[tokio::test]
async fn the_last_listing_counts_however_it_is_declared() {
    let paywall = paywall().await;
    let own = || r#"{"info":{"ours":1}}"#.parse::<RawObject>().unwrap();
    let raw_last = gate_of(&paywall, |price| price.bazaar(query()).extension("bazaar", own()));
    let typed_last = gate_of(&paywall, |price| price.extension("bazaar", own()).bazaar(query()));
    for (gate, ours) in [(raw_last, true), (typed_last, false)] {
        let admission = gate.unwrap().admit(&Head::of("/goods", None)).await;
        let Admission::Reject(reply) = admission else { panic!("not refused") };
        assert_eq!(reply.text().contains(r#"{"ours":1}"#), ours, "{}", reply.text());
        assert_eq!(reply.text().contains("queryParams"), !ours, "{}", reply.text());
    }
}
