//! How an answer reaches its client: held back until it is settled, at once where it is settled
//! before, or as it streams, settled for what was delivered.

use crate::common;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::task::{Poll, ready};

use crate::common::{
    Double, Goods, Head, MARKER, Payer, Payment as Sent, Say, Shop, builder, get, until,
};
use bytes::Bytes;
use http::Response;
use http_body::{Body as _, Frame};
use http_body_util::{BodyExt, StreamBody};
use serde_json::Value;
use tokio::sync::mpsc;
use tower::{Layer, ServiceExt, service_fn};
use x402_ledger::{MemoryStore, Payments};
use x402_server::layer::{Body, GateLayer};
use x402_server::{Admission, Gate, Payment, Paywall, PaywallBuilder, Price};
use x402_types::{PaymentRequired, SettleResponse, decode};

type Piece = Result<Frame<Bytes>, std::io::Error>;
type Pieces = mpsc::UnboundedReceiver<Piece>;
type Stream = StreamBody<Received>;

/// Pieces that the test sends one by one; each is charged before it is given on.
struct Received {
    pieces: Pieces,
    payment: Option<Payment>,
}

impl futures_core::Stream for Received {
    type Item = Piece;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> Poll<Option<Piece>> {
        let piece = ready!(self.pieces.poll_recv(cx));
        if let (Some(Ok(piece)), Some(payment)) = (&piece, &self.payment) {
            let bytes = piece.data_ref().map_or(0, Bytes::len);
            if payment.charge_more(bytes as u64 * 100).is_err() {
                return Poll::Ready(None);
            }
        }
        Poll::Ready(piece)
    }
}

struct Site {
    facilitator: Double,
    store: MemoryStore,
    gate: Gate,
}

impl Site {
    async fn open(
        settings: fn(PaywallBuilder) -> PaywallBuilder,
        price: fn(Price) -> Price,
    ) -> (Self, Sent) {
        let (facilitator, store) = (Double::default(), MemoryStore::new());
        let paywall: Paywall = settings(builder(&facilitator, &store)).build().await.unwrap();
        let gate = price(paywall.price("$0.01").unwrap()).gate().unwrap();
        let head = Head::of("/goods", None);
        let Admission::Reject(reply) = gate.admit(&head).await else { panic!("free") };
        let terms = reply.header("payment-required").unwrap();
        let terms: PaymentRequired = decode(terms.as_bytes(), 65_536).unwrap();
        let payment = Payer::number(1).pay(&terms).await;
        (Self { facilitator, store, gate }, payment)
    }

    /// Serves these pieces, metered where the price is.
    async fn serve(&self, payment: &Sent, pieces: Pieces, metered: bool) -> Response<Body<Stream>> {
        self.serve_as("text/plain", payment, pieces, metered).await
    }

    async fn serve_as(
        &self,
        content_type: &'static str,
        payment: &Sent,
        pieces: Pieces,
        metered: bool,
    ) -> Response<Body<Stream>> {
        let pieces = Arc::new(Mutex::new(Some(pieces)));
        let inner = service_fn(move |request: common::Request| {
            let pieces = pieces.lock().unwrap().take().expect("served once");
            let payment = request.extensions().get::<Payment>().cloned().filter(|_| metered);
            let stream = StreamBody::new(Received { pieces, payment });
            let answer = Response::builder().header("content-type", content_type).body(stream);
            async move { Ok::<_, Infallible>(answer.unwrap()) }
        });
        let request = get("/goods", &[("payment-signature", &payment.header())]);
        GateLayer::new(self.gate.clone()).layer(inner).oneshot(request).await.unwrap()
    }

    /// Amounts and states in the books, newest first.
    async fn books(&self) -> Vec<(String, String)> {
        let lines = self.store.recent(9).await.unwrap();
        lines.into_iter().map(|it| (it.amount.to_string(), it.status.to_string())).collect()
    }
}

