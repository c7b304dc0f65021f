//! Answers that take their time.

use std::pin::Pin;
use std::task::{Context, Poll};

use crate::common::{Site, parse, until};
use actix_web::body::{BodySize, MessageBody};
use actix_web::web::Bytes;
use actix_web::{HttpResponse, web};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use x402_actix::{Payment, PriceLayer};
use x402_types::Amount;

/// A stream of what is sent to it. Each piece is charged when it leaves, where that can be.
struct Pieces {
    pieces: mpsc::UnboundedReceiver<&'static str>,
    payment: Payment,
}

impl MessageBody for Pieces {
    type Error = std::io::Error;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, std::io::Error>>> {
        self.pieces.poll_recv(cx).map(|piece| {
            let piece = piece?;
            if self.payment.scheme() == "upto" {
                self.payment.charge_more(piece.len() as u64).unwrap();
            }
            Some(Ok(Bytes::from_static(piece.as_bytes())))
        })
    }
}

/// A site whose `/goods` is what is sent, with the length told beforehand where it is known.
async fn open(
    price: impl FnOnce(&Site) -> PriceLayer,
    length: Option<u64>,
) -> (Site, mpsc::UnboundedSender<&'static str>) {
    let site = Site::prepare().await;
    let price = price(&site);
    let (sender, pieces) = mpsc::unbounded_channel();
    let pieces = std::sync::Arc::new(std::sync::Mutex::new(Some(pieces)));
    let site = site.serve(move |config| {
        let pieces = pieces.clone();
        let handler = move |payment: Payment| {
            let pieces = pieces.lock().unwrap().take().expect("one buyer");
            async move {
                let mut answer = HttpResponse::Ok();
                if let Some(length) = length {
                    answer.no_chunking(length);
                }
                answer.body(Pieces { pieces, payment })
            }
        };
        config.service(web::resource("/goods").get(handler).wrap(price.clone()));
    });
    (site, sender)
}

async fn buy(site: &Site) -> TcpStream {
    let header = site.pay("/goods").await.header();
    site.send("GET", "/goods", &[("payment-signature", &header)], "").await
}

async fn read_until(stream: &mut TcpStream, read: &mut Vec<u8>, end: &str) {
    while !read.windows(end.len()).any(|window| window == end.as_bytes()) {
        assert!(stream.read_buf(read).await.unwrap() > 0, "it ended before {end:?} came");
    }
}

fn upfront(site: &Site) -> PriceLayer {
    site.price().with(|price| price.upfront()).unwrap()
}

fn metered(site: &Site) -> PriceLayer {
    site.paywall.upto("$0.01").unwrap().with(|price| price.streaming()).unwrap()
}

#[actix_web::test]
async fn what_is_settled_upfront_is_not_held_back() {
    let (site, pieces) = open(upfront, None).await;
    let (mut stream, mut read) = (buy(&site).await, Vec::new());
    pieces.send("first").unwrap();
    read_until(&mut stream, &mut read, "first").await;
    assert!(parse(&read).receipt().expect("a receipt").success);
    pieces.send("second").unwrap();
    read_until(&mut stream, &mut read, "second").await;
    drop(pieces);
    read_until(&mut stream, &mut read, "0\r\n\r\n").await;
}

#[actix_web::test]
async fn a_metered_stream_is_settled_at_its_end() {
    // With a length told, too, of which nothing may come of a connection that never ends.
    for length in [None, Some(11)] {
        let (site, pieces) = open(metered, length).await;
        let (mut stream, mut read) = (buy(&site).await, Vec::new());
        pieces.send("first").unwrap();
        read_until(&mut stream, &mut read, "first").await;
        assert_eq!(site.facilitator.settle().calls(), 0);
        pieces.send("second").unwrap();
        drop(pieces);
        read_until(&mut stream, &mut read, "0\r\n\r\n").await;
        let answer = parse(&read);
        assert_eq!(answer.header("transfer-encoding"), Some("chunked"));
        // Nothing is promised that actix-web would not send.
        assert!(answer.header("trailer").is_none() && answer.header("content-length").is_none());
        assert_eq!(site.books().await, ["settled"]);
        assert_eq!(site.facilitator.amounts().last(), Some(&("settle", "11".to_owned())));
    }
}

#[actix_web::test]
async fn a_stream_that_is_cut_is_settled_for_what_was_delivered() {
    let (site, pieces) = open(metered, None).await;
    let (mut stream, mut read) = (buy(&site).await, Vec::new());
    pieces.send("first").unwrap();
    read_until(&mut stream, &mut read, "first").await;
    drop(stream);
    until(async || site.books().await == ["settled"]).await;
    assert_eq!(site.facilitator.amounts().last(), Some(&("settle", "5".to_owned())));
}

#[actix_web::test]
async fn an_answer_that_is_settled_after_it_is_held_back_to_a_limit() {
    let (site, pieces) = open(Site::price, None).await;
    pieces.send("first").unwrap();
    pieces.send("second").unwrap();
    drop(pieces);
    let (mut stream, mut read) = (buy(&site).await, Vec::new());
    stream.read_to_end(&mut read).await.unwrap();
    let answer = parse(&read);
    assert_eq!(
        (answer.body.as_str(), answer.header("content-length")),
        ("firstsecond", Some("11"))
    );
    assert!(answer.receipt().expect("a receipt").success);

    let (site, pieces) = open(Site::price, None).await;
    let long: &'static str = "long ".repeat(10_000).leak();
    let mut stream = buy(&site).await;
    // Without an end.
    for _ in 0..1_000 {
        pieces.send(long).unwrap();
    }
    let mut read = Vec::new();
    stream.read_to_end(&mut read).await.unwrap();
    let answer = parse(&read);
    assert_eq!((answer.status, answer.error().as_str()), (500, "answer_too_long"));
    assert_eq!(site.facilitator.settle().calls(), 0);
    drop(pieces);
}

#[actix_web::test]
async fn an_amount_can_be_charged_by_a_handler_that_streams_nothing() {
    let (site, pieces) = open(metered, None).await;
    drop(pieces);
    let mut read = Vec::new();
    buy(&site).await.read_to_end(&mut read).await.unwrap();
    assert_eq!(parse(&read).status, 200);
    assert!(site.facilitator.amounts().iter().all(|(question, _)| *question != "settle"));
    let lines = x402_ledger::Payments::recent(&site.store, 10).await.unwrap();
    assert!(lines.iter().all(|line| line.amount == Amount::ZERO), "{lines:?}");
}
