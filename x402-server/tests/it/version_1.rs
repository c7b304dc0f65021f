//! Clients of version 1.

use crate::common::{Goods, Payer, Payment, Shop, get};
use serde_json::{Value, json};
use x402_types::{PaymentRequired, v1};

async fn open() -> (Shop, Payment, PaymentRequired) {
    let shop = Shop::open_with(
        Goods::default(),
        |it| it.accept_v1(),
        |price| price.description("A cent's worth").mime_type("text/plain"),
    )
    .await;
    let terms = shop.terms("/goods?page=1").await;
    let payment = Payer::number(1).pay(&terms).await;
    (shop, payment, terms)
}

#[tokio::test]
async fn the_body_is_version_1_and_the_header_version_2() {
    let (shop, _, terms) = open().await;
    let answer = shop.send(get("/goods?page=1", &[])).await;
    let body: v1::PaymentRequired = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(answer.json()["x402Version"], 1);
    let offer = &body.accepts[0];
    assert_eq!((offer.network.as_str(), offer.scheme.as_str()), ("base-sepolia", "exact"));
    assert_eq!(offer.resource, "https://api.example.com/goods?page=1");
    assert_eq!(
        (offer.description.as_str(), offer.mime_type.as_str()),
        ("A cent's worth", "text/plain")
    );
    assert_eq!(offer.to_v2().unwrap(), *terms.accepts[0]);
    assert_eq!(terms.resource.url, offer.resource);
}

#[tokio::test]
async fn a_payment_of_version_1_is_understood_forwarded_and_receipted_in_version_1() {
    let (shop, payment, _) = open().await;
    let answer = shop.send(get("/goods?page=1", &[("x-payment", &payment.v1_header())])).await;
    answer.assert_served();
    assert!(answer.v1_receipt().expect("a receipt").success && answer.receipt().is_none());

    let asked = shop.facilitator.asked();
    assert_eq!(
        asked.iter().map(|(question, _)| *question).collect::<Vec<_>>(),
        ["verify", "settle"]
    );
    for (_, text) in asked {
        let asked: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(asked["x402Version"], 1);
        assert!(text.contains(&payment.v1_text()), "{text}");
        let requirements = &asked["paymentRequirements"];
        assert_eq!(requirements["maxAmountRequired"], "10000");
        assert_eq!(requirements["network"], "base-sepolia");
        assert_eq!(requirements["resource"], "https://api.example.com/goods?page=1");
    }
}

#[tokio::test]
async fn a_refusal_tells_both_versions_why() {
    let (shop, payment, _) = open().await;
    let mut wrong: Value = serde_json::from_str(&payment.v1_text()).unwrap();
    wrong["payload"]["authorization"]["value"] = json!("9999");
    let header = x402_types::header::encode_json(wrong.to_string().as_bytes());
    let answer = shop.send(get("/goods?page=1", &[("x-payment", &header)])).await;
    answer.assert_challenged("authorization_value");
    assert!(answer.json()["error"].as_str().unwrap().contains("authorization_value"));
    assert_eq!(shop.facilitator.calls(), 0);

    for (key, value, error) in [
        ("network", json!("base"), "No matching payment requirements"),
        ("network", json!("eip155:84532"), "No matching payment requirements"),
        ("scheme", json!("upto"), "No matching payment requirements"),
        ("x402Version", json!(2), "Unsupported x402 version: 2"),
    ] {
        let mut wrong: Value = serde_json::from_str(&payment.v1_text()).unwrap();
        wrong[key] = value;
        let header = x402_types::header::encode_json(wrong.to_string().as_bytes());
        let answer = shop.send(get("/goods?page=1", &[("x-payment", &header)])).await;
        answer.assert_challenged(error);
    }
    // A payment of one version in the other's header.
    let crossed = shop.send(get("/goods", &[("payment-signature", &payment.v1_header())])).await;
    crossed.assert_challenged("Unsupported x402 version: 1");
    let crossed = shop.send(get("/goods", &[("x-payment", &payment.header())])).await;
    crossed.assert_challenged("Unsupported x402 version: 2");
}

#[tokio::test]
async fn a_shop_of_version_2_takes_a_payment_of_version_1_for_none() {
    let shop = Shop::open().await;
    let payment = Payer::number(1).pay(&shop.terms("/goods").await).await;
    let answer = shop.send(get("/goods", &[("x-payment", &payment.v1_header())])).await;
    answer.assert_challenged("Payment required");
    assert_eq!(answer.json()["x402Version"], 2);
    assert_eq!(shop.facilitator.calls(), 0);
}

#[tokio::test]
async fn both_versions_buy_at_one_route() {
    let (shop, payment, terms) = open().await;
    let v2 = shop.send(get("/goods?page=1", &[("payment-signature", &payment.header())])).await;
    v2.assert_served();
    assert!(v2.receipt().is_some() && v2.v1_receipt().is_none());
    let another = Payer::number(1).pay(&terms).await;
    shop.send(get("/goods?page=1", &[("x-payment", &another.v1_header())])).await.assert_served();
}