fn pieces(of: &[&'static str]) -> Pieces {
    let (send, receive) = mpsc::unbounded_channel();
    for piece in of {
        send.send(Ok(Frame::data(Bytes::from_static(piece.as_bytes())))).unwrap();
    }
    receive
}

fn settled(amount: u64) -> Vec<(String, String)> {
    vec![(amount.to_string(), "settled".to_owned())]
}

async fn json(answer: Response<Body<Stream>>) -> Value {
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    serde_json::from_slice(&body).unwrap()
}

#[tokio::test]
async fn an_answer_in_pieces_is_held_back_whole_and_keeps_its_trailers() {
    let (site, payment) = Site::open(|it| it, |it| it).await;
    let (send, receive) = mpsc::unbounded_channel();
    for piece in ["one ", "two ", "three"] {
        send.send(Ok(Frame::data(Bytes::from_static(piece.as_bytes())))).unwrap();
    }
    let trailers = [(http::header::ETAG, http::HeaderValue::from_static("\"3\""))];
    send.send(Ok(Frame::trailers(trailers.into_iter().collect()))).unwrap();
    drop(send);
    let answer = site.serve(&payment, receive, false).await;
    assert!(answer.headers().contains_key("payment-response"));
    let collected = answer.into_body().collect().await.unwrap();
    assert_eq!(collected.trailers().unwrap()["etag"], "\"3\"");
    assert_eq!(collected.to_bytes(), "one two three");
}

#[tokio::test]
async fn nothing_of_an_answer_leaves_before_it_is_settled() {
    let (site, payment) = Site::open(|it| it, |it| it).await;
    site.facilitator.settle().latch.hold();
    let asked = site.facilitator.settle().latch.clone();
    tokio::select! {
        _ = site.serve(&payment, pieces(&[MARKER]), false) => panic!("answered"),
        () = asked.reached(1) => {}
    }
}

#[tokio::test]
async fn an_answer_longer_than_the_limit_is_an_error_that_names_the_ways_out() {
    let limit: fn(PaywallBuilder) -> PaywallBuilder = |it| it.held_back(10);
    for (of, status) in [(&["12345", "67890"][..], 200), (&["12345", "678901"], 500)] {
        let (site, payment) = Site::open(limit, |it| it).await;
        let answer = site.serve(&payment, pieces(of), false).await;
        assert_eq!(answer.status(), status);
        if status == 500 {
            let said = json(answer).await;
            assert_eq!(said["error"], "answer_too_long");
            let message = said["message"].as_str().unwrap();
            assert!(message.contains("upfront") && message.contains("upto"), "{message}");
            assert_eq!(site.facilitator.moved(), 0);
            // Nothing was charged: the payment is good for another answer.
            let answer = site.serve(&payment, pieces(&["short"]), false).await;
            assert_eq!((answer.status().as_u16(), site.facilitator.moved()), (200, 1));
        }
    }
}

#[tokio::test]
async fn a_stream_of_events_is_not_waited_for() {
    let events = Goods::made(|_| {
        let events = Response::builder().header("content-type", "text/event-stream; charset=utf-8");
        events.body(MARKER.into()).unwrap()
    });
    let shop = Shop::selling(events.clone()).await;
    let payment = Payer::number(1).pay(&shop.terms("/goods").await).await;
    let answer = shop.buy(&payment).await;
    answer.assert_refused(500);
    assert_eq!((answer.error().as_str(), shop.facilitator.moved()), ("answer_too_long", 0));

    let shop = Shop::upfront(events).await;
    let payment = Payer::number(1).pay(&shop.terms("/goods").await).await;
    shop.buy(&payment).await.assert_served();
}

#[tokio::test]
async fn settled_before_a_stream_flows_as_it_comes() {
    let (site, payment) = Site::open(|it| it.held_back(1), Price::upfront).await;
    let (send, receive) = mpsc::unbounded_channel();
    let answer = site.serve(&payment, receive, false).await;
    assert!(answer.headers().contains_key("payment-response"));
    let mut body = answer.into_body();
    for piece in ["first", "second"] {
        send.send(Ok(Frame::data(Bytes::from_static(piece.as_bytes())))).unwrap();
        let frame = body.frame().await.unwrap().unwrap();
        assert_eq!(frame.into_data().unwrap(), piece);
    }
    drop(send);
    assert!(body.frame().await.is_none());
}

#[tokio::test]
async fn events_flow_as_they_come_though_their_payment_has_a_name() {
    let price: fn(Price) -> Price = |it| it.payment_identifier(true).upfront();
    let (site, mut payment) = Site::open(|it| it, price).await;
    let name = r#"{"payment-identifier":{"info":{"required":true,"id":"order_0123456789"}}}"#;
    payment.extensions = Some(name.to_owned());
    let (send, receive) = mpsc::unbounded_channel();
    send.send(Ok(Frame::data(Bytes::from_static(b"data: 1")))).unwrap();
    let answer = site.serve_as("text/event-stream", &payment, receive, false).await;
    let frame = answer.into_body().frame().await.unwrap().unwrap();
    assert_eq!(frame.into_data().unwrap(), "data: 1");
}

#[tokio::test]
async fn a_metered_stream_flows_as_it_comes_and_is_settled_at_its_end() {
    let (site, payment) = Site::open(|it| it, Price::streaming).await;
    let (send, receive) = mpsc::unbounded_channel();
    let answer = site.serve(&payment, receive, true).await;
    assert_eq!(answer.headers()["trailer"], "payment-response");
    let mut body = answer.into_body();
    for piece in ["12345", "678"] {
        send.send(Ok(Frame::data(Bytes::from_static(piece.as_bytes())))).unwrap();
        assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), piece);
    }
    assert_eq!(site.facilitator.settle().calls(), 0, "settled before its end");
    drop(send);
    let trailers = body.frame().await.unwrap().unwrap().into_trailers().unwrap();
    let receipt: SettleResponse = decode(trailers["payment-response"].as_bytes(), 65_536).unwrap();
    assert_eq!(receipt.amount.unwrap().to_string(), "800");
    assert!(body.frame().await.is_none());
    assert_eq!(site.books().await, settled(800));
}

