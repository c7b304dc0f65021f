//! What can be wrapped in a price, and what comes out of it.

use crate::common;
use std::cell::RefCell;
use std::rc::Rc;

use crate::common::{Latch, Log, MARKER, Payer, Site, answer, sell, until};
use actix_web::body::{BodySize, MessageBody, None};
use actix_web::http::Method;
use actix_web::middleware::DefaultHeaders;
use actix_web::test::{TestRequest, call_service, init_service};
use actix_web::{App, HttpMessage, HttpResponse, web};
use x402_actix::{ConfigError, GateLayer, Inquiry, Quote};

/// Asks an app without a payment, then with one.
macro_rules! buy {
    ($app:expr, $method:expr, $path:expr) => {{
        let request = || TestRequest::with_uri($path).method($method);
        let unpaid = answer(call_service(&$app, request().to_request()).await).await;
        let terms = unpaid.assert_challenged("Payment required").challenge().unwrap();
        assert_eq!(terms.resource.url, format!("{}{}", common::SITE, $path));
        let header = Payer::number(1).pay(&terms).await.header();
        let paid = request().insert_header(("payment-signature", header));
        call_service(&$app, paid.to_request()).await
    }};
}

#[actix_web::test]
async fn a_resource_a_route_and_a_scope_are_sold_by_their_whole_address() {
    let site = Site::prepare().await;
    let goods = || {
        let goods = site.goods.clone();
        move || sell(goods.clone())
    };
    let price = site.price();
    let items = web::scope("/v1")
        .service(web::resource("/items/{id}").get(goods()).wrap(price.clone()))
        .route("/route", web::get().to(goods()).wrap(price.clone()))
        .service(web::scope("/all").route("/{id}", web::get().to(goods())).wrap(price));
    let app = init_service(
        App::new()
            .service(web::scope("/api").service(items))
            .route("/free", web::get().to(async || "free")),
    )
    .await;
    for path in ["/api/v1/items/7?page=2", "/api/v1/route", "/api/v1/all/7"] {
        answer(buy!(app, Method::GET, path)).await.assert_served();
    }
    let request = TestRequest::with_uri("/api/v1/all/nothing/here").to_request();
    answer(call_service(&app, request).await).await.assert_challenged("Payment required");
    let free = TestRequest::with_uri("/free").to_request();
    assert_eq!(answer(call_service(&app, free).await).await.body, "free");
    assert_eq!((site.goods.count(), site.facilitator.moved()), (3, 3));
}

