//! A whole site behind a list of prices, which is followed while the site is open.

use std::env;
use std::io::stderr;
use std::time::Duration;

use axum::Router;
use axum::extract::Path;
use axum::routing::get;
use tokio::net::TcpListener;
use x402_axum::{GateLayer, Paywall, PriceList};

/// The site. Nothing in it knows of payment.
fn site() -> Router {
    Router::new()
        .route("/", get(async || "The weather: /weather/{city}, and once: /archive/{day}\n"))
        .route("/weather/{city}", get(weather))
        .route("/archive/{*day}", get(archive))
        .route("/notes", get(async || "Not for the public.\n"))
}

async fn weather(Path(city): Path<String>) -> String {
    format!("{city}: clear, 21 degrees\n")
}

async fn archive(Path(day): Path<String>) -> String {
    format!("{day}: it rained\n")
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // The log tells when the prices have changed, and why they have not.
    tracing_subscriber::fmt().with_writer(stderr).init();
    let list = env::args().nth(1).ok_or("usage: price_list PRICES.toml")?;

    let paywall = Paywall::from_env().await?;
    let prices = paywall.price_list(PriceList::load(&list).await?)?;
    prices.follow(&list, Duration::from_secs(1));
    let app = site().layer(GateLayer::new(prices.gate()));

    let port = env::var("PORT").unwrap_or_else(|_| "3000".to_owned());
    let listener = TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    println!("listening on http://{}", listener.local_addr()?);
    axum::serve(listener, app).await?;
    Ok(())
}
