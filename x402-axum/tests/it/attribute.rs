//! Handlers that say their price themselves.

use crate::common;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll};

use crate::common::{Answer, Double, Log, MARKER, Payer, builder};
use axum::body::Body;
use axum::extract::{FromRequestParts, Path, Query, State};
use axum::http::request::Parts;
use axum::http::{Request, StatusCode};
use axum::response::IntoResponse;
use axum::routing::{any, get, post};
use axum::{Json, Router};
use http_body_util::BodyExt;
use serde::{Deserialize, Serialize};
use tower::ServiceExt;
use x402_axum::{NotCharged, Payment, Paywall, paid};
use x402_ledger::{MemoryStore, Payments};

/// A router, and what stands behind it.
struct Shop {
    router: Router,
    facilitator: Double,
    store: MemoryStore,
}

impl Shop {
    async fn open(router: Router) -> Self {
        let (facilitator, store) = (Double::default(), MemoryStore::new());
        let paywall: Paywall =
            builder(&facilitator, &store).network("base").accept_v1().build().await.unwrap();
        Self { router: router.layer(paywall), facilitator, store }
    }

    async fn ask(&self, method: &str, uri: &str, headers: &[(&str, &str)]) -> Answer {
        ask(&self.router, method, uri, headers).await
    }

    /// Buys at this address, from the terms that it tells.
    async fn buy(&self, method: &str, uri: &str) -> Answer {
        let terms = self.ask(method, uri, &[]).await.challenge().expect("terms");
        let payment = Payer::number(1).pay(&terms).await.header();
        self.ask(method, uri, &[("payment-signature", &payment)]).await
    }

    async fn booked(&self) -> Vec<(String, String)> {
        let lines = self.store.recent(100).await.unwrap();
        lines.into_iter().map(|it| (it.amount.to_string(), it.status.to_string())).collect()
    }
}

async fn ask(router: &Router, method: &str, uri: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = Request::builder().method(method).uri(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let (head, body) = answer.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let body = String::from_utf8(body.to_vec()).unwrap();
    Answer { status: head.status.as_u16(), headers: head.headers, body }
}

#[derive(Deserialize, Serialize)]
struct City {
    city: String,
}

/// Weather of a city.
#[paid(
    "$0.01",
    or = ["0.02 USDC"],
    networks = ["base-sepolia", "polygon"],
    description = "Weather right now",
    mime_type = "application/json",
    tags = ["weather", "now"],
    service_name = "Sky & Sons",
    route = "GET /weather",
    max_timeout_seconds = 60
)]
async fn weather(Query(City { city }): Query<City>, payment: Payment) -> Json<City> {
    Json(City { city: format!("{city} for {}", payment.payer()) })
}

#[paid("$0.01")]
async fn goods() -> &'static str {
    MARKER
}

#[tokio::test]
async fn the_price_is_told_before_any_extractor_looks_at_the_request() {
    let shop = Shop::open(Router::new().route("/weather", get(weather))).await;
    let terms = shop.ask("GET", "/weather?town=Paris", &[]).await;
    terms.assert_refused(402);
    let terms = terms.challenge().unwrap();
    assert_eq!(terms.resource.url, format!("{}/weather?town=Paris", common::SITE));
    assert_eq!(terms.resource.description.as_deref(), Some("Weather right now"));
    assert_eq!(terms.resource.mime_type.as_deref(), Some("application/json"));
    assert_eq!(terms.resource.service_name.as_deref(), Some("Sky & Sons"));
    assert_eq!(terms.resource.tags, Some(vec!["weather".to_owned(), "now".to_owned()]));
    let offers: Vec<_> = terms
        .accepts
        .iter()
        .map(|it| (it.network.as_str(), it.amount.to_string(), it.max_timeout_seconds))
        .collect();
    let on = "eip155:84532";
    assert_eq!(offers, [(on, "10000".to_owned(), 60), (on, "20000".to_owned(), 60)]);
    assert_eq!(shop.facilitator.calls(), 0);
}

