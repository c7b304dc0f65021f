//! A shop with everything it needs: a facilitator, and a server with a route that costs a cent.

use alloy_primitives::Address;
use alloy_provider::Provider;
use axum::extract::Query;
use axum::routing::get;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use x402_axum::{Payment, Paywall};
use x402_evm::LocalSigner;
use x402_facilitator::{Chain, EvmFacilitator};
use x402_ledger::MemoryStore;
use x402_types::Network;

/// What can go wrong in an example.
pub type Error = Box<dyn std::error::Error + Send + Sync>;

/// What `/weather` costs.
pub const PRICE: &str = "$0.01";

/// A shop that is open, each part reached over HTTP on this machine.
#[derive(Debug)]
pub struct Shop {
    /// Where the shop is.
    pub url: String,
    /// Where its facilitator is.
    pub facilitator: String,
    /// Who paid how much for what, when.
    pub books: MemoryStore,
    /// The settings, for those who want to drain it.
    pub paywall: Paywall,
}

/// What a customer asks about.
#[derive(Debug, Deserialize)]
struct Place {
    city: Option<String>,
}

/// What a customer gets.
#[derive(Debug, Serialize)]
struct Weather {
    city: String,
    celsius: i8,
    sky: &'static str,
    paid_by: String,
}

/// The handler that is paid for. It runs only for requests with a payment that was verified.
async fn weather(Query(place): Query<Place>, payment: Payment) -> Json<Weather> {
    Json(Weather {
        city: place.city.unwrap_or_else(|| "Lisbon".to_owned()),
        celsius: 21,
        sky: "clear",
        paid_by: payment.payer().to_owned(),
    })
}

/// Opens a shop on a chain that this provider reaches. `settler` pays for gas, `seller` is paid;
/// at port 0 the system chooses one.
///
/// # Errors
/// Where a port is taken or something is misconfigured.
pub async fn open(
    provider: impl Provider + 'static,
    settler: LocalSigner,
    seller: Address,
    port: u16,
) -> Result<Shop, Error> {
    let chain = Chain::new(Network::BASE_SEPOLIA, provider).signer(settler);
    let facilitator = EvmFacilitator::builder().chain(chain).build().await?;
    let facilitator = serve(facilitator.router(), 0).await?;

    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    let url = format!("http://{}", listener.local_addr()?);

    let books = MemoryStore::new();
    let paywall = Paywall::builder()
        .network(Network::BASE_SEPOLIA)
        .pay_to(seller)
        .facilitator(&facilitator)
        .public_url(&url)
        .store(books.clone())
        .build()
        .await?;
    let price = paywall
        .price(PRICE)?
        .with(|price| price.description("The weather right now").mime_type("application/json"))?;
    let app = Router::new()
        .route("/weather", get(weather).layer(price))
        .route("/", get(|| async { "The weather costs a cent: GET /weather\n" }));

    tokio::spawn(async move { axum::serve(listener, app).await });
    Ok(Shop { url, facilitator, books, paywall })
}

async fn serve(app: Router, port: u16) -> Result<String, Error> {
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    let url = format!("http://{}", listener.local_addr()?);
    tokio::spawn(async move { axum::serve(listener, app).await });
    Ok(url)
}
