//! Our seller on axum, with the routes that the official ones have.
//!
//! `FACILITATOR_URL=http://… PAY_TO=0x… seller`

use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use interop::{Error, free_port, serve, setting};
use serde_json::json;
use x402_axum::{Payment, Paywall};
use x402_types::Network;

#[tokio::main]
async fn main() -> Result<(), Error> {
    let listener = free_port().await?;
    let paywall = Paywall::builder()
        .network(Network::BASE_SEPOLIA)
        .pay_to(setting("PAY_TO")?)
        .facilitator(&setting("FACILITATOR_URL")?)
        .public_url(format!("http://{}", listener.local_addr()?))
        .accept_v1()
        .accept_smart_wallets()
        .build()
        .await?;
    let app = Router::new()
        .route("/exact", get(sold).layer(paywall.price("$0.01")?))
        .route("/permit2", get(sold).layer(paywall.price("$0.01")?.with(|price| price.permit2())?))
        .route("/upto", get(metered).layer(paywall.upto("$0.02")?));
    serve(listener, app).await
}

async fn sold(payment: Payment) -> impl IntoResponse {
    Json(json!({ "sold": payment.amount().to_string() }))
}

/// Takes half a cent of the two that it may.
async fn metered(payment: Payment) -> impl IntoResponse {
    match payment.charge_price("$0.005") {
        Ok(()) => Json(json!({ "sold": "/upto" })).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}
