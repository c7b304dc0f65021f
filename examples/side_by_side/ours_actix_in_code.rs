//! actix-web 4 with `x402-actix` 0.1.

use actix_web::{App, HttpServer, get, web::Json};
use serde_json::{Value, json};
use x402_actix::{Paywall, paid}; // paid

#[get("/weather")]
#[paid("$0.001", description = "Weather right now")] // paid
async fn weather() -> Json<Value> {
    Json(json!({ "weather": "sunny", "celsius": 21 }))
}

#[actix_web::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let payee = "0x209693Bc6afc0C5328bA36FaF03C514EF312287C"; // paid
    let x402 = Paywall::builder().network("base-sepolia").pay_to(payee); // paid
    let x402 = x402.facilitator("https://x402.org/facilitator"); // paid
    let paywall = x402.public_url("http://localhost:4021").build().await?; // paid
    HttpServer::new(move || App::new().app_data(paywall.clone()).service(weather)) // paid
        .bind("127.0.0.1:4021")?
        .run()
        .await?;
    Ok(())
}
