//! A limit on the handler, inside the price.

use crate::common;
use std::convert::Infallible;
use std::time::Duration;

use crate::common::{Goods, Payer, Request, Shop, get, until};
use bytes::Bytes;
use http_body_util::Full;
use tower::limit::ConcurrencyLimitLayer;
use tower::{Layer, Service, ServiceBuilder, ServiceExt, service_fn};
use x402_server::layer::{Body, GateLayer};

const LIMIT: usize = 2;
/// A permit that does not come within this has been lost.
const PATIENCE: Duration = Duration::from_secs(10);

type Response = http::Response<Body<Full<Bytes>>>;

/// Goods behind a limit behind a price.
async fn limited(
    goods: &Goods,
) -> (
    Shop,
    impl Service<Request, Response = Response, Error = Infallible, Future: Send>
    + Clone
    + Send
    + 'static,
) {
    let shop = Shop::open().await;
    let gate = shop.paywall.price("$0.01").unwrap().gate().unwrap();
    let goods = goods.clone();
    let service = ServiceBuilder::new()
        .layer(GateLayer::new(gate))
        .layer(ConcurrencyLimitLayer::new(LIMIT))
        .service(service_fn(move |request| goods.clone().serve(request)));
    (shop, service)
}

async fn status<S>(service: S, headers: &[(&str, &str)]) -> u16
where
    S: Service<Request, Response = Response, Error = Infallible>,
{
    let answer = tokio::time::timeout(PATIENCE, service.oneshot(get("/goods", headers))).await;
    answer.expect("no permit came free").unwrap().status().as_u16()
}

#[tokio::test(flavor = "multi_thread")]
async fn many_paid_and_unpaid_requests_pass_under_the_limit() {
    let goods = Goods::default();
    let (shop, service) = limited(&goods).await;
    let (terms, payer) = (shop.terms("/goods").await, Payer::number(1));
    let mut requests = Vec::new();
    for number in 0..120 {
        let (service, header) = (service.clone(), payer.pay(&terms).await.header());
        requests.push(tokio::spawn(async move {
            match number % 3 {
                0 => (200, status(service, &[("payment-signature", &header)]).await),
                1 => (402, status(service, &[]).await),
                _ => (400, status(service, &[("payment-signature", "?")]).await),
            }
        }));
    }
    for request in requests {
        let (expected, status) = request.await.unwrap();
        assert_eq!(status, expected);
    }
    assert_eq!((goods.runs(), shop.facilitator.moved()), (40, 40));
}

#[tokio::test]
async fn the_limit_holds_and_no_permit_is_lost() {
    let goods = Goods::default();
    let (shop, mut service) = limited(&goods).await;
    let (terms, payer) = (shop.terms("/goods").await, Payer::number(1));
    // One instance that refuses again and again, as a connection's would, and is kept.
    for _ in 0..10 {
        let refused = service.ready().await.unwrap().call(get("/goods", &[])).await.unwrap();
        assert_eq!(refused.status(), 402);
    }
    // Another whose answers are thrown away before they come.
    for _ in 0..10 {
        let header = payer.pay(&terms).await.header();
        let mut other = service.clone();
        let request = get("/goods", &[("payment-signature", &header)]);
        drop(other.ready().await.unwrap().call(request));
    }

    goods.latch.hold();
    let mut purchases = Vec::new();
    for _ in 0..5 {
        let (service, header) = (service.clone(), payer.pay(&terms).await.header());
        let purchase = async move { status(service, &[("payment-signature", &header)]).await };
        purchases.push(tokio::spawn(purchase));
    }
    goods.latch.reached(LIMIT).await;
    for _ in 0..1000 {
        tokio::task::yield_now().await;
    }
    assert_eq!(goods.runs(), LIMIT);
    goods.latch.let_go();
    for purchase in purchases {
        assert_eq!(purchase.await.unwrap(), 200);
    }
    until(async || shop.facilitator.moved() == 5).await;
}

#[tokio::test]
async fn an_instance_that_refused_keeps_no_place_from_others() {
    let (shop, mut refusing) = limited(&Goods::default()).await;
    let mut others = vec![refusing.clone(), refusing.clone()];
    for service in others.iter_mut().chain([&mut refusing]) {
        let ready = tokio::time::timeout(PATIENCE, service.ready()).await;
        let ready = ready.expect("no permit came free").unwrap();
        assert_eq!(ready.call(get("/goods", &[])).await.unwrap().status(), 402);
    }
    let payment = Payer::number(1).pay(&shop.terms("/goods").await).await;
    let header = payment.header();
    assert_eq!(status(refusing.clone(), &[("payment-signature", &header)]).await, 200);
    drop(others);
}

#[tokio::test]
async fn a_service_that_must_be_polled_first_is_polled_first() {
    /// Panics when it is called without having been polled ready, as a strict service may.
    struct Strict(bool);

    impl Clone for Strict {
        fn clone(&self) -> Self {
            Self(false)
        }
    }

    impl Service<Request> for Strict {
        type Response = http::Response<Full<Bytes>>;
        type Error = Infallible;
        type Future = std::future::Ready<Result<Self::Response, Infallible>>;

        fn poll_ready(
            &mut self,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Result<(), Infallible>> {
            self.0 = true;
            std::task::Poll::Ready(Ok(()))
        }

        fn call(&mut self, _: Request) -> Self::Future {
            assert!(std::mem::take(&mut self.0), "called without being ready");
            std::future::ready(Ok(http::Response::default()))
        }
    }

    let shop = Shop::open().await;
    let gate = shop.paywall.price("$0.01").unwrap().gate().unwrap();
    let mut service = GateLayer::new(gate).layer(Strict(false));
    let (terms, payer) = (shop.terms("/goods").await, Payer::number(1));
    for _ in 0..3 {
        let header = payer.pay(&terms).await.header();
        for request in [
            get("/goods", &[]),
            common::request("OPTIONS", "/goods", &[]),
            get("/goods", &[("payment-signature", &header)]),
            get("/goods", &[("payment-signature", &header)]),
        ] {
            service.ready().await.unwrap().call(request).await.unwrap();
        }
    }
    assert_eq!(shop.facilitator.moved(), 3);
}