#[tokio::test]
async fn a_paid_request_is_answered_with_a_receipt_and_booked() {
    let shop = Shop::open(Router::new().route("/weather", get(weather))).await;
    let answer = shop.buy("GET", "/weather?city=Paris").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let payer = Payer::number(1).address();
    assert_eq!(answer.json()["city"], format!("Paris for {payer}"));
    assert!(answer.receipt().is_some() && answer.header("cache-control") == Some("private"));
    assert_eq!(shop.booked().await, [("10000".to_owned(), "settled".to_owned())]);
}

#[tokio::test]
async fn the_alternative_price_is_settled_where_the_payer_takes_it() {
    let shop = Shop::open(Router::new().route("/weather", get(weather))).await;
    let uri = "/weather?city=Paris";
    let terms = shop.ask("GET", uri, &[]).await.challenge().unwrap();
    let payment = Payer::number(1).pay_offer(&terms, &terms.accepts[1]).await.header();
    assert_eq!(shop.ask("GET", uri, &[("payment-signature", &payment)]).await.status, 200);
    assert_eq!(shop.booked().await, [("20000".to_owned(), "settled".to_owned())]);
}

#[tokio::test]
async fn an_extractor_that_refuses_gives_the_payment_back() {
    async fn choosy(parts: &mut Parts) -> bool {
        parts.headers.contains_key("please")
    }
    struct Please;
    impl<S: Sync> FromRequestParts<S> for Please {
        type Rejection = StatusCode;
        async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, StatusCode> {
            choosy(parts).await.then_some(Self).ok_or(StatusCode::BAD_REQUEST)
        }
    }
    #[paid("$0.01")]
    async fn polite(_: Please) -> &'static str {
        MARKER
    }
    let shop = Shop::open(Router::new().route("/goods", get(polite))).await;
    let terms = shop.ask("GET", "/goods", &[]).await.challenge().unwrap();
    let payment = Payer::number(1).pay(&terms).await.header();
    let paid = ("payment-signature", payment.as_str());
    assert_eq!(shop.ask("GET", "/goods", &[paid]).await.status, 400);
    assert_eq!(shop.facilitator.settle().calls(), 0);
    // It is given back in a task of its own.
    let mut answer = None;
    common::until(async || {
        let retried = shop.ask("GET", "/goods", &[paid, ("please", "!")]).await;
        answer = (retried.status != 409).then_some(retried);
        answer.is_some()
    })
    .await;
    answer.unwrap().assert_served();
    assert_eq!(shop.booked().await.len(), 1);
}

#[tokio::test]
async fn a_handlers_error_is_not_charged() {
    #[paid("$0.01")]
    async fn fails() -> Result<&'static str, (StatusCode, String)> {
        Err((StatusCode::IM_A_TEAPOT, "no coffee".to_owned()))
    }
    let shop = Shop::open(Router::new().route("/coffee", get(fails))).await;
    let answer = shop.buy("GET", "/coffee").await;
    assert_eq!((answer.status, answer.body.as_str()), (418, "no coffee"));
    assert!(answer.receipt().is_none() && shop.booked().await.is_empty());
    assert_eq!(shop.facilitator.settle().calls(), 0);
}

#[tokio::test]
async fn the_handler_has_state_and_whoever_paid() {
    #[paid("$0.01")]
    async fn greet(State(greeting): State<String>, payment: Option<Payment>) -> String {
        format!("{greeting} {}", payment.map_or("nobody".to_owned(), |it| it.payer().to_owned()))
    }
    let router = Router::new().route("/greet", get(greet)).with_state("Hello".to_owned());
    let shop = Shop::open(router).await;
    let payer = Payer::number(1).address();
    assert_eq!(shop.buy("GET", "/greet").await.body, format!("Hello {payer}"));
}

#[tokio::test]
async fn a_nested_handler_is_sold_under_its_whole_address() {
    #[paid("$0.01")]
    async fn user(Path((shop, user)): Path<(String, u32)>) -> String {
        format!("{user} of {shop}")
    }
    let users = Router::new().route("/users/{user}", get(user));
    let shop = Shop::open(Router::new().nest("/shops/{shop}", users)).await;
    let terms = shop.ask("GET", "/shops/a/users/7?x=1", &[]).await.challenge().unwrap();
    assert_eq!(terms.resource.url, format!("{}/shops/a/users/7?x=1", common::SITE));
    assert_eq!(shop.buy("GET", "/shops/a/users/7").await.body, "7 of a");
    // What was paid for one address is no payment for another.
    let payment = Payer::number(1).pay(&terms).await.header();
    let paid = [("payment-signature", payment.as_str())];
    shop.ask("GET", "/shops/b/users/7?x=1", &paid).await.assert_refused(402);
}