/// A body of one piece and these trailers.
fn with_trailers(trailers: &[(&'static str, &'static str)]) -> Pieces {
    let (send, receive) = mpsc::unbounded_channel();
    send.send(Ok(Frame::data(Bytes::from_static(b"12345")))).unwrap();
    let trailers = trailers.iter().map(|(name, value)| {
        (http::HeaderName::from_static(name), http::HeaderValue::from_static(value))
    });
    send.send(Ok(Frame::trailers(trailers.collect()))).unwrap();
    receive
}

#[tokio::test]
async fn trailers_of_the_handler_survive_every_delivery() {
    type Change = fn(Price) -> Price;
    let name = r#"{"payment-identifier":{"info":{"required":true,"id":"order_0123456789"}}}"#;
    let prices: [(Change, _, _); 5] = [
        (|it| it, None, false),
        (Price::upfront, None, false),
        (|it| it.payment_identifier(true), Some(name), false),
        (|it| it.payment_identifier(true).upfront(), Some(name), false),
        (Price::streaming, None, true),
    ];
    for (number, (price, name, metered)) in prices.into_iter().enumerate() {
        let (site, mut payment) = Site::open(|it| it, price).await;
        payment.extensions = name.map(str::to_owned);
        let answer = site.serve(&payment, with_trailers(&[("grpc-status", "0")]), metered).await;
        assert_eq!(answer.status(), 200, "{number}");
        let body = answer.into_body();
        assert_eq!(body.size_hint().exact(), None, "{number}: no trailers follow a known length");
        let body = body.collect().await.unwrap();
        assert_eq!(body.trailers().expect("trailers")["grpc-status"], "0", "{number}");
        assert_eq!(body.trailers().unwrap().contains_key("payment-response"), metered, "{number}");
        assert_eq!(body.to_bytes(), "12345", "{number}");
    }
}

#[tokio::test]
async fn a_receipt_is_the_paywalls_to_give_in_trailers_too() {
    let forged = [("payment-response", "forged"), ("x-payment-response", "too"), ("etag", "a")];
    for (say, given) in [(Say::Yes, 1), (Say::Lost, 0)] {
        let (site, payment) = Site::open(|it| it, Price::streaming).await;
        site.facilitator.settle().always(say);
        let answer = site.serve(&payment, with_trailers(&forged), true).await;
        let body = answer.into_body().collect().await.unwrap();
        let trailers = body.trailers().expect("trailers");
        assert_eq!((&trailers["etag"], trailers.len()), (&"a".parse().unwrap(), 1 + given));
        if let Some(receipt) = trailers.get("payment-response") {
            let receipt: SettleResponse = decode(receipt.as_bytes(), 65_536).unwrap();
            assert!(receipt.success);
        }
    }
}

#[tokio::test]
async fn a_stream_that_its_client_cuts_is_settled_for_what_was_delivered_and_used_up() {
    let (site, payment) = Site::open(|it| it, Price::streaming).await;
    let answer = site.serve(&payment, pieces(&["12345", "678", "never seen"]), true).await;
    let mut body = answer.into_body();
    for _ in 0..2 {
        body.frame().await.unwrap().unwrap();
    }
    drop(body);
    until(async || site.books().await == settled(800)).await;
    // The rest is not to be had for the same payment.
    until(async || {
        let answer = site.gate.admit(&Head::paying(&payment)).await;
        matches!(answer, Admission::Reject(reply) if reply.text().contains("payment_already_used"))
    })
    .await;
}

#[tokio::test]
async fn a_stream_that_is_dropped_outside_a_runtime_is_settled_for_what_was_delivered() {
    let (site, payment) = Site::open(|it| it, Price::streaming).await;
    let answer = site.serve(&payment, pieces(&["12345", "never seen"]), true).await;
    let mut body = answer.into_body();
    body.frame().await.unwrap().unwrap();
    std::thread::spawn(move || drop(body)).join().unwrap();
    until(async || site.books().await == settled(500)).await;
}

