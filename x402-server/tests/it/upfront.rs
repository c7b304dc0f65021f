//! Settled before the handler runs.

use crate::common;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use crate::common::{Goods, Payer, Say, Shop};
use serde_json::Value;
use x402_server::Payment;
use x402_types::SettleResponse;

#[tokio::test]
async fn the_terms_say_that_the_payment_is_settled_first() {
    let shop = Shop::upfront(Goods::default()).await;
    let terms = shop.terms("/goods").await;
    let extra: Value = terms.accepts[0].extra.as_ref().unwrap().parse().unwrap();
    assert_eq!(extra["paymentFlow"], "upfront");
    assert_eq!((&extra["name"], &extra["version"]), (&"USDC".into(), &"2".into()));

    let usual = Shop::open().await.terms("/goods").await;
    let extra: Value = usual.accepts[0].extra.as_ref().unwrap().parse().unwrap();
    assert_eq!(extra.as_object().unwrap().len(), 2, "{extra}");

    let all = Shop::open_with(Goods::default(), |it| it.upfront(), |price| price).await;
    let extra: Value =
        all.terms("/goods").await.accepts[0].extra.as_ref().unwrap().parse().unwrap();
    assert_eq!(extra["paymentFlow"], "upfront");
}

#[tokio::test]
async fn the_handler_runs_after_the_settlement_and_sees_its_receipt() {
    let shop = Shop::upfront(Goods::made(|request| {
        let payment = request.extensions().get::<Payment>().expect("a payment");
        let receipt = payment.receipt().expect("a receipt");
        http::Response::new(format!("{} {}", payment.payer(), receipt.transaction).into())
    }))
    .await;
    let payer = Payer::number(1);
    let payment = payer.pay(&shop.terms("/goods").await).await;
    shop.facilitator.settle().latch.hold();
    let purchase = tokio::spawn({
        let (shop, payment) = (shop.clone(), payment.clone());
        async move { shop.buy(&payment).await }
    });
    shop.facilitator.settle().latch.reached(1).await;
    assert_eq!(shop.goods.runs(), 0);
    shop.facilitator.settle().latch.let_go();

    let answer = purchase.await.unwrap();
    let receipt = answer.receipt().expect("a receipt");
    assert_eq!(answer.body, format!("{} {}", payer.address(), receipt.transaction));
    assert_eq!(shop.facilitator.verify().calls(), 0);
    shop.buy(&payment).await.assert_refused(409);
}

#[tokio::test]
async fn a_handler_that_fails_owes_an_answer_to_the_same_payment() {
    let tries = Arc::new(AtomicUsize::new(0));
    let shop = Shop::upfront(Goods::made(move |_| match tries.fetch_add(1, SeqCst) {
        0 => http::Response::builder().status(500).body("out of order".into()).unwrap(),
        1 => http::Response::builder().status(302).body("".into()).unwrap(),
        _ => http::Response::new(common::MARKER.into()),
    }))
    .await;
    let payment = Payer::number(1).pay(&shop.terms("/goods").await).await;

    let first = shop.buy(&payment).await;
    assert_eq!((first.status, first.body.as_str()), (500, "out of order"));
    assert!(first.receipt().expect("charged, and said so").success);
    assert_eq!(shop.buy(&payment).await.status, 302);
    let third = shop.buy(&payment).await;
    third.assert_served();
    assert_eq!(third.receipt(), first.receipt());
    shop.buy(&payment).await.assert_refused(409);
    assert_eq!(
        (shop.facilitator.settle().calls(), shop.books().await),
        (1, vec!["settled".into()])
    );
}

#[tokio::test]
async fn a_handler_that_panics_owes_an_answer_too() {
    let tries = AtomicUsize::new(0);
    let shop = Shop::upfront(Goods::made(move |_| {
        assert!(tries.fetch_add(1, SeqCst) > 0, "the handler's mistake");
        http::Response::new(common::MARKER.into())
    }))
    .await;
    let payment = Payer::number(1).pay(&shop.terms("/goods").await).await;
    let (buyer, paid) = (shop.clone(), payment.clone());
    let purchase = tokio::spawn(async move { buyer.buy(&paid).await });
    assert!(purchase.await.unwrap_err().is_panic());
    common::until(async || shop.buy(&payment).await.status == 200).await;
    assert_eq!(shop.facilitator.settle().calls(), 1);
}

#[tokio::test]
async fn a_settlement_that_fails_runs_no_handler() {
    let shop = Shop::upfront(Goods::default()).await;
    let payment = Payer::number(1).pay(&shop.terms("/goods").await).await;
    let reason = "invalid_exact_evm_insufficient_balance";
    let failed = SettleResponse::failed(reason.into(), None, "", "eip155:84532");
    shop.facilitator.settle().then(Say::This(failed));
    let answer = shop.buy(&payment).await;
    answer.assert_challenged(reason);
    assert!(!answer.receipt().expect("a failed receipt").success);
    assert_eq!(shop.goods.runs(), 0);
    shop.buy(&payment).await.assert_served();
}