#[tokio::test]
async fn options_is_free_and_does_not_run_the_handler() {
    static RUNS: AtomicUsize = AtomicUsize::new(0);

    #[paid("$0.01")]
    async fn pass() -> ([(&'static str, &'static str); 1], &'static str) {
        RUNS.fetch_add(1, SeqCst);
        ([("set-cookie", "session=a-day")], MARKER)
    }
    let shop = Shop::open(Router::new().route("/goods", any(pass))).await;
    let answer = shop.ask("OPTIONS", "/goods", &[]).await;
    assert_eq!((answer.status, answer.body.as_str()), (204, ""));
    assert_eq!((answer.header("set-cookie"), RUNS.load(SeqCst)), (None, 0));
    shop.ask("HEAD", "/goods", &[]).await.assert_refused(402);
    shop.ask("PURGE", "/goods", &[]).await.assert_refused(402);
}

#[tokio::test]
async fn a_limit_is_charged_as_the_handler_says() {
    #[paid("$0.01", upto)]
    async fn words(Path(count): Path<u64>, payment: Payment) -> Result<String, NotCharged> {
        payment.charge(count * 10)?;
        Ok("word ".repeat(count as usize))
    }
    let shop = Shop::open(Router::new().route("/words/{count}", post(words))).await;
    let answer = shop.buy("POST", "/words/7").await;
    assert_eq!((answer.status, answer.body.len()), (200, 35));
    assert_eq!(shop.booked().await, [("70".to_owned(), "settled".to_owned())]);
}

#[tokio::test]
async fn a_stream_is_charged_for_what_was_given() {
    /// Each piece is charged before it is given.
    struct Pieces(Payment, std::vec::IntoIter<&'static str>);
    impl http_body::Body for Pieces {
        type Data = bytes::Bytes;
        type Error = NotCharged;
        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<http_body::Frame<Self::Data>, Self::Error>>> {
            let piece = self.1.next();
            Poll::Ready(piece.map(|piece| {
                self.0.charge_more(100u64)?;
                Ok(http_body::Frame::data(piece.into()))
            }))
        }
    }
    #[paid("$0.01", streaming)]
    async fn count(payment: Payment) -> Body {
        Body::new(Pieces(payment, vec!["one", " two", " three"].into_iter()))
    }
    let shop = Shop::open(Router::new().route("/count", get(count))).await;
    let answer = shop.buy("GET", "/count").await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "one two three"));
    assert_eq!(shop.booked().await, [("300".to_owned(), "settled".to_owned())]);
}

#[tokio::test]
async fn upfront_is_settled_before_the_handler_runs() {
    #[paid("$0.01", flow = "upfront")]
    async fn receipt(payment: Payment) -> String {
        payment.receipt().is_some().to_string()
    }
    let shop = Shop::open(Router::new().route("/receipt", get(receipt))).await;
    assert_eq!(shop.buy("GET", "/receipt").await.body, "true");
}

#[tokio::test]
async fn a_named_payment_is_answered_again_without_the_handler() {
    #[paid("$0.01", payment_identifier = "required")]
    async fn order() -> &'static str {
        MARKER
    }
    let shop = Shop::open(Router::new().route("/order", post(order))).await;
    let terms = shop.ask("POST", "/order", &[]).await.challenge().unwrap();
    let declared = serde_json::to_value(&terms.extensions).unwrap();
    assert_eq!(declared["payment-identifier"]["info"]["required"], true);
    let mut payment = Payer::number(1).pay(&terms).await;
    let mut named = declared.clone();
    named["payment-identifier"]["info"]["id"] = "pay_0123456789abcdef".into();
    payment.extensions = Some(named.to_string());
    for _ in 0..2 {
        let answer = shop.ask("POST", "/order", &[("payment-signature", &payment.header())]).await;
        answer.assert_served();
        assert!(answer.receipt().is_some());
    }
    assert_eq!(shop.facilitator.settle().calls(), 1);
}