#[tokio::test]
async fn a_stream_that_breaks_off_is_settled_for_what_was_delivered() {
    let (site, payment) = Site::open(|it| it, Price::streaming).await;
    let (send, receive) = mpsc::unbounded_channel();
    send.send(Ok(Frame::data(Bytes::from_static(b"12345")))).unwrap();
    send.send(Err(std::io::Error::other("the model is gone"))).unwrap();
    let mut body = site.serve(&payment, receive, true).await.into_body();
    body.frame().await.unwrap().unwrap();
    assert!(body.frame().await.unwrap().is_err());
    assert!(body.frame().await.is_none());
    until(async || site.books().await == settled(500)).await;
}

#[tokio::test]
async fn a_stream_ends_where_the_limit_is_reached() {
    let (site, payment) = Site::open(|it| it, Price::streaming).await;
    let long = "x".repeat(60).leak();
    let answer = site.serve(&payment, pieces(&[long, long]), true).await;
    let body = answer.into_body().collect().await.unwrap();
    assert_eq!(body.to_bytes().len(), 60, "two of them cost more than was signed");
    assert_eq!(site.books().await, settled(6_000));
}

#[tokio::test]
async fn a_stream_of_which_nothing_was_delivered_costs_nothing() {
    let (site, payment) = Site::open(|it| it, Price::streaming).await;
    drop(site.serve(&payment, pieces(&["never seen"]), true).await);
    until(async || {
        let answer = site.gate.admit(&Head::paying(&payment)).await;
        matches!(answer, Admission::Reject(reply) if reply.text().contains("payment_already_used"))
    })
    .await;
    assert_eq!(site.facilitator.moved(), 0);
}

#[tokio::test]
async fn a_handler_that_fails_before_it_streams_is_not_charged() {
    let shop = Shop::open_with(Goods::with_status(503), |it| it, Price::streaming).await;
    let payment = Payer::number(1).pay(&shop.terms("/goods").await).await;
    assert_eq!(shop.buy(&payment).await.status, 503);
    assert_eq!(shop.facilitator.moved(), 0);
}

#[tokio::test]
async fn a_stream_whose_settlement_is_not_known_says_so_to_nobody_and_stays_claimed() {
    let (site, payment) = Site::open(|it| it, Price::streaming).await;
    site.facilitator.settle().always(Say::Lost);
    let answer = site.serve(&payment, pieces(&["12345"]), true).await;
    let body = answer.into_body().collect().await.unwrap();
    assert!(body.trailers().is_none());
    let books = VecDeque::from(site.books().await);
    assert_eq!(books.front().unwrap().1, "unknown");
}

#[tokio::test(start_paused = true)]
async fn a_reader_who_stalls_does_not_outlast_the_payment() {
    let (site, payment) = Site::open(|it| it, Price::streaming).await;
    let (send, receive) = mpsc::unbounded_channel();
    send.send(Ok(Frame::data(Bytes::from_static(b"12345")))).unwrap();
    let mut body = site.serve(&payment, receive, true).await.into_body();
    body.frame().await.unwrap().unwrap();
    // Nobody polls it any more, and it has not ended.
    tokio::time::sleep(std::time::Duration::from_secs(290)).await;
    until(async || site.books().await == settled(500)).await;
    send.send(Ok(Frame::data(Bytes::from_static(b"678")))).unwrap();
    assert!(body.frame().await.is_none(), "what is not charged is not given");
    assert_eq!(site.facilitator.settle().calls(), 1);
}

#[tokio::test]
async fn what_is_owed_stays_owed_where_the_answer_breaks_off() {
    let (site, payment) = Site::open(|it| it, |it| it).await;
    site.facilitator.settle().latch.hold();
    let asked = site.facilitator.settle().latch.clone();
    tokio::select! {
        _ = site.serve(&payment, pieces(&[MARKER]), false) => panic!("answered"),
        () = asked.reached(1) => {}
    }
    site.facilitator.settle().latch.let_go();
    until(async || site.books().await == settled(10_000)).await;

    let (send, receive) = mpsc::unbounded_channel();
    send.send(Ok(Frame::data(Bytes::from_static(b"begun")))).unwrap();
    send.send(Err(std::io::Error::other("broken"))).unwrap();
    let broken = site.serve(&payment, receive, false).await;
    assert_eq!(
        (broken.status().as_u16(), json(broken).await["error"].clone()),
        (500, "answer_broken".into())
    );

    let served = site.serve(&payment, pieces(&[MARKER]), false).await;
    assert_eq!(served.status(), 200);
    assert_eq!(served.into_body().collect().await.unwrap().to_bytes(), MARKER);
    assert_eq!(site.facilitator.moved(), 1);
}
