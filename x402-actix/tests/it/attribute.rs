//! `#[paid]`.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use crate::common::{Answer, Log, MARKER, Payer, Site, answer, until};
use actix_web::test::{TestRequest, call_service, init_service};
use actix_web::web::{Data, Json, Path, Query};
use actix_web::{App, HttpResponse, error, get, web};
use serde::{Deserialize, Serialize};
use x402_actix::{Payment, paid};

#[derive(Deserialize)]
struct City {
    city: String,
}

#[derive(Serialize)]
struct Weather {
    city: String,
    payer: String,
}

#[paid("$0.001", description = "Weather right now")]
async fn weather(city: Query<City>, payment: Payment) -> Json<Weather> {
    let held = Rc::new(RefCell::new(payment.payer().to_owned()));
    tokio::task::yield_now().await;
    let payer = held.borrow().clone();
    Json(Weather { city: city.into_inner().city, payer })
}

#[get("/item/{number}")]
#[paid("$0.01", upfront)]
async fn item(number: Path<u32>, payment: Option<Payment>) -> Result<String, error::Error> {
    match number.into_inner() {
        0 => Err(error::ErrorNotFound("no such item")),
        number => Ok(format!("{number} {}", payment.is_some())),
    }
}

#[paid("$0.01")]
async fn cookies() -> HttpResponse {
    let mut answer = HttpResponse::Ok();
    answer.append_header(("set-cookie", "a=1")).append_header(("set-cookie", "b=2")).body(MARKER)
}

#[paid("$0.01")]
async fn write(_: Json<serde_json::Value>) -> &'static str {
    MARKER
}

fn routes(config: &mut web::ServiceConfig) {
    config.route("/weather", web::get().to(weather)).service(item);
    config.route("/goods", web::to(cookies)).route("/write", web::post().to(write));
}

async fn open() -> Site {
    let site = Site::prepare().await;
    let paywall = site.paywall.clone();
    site.serve(move |config| {
        config.app_data(paywall.clone()).configure(routes);
    })
}

async fn buy(site: &Site, path: &str) -> Answer {
    let header = site.pay(path).await.header();
    site.get(path, &[("payment-signature", &header)]).await
}

#[actix_web::test]
async fn a_handler_is_sold_as_it_was_written() {
    let site = open().await;
    let terms = site.get("/weather?city=Oslo", &[]).await.challenge().expect("terms");
    assert_eq!(terms.resource.description.as_deref(), Some("Weather right now"));
    assert_eq!(terms.accepts[0].amount.to_string(), "1000");
    let sold = buy(&site, "/weather?city=Oslo").await;
    assert_eq!((sold.status, sold.json()["city"].as_str()), (200, Some("Oslo")));
    assert_eq!(sold.json()["payer"], Payer::number(1).address());
    assert_eq!(sold.header("content-type"), Some("application/json"));
    assert!(sold.receipt().expect("a receipt").success);

    let sold = buy(&site, "/goods").await;
    sold.assert_served();
    assert_eq!(sold.headers.get_all("set-cookie").iter().count(), 2);
    assert_eq!(site.facilitator.moved(), 2);
}

#[actix_web::test]
async fn it_stands_under_the_frameworks_own_attribute() {
    let site = open().await;
    assert_eq!(buy(&site, "/item/7").await.body, "7 true");
    // An error is the handler's, and what was settled before has its receipt.
    let failed = buy(&site, "/item/0").await;
    assert_eq!((failed.status, failed.body.as_str()), (404, "no such item"));
    assert!(failed.receipt().is_some());
    assert_eq!(site.facilitator.verify().calls(), 0);
}

#[actix_web::test]
async fn the_price_is_told_whatever_else_is_wrong() {
    let site = open().await;
    for (method, path) in [("GET", "/weather"), ("POST", "/write"), ("GET", "/item/x")] {
        site.ask(method, path, &[]).await.assert_challenged("Payment required");
    }
    site.post("POST", "/write", &[], "no json").await.assert_challenged("Payment required");
}

