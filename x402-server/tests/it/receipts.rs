//! What a payer gets to know of the settlement.

use crate::common::{Payer, Say, Shop};
use serde_json::json;
use x402_types::{Amount, RawObject, SettleResponse};

async fn receipt(settled: SettleResponse) -> SettleResponse {
    let shop = Shop::open().await;
    let payment = Payer::number(1).pay(&shop.terms("/goods").await).await;
    shop.facilitator.settle().then(Say::This(settled));
    let answer = shop.buy(&payment).await;
    assert!(answer.header("payment-response").unwrap().len() < 8 * 1024);
    answer.assert_served().receipt().expect("a receipt")
}

fn settled() -> SettleResponse {
    SettleResponse::settled(Payer::number(1).address(), "0xabc", "eip155:84532")
}

#[tokio::test]
async fn the_receipt_is_what_the_facilitator_said() {
    let extra = RawObject::new(&json!({ "block": 7 })).unwrap();
    let full = SettleResponse {
        amount: Some(Amount::from(10_000u64)),
        extra: Some(extra.clone()),
        extensions: Some(extra),
        ..settled()
    };
    let anonymous = SettleResponse { payer: None, ..settled() };
    let nowhere = SettleResponse { network: String::new(), ..settled() };
    for said in [settled(), full, anonymous, nowhere] {
        assert_eq!(receipt(said.clone()).await, said);
    }
}

#[tokio::test]
async fn a_receipt_does_not_grow_beyond_what_proxies_let_through() {
    let long = RawObject::new(&json!({ "padding": "x".repeat(60_000) })).unwrap();
    let said = SettleResponse {
        extra: Some(long.clone()),
        extensions: Some(long),
        error_message: Some("x".repeat(60_000)),
        ..settled()
    };
    assert_eq!(receipt(said).await, settled());
}
