//! What the paywall costs a server, each against a baseline in the same run: an unpaid request
//! against a bare handler, a paid one against a handler that only makes the same two calls.
//!
//! `cargo bench -p benches --bench serving`, with `-- --check` to fail where a limit is missed.

#![expect(clippy::float_arithmetic, reason = "rates and ratios, no money")]

mod figures;
mod load;
mod rivals;

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::http::{Request, header};
use axum::routing::get;
use benches::Error;
use figures::report;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rivals::{
    CONTENT, ROUNDS, Requests, compare, instant_facilitator, question, serve, settings, terms,
    unpaid, unsigned, with_payment,
};
use x402_axum::Paywall;
use x402_evm::{ExactEvmPayer, LocalSigner};
use x402_types::PaymentRequired;

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
    let ratio =
        compare(bare, (unchecked, "402"), &|_| unpaid(), "unpaid 402", "a bare handler").await?;
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
        signed.push(rivals::signed(&terms, &signer).await?);
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

fn paid_route(paywall: &Paywall) -> Result<Router, Error> {
    Ok(Router::new().route("/", get(|| async { CONTENT }).layer(paywall.price("$0.01")?)))
}

/// A handler that asks a facilitator the two questions and does nothing else.
fn two_calls(facilitator: &str, terms: &PaymentRequired) -> Router {
    let client: Client<HttpConnector, Full<Bytes>> =
        Client::builder(TokioExecutor::new()).build_http();
    let question = question(terms);
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
