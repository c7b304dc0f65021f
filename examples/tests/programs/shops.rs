//! The shops with fixed prices, one for each framework.

use examples::shop::Error;
use reqwest::{Client, Method, StatusCode};
use serde_json::Value;
use tokio::process::Command;

use crate::market::{Market, SITE, terms};
use examples::playground::AGENT;

/// The same shop on two frameworks.
async fn weather_and_report(program: &str) -> Result<(Market, String), Error> {
    let (market, shop) = Market::of(Command::new(program)).await?;
    let free = reqwest::get(&shop).await?;
    assert_eq!(free.status(), StatusCode::OK);
    assert!(free.text().await?.contains("GET /weather"));

    let told = terms(&format!("{shop}/weather?city=Porto")).await?;
    assert!(told.resource.url.starts_with(&format!("{SITE}/weather")), "{}", told.resource.url);
    let without_city = terms(&format!("{shop}/weather")).await?;
    assert_eq!(without_city.accepts[0].amount, told.accepts[0].amount);
    let refused = market.get(&format!("{shop}/weather")).await?;
    assert_eq!((refused.status(), market.earned()?), (StatusCode::BAD_REQUEST, 0));

    let listed = reqwest::get(format!("{shop}/.well-known/x402")).await?.text().await?;
    assert!(listed.contains("/report"), "{listed}");
    let preflight = Client::new().request(Method::OPTIONS, format!("{shop}/report"));
    let preflight = preflight
        .header("origin", "https://page.example")
        .header("access-control-request-method", "GET")
        .header("access-control-request-headers", "payment-signature");
    let allowed = preflight.send().await?;
    let allowed = allowed.headers().get("access-control-allow-headers").ok_or("no CORS")?;
    assert!(allowed.to_str()?.contains("payment-signature"));

    let weather = market.buy(&format!("{shop}/weather?city=Porto"), 1_000).await?;
    let weather: Value = serde_json::from_str(&weather)?;
    assert_eq!(weather["city"], "Porto");
    assert_eq!(weather["paid_by"], AGENT.address.to_string().to_lowercase());
    let report = market.buy(&format!("{shop}/report"), 50_000).await?;
    assert!(report.contains("a good year"), "{report}");
    assert_eq!((market.earned()?, market.spent()?), (51_000, 51_000));
    Ok((market, shop))
}

#[tokio::test(flavor = "multi_thread")]
async fn axum_sells_by_attribute_and_by_layer_and_stops_in_peace() -> Result<(), Error> {
    let (mut market, _) = weather_and_report(env!("CARGO_BIN_EXE_axum")).await?;
    assert!(market.program.interrupt().await?.success());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn actix_sells_by_attribute_and_by_wrapper_and_stops_in_peace() -> Result<(), Error> {
    let (mut market, _) = weather_and_report(env!("CARGO_BIN_EXE_actix")).await?;
    assert!(market.program.interrupt().await?.success());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn tower_sells_whatever_the_path() -> Result<(), Error> {
    let (market, shop) = Market::of(Command::new(env!("CARGO_BIN_EXE_tower"))).await?;
    for path in ["", "/anything", "//", "/%2e%2e"] {
        terms(&format!("{shop}{path}")).await?;
    }
    let haiku = market.buy(&format!("{shop}/haiku"), 2_000).await?;
    assert!(haiku.contains(&AGENT.address.to_string().to_lowercase()), "{haiku}");
    Ok(())
}
