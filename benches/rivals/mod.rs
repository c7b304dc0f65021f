//! What is compared: sellers that are paid, and handlers that do no more than they must.
#![allow(dead_code, unreachable_pub, reason = "each benchmark uses a part of it")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::routing::{get, post};
use axum::{Json, Router};
use benches::Error;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use x402_evm::{ExactEvmPayer, LocalSigner};
use x402_server::{Paywall, PaywallBuilder};
use x402_types::header::encode_json;
use x402_types::scheme::ClientScheme;
use x402_types::{PaymentPayload, PaymentRequired, Verbatim, Version, decode};

use crate::figures::median;
use crate::load::requests_per_second;

pub const CONNECTIONS: usize = 32;
pub const ROUND: Duration = Duration::from_millis(1500);
pub const ROUNDS: usize = 7;
pub const NETWORK: &str = "eip155:84532";
pub const CONTENT: &str = r#"{"celsius":21,"sky":"clear"}"#;

pub type Requests = Arc<dyn Fn(usize) -> Option<Vec<u8>> + Send + Sync>;

/// Every request the same, without a payment.
pub fn unpaid() -> Requests {
    Arc::new(|_| Some(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n".to_vec()))
}

/// Runs the two by turns and gives the median of their ratios.
pub async fn compare(
    baseline: SocketAddr,
    (ours, status): (SocketAddr, &'static str),
    requests: &dyn Fn(usize) -> Requests,
    name: &str,
    baseline_name: &str,
) -> Result<f64, Error> {
    let (mut ratios, mut rates, mut baseline_rates) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let base =
            requests_per_second(baseline, CONNECTIONS, ROUND, "200", requests(round)).await?;
        let rate = requests_per_second(ours, CONNECTIONS, ROUND, status, requests(round)).await?;
        ratios.push(rate / base);
        rates.push(rate);
        baseline_rates.push(base);
    }
    println!("{name}: {:.0}/s; {baseline_name}: {:.0}/s", median(rates), median(baseline_rates));
    Ok(median(ratios))
}

pub fn settings<P: From<Paywall>>(facilitator: &str) -> PaywallBuilder<P> {
    PaywallBuilder::new()
        .network(
            NETWORK.parse::<x402_types::Network>().unwrap_or(x402_types::Network::BASE_SEPOLIA),
        )
        .pay_to("0x209693Bc6afc0C5328bA36FaF03C514EF312287C")
        .facilitator(facilitator)
        .public_url("http://x")
}

/// Says yes to everything at once.
pub fn instant_facilitator() -> Router {
    let kinds = json!({"kinds": [{"x402Version": 2, "scheme": "exact", "network": NETWORK}]});
    Router::new()
        .route("/supported", get(move || async move { Json(kinds) }))
        .route("/verify", post(|_: Bytes| async { r#"{"isValid":true}"# }))
        .route(
            "/settle",
            post(|_: Bytes| async {
                concat!(
                    r#"{"success":true,"network":"eip155:84532","transaction":"#,
                    r#""0x1111111111111111111111111111111111111111111111111111111111111111"}"#
                )
            }),
        )
}

pub async fn terms(server: SocketAddr) -> Result<PaymentRequired, Error> {
    let unpaid = reqwest::get(format!("http://{server}/")).await?;
    let header = unpaid.headers().get("payment-required").ok_or("no terms")?;
    Ok(decode(header.as_bytes(), 1 << 20)?)
}

/// A payment that nobody signed, but of which there is no second.
pub fn unsigned(terms: &PaymentRequired, round: usize, n: usize) -> Result<String, Error> {
    let signature = format!("0x{}1b", "11".repeat(64));
    let payload = json!({
        "signature": signature,
        "authorization": {
            "from": "0x14791697260E4c9A71f18484C9f997B308e59325",
            "to": "0x209693Bc6afc0C5328bA36FaF03C514EF312287C",
            "value": "10000", "validAfter": "0", "validBefore": "99999999999",
            "nonce": format!("0x{:032x}{n:032x}", std::process::id() as usize * 1000 + round),
        },
    });
    payment(terms, &payload)
}

pub async fn signed(
    terms: &PaymentRequired,
    payer: &ExactEvmPayer<LocalSigner>,
) -> Result<String, Error> {
    let offer = terms.accepts.first().ok_or("no offer")?;
    let payload = payer.draft(offer, None, 4_000_000_000, 300)?.sign().await?.payload;
    payment(terms, &payload.parse()?)
}

fn payment(terms: &PaymentRequired, payload: &Value) -> Result<String, Error> {
    let accepted = terms.accepts.first().ok_or("no offer")?;
    let payment = PaymentPayload {
        x402_version: Version,
        resource: None,
        accepted: accepted.clone(),
        payload: x402_types::RawObject::new(payload)?,
        extensions: None,
    };
    Ok(encode_json(Verbatim::new(payment)?.as_str().as_bytes()))
}

pub fn with_payment(header: &String) -> Option<Vec<u8>> {
    Some(format!("GET / HTTP/1.1\r\nhost: x\r\npayment-signature: {header}\r\n\r\n").into_bytes())
}

/// What the baseline asks a facilitator, twice.
pub fn question(terms: &PaymentRequired) -> Bytes {
    let question = json!({
        "x402Version": 2,
        "paymentPayload": unsigned(terms, 0, 0).ok().and_then(|header| {
            decode::<Value>(header.as_bytes(), 1 << 20).ok()
        }),
        "paymentRequirements": terms.accepts.first(),
    });
    Bytes::from(question.to_string())
}

pub async fn serve(app: Router) -> Result<SocketAddr, Error> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move { axum::serve(listener, app).await });
    Ok(address)
}
