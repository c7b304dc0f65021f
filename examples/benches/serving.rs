//! What the paywall costs a server, each against a baseline in the same run: an unpaid request
//! against a bare handler, a paid one against a handler that only makes the same two calls.
//!
//! `cargo bench -p examples --bench serving`, with `-- --check` to fail where a limit is missed.

#![expect(clippy::float_arithmetic, reason = "rates and ratios, no money")]

mod figures;
mod load;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::http::{Request, header};
use axum::routing::{get, post};
use axum::{Json, Router};
use examples::shop::Error;
use figures::{median, report};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use load::requests_per_second;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use x402_axum::{Paywall, PaywallBuilder};
use x402_evm::{ExactEvmPayer, LocalSigner};
use x402_types::scheme::ClientScheme;
use x402_types::{PaymentPayload, PaymentRequired, Verbatim, Version, decode, encode};

const CONNECTIONS: usize = 32;
const ROUND: Duration = Duration::from_millis(1500);
const ROUNDS: usize = 7;
const NETWORK: &str = "eip155:84532";
const CONTENT: &str = r#"{"celsius":21,"sky":"clear"}"#;

type Requests = Arc<dyn Fn(usize) -> Option<Vec<u8>> + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Error> {
    let facilitator = serve(instant_facilitator()).await?;
    let url = format!("http://{facilitator}");
    let unchecked =
        paid_route(&settings(&url).leave_signatures_to_the_facilitator().build().await?)?;
    let unchecked = serve(unchecked).await?;
    let checked = serve(paid_route(&settings(&url).build().await?)?).await?;

    let terms = terms(unchecked).await?;
    let body = serde_json::to_string(&terms)?;
    let bare = serve(Router::new().route(
        "/",
        get(move || {
            let body = body.clone();
            async move { ([(header::CONTENT_TYPE, "application/json")], body) }
        }),
    ))
    .await?;
    let unpaid: Requests = Arc::new(|_| Some(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n".to_vec()));
    let ratio =
        compare(bare, (unchecked, "402"), &|_| Arc::clone(&unpaid), "unpaid 402", "a bare handler")
            .await?;
    report("unpaid 402 / bare handler of equal body size", ratio, ratio >= 0.85, "0.85");

    let calls = serve(two_calls(&url, &terms)).await?;
    let payments = |round: usize| -> Requests {
        let terms = terms.clone();
        Arc::new(move |n| with_payment(&unsigned(&terms, round, n).ok()?))
    };
    let ratio = compare(
        calls,
        (unchecked, "200"),
        &payments,
        "paid, signature left to the facilitator",
        "the same two calls",
    )
    .await?;
    report(
        "paid, signature left to the facilitator / the same two calls",
        ratio,
        ratio >= 0.75,
        "0.75",
    );

    let signer = ExactEvmPayer::new(LocalSigner::random()?);
    let mut signed = Vec::new();
    for _ in 0..60_000 {
        signed.push(self::signed(&terms, &signer).await?);
    }
    let signed = Arc::new(signed);
    let per_round = signed.len() / ROUNDS;
    let payments = |round: usize| -> Requests {
        let signed = Arc::clone(&signed);
        let of_this_round = round * per_round..(round + 1) * per_round;
        Arc::new(move |n| with_payment(signed.get(of_this_round.clone())?.get(n)?))
    };
    let ratio = compare(
        calls,
        (checked, "200"),
        &payments,
        "paid, signature checked",
        "the same two calls",
    )
    .await?;
    println!(
        "paid, signature checked / the same two calls: ratio {ratio:.3} (one recovery more for each request)"
    );
    Ok(())
}

/// Runs the two by turns and gives the median of their ratios.
async fn compare(
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

fn settings(facilitator: &str) -> PaywallBuilder<Paywall> {
    Paywall::builder()
        .network(
            NETWORK.parse::<x402_types::Network>().unwrap_or(x402_types::Network::BASE_SEPOLIA),
        )
        .pay_to("0x209693Bc6afc0C5328bA36FaF03C514EF312287C")
        .facilitator(facilitator)
        .public_url("http://x")
}

fn paid_route(paywall: &Paywall) -> Result<Router, Error> {
    Ok(Router::new().route("/", get(|| async { CONTENT }).layer(paywall.price("$0.01")?)))
}

/// Says yes to everything at once.
fn instant_facilitator() -> Router {
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

/// A handler that asks a facilitator the two questions and does nothing else.
fn two_calls(facilitator: &str, terms: &PaymentRequired) -> Router {
    let client: Client<HttpConnector, Full<Bytes>> =
        Client::builder(TokioExecutor::new()).build_http();
    let question = json!({
        "x402Version": 2,
        "paymentPayload": unsigned(terms, 0, 0).ok().and_then(|header| {
            decode::<Value>(header.as_bytes(), 1 << 20).ok()
        }),
        "paymentRequirements": terms.accepts.first(),
    });
    let question = Bytes::from(question.to_string());
    let (verify, settle) = (format!("{facilitator}/verify"), format!("{facilitator}/settle"));
    Router::new().route(
        "/",
        get(move || {
            let (client, question) = (client.clone(), question.clone());
            let urls = [verify.clone(), settle.clone()];
            async move {
                for url in urls {
                    let request = Request::post(url)
                        .header(header::CONTENT_TYPE, "application/json")
                        .body(Full::new(question.clone()));
                    let Ok(request) = request else { return "no request" };
                    let Ok(answer) = client.request(request).await else { return "no answer" };
                    if answer.into_body().collect().await.is_err() {
                        return "no body";
                    }
                }
                CONTENT
            }
        }),
    )
}

async fn terms(server: SocketAddr) -> Result<PaymentRequired, Error> {
    let unpaid = reqwest::get(format!("http://{server}/")).await?;
    let header = unpaid.headers().get("payment-required").ok_or("no terms")?;
    Ok(decode(header.as_bytes(), 1 << 20)?)
}

/// A payment that nobody signed, but of which there is no second.
fn unsigned(terms: &PaymentRequired, round: usize, n: usize) -> Result<String, Error> {
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

async fn signed(
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
    Ok(encode(&Verbatim::new(payment)?)?)
}

fn with_payment(header: &String) -> Option<Vec<u8>> {
    Some(format!("GET / HTTP/1.1\r\nhost: x\r\npayment-signature: {header}\r\n\r\n").into_bytes())
}

async fn serve(app: Router) -> Result<SocketAddr, Error> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move { axum::serve(listener, app).await });
    Ok(address)
}
