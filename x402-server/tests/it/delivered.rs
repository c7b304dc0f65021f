//! What has streamed is delivered before it is settled. Whatever its settlement comes to, the payment
//! buys nothing more.

use std::time::Duration;

use tokio::time::sleep;
use x402_server::{Hooks, Payment, PaywallBuilder, Price, Refused, Settling};
use x402_types::{Amount, SettleResponse};

use crate::common::{Goods, MARKER, Payer, Payment as Sent, Say, Shop};

/// A stream that costs 500 units.
fn stream() -> Goods {
    Goods::made(|request| {
        request.extensions().get::<Payment>().unwrap().charge_more(500u64).unwrap();
        http::Response::new(MARKER.into())
    })
}

async fn open(settings: impl FnOnce(PaywallBuilder) -> PaywallBuilder) -> (Shop, Sent) {
    let shop = Shop::open_with(stream(), settings, Price::streaming).await;
    let payment = Payer::number(1).pay(&shop.terms("/goods").await).await;
    (shop, payment)
}

async fn assert_buys_nothing_more(shop: &Shop, payment: &Sent, what: &str) {
    let again = shop.buy(payment).await;
    assert!([409, 503].contains(&again.status), "{what}: {again:?}");
    again.assert_refused(again.status);
    assert_eq!(shop.goods.runs(), 1, "{what}");
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_could_not_be_sent_to_be_settled_is_settled_later_and_not_bought_again() {
    for say in [Say::NotSent, Say::Refused, Say::Lost] {
        let (shop, payment) = open(|it| it).await;
        shop.facilitator.settle().then(say);
        assert_eq!(shop.buy(&payment).await.body, MARKER);
        assert_eq!(shop.facilitator.moved(), 0);
        assert_buys_nothing_more(&shop, &payment, "before it is settled").await;
        sleep(Duration::from_secs(10)).await;
        assert_eq!((shop.books().await, shop.facilitator.moved()), (vec!["settled".to_owned()], 1));
        assert_buys_nothing_more(&shop, &payment, "after").await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_whose_settlement_fails_is_not_bought_again() {
    let (shop, payment) = open(|it| it).await;
    let failed = SettleResponse::failed("insufficient_funds".into(), None, "", "eip155:84532");
    shop.facilitator.settle().then(Say::This(failed));
    assert_eq!(shop.buy(&payment).await.body, MARKER);
    assert_eq!(shop.books().await, ["failed (insufficient_funds)"]);
    assert_buys_nothing_more(&shop, &payment, "failed").await;
}

/// Has its way before anything is settled.
#[derive(Clone, Copy, Debug)]
enum Before {
    Panics,
    Withholds,
    GivesAway,
}

impl Hooks for Before {
    async fn before_settle(&self, _: &Payment, amount: Amount) -> Settling {
        assert_eq!(amount, Amount::from(500u64));
        match self {
            Self::Panics => panic!("the hook's own mistake"),
            Self::Withholds => Settling::Withhold(Refused::new(451, "embargo", "Not to you.")),
            Self::GivesAway => Settling::GiveAway,
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_a_hook_lets_nobody_settle_is_not_bought_again() {
    for hook in [Before::Panics, Before::Withholds, Before::GivesAway] {
        let (shop, payment) = open(|it| it.hooks(hook)).await;
        assert_eq!(shop.buy(&payment).await.body, MARKER);
        assert_buys_nothing_more(&shop, &payment, &format!("{hook:?}")).await;
        assert_eq!(shop.facilitator.moved(), 0);
    }
}

#[tokio::test]
async fn a_connection_is_not_handed_over_where_it_cannot_be_metered() {
    let shop = Shop::open_with(Goods::with_status(101), |it| it, Price::streaming).await;
    let payment = Payer::number(1).pay(&shop.terms("/goods").await).await;
    for _ in 0..2 {
        let answer = shop.buy(&payment).await;
        assert_eq!(answer.assert_refused(500).error(), "connection_not_metered");
        assert!(answer.receipt().is_none());
    }
    assert_eq!(shop.facilitator.moved(), 0);
}
