//! Payments with a name: sent again they get the same answer, and nothing is charged twice.

use crate::common;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use crate::common::{
    Double, Goods, Head, MARKER, Payer, Payment, Say, Shop, builder, get, request, until,
};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};
use tower::{BoxError, Layer, ServiceExt, service_fn};
use x402_ledger::MemoryStore;
use x402_server::layer::{Body, GateLayer};
use x402_server::{Admission, Gate, Paywall, PaywallBuilder, Price};
use x402_types::{ErrorReason, SettleResponse, VerifyResponse};

const ID: &str = "order_0123456789";
const OTHER_ID: &str = "order_9876543210";

/// Goods that differ from run to run.
fn counted() -> Goods {
    let run = AtomicUsize::new(0);
    Goods::made(move |_| {
        let run = run.fetch_add(1, Ordering::SeqCst);
        http::Response::builder()
            .status(201)
            .header("x-run", run)
            .header("set-cookie", "one=1")
            .header("set-cookie", "two=2")
            .header("cache-control", "public, max-age=60")
            .header("connection", "x-run")
            .body(Full::from(format!("{MARKER} {run}")))
            .unwrap()
    })
}

async fn open(goods: Goods, required: bool) -> Shop {
    Shop::open_with(goods, |it| it, |price| price.payment_identifier(required)).await
}

fn with_info(mut payment: Payment, info: &Value) -> Payment {
    payment.extensions = Some(json!({ "payment-identifier": { "info": info } }).to_string());
    payment
}

fn named(payment: Payment, id: &str) -> Payment {
    with_info(payment, &json!({ "required": false, "id": id }))
}

async fn pay(shop: &Shop) -> Payment {
    Payer::number(1).pay(&shop.terms("/goods").await).await
}

/// The extensions of a shop's terms.
async fn declared(shop: &Shop) -> Value {
    shop.terms("/goods").await.extensions.map_or(Value::Null, |it| it.parse().unwrap())
}

#[tokio::test]
async fn the_terms_say_whether_a_name_is_required() {
    for required in [true, false] {
        let declared = declared(&open(counted(), required).await).await;
        let declared = &declared["payment-identifier"];
        assert_eq!(declared["info"], json!({ "required": required }));
        assert_eq!(declared["schema"]["properties"]["id"]["minLength"], 16);
    }
    assert_eq!(declared(&Shop::open().await).await, Value::Null);
}

#[tokio::test]
async fn a_named_payment_sent_again_is_given_the_same_answer() {
    for required in [true, false] {
        let shop = open(counted(), required).await;
        let info = json!({ "required": required, "id": ID });
        let payment = with_info(pay(&shop).await, &info);
        let first = shop.buy(&payment).await;
        assert_eq!((first.status, first.body.as_str()), (201, "the goods, worth a cent 0"));
        assert!(first.receipt().unwrap().success);
        for _ in 0..3 {
            let again = shop.buy(&payment).await;
            assert_eq!((again.status, &again.body), (first.status, &first.body));
            assert_eq!(again.receipt(), first.receipt());
            assert_eq!(again.header("cache-control"), Some("private, max-age=60"));
            assert_eq!(again.header("vary"), first.header("vary"));
            assert_eq!(again.header("x-run"), Some("0"));
            let cookies: Vec<_> = again.headers.get_all("set-cookie").iter().collect();
            assert_eq!(cookies, ["one=1", "two=2"]);
        }
        assert_eq!((shop.goods.runs(), shop.facilitator.moved()), (1, 1));
        assert_eq!(shop.facilitator.calls(), 2);
        assert_eq!(shop.books().await, ["settled"]);
    }
}

#[tokio::test]
async fn headers_of_one_connection_are_not_given_again() {
    let shop = open(counted(), false).await;
    let payment = named(pay(&shop).await, ID);
    assert_eq!(shop.buy(&payment).await.header("connection"), Some("x-run"));
    assert_eq!(shop.buy(&payment).await.header("connection"), None);
}

