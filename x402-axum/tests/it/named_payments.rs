//! A payment with a name, sent again over the wire.

use crate::common::{Payer, Payment, Site};
use axum::Router;
use axum::routing::post;
use serde_json::json;

fn named(mut payment: Payment, id: &str) -> Payment {
    let info = json!({ "required": true, "id": id });
    payment.extensions = Some(json!({ "payment-identifier": { "info": info } }).to_string());
    payment
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_is_sent_twice_is_taken_once() {
    let site = Site::prepare().await;
    let price = site.price().payment_identifier(true).unwrap();
    let goods = site.goods.clone();
    let order = post(async move || {
        goods.pass().await;
        ([("x-order", goods.count().to_string())], format!("order {}", goods.count()))
    });
    let site = site.serve(Router::new().route("/orders", order.layer(price))).await;
    let terms = site.ask("POST", "/orders", &[]).await.challenge().expect("terms");
    let buy = async |payment: Payment| {
        site.ask("POST", "/orders", &[("payment-signature", &payment.header())]).await
    };
    let payment = named(Payer::number(1).pay(&terms).await, "order_0123456789");
    let first = buy(payment.clone()).await;
    let again = buy(payment).await;
    for answer in [&first, &again] {
        assert_eq!((answer.status, answer.body.as_str()), (200, "order 1"));
        assert_eq!(answer.header("x-order"), Some("1"));
        assert_eq!(answer.header("content-length"), Some("7"));
    }
    assert_eq!(first.receipt().unwrap(), again.receipt().unwrap());
    assert_eq!((site.goods.count(), site.facilitator.moved()), (1, 1));

    let other = named(Payer::number(1).pay(&terms).await, "order_0123456789");
    assert_eq!(buy(other).await.assert_refused(409).error(), "payment_identifier_conflict");
    let nameless = Payer::number(1).pay(&terms).await;
    assert_eq!(buy(nameless).await.assert_refused(400).error(), "payment_identifier_required");
    assert_eq!((site.goods.count(), site.facilitator.moved()), (1, 1));
}
