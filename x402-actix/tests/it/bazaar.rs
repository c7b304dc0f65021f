//! A listing from the types that handlers take and give.

use crate::common::{Payer, Site};
use actix_web::web;
use actix_web::web::{Json, Query};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use x402_actix::{BodyType, Listing, Mistake, Shape};

#[derive(Deserialize, JsonSchema)]
struct City {
    city: String,
}

#[derive(Deserialize, Serialize, JsonSchema)]
struct Weather {
    city: String,
    celsius: i32,
}

async fn read(city: Query<City>) -> Json<Weather> {
    Json(Weather { city: city.into_inner().city, celsius: 21 })
}

#[actix_web::test]
async fn a_listed_route_is_bought_by_the_echo_of_its_listing() {
    let site = Site::prepare().await;
    let listing = Listing::new()
        .query_of::<City>(json!({ "city": "Paris" }))
        .output_of::<Weather>(Weather { city: "Paris".to_owned(), celsius: 21 });
    let price = site.price().bazaar(listing).unwrap();
    let site = site.serve(move |config| {
        config.service(web::resource("/weather").get(read).wrap(price.clone()));
    });
    // Asked without a query, the price is told all the same.
    let terms = site.get("/weather", &[]).await.challenge().expect("terms");
    let extensions: Value = terms.extensions.as_ref().unwrap().parse().unwrap();
    let listed = &extensions["bazaar"];
    assert_eq!(listed["info"]["input"]["method"], "GET");
    assert_eq!(listed["info"]["input"]["queryParams"], json!({ "city": "Paris" }));
    let validator = jsonschema::draft202012::new(&listed["schema"]).unwrap();
    assert!(validator.is_valid(&listed["info"]), "{listed}");

    let mut payment = Payer::number(1).pay(&terms).await;
    payment.extensions = terms.extensions.map(|it| it.as_str().to_owned());
    let header = payment.header();
    let answer = site.get("/weather?city=Oslo", &[("payment-signature", &header)]).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.json(), json!({ "city": "Oslo", "celsius": 21 }));
}

#[actix_web::test]
async fn what_cannot_be_listed_is_told_when_the_price_is_made() {
    let site = Site::prepare().await;
    let listing = Listing::new().body(BodyType::Text, Shape::of(json!("text")));
    let error = site.price().bazaar(listing).unwrap_err();
    assert!(matches!(error.mistakes(), [Mistake::Listing(_)]), "{error}");
}
