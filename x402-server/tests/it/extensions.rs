//! Extensions: what the terms declare, and whether a payer left it standing.

use crate::common;
use crate::common::{Double, Goods, Payer, Payment, Shop, get};
use serde_json::{Value, json};
use x402_ledger::MemoryStore;
use x402_server::Price;
use x402_types::RawObject;

const SPONSORING: &str = "eip2612GasSponsoring";

fn declaration() -> RawObject {
    r#"{"info":{"app":"x","list":[1,2],"deep":{"a":1}},"schema":{"type":"object"}}"#.parse().unwrap()
}

async fn declaring() -> (Shop, Payment) {
    let change = |price: Price| price.extension("example", declaration());
    let shop = Shop::open_with(Goods::default(), |it| it, change).await;
    let payment = Payer::number(1).pay(&shop.terms("/goods").await).await;
    (shop, payment)
}

/// What the terms of such a price declare, with a facilitator that understands the sponsoring.
async fn declared(change: impl FnOnce(Price) -> Price) -> Value {
    let (facilitator, store) = (Double::default().understanding(SPONSORING), MemoryStore::new());
    let shop = Shop::open_at(facilitator, store, Goods::default(), |it| it, change).await;
    let terms = shop.terms("/goods").await;
    terms.extensions.map_or(Value::Null, |it| it.parse().unwrap())
}

#[tokio::test]
async fn a_declared_extension_stands_in_every_challenge() {
    let (shop, mut payment) = declaring().await;
    let expected = format!(r#"{{"example":{}}}"#, declaration().as_str());
    let unpaid = shop.send(get("/goods", &[])).await;
    assert_eq!(unpaid.challenge().unwrap().extensions.unwrap().as_str(), expected);
    assert!(unpaid.body.contains(&expected), "{}", unpaid.body);
    payment.accepted = payment.accepted.replace("10000", "1");
    let refused = shop.buy(&payment).await;
    refused.assert_challenged("No matching payment requirements");
    assert_eq!(refused.challenge().unwrap().extensions.unwrap().as_str(), expected);

    let plain = Shop::open().await;
    assert!(plain.terms("/goods").await.extensions.is_none());
}

#[tokio::test]
async fn gas_sponsoring_is_declared_where_it_is_understood_and_of_use() {
    for change in [Price::permit2, Price::upto] {
        let declared = declared(change).await;
        let sponsoring = &declared[SPONSORING];
        assert_eq!(sponsoring["info"]["version"], "1", "{declared}");
        assert!(sponsoring["info"]["description"].is_string());
        assert_eq!(sponsoring["schema"]["type"], "object");
        // Not understood.
        let shop = Shop::open_with(Goods::default(), |it| it, change).await;
        assert!(shop.terms("/goods").await.extensions.is_none());
    }
    // Of no use.
    assert_eq!(declared(|price| price).await, Value::Null);
}

#[tokio::test]
async fn gas_sponsoring_is_not_declared_for_a_token_that_takes_no_permits() {
    let (facilitator, store) = (
        Double::default().understanding(SPONSORING).only("exact", "eip155:38833"),
        MemoryStore::new(),
    );
    let paywall: x402_server::Paywall = x402_server::PaywallBuilder::new()
        .network("eip155:38833")
        .pay_to(common::PAY_TO)
        .public_url(common::SITE)
        .with_facilitator(facilitator)
        .store(store)
        .build()
        .await
        .unwrap();
    let gate = paywall.price("$0.01").unwrap().gate().unwrap();
    let x402_server::Admission::Reject(reply) = gate.admit(&common::Head::of("/", None)).await
    else {
        panic!("not refused");
    };
    assert!(
        reply.text().contains("permit2") && !reply.text().contains(SPONSORING),
        "{}",
        reply.text()
    );
}

#[tokio::test]
async fn a_declaration_of_the_sellers_own_is_not_replaced() {
    let own = || r#"{"info":{"description":"ours","version":"2"}}"#.parse::<RawObject>().unwrap();
    let declared = declared(|price| price.permit2().extension(SPONSORING, own())).await;
    assert_eq!(declared[SPONSORING]["info"]["description"], "ours");
    assert_eq!(declared[SPONSORING].get("schema"), None);
}

#[tokio::test]
async fn an_echo_that_leaves_out_or_changes_what_was_declared_is_refused() {
    for echo in [
        json!({ "example": { "info": {} } }),
        json!({ "example": { "info": { "app": "y", "list": [1, 2], "deep": { "a": 1 } } } }),
        json!({ "example": { "info": { "app": "x", "list": [1], "deep": { "a": 1 } } } }),
        json!({ "example": { "info": { "app": "x", "list": [1, 2], "deep": {} } } }),
        json!({ "example": [] }),
    ] {
        let (shop, mut payment) = declaring().await;
        payment.extensions = Some(echo.to_string());
        let answer = shop.buy(&payment).await;
        assert_eq!(answer.status, 402, "{echo}");
        answer.assert_challenged("extension_echo_mismatch");
        assert_eq!((shop.goods.runs(), shop.facilitator.calls()), (0, 0), "{echo}");
        // The payment is as good as before.
        payment.extensions = None;
        shop.buy(&payment).await.assert_served();
    }
}

#[tokio::test]
async fn an_echo_may_be_left_out_and_added_to() {
    let info = json!({ "app": "x", "list": [1, 2], "deep": { "a": 1, "b": 2 }, "id": "mine" });
    for echo in [
        None,
        Some(json!({})),
        Some(json!({ "example": null })),
        Some(json!({ "example": { "info": info } })),
        Some(json!({ "example": { "info": info, "schema": {} }, "unknown": [1] })),
    ] {
        let (shop, mut payment) = declaring().await;
        payment.extensions = echo.map(|echo| echo.to_string());
        shop.buy(&payment).await.assert_served();
    }
}

#[tokio::test]
async fn an_unknown_extension_passes_through_untouched() {
    let unknown = r#"{ "zzz":{"info": {"b":1.50 ,"a":"é"}}, "example-2":null}"#;
    for shop in [Shop::open().await, declaring().await.0] {
        let mut payment = Payer::number(1).pay(&shop.terms("/goods").await).await;
        payment.extensions = Some(unknown.to_owned());
        shop.buy(&payment).await.assert_served();
        let asked = shop.facilitator.asked();
        assert_eq!(asked.len(), 2);
        assert!(asked.iter().all(|(_, text)| text.contains(unknown)), "{asked:?}");
    }
}