#[tokio::test]
async fn handlers_with_parameters_are_sold_too() {
    trait Colour: Send + 'static {
        const NAME: &'static str;
    }
    struct Red;
    impl Colour for Red {
        const NAME: &'static str = "red";
    }
    #[paid("$0.01")]
    async fn paint<C, const COATS: usize>(Path(what): Path<String>) -> impl IntoResponse
    where
        C: Colour,
    {
        format!("{what}: {}", [C::NAME; COATS].join(", "))
    }
    let router = Router::new().route("/paint/{what}", get(paint::<Red, 2>));
    let shop = Shop::open(router).await;
    assert_eq!(shop.buy("GET", "/paint/door").await.body, "door: red, red");
}

#[tokio::test]
async fn one_handler_is_sold_by_two_paywalls_each_for_itself() {
    let (facilitator, store) = (Double::default(), MemoryStore::new());
    let other: Paywall = builder(&facilitator, &store)
        .network("polygon")
        .public_url("https://other.example.com")
        .build()
        .await
        .unwrap();
    let router = Router::new().route("/goods", get(goods));
    let (first, second) = (Shop::open(router.clone()).await, router.layer(other));
    for _ in 0..2 {
        let terms = first.ask("GET", "/goods", &[]).await.challenge().unwrap();
        assert_eq!(terms.resource.url, format!("{}/goods", common::SITE));
        let terms = ask(&second, "GET", "/goods", &[]).await.challenge().unwrap();
        assert_eq!(terms.resource.url, "https://other.example.com/goods");
        let networks: Vec<_> = terms.accepts.iter().map(|it| it.network.to_string()).collect();
        assert_eq!(networks, ["eip155:84532", "eip155:137"]);
    }
    // A payment to the one is none to the other.
    let terms = ask(&second, "GET", "/goods", &[]).await.challenge().unwrap();
    let payment = Payer::number(1).pay(&terms).await.header();
    first.ask("GET", "/goods", &[("payment-signature", &payment)]).await.assert_refused(402);
}

#[tokio::test]
async fn the_inner_of_two_paywalls_counts() {
    let (facilitator, store) = (Double::default(), MemoryStore::new());
    let inner: Paywall = builder(&facilitator, &store)
        .public_url("https://inner.example.com")
        .build()
        .await
        .unwrap();
    let shop = Shop::open(Router::new().route("/goods", get(goods)).layer(inner)).await;
    let terms = shop.ask("GET", "/goods", &[]).await.challenge().unwrap();
    assert_eq!(terms.resource.url, "https://inner.example.com/goods");
}

#[tokio::test]
async fn without_a_paywall_nothing_is_served_and_the_log_says_what_to_add() {
    let log = Log::default();
    let _logging = log.start();
    let router = Router::new().route("/goods", any(goods));
    for (method, headers) in [
        ("GET", &[][..]),
        ("GET", &[("payment-signature", "anything")]),
        ("POST", &[]),
        ("OPTIONS", &[]),
    ] {
        let answer = ask(&router, method, "/goods", headers).await;
        assert_eq!((answer.status, answer.body.as_str()), (500, ""), "{method}");
    }
    log.assert_holds("attribute::goods");
    log.assert_holds(".layer(paywall)");
}

#[tokio::test]
async fn a_price_that_the_paywall_cannot_take_serves_nothing_and_is_logged() {
    #[paid("$0.01", networks = ["celo"])]
    async fn elsewhere() -> &'static str {
        MARKER
    }
    let log = Log::default();
    let _logging = log.start();
    let shop = Shop::open(Router::new().route("/goods", get(elsewhere))).await;
    let answer = shop.ask("GET", "/goods", &[]).await;
    assert_eq!((answer.status, answer.body.as_str()), (500, ""));
    log.assert_holds("attribute::elsewhere");
    log.assert_holds("the paywall takes nothing of");
}

