//! Pages of other sites can pay.

use crate::common::{MARKER, Site, sell};
use axum::Router;
use axum::routing::get;

async fn open() -> Site {
    let site = Site::prepare().await;
    let goods = site.goods.clone();
    let router = Router::new()
        .route("/goods", get(|| sell(goods)).layer(site.price()))
        .layer(x402_axum::cors());
    site.serve(router).await
}

/// The names in a header, in lower case.
fn names(value: Option<&str>) -> Vec<String> {
    value.unwrap_or_default().split(',').map(|name| name.trim().to_lowercase()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preflight_is_answered_without_a_payment_and_without_the_goods() {
    let site = open().await;
    let asked = [
        ("origin", "https://shop.example"),
        ("access-control-request-method", "GET"),
        ("access-control-request-headers", "payment-signature,sign-in-with-x"),
    ];
    let answer = site.ask("OPTIONS", "/goods", &asked).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(!answer.body.contains(MARKER), "{answer:?}");
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    assert_eq!(answer.header("access-control-max-age"), Some("7200"));
    assert_eq!(answer.header("access-control-allow-credentials"), None);
    let allowed = names(answer.header("access-control-allow-headers"));
    for name in ["payment-signature", "x-payment", "sign-in-with-x", "content-type"] {
        assert!(allowed.iter().any(|it| it == name), "{name}: {answer:?}");
    }
    assert_eq!(site.goods.count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_may_read_the_terms_and_the_receipt() {
    let site = open().await;
    let origin = ("origin", "https://shop.example");
    let terms = site.get("/goods", &[origin]).await;
    terms.assert_refused(402);
    let payment = site.pay("/goods").await.header();
    let paid = site.get("/goods", &[origin, ("payment-signature", &payment)]).await;
    paid.assert_served();
    for (answer, header) in [(&terms, "payment-required"), (&paid, "payment-response")] {
        assert_eq!(answer.header("access-control-allow-origin"), Some("*"), "{answer:?}");
        let exposed = names(answer.header("access-control-expose-headers"));
        assert!(exposed.iter().any(|it| it == header), "{answer:?}");
        assert!(answer.header(header).is_some(), "{answer:?}");
    }
}
