//! A listing from the types that handlers take and give.

use crate::common::{Payer, Site};
use axum::extract::Query;
use axum::routing::get;
use axum::{Json, Router};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use x402_axum::{BodyType, Listing, Mistake, Shape};

#[derive(Deserialize, JsonSchema)]
struct City {
    city: String,
}

#[derive(Deserialize, Serialize, JsonSchema)]
struct Weather {
    city: String,
    celsius: i32,
}

async fn read(Query(City { city }): Query<City>) -> Json<Weather> {
    Json(Weather { city, celsius: 21 })
}

async fn write(Json(City { city }): Json<City>) -> Json<Weather> {
    Json(Weather { city, celsius: 7 })
}

fn listing() -> Listing {
    let paris = json!({ "city": "Paris" });
    Listing::new()
        .query_of::<City>(&paris)
        .json_of::<City>(&paris)
        .output_of::<Weather>(Weather { city: "Paris".to_owned(), celsius: 21 })
}

#[tokio::test(flavor = "multi_thread")]
async fn each_method_of_a_route_is_listed_with_what_its_handler_takes() {
    let site = Site::prepare().await;
    let route = get(read).post(write).layer(site.price().bazaar(listing()).unwrap());
    let site = site.serve(Router::new().route("/weather", route)).await;
    for (method, input) in [("GET", "queryParams"), ("POST", "body")] {
        // Asked without a query or a body, the price is told all the same.
        let terms = site.ask(method, "/weather", &[]).await.challenge().expect("terms");
        let extensions: Value = terms.extensions.as_ref().unwrap().parse().unwrap();
        let listed = &extensions["bazaar"];
        assert_eq!(listed["info"]["input"]["method"], method);
        assert_eq!(listed["info"]["input"][input], json!({ "city": "Paris" }));
        let example = json!({ "city": "Paris", "celsius": 21 });
        assert_eq!(listed["info"]["output"]["example"], example);
        let validator = jsonschema::draft202012::new(&listed["schema"]).unwrap();
        assert!(validator.is_valid(&listed["info"]), "{listed}");
        let mut wrong = listed["info"].clone();
        wrong["input"][input] = json!({ "town": "Paris" });
        assert!(!validator.is_valid(&wrong), "{listed}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listed_route_is_bought_by_the_echo_of_its_listing() {
    let site = Site::prepare().await;
    let route = get(read).layer(site.price().bazaar(listing()).unwrap());
    let site = site.serve(Router::new().route("/weather", route)).await;
    let terms = site.get("/weather", &[]).await.challenge().expect("terms");
    let mut payment = Payer::number(1).pay(&terms).await;
    payment.extensions = terms.extensions.map(|it| it.as_str().to_owned());
    let header = payment.header();
    let answer = site.get("/weather?city=Oslo", &[("payment-signature", &header)]).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.json(), json!({ "city": "Oslo", "celsius": 21 }));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_listed_is_told_when_the_price_is_made() {
    let site = Site::prepare().await;
    let listing = Listing::new().body(BodyType::Text, Shape::of(json!("text")));
    let error = site.price().bazaar(listing).unwrap_err();
    assert!(matches!(error.mistakes(), [Mistake::Listing(_)]), "{error}");
}
