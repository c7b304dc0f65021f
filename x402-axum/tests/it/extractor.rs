//! The payment as an argument of the handler.

use crate::common;
use crate::common::{Payer, Site};
use axum::Router;
use axum::routing::{get, post};
use x402_axum::{NotPaid, Payment};

async fn name_the_payer(payment: Payment) -> String {
    let symbol = payment.asset().symbol.clone();
    format!(
        "{} paid {} of {symbol} on {} to {} by {}, settled: {}",
        payment.payer(),
        payment.amount(),
        payment.network(),
        payment.pay_to(),
        payment.scheme(),
        payment.receipt().is_some(),
    )
}

async fn is_paid(payment: Option<Payment>) -> String {
    payment.is_some().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_handler_learns_who_paid_what() {
    let site = Site::prepare().await;
    let router = Router::new()
        .route("/goods", get(name_the_payer).layer(site.price()))
        .route("/maybe", get(is_paid).layer(site.price()));
    let site = site.serve(router).await;
    let payment = site.pay("/goods").await;
    let payer = Payer::number(1).address();
    assert_eq!(
        site.buy(&payment).await.body,
        format!(
            "{payer} paid 10000 of USDC on eip155:84532 to {} by exact, settled: false",
            common::PAY_TO
        )
    );
    let payment = site.pay("/maybe").await;
    let answer = site.get("/maybe", &[("payment-signature", &payment.header())]).await;
    assert_eq!(answer.body, "true");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upfront_route_gives_the_receipt() {
    let site = Site::prepare().await;
    let price = site.price().with(|price| price.upfront().description("A cent's worth")).unwrap();
    let router = Router::new().route("/goods", post(name_the_payer).layer(price));
    let site = site.serve(router).await;
    let terms = site.ask("POST", "/goods", &[]).await.challenge().expect("terms");
    assert_eq!(terms.resource.description.as_deref(), Some("A cent's worth"));
    let header = Payer::number(1).pay(&terms).await.header();
    let answer = site.ask("POST", "/goods", &[("payment-signature", &header)]).await;
    assert!(answer.body.ends_with("settled: true"), "{}", answer.body);
    assert_eq!(site.facilitator.verify().calls(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_that_counts_on_a_payment_does_not_run_without_a_price() {
    let site = Site::prepare().await;
    let router = Router::new().route("/goods", get(name_the_payer)).route("/maybe", get(is_paid));
    let site = site.serve(router).await;
    let answer = site.get("/goods", &[("payment-signature", "anything")]).await;
    assert_eq!((answer.status, answer.body.as_str()), (500, ""));
    assert_eq!(site.get("/maybe", &[("payment-signature", "anything")]).await.body, "false");
}

#[test]
fn who_counts_on_a_payment_is_told_all_that_can_be_the_matter() {
    let told = NotPaid.to_string();
    for way_out in [".layer(paywall.price(..)?)", "#[paid(..)]", "Option<Payment>"] {
        assert!(told.contains(way_out), "{told}");
    }
}
