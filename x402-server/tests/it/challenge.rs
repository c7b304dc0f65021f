//! The 402: readable, small, and about the address that was asked for.

use crate::common;
use crate::common::{Double, Goods, Head, Payer, SITE, Shop, get};
use proptest::prelude::*;
use serde_json::Value;
use x402_ledger::{MemoryStore, Payments};
use x402_server::{Admission, Gate, Paywall, Reply};
use x402_types::{PaymentRequired, decode, header};

async fn challenge(gate: &Gate, path: &str, query: Option<&str>) -> Reply {
    match gate.admit(&Head::of(path, query)).await {
        Admission::Reject(reply) => reply,
        other => panic!("{other:?}"),
    }
}

fn terms(reply: &Reply) -> PaymentRequired {
    assert_eq!(reply.status, 402);
    decode(reply.header("payment-required").unwrap().as_bytes(), usize::MAX).unwrap()
}

/// A paywall of three networks, and its gate.
async fn gate(accept_v1: bool) -> (Gate, Double) {
    let double = Double::default();
    let builder = common::builder(&double, &MemoryStore::new());
    let builder = builder.network("base").network("polygon");
    let builder = if accept_v1 { builder.accept_v1() } else { builder };
    let paywall: Paywall = builder.build().await.unwrap();
    let price = paywall.price("$0.01").unwrap();
    let price = price.description("\"Quotes\", \\ and é\u{1}address\u{1}").mime_type("text/plain");
    (price.gate().unwrap(), double)
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

proptest! {
    #[test]
    fn header_and_body_say_the_same_for_every_address(
        path in "/\\PC{0,40}|/[a-z\"\\\\{}\\x00-\\x7f]{0,40}|/[a-z]{0,4}",
        query in proptest::option::of("\\PC{0,40}|[\"\\\\\\x00-\\x7f]{0,40}"),
    ) {
        let runtime = runtime();
        runtime.block_on(async {
            let (gate, double) = gate(false).await;
            let reply = challenge(&gate, &path, query.as_deref()).await;
            let (told, usual) = (terms(&reply), terms(&challenge(&gate, "/", None).await));

            let query = query.map_or(String::new(), |query| format!("?{query}"));
            let url = format!("https://api.example.com{path}{query}");
            let mut expected = usual;
            expected.resource.url = url;
            prop_assert_eq!(&told, &expected);
            let body: PaymentRequired = serde_json::from_str(reply.text()).unwrap();
            prop_assert_eq!(&body, &expected);
            // Spaces between the tokens are all that the splicing adds.
            let spliced = header::decode_to_json(
                reply.header("payment-required").unwrap().as_bytes(), usize::MAX).unwrap();
            let plain = serde_json::to_string(&expected).unwrap();
            let (spliced, whole): (Value, Value) =
                (serde_json::from_str(&spliced).unwrap(), serde_json::from_str(&plain).unwrap());
            prop_assert_eq!(spliced, whole);
            prop_assert_eq!(reply.body, plain);
            prop_assert_eq!(double.calls(), 0);
            Ok(())
        })?;
    }

    #[test]
    fn the_body_of_version_1_says_it_too(path in "/\\PC{0,40}") {
        runtime().block_on(async {
            let (gate, _) = gate(true).await;
            let reply = challenge(&gate, &path, None).await;
            let url = format!("https://api.example.com{path}");
            prop_assert_eq!(&terms(&reply).resource.url, &url);
            let body: x402_types::v1::PaymentRequired = serde_json::from_str(reply.text()).unwrap();
            prop_assert_eq!(body.accepts.len(), 3);
            prop_assert!(body.accepts.iter().all(|offer| offer.resource == url));
            Ok(())
        })?;
    }
}

#[tokio::test]
async fn an_unpaid_request_asks_nobody_and_leaves_no_trace() {
    let shop = Shop::open().await;
    for _ in 0..10 {
        let answer = shop.send(get("/goods", &[])).await;
        answer.assert_challenged("Payment required");
    }
    assert_eq!((shop.facilitator.calls(), shop.goods.runs()), (0, 0));
    assert!(shop.books().await.is_empty());
}

#[tokio::test]
async fn the_header_of_three_networks_stays_below_8_kib() {
    for accept_v1 in [false, true] {
        let (gate, _) = gate(accept_v1).await;
        for query in ["x".repeat(100), "x".repeat(1_990), "x".repeat(60_000)] {
            let reply = challenge(&gate, "/goods", Some(&query)).await;
            let length = reply.header("payment-required").unwrap().len();
            assert!(length < 8 * 1024, "{length}");
            assert_eq!(terms(&reply).accepts.len(), 3);
        }
    }
}

#[tokio::test]
async fn a_very_long_query_is_left_out() {
    let (gate, _) = gate(false).await;
    let short = challenge(&gate, "/goods", Some("page=1")).await;
    assert_eq!(terms(&short).resource.url, "https://api.example.com/goods?page=1");
    let long = challenge(&gate, "/goods", Some(&"x".repeat(5_000))).await;
    assert_eq!(terms(&long).resource.url, "https://api.example.com/goods");
    let empty = challenge(&gate, "/goods", Some("")).await;
    assert_eq!(terms(&empty).resource.url, "https://api.example.com/goods?");
}

#[tokio::test]
async fn what_is_bought_with_a_very_long_query_is_served() {
    let shop = Shop::open().await;
    let path = format!("/goods?{}", "x".repeat(5_000));
    let payment = Payer::number(1).pay(&shop.terms(&path).await).await;
    let header = payment.header();
    shop.send(get(&path, &[("payment-signature", &header)])).await.assert_served();
}

#[tokio::test]
async fn no_header_of_the_request_gets_into_the_address() {
    let shop = Shop::open().await;
    let answer = shop
        .send(get(
            "http://evil.example/goods?a=b",
            &[
                ("host", "evil.example"),
                ("x-forwarded-host", "evil.example"),
                ("x-forwarded-proto", "gopher"),
                ("forwarded", "host=evil.example;proto=http"),
                ("x-original-url", "/evil"),
                ("x-forwarded-prefix", "/evil"),
            ],
        ))
        .await;
    let terms = answer.challenge().expect("terms");
    assert_eq!(terms.resource.url, "https://api.example.com/goods?a=b");
    assert!(!answer.body.contains("evil"), "{}", answer.body);
}

#[tokio::test]
async fn a_site_with_a_prefix_keeps_it() {
    for site in
        ["https://example.com/shop", "https://example.com/shop/", "https://example.com/shop//"]
    {
        let goods = Goods::default();
        let shop = Shop::open_with(goods, |it| it.public_url(site), |price| price).await;
        assert_eq!(shop.terms("/goods").await.resource.url, "https://example.com/shop/goods");
    }
}

#[tokio::test]
async fn a_path_of_any_length_is_told_in_a_header_that_passes_and_sold_as_itself() {
    let shop = Shop::open().await;
    let path = |end: &str| format!("/{}/{end}", "long/".repeat(12_000));
    let (one, other) = (shop.terms(&path("one")).await, shop.terms(&path("other")).await);
    assert!(one.resource.url.len() < 2_048, "{}", one.resource.url.len());
    assert!(one.resource.url.starts_with(&format!("{SITE}/long/long/")), "{}", one.resource.url);
    assert_ne!(one.resource.url, other.resource.url);
    let payment = Payer::number(1).pay(&one).await.header();
    let with_payment = [("payment-signature", &*payment)];
    let elsewhere = shop.send(get(&path("other"), &with_payment)).await;
    elsewhere.assert_challenged("another resource");
    shop.send(get(&path("one"), &with_payment)).await.assert_served();
    let line = shop.store.recent(1).await.unwrap().remove(0);
    assert!(line.purchase.len() < 2_100, "{}", line.purchase);
}
