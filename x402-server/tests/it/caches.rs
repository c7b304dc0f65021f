//! What caches between the shop and its clients may keep: of a challenge nothing, of what was paid
//! for nothing that is shared.

use std::time::Duration;

use crate::common;
use crate::common::{Answer, Goods, MARKER, Payer, Say, Shop};
use x402_server::{Allowance, Price};

const VARY: &str = "payment-signature, x-payment-signature, x-payment";

/// Goods with this status and these headers.
fn goods(status: u16, headers: &'static [(&'static str, &'static str)]) -> Goods {
    Goods::made(move |_| {
        let mut response = http::Response::builder().status(status);
        for (name, value) in headers {
            response = response.header(*name, *value);
        }
        response.body(MARKER.into()).unwrap()
    })
}

async fn paid(status: u16, headers: &'static [(&'static str, &'static str)]) -> Answer {
    let shop = Shop::selling(goods(status, headers)).await;
    let payment = Payer::number(1).pay(&shop.terms("/goods").await).await;
    let answer = shop.buy(&payment).await;
    assert_eq!(answer.status, status);
    answer
}

#[tokio::test]
async fn a_challenge_and_every_refusal_are_not_stored_and_vary() {
    let shop = Shop::open().await;
    let payment = Payer::number(1).pay(&shop.terms("/goods").await).await;
    shop.facilitator.verify().then(Say::NotSent);
    shop.facilitator.settle().then(Say::NotSent);
    let answers = [
        shop.send(common::get("/goods", &[])).await,
        shop.send(common::get("/goods", &[("payment-signature", "?")])).await,
        shop.buy(&payment).await,
        shop.buy(&payment).await,
    ];
    assert_eq!(answers.each_ref().map(|answer| answer.status), [402, 400, 502, 502]);
    for answer in answers {
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert_eq!(answer.header("vary"), Some(VARY));
        assert_eq!(answer.header("content-type"), Some("application/json; charset=utf-8"));
    }
}

#[tokio::test]
async fn what_was_paid_for_is_private_whatever_the_handler_says() {
    for (said, becomes) in [
        (&[][..], "private"),
        (&[("cache-control", "public")], "private"),
        (&[("cache-control", "public, max-age=60")], "private, max-age=60"),
        (&[("cache-control", "max-age=60, S-MaxAge=600,PUBLIC")], "private, max-age=60"),
        (&[("cache-control", "max-age=60"), ("cache-control", "public")], "private, max-age=60"),
        (&[("cache-control", "private")], "private"),
        (&[("cache-control", "Private, max-age=60")], "Private, max-age=60"),
        (&[("cache-control", "no-store")], "no-store"),
        (&[("cache-control", "No-Store, public")], "No-Store"),
        (&[("cache-control", "private=\"x-a\"")], "private, private=\"x-a\""),
        (&[("cache-control", " , ")], "private"),
    ] {
        let answer = paid(200, said).await;
        assert_eq!(answer.header("cache-control"), Some(becomes), "{said:?}");
        assert_eq!(answer.headers.get_all("cache-control").iter().count(), 1);
        assert_eq!(answer.header("vary"), Some(VARY));
    }
}

#[tokio::test]
async fn what_was_not_charged_is_as_private() {
    for status in [301, 404, 410] {
        let answer = paid(status, &[("cache-control", "public, max-age=60")]).await;
        assert_eq!(answer.header("cache-control"), Some("private, max-age=60"));
        assert_eq!(answer.header("vary"), Some(VARY));
    }
}

#[tokio::test]
async fn the_handlers_vary_is_kept() {
    let answer = paid(200, &[("vary", "accept-encoding")]).await;
    let vary: Vec<_> = answer.headers.get_all("vary").iter().collect();
    assert_eq!(vary, ["accept-encoding", VARY]);
}

/// What goes before `Cache-Control` in some network's or proxy's caches.
const FOR_SHARED_CACHES: &[(&str, &str)] = &[
    ("cdn-cache-control", "max-age=60"),
    ("cdn-cache-control", "public"),
    ("cloudflare-cdn-cache-control", "max-age=60"),
    ("any-other-cdn-cache-control", "max-age=60"),
    ("x-litespeed-cache-control", "public, max-age=60"),
    ("surrogate-control", "max-age=60"),
    ("edge-control", "cache-maxage=60"),
    ("x-accel-expires", "60"),
    ("etag", "\"a\""),
];

#[track_caller]
fn assert_told_to_no_shared_cache(answer: &Answer) {
    for (name, _) in FOR_SHARED_CACHES {
        assert_eq!(answer.headers.contains_key(*name), *name == "etag", "{name}: {answer:?}");
    }
    assert_eq!(answer.header("cache-control"), Some("private"));
}

#[tokio::test]
async fn caches_that_have_headers_of_their_own_are_told_nothing_by_what_was_paid_for() {
    let prices: [fn(Price) -> Price; 3] = [|it| it, Price::upfront, Price::streaming];
    for (status, price) in prices.map(|price| (200, price)).into_iter().chain([(404, prices[0])]) {
        let shop = Shop::open_with(goods(status, FOR_SHARED_CACHES), |it| it, price).await;
        let payment = Payer::number(1).pay(&shop.terms("/goods").await).await;
        let answer = shop.buy(&payment).await;
        assert_eq!(answer.status, status);
        assert_told_to_no_shared_cache(&answer);
    }
}

#[tokio::test]
async fn caches_that_have_headers_of_their_own_are_told_nothing_when_it_is_given_again() {
    let price = |price: Price| price.payment_identifier(true);
    let shop = Shop::open_with(goods(200, FOR_SHARED_CACHES), |it| it, price).await;
    let mut payment = Payer::number(1).pay(&shop.terms("/goods").await).await;
    let info = r#"{"payment-identifier":{"info":{"required":true,"id":"order_0123456789"}}}"#;
    payment.extensions = Some(info.to_owned());
    for _ in 0..2 {
        let answer = shop.buy(&payment).await;
        assert_told_to_no_shared_cache(answer.assert_served());
    }
    assert_eq!(shop.goods.runs(), 1);
}

#[tokio::test]
async fn caches_that_have_headers_of_their_own_are_told_nothing_by_what_is_given_away() {
    let hooks = Allowance::new(1, Duration::from_secs(60));
    let goods = goods(200, FOR_SHARED_CACHES);
    let shop = Shop::open_with(goods, |settings| settings.hooks(hooks), |price| price).await;
    let payment = Payer::number(1).pay(&shop.terms("/goods").await).await;
    let answer = shop.buy(&payment).await;
    assert_told_to_no_shared_cache(answer.assert_served());
    assert_eq!(shop.facilitator.moved(), 0);
}
