//! One payment, one sale.

use serde_json::json;
use tokio::task::JoinSet;

use crate::{MARKER, Payer, Shop, Site};

pub async fn of_copies_of_a_payment_at_once_one_is_served<S: Shop>() {
    let site = Site::<S>::open().await;
    let payment = site.pay("/goods").await;
    site.goods.latch.hold();
    let mut copies = JoinSet::new();
    for _ in 0..64 {
        let (client, payment) = (site.client(), payment.clone());
        copies.spawn(async move { client.buy("/goods", &payment).await });
    }
    // All the others are answered while the one is being served.
    for _ in 0..63 {
        let refused = copies.join_next().await.unwrap().unwrap();
        assert_eq!(refused.assert_refused(409).error(), "payment_in_progress");
    }
    site.goods.latch.let_go();
    copies.join_next().await.unwrap().unwrap().assert_served();
    site.assert_sold_once(1);
    assert_eq!(site.facilitator.verify().calls(), 1);
}

pub async fn payments_of_many_at_once_are_all_served<S: Shop>() {
    let site = Site::<S>::open().await;
    let terms = site.terms("/goods").await;
    let mut buyers = JoinSet::new();
    for number in 1..=32 {
        let (client, payment) = (site.client(), Payer::number(number).pay(&terms).await);
        buyers.spawn(async move { (number, client.buy("/goods", &payment).await) });
    }
    while let Some(bought) = buyers.join_next().await {
        let (number, answer) = bought.unwrap();
        let receipt = answer.assert_served().receipt().expect("a receipt");
        let told = receipt.payer.map(|payer| payer.to_lowercase());
        assert_eq!(told, Some(Payer::number(number).address()));
    }
    assert_eq!((site.goods.runs(), site.facilitator.moved()), (32, 32));
}

pub async fn a_payment_that_is_used_is_refused_without_a_challenge<S: Shop>() {
    let site = Site::<S>::open().await;
    let payment = site.pay("/goods").await;
    site.buy("/goods", &payment).await.assert_served();
    for path in ["/goods", "/any", "/stream"] {
        let refused = site.buy(path, &payment).await;
        assert!(matches!(refused.status, 402 | 409), "{path}: {refused:?}");
        assert!(!refused.body.contains(MARKER));
    }
    let refused = site.buy("/goods", &payment).await;
    assert_eq!(refused.assert_refused(409).error(), "payment_already_used");
    site.assert_sold_once(1);
}

pub async fn a_payment_for_another_route_of_the_same_price_is_refused<S: Shop>() {
    let site = Site::<S>::open().await;
    let payment = site.pay("/any").await;
    for path in ["/goods", "/outer/inner/goods", "/files/any", "/stream"] {
        site.buy(path, &payment).await.assert_challenged("another resource");
    }
    site.assert_untouched();
    site.buy("/any", &payment).await.assert_served();
}

pub async fn a_named_payment_whose_answer_was_lost_gets_it_without_another_run<S: Shop>() {
    let site = Site::<S>::open().await;
    let mut payment = site.pay("/named").await;
    let info = json!({ "required": false, "id": "order_0123456789" });
    payment.extensions = Some(json!({ "payment-identifier": { "info": info } }).to_string());
    let settling = &site.facilitator.settle().latch;
    settling.hold();
    site.buy_and_hang_up("/named", &payment, &site.goods, settling.reached(1)).await;
    settling.let_go();
    let served = site.buy_when_free("/named", &payment).await;
    assert_eq!((served.status, served.body.clone()), (200, format!("{MARKER}, run 1")));
    assert!(served.receipt().expect("a receipt").success);
    site.assert_sold_once(1);
}

pub async fn a_named_payment_sent_again_gets_the_same_answer<S: Shop>() {
    let site = Site::<S>::open().await;
    let mut payment = site.pay("/named").await;
    let info = json!({ "required": false, "id": "order_0123456789" });
    payment.extensions = Some(json!({ "payment-identifier": { "info": info } }).to_string());
    let first = site.buy("/named", &payment).await;
    assert_eq!((first.status, first.body.clone()), (200, format!("{MARKER}, run 1")));
    assert!(first.receipt().expect("a receipt").success);
    for _ in 0..2 {
        let again = site.buy("/named", &payment).await;
        assert_eq!((again.status, &again.body), (200, &first.body));
        for name in ["payment-response", "content-type", "cache-control"] {
            assert_eq!(again.header(name), first.header(name), "{name}");
        }
    }
    site.assert_sold_once(1);
    // Without a name, nothing is given twice.
    let unnamed = Payer::number(2).pay(&site.terms("/named").await).await;
    assert_eq!(site.buy("/named", &unnamed).await.status, 200);
    site.buy("/named", &unnamed).await.assert_refused(409);
    assert_eq!(site.goods.runs(), 2);
}

pub async fn a_price_behind_a_price_sells_nothing_and_asks_for_no_other_payment<S: Shop>() {
    let site = Site::<S>::open().await;
    for (path, settled) in [("/twice", 0), ("/twice/upfront", 1)] {
        let payment = site.pay(path).await;
        // What was settled upfront is owed, however often it is asked for.
        for _ in 0..2 {
            let refused = site.buy(path, &payment).await;
            assert_eq!((refused.status, &*refused.body), (500, ""), "{path}: {refused:?}");
            assert!(refused.challenge().is_none(), "{refused:?}");
            assert_eq!(refused.receipt().is_some(), settled == 1, "{refused:?}");
            assert_eq!(site.facilitator.settle().calls(), settled);
        }
    }
    assert_eq!(site.goods.runs(), 0);
}