#[tokio::test]
async fn a_name_is_not_taken_for_another_payment() {
    let shop = open(counted(), false).await;
    shop.buy(&named(pay(&shop).await, ID)).await;
    let other = Payer::number(2).pay(&shop.terms("/goods").await).await;
    for payment in [pay(&shop).await, other] {
        let refused = shop.buy(&named(payment.clone(), ID)).await;
        assert_eq!(refused.assert_refused(409).error(), "payment_identifier_conflict");
        // It is unused, and good under another name.
        assert_eq!(shop.buy(&named(payment.clone(), &payment.nonce())).await.status, 201);
    }
    assert_eq!((shop.goods.runs(), shop.facilitator.moved()), (3, 3));
}

#[tokio::test]
async fn a_name_is_not_taken_for_another_request() {
    let shop = open(counted(), false).await;
    let payment = named(pay(&shop).await, ID);
    let header = payment.header();
    let header = [("payment-signature", header.as_str())];
    shop.buy(&payment).await;
    for (method, uri) in [("GET", "/goods?q=1"), ("POST", "/goods"), ("HEAD", "/goods")] {
        let refused = shop.send(request(method, uri, &header)).await;
        assert_eq!(refused.assert_refused(409).error(), "payment_identifier_conflict", "{method}");
    }
    assert_eq!(shop.goods.runs(), 1);
}

#[tokio::test]
async fn a_payment_is_not_taken_under_another_name() {
    let shop = open(counted(), false).await;
    let payment = pay(&shop).await;
    shop.buy(&named(payment.clone(), ID)).await;
    let refused = shop.buy(&named(payment, OTHER_ID)).await;
    assert_eq!(refused.assert_refused(409).error(), "payment_identifier_conflict");
    assert_eq!(shop.goods.runs(), 1);
}

#[tokio::test]
async fn while_a_named_payment_is_served_its_copies_and_its_name_are_refused() {
    let shop = open(counted(), false).await;
    let payment = named(pay(&shop).await, ID);
    shop.goods.latch.hold();
    let first = tokio::spawn({
        let (shop, payment) = (shop.clone(), payment.clone());
        async move { shop.buy(&payment).await }
    });
    shop.goods.latch.reached(1).await;
    let copy = shop.buy(&payment).await;
    assert_eq!(copy.assert_refused(409).error(), "payment_in_progress");
    let other = shop.buy(&named(pay(&shop).await, ID)).await;
    assert_eq!(other.assert_refused(409).error(), "payment_identifier_conflict");
    shop.goods.latch.let_go();
    assert_eq!(first.await.unwrap().body, shop.buy(&payment).await.body);
    assert_eq!((shop.goods.runs(), shop.facilitator.moved()), (1, 1));
}

#[tokio::test]
async fn a_payment_without_a_name_is_refused_where_one_is_required() {
    let shop = open(counted(), true).await;
    let payment = pay(&shop).await;
    let required = json!({ "required": true });
    for nameless in [payment.clone(), with_info(payment.clone(), &required)] {
        let refused = shop.buy(&nameless).await;
        assert_eq!(refused.assert_refused(400).error(), "payment_identifier_required");
    }
    assert_eq!((shop.goods.runs(), shop.facilitator.calls()), (0, 0));
    let info = json!({ "required": true, "id": ID });
    assert_eq!(shop.buy(&with_info(payment, &info)).await.status, 201);
}

#[tokio::test]
async fn a_name_that_is_none_is_refused() {
    for required in [true, false] {
        let shop = open(counted(), required).await;
        let payment = pay(&shop).await;
        let long = "a".repeat(129);
        for id in [json!("short"), json!(long), json!("has spaces, and 16+"), json!(7), json!([])] {
            let info = json!({ "required": required, "id": id });
            let refused = shop.buy(&with_info(payment.clone(), &info)).await;
            assert_eq!(refused.assert_refused(400).error(), "invalid_payment_identifier", "{id}");
        }
        assert_eq!((shop.goods.runs(), shop.facilitator.calls()), (0, 0));
    }
}

#[tokio::test]
async fn where_names_are_free_a_payment_without_one_is_served_once() {
    let shop = open(counted(), false).await;
    let payment = pay(&shop).await;
    assert_eq!(shop.buy(&payment).await.status, 201);
    let again = shop.buy(&payment).await;
    assert_eq!(again.assert_refused(409).error(), "payment_already_used");
}

