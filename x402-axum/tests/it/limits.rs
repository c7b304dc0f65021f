//! Large requests and limited handlers, over real connections.

use std::sync::Arc;

use crate::common::{Payer, Site, sell};
use axum::Router;
use axum::routing::get;
use tower::ServiceBuilder;
use tower::limit::ConcurrencyLimitLayer;

#[tokio::test(flavor = "multi_thread")]
async fn a_large_payment_header_is_refused_and_the_site_lives_on() {
    let site = Site::open().await;
    let payment = site.pay("/goods").await;
    for (length, statuses) in [(16_385, &[400][..]), (100_000, &[400]), (1 << 20, &[400, 431])] {
        let answer = site.get("/goods", &[("payment-signature", &"A".repeat(length))]).await;
        assert!(statuses.contains(&answer.status), "{length}: {answer:?}");
        assert!(answer.challenge().is_none());
    }
    let many = vec![("payment-signature", "AAAA"); 90];
    assert_eq!(site.get("/goods", &many).await.assert_refused(400).error(), "ambiguous_payment");
    assert_eq!((site.facilitator.calls(), site.goods.count()), (0, 0));
    site.buy(&payment).await.assert_served();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_concurrency_limit_within_the_price_neither_panics_nor_leaks() {
    let site = Site::prepare().await;
    let goods = site.goods.clone();
    let layers = ServiceBuilder::new().layer(site.price()).layer(ConcurrencyLimitLayer::new(2));
    let handler = get(|| sell(goods)).layer(layers);
    let site = Arc::new(site.serve(Router::new().route("/goods", handler)).await);
    let terms = site.get("/goods", &[]).await.challenge().expect("terms");
    let payer = Payer::number(1);
    for _ in 0..2 {
        let mut requests = Vec::new();
        for number in 0..60 {
            let (site, header) = (Arc::clone(&site), payer.pay(&terms).await.header());
            requests.push(tokio::spawn(async move {
                if number % 2 == 0 {
                    (402, site.get("/goods", &[]).await.status)
                } else {
                    (200, site.get("/goods", &[("payment-signature", &header)]).await.status)
                }
            }));
        }
        for request in requests {
            let (expected, status) = request.await.unwrap();
            assert_eq!(status, expected);
        }
    }
    assert_eq!((site.goods.count(), site.facilitator.moved()), (60, 60));
}
