//! Errors, in the handler's answer and in its place.

use crate::common::{MARKER, Payer, Site, answer};
use actix_web::error::{ErrorForbidden, InternalError};
use actix_web::http::StatusCode;
use actix_web::middleware::{Next, from_fn};
use actix_web::test::{TestRequest, call_service, init_service, try_call_service};
use actix_web::{App, Error, HttpResponse, dev, web};
use x402_actix::PriceLayer;

async fn fail() -> Result<&'static str, Error> {
    Err(ErrorForbidden("not you"))
}

/// The header of a payment for what an app sells at `/goods`.
macro_rules! pay {
    ($app:expr) => {{
        let unpaid = call_service(&$app, TestRequest::with_uri("/goods").to_request()).await;
        let terms = answer(unpaid).await.challenge().expect("terms");
        ("payment-signature", Payer::number(1).pay(&terms).await.header())
    }};
}

#[actix_web::test]
async fn a_handlers_error_is_not_charged_and_stays_what_it_was() {
    let site = Site::prepare().await;
    let resource = web::resource("/goods").get(fail).wrap(site.price());
    let app = init_service(App::new().service(resource)).await;
    let paid = TestRequest::with_uri("/goods").insert_header(pay!(app)).to_request();
    let failed = call_service(&app, paid).await;
    assert_eq!(failed.response().error().expect("the error").to_string(), "not you");
    let failed = answer(failed).await;
    assert_eq!((failed.status, failed.body.as_str()), (403, "not you"));
    assert!(failed.receipt().is_none());
    assert_eq!((site.facilitator.settle().calls(), site.facilitator.verify().calls()), (0, 1));
}

/// An app in which something between the price and the handler answers by an error.
macro_rules! app_with_error {
    ($price:expr, $error:expr) => {{
        let price: PriceLayer = $price;
        let within = from_fn(async |_: dev::ServiceRequest, _: Next<_>| {
            Err::<dev::ServiceResponse, Error>($error)
        });
        let resource = web::resource("/goods").get(async || MARKER).wrap(within).wrap(price);
        init_service(App::new().service(resource)).await
    }};
}

#[actix_web::test]
async fn an_error_from_within_reaches_what_stands_further_out() {
    let site = Site::prepare().await;
    let app = app_with_error!(site.price(), {
        // Can be made an answer once.
        let response = HttpResponse::Forbidden().append_header(("x-why", "because")).body("no");
        InternalError::from_response("not you", response).into()
    });
    let paid = TestRequest::with_uri("/goods").insert_header(pay!(app)).to_request();
    let error = try_call_service(&app, paid).await.map(|_| ()).expect_err("the error");
    assert_eq!(error.to_string(), "not you");
    let response = error.error_response();
    assert_eq!(
        (response.status(), response.headers().get("x-why").unwrap().as_bytes()),
        (StatusCode::FORBIDDEN, &b"because"[..])
    );
    assert_eq!(response.headers().get("cache-control").unwrap(), "private");
    assert!(response.headers().get("payment-response").is_none());
    let body = actix_web::body::to_bytes(response.into_body()).await.unwrap();
    assert_eq!(body, "no");
    assert_eq!(site.facilitator.settle().calls(), 0);
    // What was not charged can be used again.
    let books = site.books().await;
    assert!(books.iter().all(|status| status != "settled"), "{books:?}");
}

#[actix_web::test]
async fn what_is_settled_upfront_has_its_receipt_on_an_error_too() {
    let site = Site::prepare().await;
    let price = site.price().with(|price| price.upfront()).unwrap();
    let app = app_with_error!(price, ErrorForbidden("not you"));
    let paid = TestRequest::with_uri("/goods").insert_header(pay!(app)).to_request();
    let error = try_call_service(&app, paid).await.map(|_| ()).expect_err("the error");
    let response = error.error_response();
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
    assert!(response.headers().contains_key("payment-response"));
    assert_eq!(site.facilitator.moved(), 1);
}

#[actix_web::test]
async fn an_error_that_is_a_success_is_charged_as_one() {
    let site = Site::prepare().await;
    let app = app_with_error!(site.price(), {
        InternalError::from_response("fine", HttpResponse::Ok().body(MARKER)).into()
    });
    let payment = pay!(app);
    let paid = || TestRequest::with_uri("/goods").insert_header(payment.clone()).to_request();
    let error = try_call_service(&app, paid()).await.map(|_| ()).expect_err("the error");
    assert!(error.error_response().headers().contains_key("payment-response"));
    assert_eq!(site.facilitator.moved(), 1);
    let again = answer(call_service(&app, paid()).await).await;
    assert_eq!(again.assert_refused(409).error(), "payment_already_used");
}

#[actix_web::test]
async fn an_error_to_a_question_gives_no_content() {
    let site = Site::prepare().await;
    let app = app_with_error!(site.price(), ErrorForbidden(MARKER));
    let question = TestRequest::with_uri("/goods").method(actix_web::http::Method::OPTIONS);
    let error = try_call_service(&app, question.to_request()).await;
    let response = error.map(|_| ()).expect_err("the error").error_response();
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
    assert!(actix_web::body::to_bytes(response.into_body()).await.unwrap().is_empty());
}
