//! One payment, sent many times.

use crate::common::{Double, Goods, Payer, Shop, get, until};
use x402_ledger::MemoryStore;

#[tokio::test(flavor = "multi_thread")]
async fn sixty_four_copies_at_two_replicas_run_the_handler_once() {
    let (facilitator, store, goods) = (Double::default(), MemoryStore::new(), Goods::default());
    let open =
        || Shop::open_at(facilitator.clone(), store.clone(), goods.clone(), |it| it, |it| it);
    let shops = [open().await, open().await];
    let payment = Payer::number(1).pay(&shops[0].terms("/goods").await).await;

    let sent = (0..64).map(|number| {
        let (shop, payment) = (shops[number % 2].clone(), payment.clone());
        tokio::spawn(async move { shop.buy(&payment).await })
    });
    let mut statuses = Vec::new();
    for answer in sent.collect::<Vec<_>>() {
        statuses.push(answer.await.unwrap().status);
    }
    statuses.sort_unstable();

    assert_eq!(statuses[0], 200);
    assert!(statuses[1..].iter().all(|status| *status == 409), "{statuses:?}");
    assert_eq!((goods.runs(), facilitator.settle().calls()), (1, 1));
    assert_eq!((facilitator.verify().calls(), facilitator.moved()), (1, 1));
}

#[tokio::test]
async fn a_copy_is_told_whether_the_payment_is_in_use_or_used() {
    let shop = Shop::open().await;
    let payment = Payer::number(1).pay(&shop.terms("/goods").await).await;
    shop.goods.latch.hold();
    let first = tokio::spawn({
        let (shop, payment) = (shop.clone(), payment.clone());
        async move { shop.buy(&payment).await }
    });
    shop.goods.latch.reached(1).await;

    assert_eq!(shop.buy(&payment).await.assert_refused(409).error(), "payment_in_progress");
    shop.goods.latch.let_go();
    first.await.unwrap().assert_served();
    assert_eq!(shop.buy(&payment).await.assert_refused(409).error(), "payment_already_used");
    assert_eq!(shop.goods.runs(), 1);
}

#[tokio::test]
async fn a_payment_in_use_at_one_resource_buys_no_other() {
    let shop = Shop::open().await;
    let mut payment = Payer::number(1).pay(&shop.terms("/goods").await).await;
    payment.resource = None;
    let header = payment.header();
    shop.buy(&payment).await.assert_served();
    let sibling = shop.send(get("/other", &[("payment-signature", &header)])).await;
    assert_eq!(sibling.assert_refused(409).error(), "payment_already_used");
    assert_eq!(shop.goods.runs(), 1);
}

#[tokio::test]
async fn the_same_payment_in_both_versions_is_one_payment() {
    let shop = Shop::open_with(Goods::default(), |it| it.accept_v1(), |it| it).await;
    let payment = Payer::number(1).pay(&shop.terms("/goods").await).await;
    shop.buy(&payment).await.assert_served();
    let v1 = shop.send(get("/goods", &[("x-payment", &payment.v1_header())])).await;
    v1.assert_refused(409);
    assert_eq!(shop.facilitator.moved(), 1);
}

#[tokio::test]
async fn two_payments_of_one_payer_are_two_payments() {
    let shop = Shop::open().await;
    let (terms, payer) = (shop.terms("/goods").await, Payer::number(1));
    let (one, two) = (payer.pay(&terms).await, payer.pay(&terms).await);
    shop.facilitator.settle().latch.hold();
    let (a, b) = (shop.clone(), shop.clone());
    let served = tokio::spawn(async move { tokio::join!(a.buy(&one), b.buy(&two)) });
    until(async || shop.facilitator.settle().calls() == 2).await;
    shop.facilitator.settle().latch.let_go();
    let (one, two) = served.await.unwrap();
    one.assert_served();
    two.assert_served();
}
