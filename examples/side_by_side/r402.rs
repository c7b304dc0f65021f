//! axum 0.8 with `r402` 0.21.0.

use alloy_primitives::address; // paid
use axum::{Json, Router, routing::get};
use r402::evm::{Eip155Exact, USDC}; // paid
use r402::http::X402Middleware; // paid
use serde_json::{Value, json};

async fn weather() -> Json<Value> {
    Json(json!({ "weather": "sunny", "celsius": 21 }))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let x402 = X402Middleware::try_new("https://x402.org/facilitator")? // paid
        .with_base_url("http://localhost:4021".parse()?) // paid
        .with_scheme("eip155:84532".parse()?, Eip155Exact); // paid
    let payee = address!("0x209693Bc6afc0C5328bA36FaF03C514EF312287C"); // paid
    let price = Eip155Exact::price_tag(payee, USDC::base_sepolia().parse("0.001")?, None); // paid
    let description = "Weather right now".to_owned(); // paid
    let paid = x402.with_price_tag(price)?.with_description(description); // paid

    let app = Router::new().route("/weather", get(weather).layer(paid)); // paid
    let listener = tokio::net::TcpListener::bind("127.0.0.1:4021").await?;
    axum::serve(listener, app).await?;
    Ok(())
}
