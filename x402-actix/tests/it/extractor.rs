//! The payment as an argument of the handler.

use crate::common;
use crate::common::{Log, MARKER, Payer, Site, answer};
use actix_web::test::{TestRequest, call_service, init_service};
use actix_web::{App, HttpResponse, web};
use x402_actix::{ChargeError, NotCharged, NotPaid, Payment};
use x402_types::Amount;

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

#[actix_web::test]
async fn the_handler_learns_who_paid_what() {
    let site = Site::prepare().await;
    let price = site.price();
    let site = site.serve(move |config| {
        config.service(web::resource("/goods").get(name_the_payer).wrap(price.clone()));
        config.service(web::resource("/maybe").get(is_paid).wrap(price.clone()));
    });
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

#[actix_web::test]
async fn an_upfront_route_gives_the_receipt() {
    let site = Site::prepare().await;
    let price = site.price().with(|price| price.upfront().description("A cent's worth")).unwrap();
    let site = site.serve(move |config| {
        config.service(web::resource("/goods").post(name_the_payer).wrap(price.clone()));
    });
    let terms = site.ask("POST", "/goods", &[]).await.challenge().expect("terms");
    assert_eq!(terms.resource.description.as_deref(), Some("A cent's worth"));
    let header = Payer::number(1).pay(&terms).await.header();
    let answer = site.ask("POST", "/goods", &[("payment-signature", &header)]).await;
    assert!(answer.body.ends_with("settled: true"), "{}", answer.body);
    assert_eq!(site.facilitator.verify().calls(), 0);
}

#[actix_web::test]
async fn a_handler_that_counts_on_a_payment_does_not_run_without_a_price() {
    let site = Site::prepare().await;
    let site = site.serve(|config| {
        config.service(web::resource("/goods").get(name_the_payer));
        config.service(web::resource("/maybe").get(is_paid));
    });
    let answer = site.get("/goods", &[("payment-signature", "anything")]).await;
    assert_eq!((answer.status, answer.body.as_str()), (500, ""));
    assert_eq!(site.get("/maybe", &[("payment-signature", "anything")]).await.body, "false");
}

/// A word costs a thousandth of a cent.
async fn words(count: web::Path<u64>, payment: Payment) -> HttpResponse {
    match payment.charge(*count * 10) {
        Ok(()) => HttpResponse::Ok().body("word ".repeat(*count as usize)),
        Err(error) => HttpResponse::PayloadTooLarge().body(error.reason().to_string()),
    }
}

#[actix_web::test]
async fn the_handler_charges_by_what_it_served() {
    let site = Site::prepare().await;
    let price = site.paywall.upto("$0.01").unwrap();
    let site = site.serve(move |config| {
        config.service(web::resource("/words/{count}").get(words).wrap(price.clone()));
    });
    for count in [0u64, 7, 1_000] {
        let path = format!("/words/{count}");
        let header = site.pay(&path).await.header();
        let answer = site.get(&path, &[("payment-signature", &header)]).await;
        assert_eq!((answer.status, answer.body.len()), (200, 5 * count as usize));
        let amount = Some(Amount::from(count * 10));
        assert_eq!(answer.receipt().expect("a receipt").amount, amount);
    }
    let header = site.pay("/words/1001").await.header();
    let answer = site.get("/words/1001", &[("payment-signature", &header)]).await;
    assert_eq!(answer.status, 413);
    assert_eq!(answer.body, "10010 is above 10000, the most that can be charged");
    assert_eq!(site.books().await, ["settled"; 3]);
}

/// Charges more than is asked, in each of the three ways.
async fn too_much(way: web::Path<u64>, payment: Payment) -> Result<&'static str, NotCharged> {
    match *way {
        0 => payment.charge(10_001u64)?,
        1 => payment.charge_price("$0.010001")?,
        _ => payment.charge_more(10_001u64)?,
    }
    Ok(MARKER)
}

#[actix_web::test]
async fn a_charge_that_fails_is_answered_500_and_told_in_the_log_alone() {
    let log = Log::default();
    let _logging = log.start();
    let site = Site::prepare().await;
    let price = site.paywall.upto("$0.01").unwrap();
    let resource = web::resource("/goods/{way}").get(too_much).wrap(price);
    let app = init_service(App::new().service(resource)).await;
    for way in 0..3 {
        let request = || TestRequest::with_uri(&format!("/goods/{way}"));
        let terms = answer(call_service(&app, request().to_request()).await).await;
        let header = Payer::number(1).pay(&terms.challenge().expect("terms")).await.header();
        let paid = request().insert_header(("payment-signature", header));
        let failed = answer(call_service(&app, paid.to_request()).await).await;
        assert_eq!((failed.status, failed.body.as_str()), (500, ""));
        assert!(failed.receipt().is_none() && failed.challenge().is_none());
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

#[test]
fn who_counts_on_a_payment_is_told_all_that_can_be_the_matter() {
    let told = NotPaid.to_string();
    for way_out in [".wrap(paywall.price(..)?)", "#[paid(..)]", "Option<Payment>"] {
        assert!(told.contains(way_out), "{told}");
    }
}
