//! What the handler answers decides whether the payment is settled.

use crate::common;
use crate::common::{Goods, MARKER, Payer, Shop, request};

/// Buys goods that come with this status, twice with one payment.
async fn buy_twice(status: u16) -> (Shop, common::Answer, common::Answer) {
    let shop = Shop::selling(Goods::with_status(status)).await;
    let payment = Payer::number(1).pay(&shop.terms("/goods").await).await;
    let (first, second) = (shop.buy(&payment).await, shop.buy(&payment).await);
    (shop, first, second)
}

#[tokio::test]
async fn redirects_and_errors_are_passed_on_and_not_charged() {
    for status in
        [300, 301, 302, 303, 304, 307, 308, 400, 401, 402, 404, 409, 422, 429, 500, 503, 599]
    {
        let (shop, first, second) = buy_twice(status).await;
        for answer in [&first, &second] {
            assert_eq!((answer.status, answer.body.as_str()), (status, MARKER));
            assert!(answer.receipt().is_none() && answer.challenge().is_none());
        }
        assert_eq!((shop.goods.runs(), shop.facilitator.settle().calls()), (2, 0));
        assert!(shop.books().await.is_empty());
    }
}

#[tokio::test]
async fn every_success_is_charged_and_comes_through_unchanged() {
    for status in [200, 201, 202, 203, 204, 206, 226, 299] {
        let (shop, first, second) = buy_twice(status).await;
        assert_eq!((first.status, first.body.as_str()), (status, MARKER));
        assert!(first.receipt().expect("a receipt").success);
        second.assert_refused(409);
        assert_eq!((shop.goods.runs(), shop.facilitator.moved()), (1, 1));
    }
}

#[tokio::test]
async fn a_connection_that_is_handed_over_is_charged() {
    let (shop, first, second) = buy_twice(101).await;
    assert_eq!(first.status, 101);
    assert!(first.receipt().is_some());
    second.assert_refused(409);
    assert_eq!(shop.facilitator.moved(), 1);
}

#[tokio::test]
async fn the_handlers_headers_are_kept() {
    let shop = Shop::selling(Goods::made(|_| {
        http::Response::builder()
            .status(201)
            .header("location", "/goods/7")
            .header("etag", "\"a\"")
            .header("set-cookie", "a=1")
            .header("set-cookie", "b=2")
            .header("payment-response", "forged")
            .body(MARKER.into())
            .unwrap()
    }))
    .await;
    let payment = Payer::number(1).pay(&shop.terms("/goods").await).await;
    let answer = shop.buy(&payment).await;
    assert_eq!((answer.status, answer.header("location")), (201, Some("/goods/7")));
    assert_eq!(answer.header("etag"), Some("\"a\""));
    assert_eq!(answer.headers.get_all("set-cookie").iter().count(), 2);
    assert_eq!(answer.headers.get_all("payment-response").iter().count(), 1);
    assert!(answer.receipt().expect("the facilitator's receipt").success);
}

#[tokio::test]
async fn every_method_but_options_costs() {
    for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE", "QUERY", "options"] {
        let shop = Shop::open().await;
        let unpaid = shop.send(request(method, "/goods", &[])).await;
        unpaid.assert_challenged("Payment required");
        let payment = Payer::number(1).pay(&unpaid.challenge().unwrap()).await;
        let header = payment.header();
        let headers = [("payment-signature", &*header)];
        let paid = shop.send(request(method, "/goods", &headers)).await;
        assert_eq!(paid.status, 200, "{method}");
        assert_eq!((shop.goods.runs(), shop.facilitator.moved()), (1, 1), "{method}");
    }
}

#[tokio::test]
async fn head_buys_what_get_buys() {
    let shop = Shop::open().await;
    let payment = Payer::number(1).pay(&shop.terms("/goods").await).await;
    let header = payment.header();
    let head = shop.send(request("HEAD", "/goods", &[("payment-signature", &header)])).await;
    assert_eq!(head.status, 200);
    shop.buy(&payment).await.assert_refused(409);
    assert_eq!(shop.facilitator.moved(), 1);
}

#[tokio::test]
async fn options_is_free_and_gives_nothing_away() {
    let shop = Shop::selling(Goods::made(|_| {
        http::Response::builder()
            .header("allow", "GET")
            .header("access-control-allow-origin", "*")
            .header("content-length", MARKER.len())
            .header("set-cookie", "session=a-day")
            .header("x-goods", MARKER)
            .body(MARKER.into())
            .unwrap()
    }))
    .await;
    let answer = shop.send(request("OPTIONS", "/goods", &[("origin", "https://x.example")])).await;
    assert_eq!((answer.status, answer.header("allow")), (200, Some("GET")));
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    assert_eq!(answer.body, "");
    for name in ["content-length", "set-cookie", "x-goods"] {
        assert_eq!(answer.header(name), None, "{name}");
    }
    assert_eq!(shop.facilitator.calls(), 0);
}

#[tokio::test]
async fn options_hands_no_connection_over() {
    let shop = Shop::selling(Goods::with_status(101)).await;
    let answer = shop.send(request("OPTIONS", "/goods", &[("upgrade", "websocket")])).await;
    assert_eq!((answer.status, &*answer.body), (400, ""));
}
