//! Whoever holds a signature can settle it: it is in no log and in no `Debug`.

use std::time::Duration;

use crate::common::{
    Double, Goods, Head, HttpServer, Log, Payer, Payment, Say, Shop, get, http_response,
};
use serde_json::json;
use tracing::Level;
use x402_ledger::MemoryStore;
use x402_server::Admission;
use x402_types::{SettleResponse, VerifyResponse};

/// The part of a signature without which the rest is worthless.
fn assert_hidden(text: &str, payment: &Payment) {
    let (signature, header) = (payment.signature(), payment.header());
    for secret in [&signature[70..], &signature[70..].to_uppercase(), &header[40..80]] {
        assert!(!text.contains(secret), "{secret} is told in:\n{text}");
    }
}

#[tokio::test]
async fn nothing_in_the_log_could_be_settled() {
    let log = Log::default();
    let _logging = log.start_at(Level::TRACE);
    let shop = Shop::open().await;
    let terms = shop.terms("/goods").await;
    let payment = Payer::number(1).pay(&terms).await;
    // A facilitator that repeats what it was told.
    let echo = || Some(format!("cannot use {}", payment.text()));
    let invalid = |reason: &str| {
        let answer = VerifyResponse::invalid(reason.into(), None);
        Say::This(VerifyResponse { invalid_message: echo(), ..answer })
    };
    let failed = |reason: &str| {
        let answer = SettleResponse::failed(reason.into(), None, "", "eip155:84532");
        Say::This(SettleResponse { error_message: echo(), ..answer })
    };
    let text = payment.text();
    for say in
        [invalid("insufficient_funds"), invalid("unsupported_scheme"), invalid(&text), Say::Lost]
    {
        shop.facilitator.verify().then(say);
        shop.buy(&payment).await;
    }
    for say in [failed("insufficient_funds"), failed(&text), Say::NotSent] {
        shop.facilitator.settle().then(say);
        shop.buy(&payment).await;
    }
    for line in shop.books().await {
        assert_hidden(&line, &payment);
    }
    let broken = payment.header().replace('A', "!");
    shop.send(get("/goods", &[("payment-signature", &broken)])).await.assert_refused(400);
    let expired = Payer::number(1).pay_until(&terms, 1).await;
    shop.buy(&expired).await.assert_refused(402);
    shop.buy(&payment).await.assert_served();
    shop.buy(&payment).await.assert_refused(409);

    log.assert_holds("the facilitator refused");
    log.assert_holds("settlement failed");
    assert_hidden(&log.text(), &payment);
    assert_hidden(&log.text(), &expired);
}

#[tokio::test]
async fn a_facilitator_that_echoes_over_http_does_not_get_it_into_the_log() {
    type Echo = fn(u16, &str) -> Vec<u8>;
    let echoes: [Echo; 4] = [
        |status, body| http_response(status, "application/json", "", body),
        |status, body| {
            let quoted = json!(body.find("\"signature\"").map(|at| &body[at..])).to_string();
            http_response(status, "application/json", "", &quoted)
        },
        |status, body| {
            let at = body.find("0x").map_or(0, |_| body.find("signature").unwrap());
            http_response(status, "text/plain", "", &body[at..])
        },
        |status, body| {
            let at = body.find("signature").unwrap();
            let answer = json!({ "isValid": &body[at + 12..at + 144], "success": 1 });
            http_response(status, "application/json", "", &answer.to_string())
        },
    ];
    for status in [200, 400, 500] {
        for echo in echoes {
            let log = Log::default();
            let _logging = log.start_at(Level::TRACE);
            let server = HttpServer::start(move |path, body| match path {
                "/verify" => Some(echo(status, body)),
                _ => None,
            })
            .await;
            let timeouts = |it: x402_server::PaywallBuilder| {
                it.facilitator(&server.url).timeouts(Duration::from_secs(5), Duration::from_secs(5))
            };
            let (double, store, goods) = (Double::default(), MemoryStore::new(), Goods::default());
            let shop = Shop::open_at(double, store, goods, timeouts, |price| price).await;
            let payment = Payer::number(1).pay(&shop.terms("/goods").await).await;
            let answer = shop.buy(&payment).await;
            answer.assert_refused(502);
            assert_hidden(&answer.body, &payment);
            log.assert_holds("the facilitator did not verify");
            assert_hidden(&log.text(), &payment);
        }
    }
}

#[tokio::test]
async fn nothing_that_is_printed_for_debugging_could_be_settled() {
    let shop = Shop::open().await;
    let gate = shop.paywall.price("$0.01").unwrap().gate().unwrap();
    let payment = Payer::number(1).pay(&shop.terms("/goods").await).await;
    let admission = gate.admit(&Head::paying(&payment)).await;
    let Admission::Admit(ticket) = &admission else { panic!("{admission:?}") };
    let printed =
        format!("{admission:?} {:#?} {:?} {gate:?} {:?}", ticket, ticket.payment(), shop.paywall);
    assert!(printed.contains(&Payer::number(1).address()), "{printed}");
    assert_hidden(&printed, &payment);
}

#[test]
fn a_token_for_the_facilitator_is_not_printed() {
    let facilitator = x402_server::facilitator::HttpFacilitator::new("https://facilitator.example")
        .unwrap()
        .bearer("sesame")
        .unwrap();
    assert!(!format!("{facilitator:?}").contains("sesame"));
}