#[tokio::test]
async fn a_handler_with_two_prices_is_not_charged_twice() {
    let log = Log::default();
    let _logging = log.start();
    let (facilitator, store) = (Double::default(), MemoryStore::new());
    let paywall: Paywall = builder(&facilitator, &store).build().await.unwrap();
    let route = get(goods).layer(paywall.price("$0.01").unwrap());
    let router = Router::new().route("/goods", route).layer(paywall);
    let terms = ask(&router, "GET", "/goods", &[]).await.challenge().unwrap();
    let payment = Payer::number(1).pay(&terms).await.header();
    let answer = ask(&router, "GET", "/goods", &[("payment-signature", &payment)]).await;
    assert_eq!((answer.status, answer.body.as_str()), (500, ""));
    assert_eq!(facilitator.settle().calls(), 0);
    log.assert_holds("stands behind a price");
}

#[tokio::test]
async fn a_price_behind_a_price_is_logged() {
    let log = Log::default();
    let _logging = log.start();
    let (facilitator, store) = (Double::default(), MemoryStore::new());
    let paywall: Paywall = builder(&facilitator, &store).build().await.unwrap();
    let cent = paywall.price("$0.01").unwrap();
    let route = get(async || MARKER).layer(cent.clone());
    let router = Router::new().route("/goods/{number}", route).layer(cent);
    let terms = ask(&router, "GET", "/goods/7", &[]).await.challenge().unwrap();
    assert_eq!(log.text(), "");
    let payment = Payer::number(1).pay(&terms).await.header();
    let answer = ask(&router, "GET", "/goods/7", &[("payment-signature", &payment)]).await;
    assert_eq!((answer.status, answer.body.as_str()), (500, ""));
    log.assert_holds("a price stands behind another price");
    log.assert_holds("/goods/{number}");
}

#[tokio::test]
async fn a_tag_that_could_not_be_sold_is_tried_again() {
    #[paid("$0.01", upto)]
    async fn metered() -> &'static str {
        MARKER
    }
    let (facilitator, store) = (Double::default().unreachable(), MemoryStore::new());
    tokio::time::pause();
    let paywall: Paywall = builder(&facilitator, &store).build().await.unwrap();
    let router = Router::new().route("/goods", get(metered)).layer(paywall.clone());
    assert_eq!(ask(&router, "GET", "/goods", &[]).await.status, 500);
    facilitator.come_back();
    // The clock stands still and jumps: to the next time that the facilitator is asked.
    tokio::time::sleep(std::time::Duration::from_secs(5)).await;
    common::until(async || paywall.supported().is_some()).await;
    assert_eq!(ask(&router, "GET", "/goods", &[]).await.status, 402);
}

#[tokio::test]
async fn attributes_of_others_stand_above_and_below() {
    #[paid("$0.01")]
    #[axum::debug_handler]
    async fn below(Query(_): Query<City>) -> &'static str {
        MARKER
    }
    #[axum::debug_handler(state = ())]
    async fn free() -> &'static str {
        "free"
    }
    #[expect(clippy::unused_async, reason = "found on the handler as it is written")]
    #[paid("$0.01")]
    #[cfg(test)]
    #[must_use]
    async fn conditional() -> &'static str {
        MARKER
    }
    #[cfg(not(test))]
    #[paid("$0.01")]
    async fn absent(missing: Missing) -> &'static str {}
    #[paid("$0.01")]
    #[cfg(not(test))]
    async fn absent(missing: Missing) -> &'static str {}

    let router = Router::new()
        .route("/below", get(below))
        .route("/free", get(free))
        .route("/conditional", get(conditional));
    let shop = Shop::open(router).await;
    shop.buy("GET", "/below?city=Paris").await.assert_served();
    shop.buy("GET", "/conditional").await.assert_served();
    assert_eq!(shop.ask("GET", "/free", &[]).await.body, "free");
}

#[tokio::test]
async fn names_of_the_handlers_own_do_not_collide() {
    #[paid("$0.01")]
    async fn r#match(Path(paid): Path<u32>, payment: Payment) -> String {
        let (argument_0, serve) = (paid, payment.amount());
        if paid > 0 {
            // Within it, its name is that of the function as it was written.
            return Box::pin(r#match(Path(paid - 1), payment)).await;
        }
        format!("{argument_0} {serve}")
    }
    let shop = Shop::open(Router::new().route("/match/{count}", get(r#match))).await;
    assert_eq!(shop.buy("GET", "/match/3").await.body, "0 10000");
}
