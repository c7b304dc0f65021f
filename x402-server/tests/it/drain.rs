//! A shop that closes.

use std::time::Duration;

use x402_ledger::{Payments, Status};

use crate::common::{Goods, Payer, Remote, Shop, until};

#[tokio::test(start_paused = true)]
async fn closing_waits_for_settlements_and_not_longer_than_it_is_told() {
    let shop = Shop::open().await;
    assert!(shop.paywall.drain(Duration::from_secs(1)).await, "nothing is under way");

    let payment = Payer::number(1).pay(&shop.terms("/goods").await).await;
    shop.facilitator.settle().latch.hold();
    let purchase = tokio::spawn({
        let (shop, payment) = (shop.clone(), payment.clone());
        async move { shop.buy(&payment).await }
    });
    shop.facilitator.settle().latch.reached(1).await;
    // The client has gone, the settlement has not.
    purchase.abort();
    assert!(!shop.paywall.drain(Duration::from_secs(1)).await);

    let paywall = shop.paywall.clone();
    let drained = tokio::spawn(async move { paywall.drain(Duration::from_secs(60)).await });
    tokio::task::yield_now().await;
    assert!(!drained.is_finished());
    shop.facilitator.settle().latch.let_go();
    assert!(drained.await.unwrap());
    assert_eq!(shop.books().await, ["settled"]);
    until(async || shop.buy(&payment).await.status == 200).await;
}

#[tokio::test(start_paused = true)]
async fn a_shop_that_was_drained_sells_on() {
    let shop = Shop::open().await;
    assert!(shop.paywall.drain(Duration::ZERO).await);
    let payment = Payer::number(1).pay(&shop.terms("/goods").await).await;
    shop.buy(&payment).await.assert_served();
    assert!(shop.paywall.drain(Duration::from_secs(1)).await);
}

#[tokio::test(start_paused = true)]
async fn closing_waits_until_it_is_written_down_what_is_owed() {
    let remote = Remote::default();
    let store = remote.clone();
    let shop = Shop::open_with(Goods::default(), |it| it.store(store), |price| price).await;
    let payment = Payer::number(1).pay(&shop.terms("/goods").await).await;
    shop.facilitator.settle().latch.hold();
    remote.advances.hold();
    let purchase = tokio::spawn({
        let (shop, payment) = (shop.clone(), payment.clone());
        async move { shop.buy(&payment).await }
    });
    shop.facilitator.settle().latch.reached(1).await;
    purchase.abort();
    shop.facilitator.settle().latch.let_go();
    remote.advances.reached(1).await;
    let line = remote.store.recent(1).await.unwrap().remove(0);
    assert_eq!(line.status, Status::Settled);
    assert!(!shop.paywall.drain(Duration::from_secs(1)).await, "nobody knows yet that it is owed");

    remote.advances.let_go();
    assert!(shop.paywall.drain(Duration::from_secs(1)).await);
    shop.buy(&payment).await.assert_served();
    assert_eq!(shop.facilitator.moved(), 1);
}

#[tokio::test(start_paused = true)]
async fn who_gives_up_waiting_keeps_nobody_else_waiting() {
    let shop = Shop::open().await;
    let payment = Payer::number(1).pay(&shop.terms("/goods").await).await;
    shop.facilitator.settle().latch.hold();
    let purchase = tokio::spawn({
        let (shop, payment) = (shop.clone(), payment.clone());
        async move { shop.buy(&payment).await }
    });
    shop.facilitator.settle().latch.reached(1).await;
    let paywall = shop.paywall.clone();
    let patient = tokio::spawn(async move { paywall.drain(Duration::from_secs(600)).await });
    assert!(!shop.paywall.drain(Duration::from_secs(1)).await);
    shop.facilitator.settle().latch.let_go();
    assert!(patient.await.unwrap());
    purchase.await.unwrap().assert_served();
}