#[tokio::test]
async fn where_no_names_are_taken_a_name_does_nothing() {
    let shop = Shop::open().await;
    let payment = named(pay(&shop).await, ID);
    shop.buy(&payment).await.assert_served();
    assert_eq!(shop.buy(&payment).await.assert_refused(409).error(), "payment_already_used");
}

#[tokio::test]
async fn clients_of_version_1_are_sold_to_only_where_names_are_free() {
    for required in [true, false] {
        let change = |price: Price| price.payment_identifier(required);
        let shop = Shop::open_with(Goods::default(), PaywallBuilder::accept_v1, change).await;
        let header = pay(&shop).await.v1_header();
        let answer = shop.send(get("/goods", &[("x-payment", &header)])).await;
        match required {
            true => drop(answer.assert_challenged("No matching payment requirements")),
            false => drop(answer.assert_served()),
        }
    }
}

#[tokio::test]
async fn what_was_not_charged_is_not_kept_and_its_name_is_free() {
    // The handler fails.
    let shop = open(Goods::with_status(404), false).await;
    let payment = named(pay(&shop).await, ID);
    for _ in 0..2 {
        assert_eq!(shop.buy(&payment).await.status, 404);
    }
    assert_eq!(shop.buy(&named(pay(&shop).await, ID)).await.status, 404);
    assert_eq!((shop.goods.runs(), shop.facilitator.moved()), (3, 0));

    // The facilitator refuses, before or after serving.
    let shop = open(counted(), false).await;
    let poor = VerifyResponse::invalid(ErrorReason::InsufficientFunds, None);
    shop.facilitator.verify().then(Say::This(poor));
    let failed = SettleResponse::failed(ErrorReason::InsufficientFunds, None, "", "eip155:84532");
    shop.facilitator.settle().then(Say::This(failed));
    for _ in 0..2 {
        let refused = shop.buy(&named(pay(&shop).await, ID)).await;
        refused.assert_challenged("insufficient_funds");
    }
    assert_eq!(shop.buy(&named(pay(&shop).await, ID)).await.status, 201);
}

#[tokio::test]
async fn a_payment_of_unknown_outcome_keeps_its_name() {
    let shop = open(counted(), false).await;
    shop.facilitator.settle().always(Say::Lost);
    let payment = named(pay(&shop).await, ID);
    assert_eq!(shop.buy(&payment).await.assert_refused(502).error(), "settlement_unknown");
    assert_eq!(shop.buy(&payment).await.assert_refused(503).error(), "settlement_pending");
    let other = shop.buy(&named(pay(&shop).await, ID)).await;
    assert_eq!(other.assert_refused(409).error(), "payment_identifier_conflict");
    assert_eq!(shop.goods.runs(), 1);
}

#[tokio::test]
async fn an_upfront_answer_is_kept_too_and_one_that_is_owed_is_made() {
    let run = AtomicUsize::new(0);
    let goods = Goods::made(move |_| {
        let run = run.fetch_add(1, Ordering::SeqCst);
        let status = if run == 0 { 500 } else { 200 };
        http::Response::builder().status(status).body(Full::from(run.to_string())).unwrap()
    });
    let change = |price: Price| price.upfront().payment_identifier(false);
    let shop = Shop::open_with(goods, |it| it, change).await;
    let payment = named(pay(&shop).await, ID);
    assert_eq!(shop.buy(&payment).await.status, 500);
    for _ in 0..2 {
        let answer = shop.buy(&payment).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, "1"));
        assert!(answer.receipt().unwrap().success);
    }
    assert_eq!((shop.goods.runs(), shop.facilitator.moved()), (2, 1));
}

