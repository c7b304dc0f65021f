//! Prices that are limits, over real connections.

use crate::common;
use std::sync::Arc;

use crate::common::{Log, Payer, Site};
use axum::Router;
use axum::extract::Path;
use axum::routing::get;
use x402_axum::{ChargeError, NotCharged, Payment, PriceLayer};
use x402_ledger::Payments;
use x402_types::Amount;

/// A word costs a thousandth of a cent.
async fn words(Path(count): Path<u64>, payment: Payment) -> Result<String, NotCharged> {
    payment.charge(count * 10)?;
    Ok("word ".repeat(count as usize))
}

async fn refuse_more(Path(count): Path<u64>, payment: Payment) -> (http::StatusCode, String) {
    match payment.charge_price(&format!("${}", count)) {
        Ok(()) => (http::StatusCode::OK, "charged".to_owned()),
        Err(error) => (http::StatusCode::PAYLOAD_TOO_LARGE, error.reason().to_string()),
    }
}

async fn open() -> Site {
    let site = Site::prepare().await;
    let price = || site.paywall.upto("$0.01").unwrap();
    let router = Router::new()
        .route("/words/{count}", get(words).layer(price()))
        .route("/more/{count}", get(refuse_more).layer(price()));
    site.serve(router).await
}

async fn booked(site: &Site) -> Vec<(Amount, String)> {
    let lines = site.store.recent(100).await.unwrap();
    lines.into_iter().map(|line| (line.amount, line.status.to_string())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_handler_charges_by_what_it_served() {
    let site = open().await;
    for (number, count) in [0u64, 7, 1_000].into_iter().enumerate() {
        let path = format!("/words/{count}");
        let header = site.pay(&path).await.header();
        let answer = site.get(&path, &[("payment-signature", &header)]).await;
        assert_eq!((answer.status, answer.body.len()), (200, 5 * count as usize));
        let amount = Amount::from(count * 10);
        assert_eq!(answer.receipt().expect("a receipt").amount, Some(amount));
        assert_eq!(booked(&site).await[0], (amount, "settled".to_owned()), "{number}");
    }
    // Nothing was charged on the first.
    let amounts = site.facilitator.amounts();
    let settled: Vec<_> = amounts.iter().filter(|(question, _)| *question == "settle").collect();
    assert_eq!(
        settled.iter().map(|(_, amount)| amount.as_str()).collect::<Vec<_>>(),
        ["70", "10000"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_charge_above_the_price_is_the_handlers_to_answer_and_settles_nothing() {
    let site = open().await;
    let header = site.pay("/more/2").await.header();
    let answer = site.get("/more/2", &[("payment-signature", &header)]).await;
    assert_eq!(answer.status, 413);
    assert_eq!(answer.body, "2000000 is above 10000, the most that can be charged");
    assert_eq!(site.facilitator.settle().calls(), 0);
    assert!(answer.receipt().is_none() && booked(&site).await.is_empty());
}

/// Charges more than is asked, in each of the three ways.
async fn too_much(Path(way): Path<u64>, payment: Payment) -> Result<&'static str, NotCharged> {
    match way {
        0 => payment.charge(10_001u64)?,
        1 => payment.charge_price("$0.010001")?,
        _ => payment.charge_more(10_001u64)?,
    }
    Ok(common::MARKER)
}

#[tokio::test]
async fn a_charge_that_fails_is_answered_500_and_told_in_the_log_alone() {
    let log = Log::default();
    let _logging = log.start();
    let site = Site::prepare().await;
    let route = get(too_much).layer(site.paywall.upto("$0.01").unwrap());
    let site = site.serve(Router::new().route("/goods/{way}", route)).await;
    for way in 0..3 {
        let path = format!("/goods/{way}");
        let header = site.pay(&path).await.header();
        let answer = site.get(&path, &[("payment-signature", &header)]).await;
        assert_eq!((answer.status, answer.body.as_str()), (500, ""));
        assert!(answer.receipt().is_none() && answer.challenge().is_none());
    }
    assert_eq!(site.facilitator.settle().calls(), 0);
    let told = "10001 is above 10000, the most that can be charged";
    assert_eq!(log.text().matches(told).count(), 3, "{}", log.text());
}

#[test]
fn why_it_is_not_charged_is_kept() {
    let above = ChargeError::AboveLimit { amount: 2u64.into(), limit: 1u64.into() };
    let error = NotCharged::from(above.clone());
    assert_eq!(error.reason(), &above);
    let source = std::error::Error::source(&error).unwrap();
    assert_eq!(source.downcast_ref(), Some(&above));
    assert!(error.to_string().ends_with(&above.to_string()), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_copies_are_charged_once() {
    let site = Arc::new(open().await);
    let header = site.pay("/words/3").await.header();
    let copies = (0..20).map(|_| {
        let (site, header) = (Arc::clone(&site), header.clone());
        tokio::spawn(
            async move { site.get("/words/3", &[("payment-signature", &header)]).await.status },
        )
    });
    let mut statuses = Vec::new();
    for copy in copies.collect::<Vec<_>>() {
        statuses.push(copy.await.unwrap());
    }
    statuses.sort_unstable();
    assert_eq!(statuses[0], 200);
    assert!(statuses[1..].iter().all(|status| *status == 409), "{statuses:?}");
    assert_eq!(booked(&site).await, [(Amount::from(30u64), "settled".to_owned())]);
    assert_eq!((site.facilitator.settle().calls(), site.facilitator.moved()), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_price_by_permit2_is_a_change_of_the_layer() {
    let site = Site::prepare().await;
    let change = |price: PriceLayer| price.with(|price| price.permit2()).unwrap();
    let router =
        Router::new().route("/goods", get(async || common::MARKER).layer(change(site.price())));
    let site = site.serve(router).await;
    let terms = site.get("/goods", &[]).await.challenge().expect("terms");
    assert!(terms.accepts[0].as_str().contains(r#""assetTransferMethod":"permit2""#));
    site.buy(&Payer::number(1).pay(&terms).await).await.assert_served();
}