#[actix_web::test]
async fn what_the_handler_cannot_read_is_not_charged() {
    let site = open().await;
    let failed = buy(&site, "/weather").await;
    assert_eq!(failed.status, 400);
    assert!(failed.receipt().is_none());
    let terms = site.ask("POST", "/write", &[]).await.challenge().expect("terms");
    let header = Payer::number(1).pay(&terms).await.header();
    let headers = [("payment-signature", &*header), ("content-type", "application/json")];
    assert_eq!(site.post("POST", "/write", &headers, "{").await.status, 400);
    assert_eq!(site.facilitator.settle().calls(), 0);
    // The payment is as good as before, as soon as it has come free.
    let mut again = site.post("POST", "/write", &headers, "{}").await;
    for _ in 0..1_000 {
        if again.status != 409 {
            break;
        }
        again = site.post("POST", "/write", &headers, "{}").await;
    }
    again.assert_served();
    assert_eq!(site.facilitator.moved(), 1);
}

#[actix_web::test]
async fn the_payment_is_waited_for_while_it_is_verified() {
    let site = open().await;
    let header = site.pay("/weather?city=Oslo").await.header();
    site.facilitator.verify().latch.hold();
    let site = Rc::new(site);
    let buyer = Rc::clone(&site);
    let sold = actix_web::rt::spawn(async move {
        buyer.get("/weather?city=Oslo", &[("payment-signature", &header)]).await
    });
    site.facilitator.verify().latch.reached(1).await;
    site.facilitator.verify().latch.let_go();
    assert_eq!(sold.await.unwrap().json()["payer"], Payer::number(1).address());
}

#[actix_web::test]
async fn a_question_costs_nothing_and_gets_no_content() {
    let site = open().await;
    let told = site.ask("OPTIONS", "/goods", &[]).await;
    assert_eq!((told.status, told.body.as_str()), (204, ""));
    assert_eq!(told.header("set-cookie"), None, "the handler does not run");
    let unpaid = site.ask("HEAD", "/goods", &[]).await;
    assert_eq!(unpaid.status, 402);
    assert_eq!(site.facilitator.calls(), 0);
}

#[actix_web::test]
async fn a_payment_is_used_once() {
    let site = open().await;
    let payment = site.pay("/goods").await;
    site.buy(&payment).await.assert_served();
    assert_eq!(site.buy(&payment).await.assert_refused(409).error(), "payment_already_used");
    assert_eq!(site.facilitator.moved(), 1);
}

#[actix_web::test]
async fn without_a_paywall_nothing_is_given_away_and_the_log_says_what_to_add() {
    let log = Log::default();
    let _logging = log.start();
    let app = init_service(App::new().configure(routes)).await;
    for path in ["/goods", "/weather?city=Oslo", "/item/7"] {
        let request = TestRequest::with_uri(path).insert_header(("payment-signature", "anything"));
        let refused = answer(call_service(&app, request.to_request()).await).await;
        assert_eq!((refused.status, refused.body.as_str()), (500, ""), "{path}");
    }
    let told = log.text();
    assert_eq!(told.matches(".app_data(paywall.clone())").count(), 3, "{told}");
    assert!(told.contains("ERROR") && told.contains("attribute::weather"), "{told}");
}

#[actix_web::test]
async fn a_handler_that_is_sold_twice_is_not_sold() {
    let site = Site::prepare().await;
    let app = App::new().app_data(site.paywall.clone()).configure(routes).wrap(site.price());
    let app = init_service(app).await;
    let goods = || TestRequest::with_uri("/goods");
    let terms = answer(call_service(&app, goods().to_request()).await).await;
    let payment = Payer::number(1).pay(&terms.challenge().expect("terms")).await;
    let paid = goods().insert_header(("payment-signature", payment.header()));
    let refused = answer(call_service(&app, paid.to_request()).await).await;
    assert_eq!((refused.status, refused.body.as_str()), (500, ""));
    assert_eq!(site.facilitator.settle().calls(), 0);
}

#[actix_web::test]
async fn the_nearest_paywall_counts_and_data_will_do() {
    let site = Site::prepare().await;
    let cheap = Site::prepare().await;
    let app = App::new()
        .app_data(Data::from(Arc::new(site.paywall.clone())))
        .configure(routes)
        .service(web::scope("/scope").app_data(cheap.paywall.clone()).configure(routes));
    let app = init_service(app).await;
    for path in ["/goods", "/scope/goods"] {
        let request = || TestRequest::with_uri(path);
        let terms = answer(call_service(&app, request().to_request()).await).await;
        let payment = Payer::number(1).pay(&terms.challenge().expect("terms")).await;
        let paid = request().insert_header(("payment-signature", payment.header()));
        answer(call_service(&app, paid.to_request()).await).await.assert_served();
    }
    until(async || site.facilitator.moved() == 1).await;
    assert_eq!((site.facilitator.moved(), cheap.facilitator.moved()), (1, 1));
}