#[tokio::test]
async fn an_answer_whose_client_hung_up_is_kept() {
    let shop = open(counted(), false).await;
    let payment = named(pay(&shop).await, ID);
    shop.facilitator.settle().latch.hold();
    let first = tokio::spawn({
        let (shop, payment) = (shop.clone(), payment.clone());
        async move { shop.buy(&payment).await }
    });
    shop.facilitator.settle().latch.reached(1).await;
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    shop.facilitator.settle().latch.let_go();
    assert!(shop.paywall.drain(Duration::from_secs(60)).await);
    let answer = shop.buy(&payment).await;
    assert_eq!((answer.status, answer.body.as_str()), (201, "the goods, worth a cent 0"));
    assert!(answer.receipt().unwrap().success);
    assert_eq!((shop.goods.runs(), shop.facilitator.moved()), (1, 1));
}

#[tokio::test]
async fn an_answer_above_the_limit_is_passed_on_and_not_kept() {
    let limit = |it: PaywallBuilder| it.stored_answers(MARKER.len() - 1, 1 << 20);
    let change = |price: Price| price.payment_identifier(false);
    let shop = Shop::open_with(Goods::default(), limit, change).await;
    let payment = named(pay(&shop).await, ID);
    shop.buy(&payment).await.assert_served();
    assert_eq!(shop.buy(&payment).await.assert_refused(409).error(), "payment_already_used");
    assert_eq!(shop.goods.runs(), 1);
}

#[tokio::test]
async fn a_full_store_refuses_and_forgets_nobody() {
    let limit = |it: PaywallBuilder| it.stored_answers(4096, 9000);
    let change = |price: Price| price.payment_identifier(false);
    let shop = Shop::open_with(counted(), limit, change).await;
    let first = named(pay(&shop).await, ID);
    let served = shop.buy(&first).await;
    assert_eq!(served.status, 201);
    let mut refused = None;
    for number in 0..8 {
        let payment = pay(&shop).await;
        let id = format!("{OTHER_ID}{number}");
        let (before, runs) = (shop.facilitator.settle().calls(), shop.goods.runs());
        let answer = shop.buy(&named(payment.clone(), &id)).await;
        if answer.status != 201 {
            assert_eq!(answer.assert_refused(503).error(), "payments_unavailable");
            assert_eq!((shop.facilitator.settle().calls(), shop.goods.runs()), (before, runs));
            refused = Some(payment);
            break;
        }
    }
    assert_eq!(shop.buy(&first).await.body, served.body);
    // Without the guarantee it is as good as before.
    assert_eq!(shop.buy(&refused.expect("a full store")).await.status, 201);
}

/// A shop with room for one answer.
async fn small(change: fn(Price) -> Price) -> Shop {
    let limit = |it: PaywallBuilder| it.stored_answers(4096, 8000);
    Shop::open_with(counted(), limit, |price| change(price.payment_identifier(false))).await
}

#[tokio::test]
async fn payments_that_nobody_has_found_good_take_no_room_from_others() {
    for change in [Price::authorization as fn(Price) -> Price, Price::upfront] {
        let shop = small(change).await;
        shop.facilitator.verify().always(Say::Nothing);
        shop.facilitator.settle().always(Say::Nothing);
        let mut waiting = Vec::new();
        for number in 0..20 {
            let payment = named(pay(&shop).await, &format!("{OTHER_ID}{number}"));
            let shop = shop.clone();
            waiting.push(tokio::spawn(async move { shop.buy(&payment).await }));
        }
        until(async || shop.facilitator.calls() == 20).await;
        let poor = VerifyResponse::invalid(ErrorReason::InsufficientFunds, None);
        shop.facilitator.verify().always(Say::This(poor));
        let failed =
            SettleResponse::failed(ErrorReason::InsufficientFunds, None, "", "eip155:84532");
        shop.facilitator.settle().always(Say::This(failed));
        for number in 20..40 {
            let payment = named(pay(&shop).await, &format!("{OTHER_ID}{number}"));
            shop.buy(&payment).await.assert_challenged("insufficient_funds");
        }
        shop.facilitator.verify().always(Say::Yes);
        shop.facilitator.settle().always(Say::Yes);
        let payment = named(pay(&shop).await, ID);
        let served = shop.buy(&payment).await;
        assert_eq!(served.status, 201);
        assert_eq!(shop.buy(&payment).await.body, served.body);
        assert_eq!(shop.goods.runs(), 1);
        waiting.iter().for_each(tokio::task::JoinHandle::abort);
    }
}

