//! Clients that hang up.

use crate::common;
use crate::common::{Payment, Site, until};
use axum::Router;
use axum::routing::get;
use tokio::io::AsyncReadExt;

/// Asks with this payment, waits until that is under way, hangs up, and waits until the server has
/// noticed.
async fn hang_up(site: &Site, payment: &Payment, under_way: impl Future<Output = ()>) {
    let stream = site.send("GET", "/goods", &[("payment-signature", &payment.header())]).await;
    under_way.await;
    let before = *site.abandoned.borrow();
    drop(stream);
    site.abandoned.subscribe().wait_for(|count| *count > before).await.unwrap();
}

/// Buys as soon as the payment is free again.
async fn buy_when_free(site: &Site, payment: &Payment) -> common::Answer {
    for _ in 0..10_000 {
        let answer = site.buy(payment).await;
        if answer.status != 409 || answer.error() != "payment_in_progress" {
            return answer;
        }
    }
    panic!("the payment never came free")
}

#[tokio::test(flavor = "multi_thread")]
async fn who_hangs_up_during_settlement_is_charged_once_and_served_once() {
    let site = Site::open().await;
    let payment = site.pay("/goods").await;
    site.facilitator.settle().latch.hold();
    hang_up(&site, &payment, site.facilitator.settle().latch.reached(1)).await;
    assert_eq!(site.books().await, ["intended"]);
    site.facilitator.settle().latch.let_go();
    until(async || site.books().await == ["settled"]).await;

    let served = buy_when_free(&site, &payment).await;
    assert!(served.assert_served().receipt().expect("a receipt").success);
    assert_eq!(site.buy(&payment).await.assert_refused(409).error(), "payment_already_used");
    assert_eq!((site.facilitator.settle().calls(), site.facilitator.moved()), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_hangs_up_during_verification_is_not_charged() {
    let site = Site::open().await;
    let payment = site.pay("/goods").await;
    site.facilitator.verify().latch.hold();
    hang_up(&site, &payment, site.facilitator.verify().latch.reached(1)).await;
    site.facilitator.verify().latch.let_go();

    buy_when_free(&site, &payment).await.assert_served();
    assert_eq!(site.facilitator.moved(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_hangs_up_while_the_handler_works_is_not_charged() {
    let site = Site::open().await;
    let payment = site.pay("/goods").await;
    site.goods.hold();
    hang_up(&site, &payment, site.goods.reached(1)).await;
    site.goods.let_go();
    assert_eq!(site.facilitator.settle().calls(), 0);

    buy_when_free(&site, &payment).await.assert_served();
    assert_eq!(site.facilitator.moved(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_that_panics_charges_nothing_and_the_site_lives_on() {
    let site = Site::prepare().await;
    let goods = site.goods.clone();
    let handler = || async move {
        goods.pass().await;
        assert!(goods.count() > 1, "the handler's mistake");
        common::MARKER
    };
    let router = Router::new().route("/goods", get(handler).layer(site.price()));
    let site = site.serve(router).await;
    let payment = site.pay("/goods").await;
    let mut stream = site.send("GET", "/goods", &[("payment-signature", &payment.header())]).await;
    let mut nothing = Vec::new();
    let _ = stream.read_to_end(&mut nothing).await;
    assert!(nothing.is_empty());
    assert_eq!(site.facilitator.settle().calls(), 0);

    buy_when_free(&site, &payment).await.assert_served();
    assert_eq!(site.facilitator.moved(), 1);
}
