//! Clients that do not wait, handlers that do not finish, sellers that stop.

use std::time::Duration;

use crate::{MARKER, Shop, Site, until};

pub async fn who_hangs_up_during_settlement_is_charged_once_and_served_once<S: Shop>() {
    let site = Site::<S>::open().await;
    let payment = site.pay("/goods").await;
    let settling = &site.facilitator.settle().latch;
    settling.hold();
    site.buy_and_hang_up("/goods", &payment, &site.goods, settling.reached(1)).await;
    assert_eq!(site.books().await, ["intended"]);
    settling.let_go();
    until(async || site.books().await == ["settled"]).await;

    let served = site.buy_when_free("/goods", &payment).await;
    assert!(served.assert_served().receipt().expect("a receipt").success);
    let refused = site.buy("/goods", &payment).await;
    assert_eq!(refused.assert_refused(409).error(), "payment_already_used");
    site.assert_sold_once(2);
}

pub async fn who_hangs_up_while_the_handler_runs_is_not_charged<S: Shop>() {
    let site = Site::<S>::open().await;
    let payment = site.pay("/goods").await;
    site.goods.latch.hold();
    site.buy_and_hang_up("/goods", &payment, &site.goods, site.goods.latch.reached(1)).await;
    site.goods.latch.let_go();
    site.buy_when_free("/goods", &payment).await.assert_served();
    site.assert_sold_once(2);
}

pub async fn who_hangs_up_while_the_answer_is_held_back_is_not_charged<S: Shop>() {
    let site = Site::<S>::open().await;
    let payment = site.pay("/stream").await;
    site.goods.send("half of it");
    site.buy_and_hang_up("/stream", &payment, &site.goods, site.goods.latch.reached(1)).await;
    assert_eq!(site.facilitator.settle().calls(), 0);
    site.goods.take_back();
    site.goods.send("all of it");
    site.goods.end();
    assert_eq!(site.buy_when_free("/stream", &payment).await.body, "all of it");
    site.assert_sold_once(2);
}

pub async fn who_hangs_up_during_verification_is_not_charged<S: Shop>() {
    let site = Site::<S>::open().await;
    let payment = site.pay("/goods").await;
    let verifying = &site.facilitator.verify().latch;
    verifying.hold();
    site.buy_and_hang_up("/goods", &payment, &site.goods, verifying.reached(1)).await;
    verifying.let_go();
    site.buy_when_free("/goods", &payment).await.assert_served();
    site.assert_sold_once(1);
}

pub async fn who_hangs_up_after_paying_upfront_is_served_once<S: Shop>() {
    let site = Site::<S>::open().await;
    let payment = site.pay("/upfront").await;
    site.goods.latch.hold();
    site.buy_and_hang_up("/upfront", &payment, &site.goods, site.goods.latch.reached(1)).await;
    site.goods.latch.let_go();
    site.goods.send(MARKER);
    site.goods.end();
    let served = site.buy_when_free("/upfront", &payment).await;
    assert!(served.assert_served().receipt().expect("a receipt").success);
    site.buy("/upfront", &payment).await.assert_refused(409);
    site.assert_sold_once(2);
}

pub async fn a_handler_that_panics_charges_nothing_and_the_site_lives<S: Shop>() {
    let site = Site::<S>::open().await;
    let payment = site.pay("/panic").await;
    let header = payment.header();
    let answer = site.raw("GET", "/panic", &[("payment-signature", header.as_bytes())]).await;
    assert!(answer.is_none_or(|it| it.status == 500 && it.receipt().is_none()));
    assert_eq!(site.facilitator.settle().calls(), 0);
    site.buy_when_free("/panic", &payment).await.assert_served();
    site.assert_sold_once(2);
    assert_eq!(site.get("/maybe", &[]).await.body, "none");
}

pub async fn draining_waits_for_settlements_that_nobody_waits_for<S: Shop>() {
    let site = Site::<S>::open().await;
    assert!(site.paywall.drain(Duration::ZERO).await);
    let payment = site.pay("/goods").await;
    let settling = &site.facilitator.settle().latch;
    settling.hold();
    site.buy_and_hang_up("/goods", &payment, &site.goods, settling.reached(1)).await;
    assert!(!site.paywall.drain(Duration::ZERO).await);
    let paywall = site.paywall.clone();
    let draining = tokio::spawn(async move { paywall.drain(Duration::from_secs(60)).await });
    settling.let_go();
    assert!(draining.await.unwrap());
    assert_eq!(site.books().await, ["settled"]);
}
