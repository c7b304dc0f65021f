//! A shop on axum: a price as an attribute of a handler, a price as a layer on a route.

use std::env;
use std::time::Duration;

use axum::extract::Query;
use axum::routing::get;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use x402_axum::{Payment, Paywall, cors, paid};

#[derive(Deserialize)]
struct Place {
    city: String,
}

#[derive(Serialize)]
struct Weather {
    city: String,
    celsius: i8,
    paid_by: String,
}

/// Whoever leaves out the city is told the price first, and then, uncharged, what is missing.
#[paid("$0.001", description = "The weather right now", mime_type = "application/json")]
async fn weather(Query(place): Query<Place>, payment: Payment) -> Json<Weather> {
    Json(Weather { city: place.city, celsius: 21, paid_by: payment.payer().to_owned() })
}

async fn report() -> &'static str {
    "It has been a good year for weather.\n"
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let paywall = Paywall::from_env().await?;
    let a_nickel = paywall
        .price("$0.05")?
        .with(|price| price.description("The report of the year").route("GET /report"))?;

    let app = Router::new()
        .route("/", get(async || "The weather: GET /weather?city=Porto\nA report: GET /report\n"))
        .route("/weather", get(weather))
        .route("/report", get(report).layer(a_nickel))
        .merge(paywall.directory_routes())
        .layer(paywall.clone())
        .layer(cors());

    let port = env::var("PORT").unwrap_or_else(|_| "3000".to_owned());
    let listener = TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    println!("listening on http://{}", listener.local_addr()?);
    axum::serve(listener, app).with_graceful_shutdown(ctrl_c()).await?;

    // What is being settled, the process must live to see.
    paywall.drain(Duration::from_secs(30)).await;
    Ok(())
}

async fn ctrl_c() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}
