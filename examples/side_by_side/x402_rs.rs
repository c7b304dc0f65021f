//! axum 0.8 with `x402-axum` 2.0.2 of x402-rs.

use alloy_primitives::address; // paid
use axum::{Json, Router, routing::get};
use serde_json::{Value, json};
use x402_axum::X402Middleware; // paid
use x402_chain_eip155::{KnownNetworkEip155, V2Eip155Exact}; // paid
use x402_types::networks::USDC; // paid

async fn weather() -> Json<Value> {
    Json(json!({ "weather": "sunny", "celsius": 21 }))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let x402 = X402Middleware::try_new("https://x402.org/facilitator")?; // paid
    let payee = address!("0x209693Bc6afc0C5328bA36FaF03C514EF312287C"); // paid
    let price = V2Eip155Exact::price_tag(payee, USDC::base_sepolia().parse("0.001")?); // paid
    let description = "Weather right now".to_owned(); // paid
    let paid = x402.with_price_tag(price).with_description(description); // paid

    let app = Router::new().route("/weather", get(weather).layer(paid)); // paid
    let listener = tokio::net::TcpListener::bind("127.0.0.1:4021").await?;
    axum::serve(listener, app).await?;
    Ok(())
}
