//! A payment goes to the address that asked for it, and crosses no redirect.

use crate::common;
use crate::common::{Buyer, Seller, challenge, empty, offer, redirect, reply, served, terms};
use http::Method;
use x402_client::{PaymentError, ReceiptExt};
use x402_ledger::Status;

/// Sends `/start` to `to`, and sells everything else.
async fn shop_behind_redirect(status: u16, to: impl Into<String>) -> Seller {
    let to = to.into();
    Seller::start(move |call| match (call.uri.path(), call.payment()) {
        ("/start", _) => redirect(status, &to),
        (_, None) => challenge(&terms(&[offer("1000")])),
        (_, Some(_)) => served(call),
    })
    .await
}

#[tokio::test]
async fn within_an_origin_the_address_that_answered_is_paid() {
    for (status, method) in [(302, Method::GET), (307, Method::GET), (308, Method::HEAD)] {
        let seller = shop_behind_redirect(status, "/goods?size=1").await;
        let buyer = Buyer::new();
        let request = buyer.http.request(method.clone(), seller.url("/start"));
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 200);
        let goods = seller.url("/goods?size=1");
        assert_eq!(answer.receipt().unwrap().purchase(), format!("{method} {goods}"));
        let paths: Vec<_> = seller.calls().iter().map(|call| call.uri.to_string()).collect();
        assert_eq!(paths, ["/start", "/goods?size=1", "/goods?size=1"]);
    }
}

#[tokio::test]
async fn another_origin_is_not_paid() {
    let other = Seller::honest(terms(&[offer("1000")])).await;
    for status in [301, 302, 303, 307, 308] {
        let seller = shop_behind_redirect(status, other.url("/goods")).await;
        let buyer = Buyer::new();
        let error = buyer.refusal(&seller.url("/start")).await;
        let PaymentError::Redirected { answered } = &error else { panic!("{error}") };
        assert_eq!(answered, &other.url(""));
        assert_eq!(buyer.signatures(), 0);
    }
    assert!(other.paid_calls().is_empty());
}

#[tokio::test]
async fn a_way_back_through_another_origin_is_not_paid() {
    let home = std::sync::Arc::new(std::sync::OnceLock::<String>::new());
    let back = home.clone();
    let other = Seller::start(move |_| redirect(302, back.get().unwrap())).await;
    let seller = shop_behind_redirect(302, other.url("/")).await;
    home.set(seller.url("/goods-of-their-choice")).unwrap();
    let buyer = Buyer::new();
    let error = buyer.refusal(&seller.url("/start")).await;
    assert!(matches!(error, PaymentError::Redirected { .. }), "{error}");
    assert_eq!(buyer.signatures(), 0);
}

#[tokio::test]
async fn a_redirected_post_is_not_paid() {
    for status in [301, 303, 307] {
        let seller = shop_behind_redirect(status, "/goods").await;
        let buyer = Buyer::new();
        let request = buyer.http.post(seller.url("/start")).body("order");
        let error = common::refusal(request.send().await);
        assert!(matches!(error, PaymentError::RedirectedMethod { .. }), "{error}");
        assert_eq!(buyer.signatures(), 0);
    }
}

#[tokio::test]
async fn a_post_that_is_redirected_to_itself_is_not_paid() {
    let asked = std::sync::atomic::AtomicBool::new(false);
    let seller =
        Seller::start(move |_| match asked.swap(true, std::sync::atomic::Ordering::SeqCst) {
            false => redirect(302, "/start"),
            true => challenge(&terms(&[offer("1000")])),
        })
        .await;
    let buyer = Buyer::new();
    let error = common::refusal(buyer.http.post(seller.url("/start")).send().await);
    assert!(matches!(error, PaymentError::RedirectedMethod { .. }), "{error}");
    assert_eq!(buyer.signatures(), 0);
}

#[tokio::test]
async fn a_payment_follows_no_redirect() {
    for status in [301, 302, 303, 307, 308] {
        let other = Seller::start(|_| empty(reply(200))).await;
        let target = other.url("/collect");
        let seller = Seller::start(move |call| match (call.uri.path(), call.payment()) {
            ("/goods", None) => challenge(&terms(&[offer("1000")])),
            ("/goods", Some(_)) => redirect(status, &target),
            _ => empty(reply(200)),
        })
        .await;
        let buyer = Buyer::new();
        let answer = buyer.get(&seller.url("/goods")).await.unwrap();
        assert_eq!(answer.status(), status);
        assert_eq!(answer.receipt().unwrap().status(), &Status::Unknown);
        assert!(other.calls().is_empty());
        assert_eq!(buyer.signatures(), 1);
    }
}

#[tokio::test]
async fn a_payment_of_the_callers_own_follows_no_redirect_either() {
    let other = Seller::start(|_| empty(reply(200))).await;
    let seller = shop_behind_redirect(302, other.url("/collect")).await;
    let buyer = Buyer::new();
    let request = buyer.http.get(seller.url("/start")).header("PAYMENT-SIGNATURE", "mine");
    assert_eq!(request.send().await.unwrap().status(), 302);
    assert!(other.calls().is_empty());
}

#[tokio::test]
async fn the_callers_redirect_policy_does_not_loosen_it() {
    let other = Seller::honest(terms(&[offer("1000")])).await;
    let seller = shop_behind_redirect(302, other.url("/goods")).await;
    let buyer = Buyer::with_client(
        |builder| builder,
        |client| client.redirect(reqwest::redirect::Policy::limited(50)),
    );
    let error = buyer.refusal(&seller.url("/start")).await;
    assert!(matches!(error, PaymentError::Redirected { .. }), "{error}");
}

#[tokio::test]
async fn what_is_free_is_fetched_across_redirects() {
    let other = Seller::start(|_| empty(reply(204))).await;
    let seller = shop_behind_redirect(302, other.url("/free")).await;
    assert_eq!(Buyer::new().get(&seller.url("/start")).await.unwrap().status(), 204);
}

#[tokio::test]
async fn a_circle_of_redirects_ends() {
    let seller = shop_behind_redirect(302, "/start").await;
    let error = Buyer::new().get(&seller.url("/start")).await.unwrap_err();
    assert!(error.is_redirect(), "{error}");
    assert_eq!(seller.calls().len(), 11);
}