#[tokio::test]
async fn where_there_is_no_room_nothing_is_settled_before_it_is_served() {
    let shop = small(Price::upfront).await;
    shop.goods.latch.hold();
    let first = tokio::spawn({
        let (shop, payment) = (shop.clone(), named(pay(&shop).await, ID));
        async move { shop.buy(&payment).await }
    });
    shop.goods.latch.reached(1).await;
    let payment = named(pay(&shop).await, OTHER_ID);
    let refused = shop.buy(&payment).await;
    assert_eq!(refused.assert_refused(503).error(), "payments_unavailable");
    assert_eq!(shop.facilitator.moved(), 1);
    shop.goods.latch.let_go();
    assert_eq!(first.await.unwrap().status, 201);
    // Its answer is small.
    assert_eq!(shop.buy(&payment).await.status, 201);
}

#[tokio::test]
async fn what_was_settled_when_the_room_had_gone_is_served_and_not_kept() {
    let shop = small(Price::upfront).await;
    shop.facilitator.settle().latch.hold();
    shop.goods.latch.hold();
    let payments = [named(pay(&shop).await, ID), named(pay(&shop).await, OTHER_ID)];
    let purchases = payments.clone().map(|payment| {
        let shop = shop.clone();
        tokio::spawn(async move { shop.buy(&payment).await })
    });
    shop.facilitator.settle().latch.reached(2).await;
    shop.facilitator.settle().latch.let_go();
    shop.goods.latch.reached(2).await;
    shop.goods.latch.let_go();
    for purchase in purchases {
        let served = purchase.await.unwrap();
        assert_eq!(served.status, 201);
        assert!(served.receipt().unwrap().success);
    }
    let mut again = Vec::new();
    for payment in &payments {
        again.push(shop.buy(payment).await.status);
    }
    again.sort_unstable();
    assert_eq!(again, [201, 409]);
    assert_eq!((shop.goods.runs(), shop.facilitator.moved()), (2, 2));
}

#[tokio::test]
async fn what_is_owed_is_served_when_there_is_no_room() {
    let run = AtomicUsize::new(0);
    let goods = Goods::made(move |_| {
        let status = if run.fetch_add(1, Ordering::SeqCst) == 0 { 500 } else { 200 };
        http::Response::builder().status(status).body(Full::from(MARKER)).unwrap()
    });
    let limit = |it: PaywallBuilder| it.stored_answers(4096, 8000);
    let change = |price: Price| price.upfront().payment_identifier(false);
    let shop = Shop::open_with(goods, limit, change).await;
    let payment = named(pay(&shop).await, ID);
    assert_eq!(shop.buy(&payment).await.status, 500);
    shop.goods.latch.hold();
    let other = tokio::spawn({
        let (shop, payment) = (shop.clone(), named(pay(&shop).await, OTHER_ID));
        async move { shop.buy(&payment).await }
    });
    shop.goods.latch.reached(2).await;
    let owed = tokio::spawn({
        let (shop, payment) = (shop.clone(), payment.clone());
        async move { shop.buy(&payment).await }
    });
    shop.goods.latch.reached(3).await;
    shop.goods.latch.let_go();
    owed.await.unwrap().assert_served();
    other.await.unwrap().assert_served();
    assert_eq!(shop.buy(&payment).await.assert_refused(409).error(), "payment_already_used");
}

#[tokio::test]
async fn a_named_stream_needs_no_room_for_an_answer() {
    let facilitator = Double::default();
    let paywall: Paywall = builder(&facilitator, &MemoryStore::new())
        .stored_answers(1 << 20, 2000)
        .build()
        .await
        .unwrap();
    let price = || paywall.price("$0.01").unwrap().payment_identifier(false);
    let (stream, page) = (price().streaming().gate().unwrap(), price().upto().gate().unwrap());
    let payment = named(pay_at(&page).await, ID);
    let Admission::Reject(reply) = page.admit(&Head::paying(&payment)).await else { panic!() };
    assert_eq!(reply.status, 503);
    let payment = named(pay_at(&stream).await, ID);
    let Admission::Admit(ticket) = stream.admit(&Head::paying(&payment)).await else { panic!() };
    assert_eq!(ticket.keeps(), None);
    assert_eq!(ticket.finish(200).await.unwrap().len(), 1);
    let Admission::Reject(reply) = stream.admit(&Head::paying(&payment)).await else { panic!() };
    assert!(reply.text().contains("payment_already_used"), "{}", reply.text());
}

