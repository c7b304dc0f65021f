//! More payments than the facilitator can be asked for.

use tokio::task::JoinHandle;
use x402_server::Price;

use crate::common::{Answer, Goods, Payer, Payment, Shop, until};

async fn shop(price: impl FnOnce(Price) -> Price) -> Shop {
    Shop::open_with(Goods::default(), |it| it.calls_at_once(1), price).await
}

fn buying(shop: &Shop, payment: &Payment) -> JoinHandle<Answer> {
    let (shop, payment) = (shop.clone(), payment.clone());
    tokio::spawn(async move { shop.buy(&payment).await })
}

#[tokio::test(start_paused = true)]
async fn a_payment_too_many_is_put_off_and_not_asked_for_anew() {
    let shop = shop(|price| price).await;
    let terms = shop.terms("/goods").await;
    let (first, second) = (Payer::number(1).pay(&terms).await, Payer::number(2).pay(&terms).await);
    shop.facilitator.verify().latch.hold();
    let served = buying(&shop, &first);
    shop.facilitator.verify().latch.reached(1).await;

    let put_off = shop.buy(&second).await;
    put_off.assert_refused(503);
    assert_eq!(put_off.error(), "too_many_payments");
    assert_eq!(put_off.header("retry-after"), Some("1"));
    assert_eq!(shop.facilitator.verify().calls(), 1, "who is busy is asked no more");

    shop.facilitator.verify().latch.let_go();
    served.await.unwrap().assert_served();
    shop.buy(&second).await.assert_served();
    assert_eq!(shop.facilitator.moved(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_payment_too_many_is_put_off_where_it_would_be_settled_at_once() {
    let shop = shop(Price::upfront).await;
    let terms = shop.terms("/goods").await;
    let (first, second) = (Payer::number(1).pay(&terms).await, Payer::number(2).pay(&terms).await);
    shop.facilitator.settle().latch.hold();
    let served = buying(&shop, &first);
    shop.facilitator.settle().latch.reached(1).await;

    let put_off = shop.buy(&second).await;
    put_off.assert_refused(503);
    assert_eq!(put_off.error(), "too_many_payments");
    assert_eq!(shop.books().await, ["intended"], "the second was not even meant to be settled");

    shop.facilitator.settle().latch.let_go();
    served.await.unwrap().assert_served();
    shop.buy(&second).await.assert_served();
}

/// Payments that were verified, and whose goods are being made.
async fn verified(shop: &Shop, payers: std::ops::Range<u8>) -> Vec<(Payment, JoinHandle<Answer>)> {
    let terms = shop.terms("/goods").await;
    shop.goods.latch.hold();
    let mut purchases = Vec::new();
    for payer in payers {
        let payment = Payer::number(payer).pay(&terms).await;
        let purchase = buying(shop, &payment);
        purchases.push((payment, purchase));
        shop.goods.latch.reached(purchases.len()).await;
    }
    purchases
}

#[tokio::test(start_paused = true)]
async fn what_was_verified_waits_its_turn_to_be_settled() {
    let shop = shop(|price| price).await;
    let purchases = verified(&shop, 1..4).await;
    shop.facilitator.settle().latch.hold();
    shop.goods.latch.let_go();
    until(async || shop.books().await == ["intended"; 3]).await;
    assert_eq!(shop.facilitator.settle().calls(), 1);

    shop.facilitator.settle().latch.let_go();
    for (_, purchase) in purchases {
        purchase.await.unwrap().assert_served();
    }
    assert_eq!(shop.facilitator.moved(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_settlement_whose_turn_does_not_come_charges_nothing() {
    let shop = shop(|price| price).await;
    let purchases = verified(&shop, 1..4).await;
    shop.facilitator.settle().latch.hold();
    shop.goods.latch.let_go();
    let mut unsent = Vec::new();
    for (payment, purchase) in purchases {
        let answer = purchase.await.unwrap();
        answer.assert_refused(502);
        match answer.error().as_str() {
            "facilitator_unavailable" => unsent.push(payment),
            error => assert_eq!(error, "settlement_unknown"),
        }
    }
    assert!(!unsent.is_empty(), "all of them had their turn within the time of one");
    let asked = shop.facilitator.asked().into_iter().filter(|(question, _)| *question == "settle");
    let asked: Vec<String> = asked.map(|(_, text)| text).collect();
    shop.facilitator.settle().latch.let_go();
    for payment in unsent {
        assert!(!asked.iter().any(|text| text.contains(&payment.payload)), "it was sent");
        until(async || shop.buy(&payment).await.status == 200).await;
    }
}