#[actix_web::test]
async fn a_price_on_an_app_covers_all_of_it() {
    let site = Site::prepare().await;
    let goods = site.goods.clone();
    let app = App::new()
        .route("/goods", web::get().to(move || sell(goods.clone())))
        .wrap(site.price())
        .wrap(DefaultHeaders::new().add(("access-control-allow-origin", "*")));
    let app = init_service(app).await;
    for path in ["/goods", "/", "/nothing/here"] {
        let request = TestRequest::with_uri(path).to_request();
        let unpaid = answer(call_service(&app, request).await).await;
        unpaid.assert_challenged("Payment required");
        // What stands further out has its say in it.
        assert_eq!(unpaid.header("access-control-allow-origin"), Some("*"));
    }
    answer(buy!(app, Method::GET, "/goods")).await.assert_served();
    // What is not there is not charged.
    assert_eq!(buy!(app, Method::GET, "/nothing/here").status(), 404);
    assert_eq!((site.goods.count(), site.facilitator.moved()), (1, 1));
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Mark(u32);

#[actix_web::test]
async fn nothing_of_an_answer_is_lost() {
    let site = Site::prepare().await;
    let handler = async || {
        let mut answer = HttpResponse::Created();
        answer.append_header(("set-cookie", "a=1; Path=/")).append_header(("set-cookie", "b=2"));
        answer.append_header(("cache-control", "public, max-age=60"));
        answer.append_header(("x-bytes", &b"\xe9"[..])).reason("Sold");
        answer.extensions_mut().insert(Mark(7));
        answer.body(MARKER)
    };
    let resource = web::resource("/goods").get(handler).wrap(site.price());
    let app = init_service(App::new().service(resource)).await;
    let sold = buy!(app, Method::GET, "/goods");
    assert_eq!((sold.status().as_u16(), sold.response().head().reason()), (201, "Sold"));
    assert_eq!(sold.response().extensions().get::<Mark>(), Some(&Mark(7)));
    let cookies: Vec<_> = sold.headers().get_all("set-cookie").collect();
    assert_eq!(cookies, ["a=1; Path=/", "b=2"]);
    assert_eq!(sold.headers().get("x-bytes").unwrap().as_bytes(), b"\xe9");
    assert_eq!(sold.headers().get("cache-control").unwrap(), "private, max-age=60");
    assert_eq!(sold.response().body().size(), BodySize::Sized(MARKER.len() as u64));
    assert!(sold.request().extensions().get::<x402_server::Payment>().is_some());
    let sold = answer(sold).await;
    assert_eq!(sold.body, MARKER);
    assert!(sold.receipt().expect("a receipt").success);
}

#[actix_web::test]
async fn an_empty_answer_stays_as_empty_as_it_was() {
    let site = Site::prepare().await;
    let metered = || site.paywall.upto("$0.01").unwrap().with(|it| it.streaming()).unwrap();
    for price in [site.price(), site.price().with(|it| it.upfront()).unwrap(), metered()] {
        let app = App::new()
            .route("/none", web::get().to(async || HttpResponse::NoContent().body(None::new())))
            .route("/zero", web::get().to(async || HttpResponse::NoContent().finish()))
            .wrap(price);
        let app = init_service(app).await;
        for (path, size) in [("/none", BodySize::None), ("/zero", BodySize::ZERO)] {
            let sold = buy!(app, Method::GET, path);
            assert_eq!((sold.status().as_u16(), sold.response().body().size()), (204, size));
        }
    }
    until(async || site.books().await == ["settled"; 6]).await;
}

#[actix_web::test]
async fn a_question_costs_nothing_and_gets_no_content() {
    let site = Site::prepare().await;
    let handler = async || HttpResponse::Ok().insert_header(("allow", "GET")).body(MARKER);
    let resource = web::resource("/goods").to(handler).wrap(site.price());
    let app = init_service(App::new().service(resource)).await;
    let question = TestRequest::with_uri("/goods").method(Method::OPTIONS);
    let told = answer(call_service(&app, question.to_request()).await).await;
    assert_eq!((told.status, told.header("allow"), told.body.as_str()), (200, Some("GET"), ""));
    assert!(told.receipt().is_none());
    assert_eq!(site.facilitator.calls(), 0);
}

#[actix_web::test]
async fn head_costs_as_much_as_get() {
    let site = Site::prepare().await;
    let (goods, price) = (Latch::default(), site.price());
    let site = site.serve(move |config| {
        let goods = goods.clone();
        let resource = web::resource("/goods").to(move || sell(goods.clone()));
        config.service(resource.wrap(price.clone()));
    });
    let unpaid = site.ask("HEAD", "/goods", &[]).await;
    assert_eq!((unpaid.status, unpaid.body.as_str()), (402, ""));
    let terms = unpaid.challenge().expect("terms");
    let header = Payer::number(1).pay(&terms).await.header();
    let paid = site.ask("HEAD", "/goods", &[("payment-signature", &header)]).await;
    assert_eq!((paid.status, paid.body.as_str()), (200, ""));
    assert_eq!(paid.header("content-length"), Some(&*MARKER.len().to_string()));
    assert!(paid.receipt().expect("a receipt").success);
    assert_eq!(site.facilitator.moved(), 1);
}

/// Handlers of actix-web stay on their thread.
#[actix_web::test]
async fn a_handler_may_hold_what_cannot_be_sent() {
    let site = Site::prepare().await;
    let shared = Rc::new(RefCell::new(Vec::new()));
    let log = Rc::clone(&shared);
    let handler = move |payment: x402_actix::Payment| {
        let log = Rc::clone(&log);
        async move {
            let held = Rc::new(payment.payer().to_owned());
            tokio::task::yield_now().await;
            log.borrow_mut().push(String::clone(&held));
            HttpResponse::Ok().body(held.to_string())
        }
    };
    let resource = web::resource("/goods").get(handler).wrap(site.price());
    let app = init_service(App::new().service(resource)).await;
    let payer = Payer::number(1).address();
    assert_eq!(answer(buy!(app, Method::GET, "/goods")).await.body, payer);
    assert_eq!(*shared.borrow(), [payer]);
}

#[actix_web::test]
async fn what_is_given_away_is_for_its_client_alone() {
    let site = Site::prepare().await;
    let by_age = site.paywall.price_by(|inquiry: Inquiry| async move {
        Ok::<Quote, ConfigError>(match inquiry.query_param("age").as_deref() {
            Some("7") => Quote::Free,
            _ => inquiry.price("$0.01")?.into(),
        })
    });
    let handler = async || {
        let mut answer = HttpResponse::Ok();
        answer.insert_header(("cache-control", "public, max-age=60")).body(MARKER)
    };
    let resource =
        web::resource("/goods").get(handler).wrap(GateLayer::new(by_age.gate().unwrap()));
    let app = init_service(App::new().service(resource)).await;
    let given = call_service(&app, TestRequest::with_uri("/goods?age=7").to_request()).await;
    let given = answer(given).await;
    assert_eq!(given.header("cache-control"), Some("private, max-age=60"));
    assert!(given.assert_served().receipt().is_none());
    answer(buy!(app, Method::GET, "/goods?age=8")).await.assert_served();
    assert_eq!(site.facilitator.moved(), 1);
}

#[actix_web::test]
async fn a_price_within_a_price_is_logged_and_nothing_is_charged() {
    let log = Log::default();
    let _logging = log.start();
    let site = Site::prepare().await;
    let resource = web::resource("/goods/{number}").get(async || MARKER).wrap(site.price());
    let app = init_service(App::new().service(resource).wrap(site.price())).await;
    let refused = answer(buy!(app, Method::GET, "/goods/7")).await;
    assert_eq!((refused.status, refused.body.as_str()), (500, ""));
    assert!(refused.challenge().is_none() && refused.receipt().is_none());
    assert_eq!(site.facilitator.settle().calls(), 0);
    log.assert_holds("a price stands behind another price");
    log.assert_holds("/goods/{number}");
}