type Boxed = UnsyncBoxBody<Bytes, BoxError>;
type Sold = http::Response<Body<Boxed>>;

/// Breaks off.
struct Fails;

impl http_body::Body for Fails {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        Poll::Ready(Some(Err("broken".into())))
    }
}

/// Never says anything.
struct Silent;

impl http_body::Body for Silent {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        Poll::Pending
    }
}

/// Comes in pieces, and does not tell how many.
struct Pieces(usize);

const PIECE: usize = 600_000;

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let Some(left) = self.0.checked_sub(1) else { return Poll::Ready(None) };
        self.0 = left;
        Poll::Ready(Some(Ok(Frame::data(vec![b'0' + left as u8; PIECE].into()))))
    }
}

async fn gate(facilitator: &Double, names: bool) -> Gate {
    let paywall: Paywall = builder(facilitator, &MemoryStore::new()).build().await.unwrap();
    let price = paywall.price("$0.01").unwrap();
    if names { price.payment_identifier(false) } else { price }.gate().unwrap()
}

/// Sells bodies of every kind.
async fn sell(gate: &Gate, payment: &Payment, body: fn() -> Boxed) -> Sold {
    let inner = service_fn(move |_: common::Request| async move {
        Ok::<_, std::convert::Infallible>(http::Response::new(body()))
    });
    let request = get("/goods", &[("payment-signature", &payment.header())]);
    GateLayer::new(gate.clone()).layer(inner).oneshot(request).await.unwrap()
}

async fn pay_at(gate: &Gate) -> Payment {
    let Admission::Reject(reply) = gate.admit(&Head::with(Vec::new())).await else { panic!() };
    let terms = reply.header("payment-required").unwrap();
    Payer::number(1).pay(&x402_types::decode(terms.as_bytes(), 65_536).unwrap()).await
}

#[tokio::test]
async fn what_turns_out_too_large_while_it_is_read_is_passed_on_whole() {
    let facilitator = Double::default();
    let gate = gate(&facilitator, true).await;
    let payment = named(pay_at(&gate).await, ID);
    let answer = sell(&gate, &payment, || Pieces(3).boxed_unsync()).await;
    assert!(answer.headers().contains_key("payment-response"));
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    let expected: Vec<u8> = b"210".iter().flat_map(|byte| vec![*byte; PIECE]).collect();
    assert!(body == expected, "{} bytes", body.len());
    assert_eq!(sell(&gate, &payment, || Pieces(3).boxed_unsync()).await.status(), 409);

    let payment = named(pay_at(&gate).await, OTHER_ID);
    for _ in 0..2 {
        let answer = sell(&gate, &payment, || Pieces(1).boxed_unsync()).await;
        assert_eq!(answer.into_body().collect().await.unwrap().to_bytes().len(), PIECE);
    }
    assert_eq!(facilitator.moved(), 2);
}

