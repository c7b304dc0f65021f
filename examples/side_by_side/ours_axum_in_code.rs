//! axum 0.8 with `x402-axum` 0.1.

use axum::{Json, Router, routing::get};
use serde_json::{Value, json};
use x402_axum::{Paywall, paid}; // paid

#[paid("$0.001", description = "Weather right now")] // paid
async fn weather() -> Json<Value> {
    Json(json!({ "weather": "sunny", "celsius": 21 }))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let payee = "0x209693Bc6afc0C5328bA36FaF03C514EF312287C"; // paid
    let x402 = Paywall::builder().network("base-sepolia").pay_to(payee); // paid
    let x402 = x402.facilitator("https://x402.org/facilitator"); // paid
    let paywall = x402.public_url("http://localhost:4021").build().await?; // paid
    let app = Router::new().route("/weather", get(weather)).layer(paywall); // paid
    let listener = tokio::net::TcpListener::bind("127.0.0.1:4021").await?;
    axum::serve(listener, app).await?;
    Ok(())
}
