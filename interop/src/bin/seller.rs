//! Our seller on axum, with the routes that the official ones have.
//!
//! `FACILITATOR_URL=http://… PAY_TO=0x… seller`

use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use interop::{Error, free_port, serve, setting};
use serde_json::json;
use x402_axum::{Payment, Paywall, PaywallBuilder};
use x402_types::extensions::{Declared, Info as _, erc20_approval_gas_sponsoring as approving};
use x402_types::{Asset, Network, RawObject};

#[tokio::main]
async fn main() -> Result<(), Error> {
    let listener = free_port().await?;
    let url = format!("http://{}", listener.local_addr()?);
    let paywall = settings(&url)?.network(Network::BASE_SEPOLIA).build().await?;
    let unsigned = settings(&url)?.asset(without_permits()?).build().await?;
    let approving = RawObject::new(&Declared::new(approving::Info::default())?)?;
    let app = Router::new()
        .route("/exact", get(sold).layer(paywall.price("$0.01")?))
        .route("/permit2", get(sold).layer(paywall.price("$0.01")?.with(|price| price.permit2())?))
        .route(
            "/permit2-approval",
            get(sold).layer(
                unsigned
                    .price("$0.01")?
                    .with(|price| price.extension(approving::Info::KEY, approving))?,
            ),
        )
        .route("/upto", get(metered).layer(paywall.upto("$0.02")?));
    serve(listener, app).await
}

fn settings(url: &str) -> Result<PaywallBuilder<Paywall>, Error> {
    let settings = Paywall::builder()
        .pay_to(setting("PAY_TO")?)
        .facilitator(&setting("FACILITATOR_URL")?)
        .public_url(url)
        .accept_v1()
        .accept_smart_wallets();
    Ok(settings)
}

/// The same token, of which is not said how a permit of EIP-2612 is signed.
fn without_permits() -> Result<Asset, Error> {
    let usdc = Asset::default_for(&Network::BASE_SEPOLIA).ok_or("no such token")?;
    let mut usdc = usdc.clone().by_permit2();
    usdc.supports_eip2612 = false;
    Ok(usdc)
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