#[tokio::test]
async fn trailers_are_passed_on_and_such_an_answer_is_not_kept() {
    let facilitator = Double::default();
    let gate = gate(&facilitator, true).await;
    let payment = named(pay_at(&gate).await, ID);
    let with_trailers = || {
        let trailers = HeaderMap::from_iter([(
            http::HeaderName::from_static("x-sum"),
            HeaderValue::from_static("7"),
        )]);
        Full::from(MARKER)
            .with_trailers(async move { Some(Ok(trailers)) })
            .map_err(|never| match never {})
            .boxed_unsync()
    };
    let answer = sell(&gate, &payment, with_trailers).await;
    let body = answer.into_body().collect().await.unwrap();
    assert_eq!(body.trailers().unwrap()["x-sum"], "7");
    assert_eq!(body.to_bytes(), MARKER);
    assert_eq!(sell(&gate, &payment, with_trailers).await.status(), 409);
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_not_charged() {
    let facilitator = Double::default();
    let gate = gate(&facilitator, true).await;
    let payment = named(pay_at(&gate).await, ID);
    let broken = || Fails.boxed_unsync();
    let answer = sell(&gate, &payment, broken).await;
    assert_eq!(answer.status(), 500);
    assert_eq!(facilitator.settle().calls(), 0);
    let whole = || Full::from(MARKER).map_err(|never| match never {}).boxed_unsync();
    let answer = sell(&gate, &payment, whole).await;
    assert_eq!((answer.status().as_u16(), facilitator.moved()), (200, 1));
}

#[tokio::test]
async fn an_answer_is_read_to_its_end_before_it_is_settled() {
    for names in [true, false] {
        let facilitator = Double::default();
        let gate = gate(&facilitator, names).await;
        let payment = pay_at(&gate).await;
        let payment = if names { named(payment, ID) } else { payment };
        let sold = sell(&gate, &payment, || Silent.boxed_unsync());
        let sold = async { drop(sold.await) };
        tokio::select! {
            () = sold => panic!("answered before it was read"),
            () = async {
                until(async || facilitator.verify().calls() == 1).await;
                for _ in 0..100 {
                    tokio::task::yield_now().await;
                }
            } => {}
        }
        assert_eq!(facilitator.settle().calls(), 0, "settled before it was read");
    }
}

#[tokio::test]
async fn an_answer_that_the_engine_is_not_given_is_not_kept() {
    let facilitator = Double::default();
    let gate = gate(&facilitator, true).await;
    let payment = named(pay_at(&gate).await, ID);
    let Admission::Admit(ticket) = gate.admit(&Head::paying(&payment)).await else { panic!() };
    assert_eq!(ticket.keeps(), Some(1 << 20));
    assert_eq!(ticket.finish(200).await.unwrap().len(), 1);
    let Admission::Reject(reply) = gate.admit(&Head::paying(&payment)).await else { panic!() };
    assert!(reply.text().contains("payment_already_used"), "{}", reply.text());

    let unnamed = pay_at(&gate).await;
    let Admission::Admit(ticket) = gate.admit(&Head::paying(&unnamed)).await else { panic!() };
    assert_eq!(ticket.keeps(), None);
}

#[tokio::test]
async fn what_is_owed_under_a_name_is_not_owed_to_who_does_not_know_it() {
    let shop = Shop::open_with(
        Goods::with_status(500),
        |it| it,
        |price| price.upfront().payment_identifier(false),
    )
    .await;
    let nameless = pay(&shop).await;
    let payment = named(nameless.clone(), ID);
    assert_eq!(shop.buy(&payment).await.status, 500);
    // It is settled, and stands on its chain for everybody to read.
    let refused = shop.buy(&nameless).await;
    assert_eq!(refused.assert_refused(409).error(), "payment_identifier_conflict");
    assert_eq!((shop.buy(&payment).await.status, shop.goods.runs()), (500, 2));
    assert_eq!(shop.facilitator.moved(), 1);
}

#[tokio::test]
async fn what_is_owed_under_a_name_is_owed_under_no_other_by_whichever_process() {
    let (facilitator, store) = (Double::default(), MemoryStore::new());
    let open = async |goods| {
        let named = |price: Price| price.upfront().payment_identifier(false);
        Shop::open_at(facilitator.clone(), store.clone(), goods, |it| it, named).await
    };
    let first = open(Goods::with_status(500)).await;
    let payment = pay(&first).await;
    assert_eq!(first.buy(&named(payment.clone(), ID)).await.status, 500);

    // Who knows the payment from the chain, and not its name.
    let second = open(counted()).await;
    for stolen in [payment.clone(), named(payment.clone(), OTHER_ID)] {
        let refused = second.buy(&stolen).await;
        assert_eq!(refused.assert_refused(409).error(), "payment_for_other_resource");
    }
    assert_eq!(second.goods.runs(), 0);
    assert_eq!(second.buy(&named(payment, ID)).await.status, 201);
    assert_eq!((second.goods.runs(), facilitator.moved()), (1, 1));
}
