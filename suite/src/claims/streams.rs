//! Answers that take their time, and are settled at their end or before their beginning.

use tokio::io::AsyncReadExt;

use crate::{Shop, Site, until};

pub async fn a_metered_stream_is_settled_at_its_end_for_what_was_sent<S: Shop>() {
    let site = Site::<S>::open().await;
    let payment = site.pay("/metered").await;
    site.goods.send("first");
    let mut stream = site.begin("/metered", &payment).await;
    assert_eq!(stream.answer.status, 200);
    assert!(stream.answer.header("cache-control").unwrap().contains("private"));
    // Not in the headers, which are gone by then; and no promise that is not kept.
    assert!(stream.answer.receipt().is_none());
    assert_eq!(stream.answer.headers.contains_key("trailer"), S::SENDS_TRAILERS);
    stream.read("first").await;
    assert_eq!(site.facilitator.settle().calls(), 0);
    site.goods.send("second");
    stream.read("second").await;
    site.goods.end();
    let receipt = stream.end().await.receipt();
    assert_eq!(receipt.is_some(), S::SENDS_TRAILERS);
    until(async || site.books().await == ["settled"]).await;
    assert_eq!(site.settled_amounts(), ["1100"]);
    if let Some(receipt) = receipt {
        assert!(receipt.success);
        assert_eq!(receipt.amount.unwrap().to_string(), "1100");
    }
    site.buy("/metered", &payment).await.assert_refused(409);
}

pub async fn a_metered_stream_that_the_client_cuts_is_settled_for_what_was_sent<S: Shop>() {
    let site = Site::<S>::open().await;
    let payment = site.pay("/metered").await;
    let header = payment.header();
    let request = format!(
        "GET /metered HTTP/1.1\r\nhost: shop.example\r\npayment-signature: {header}\r\n\r\n"
    );
    site.goods.send("first");
    let mut stream = site.write(request.as_bytes()).await;
    let mut read = Vec::new();
    while !read.windows(5).any(|window| window == b"first") {
        assert!(stream.read_buf(&mut read).await.unwrap() > 0, "it ended before its time");
    }
    assert_eq!(site.facilitator.settle().calls(), 0);
    drop(stream);
    until(async || site.books().await == ["settled"]).await;
    assert_eq!(site.settled_amounts(), ["500"]);
}

pub async fn a_metered_stream_ends_where_the_limit_is_reached<S: Shop>() {
    let site = Site::<S>::open().await;
    let payment = site.pay("/metered").await;
    let piece: &str = "0123456789012345678901234567890123456789";
    for _ in 0..4 {
        site.goods.send(piece);
    }
    // 2 of 40 bytes, at 100 units each, are within the cent.
    let answer = site.buy("/metered", &payment).await;
    assert_eq!(answer.body, format!("{piece}{piece}"));
    until(async || site.books().await == ["settled"]).await;
    assert_eq!(site.settled_amounts(), ["8000"]);
}

pub async fn a_metered_stream_that_breaks_off_is_settled_for_what_was_sent<S: Shop>() {
    let site = Site::<S>::open().await;
    let payment = site.pay("/metered").await;
    site.goods.send("first");
    let mut stream = site.begin("/metered", &payment).await;
    stream.read("first").await;
    site.goods.break_off();
    stream.breaks().await;
    until(async || site.books().await == ["settled"]).await;
    assert_eq!(site.settled_amounts(), ["500"]);
}

pub async fn what_breaks_off_while_it_is_held_back_is_not_charged<S: Shop>() {
    let site = Site::<S>::open().await;
    let payment = site.pay("/stream").await;
    site.goods.send("first");
    site.goods.break_off();
    let broken = site.buy("/stream", &payment).await;
    assert_eq!(broken.assert_refused(500).error(), "answer_broken");
    assert_eq!(site.facilitator.settle().calls(), 0);
    site.goods.send("all of it");
    site.goods.end();
    assert_eq!(site.buy_when_free("/stream", &payment).await.body, "all of it");
    site.assert_sold_once(2);
}

pub async fn what_is_settled_upfront_is_not_held_back<S: Shop>() {
    let site = Site::<S>::open().await;
    let payment = site.pay("/upfront").await;
    site.goods.send("first");
    let mut stream = site.begin("/upfront", &payment).await;
    assert_eq!(stream.answer.status, 200);
    assert!(stream.answer.receipt().expect("a receipt").success);
    site.assert_sold_once(1);
    // The first piece is here before there is a second.
    stream.read("first").await;
    site.goods.send("second");
    stream.read("second").await;
    site.goods.end();
    stream.end().await;
}

pub async fn what_is_settled_after_is_held_back_until_it_is<S: Shop>() {
    let site = Site::<S>::open().await;
    let payment = site.pay("/stream").await;
    for piece in ["one ", "two ", "three"] {
        site.goods.send(piece);
    }
    site.goods.end();
    let served = site.buy("/stream", &payment).await;
    assert_eq!((served.status, &*served.body), (200, "one two three"));
    assert!(served.receipt().expect("a receipt").success);
    site.assert_sold_once(1);
}

pub async fn a_long_answer_is_held_back_whole<S: Shop>() {
    let site = Site::<S>::open().await;
    let payment = site.pay("/stream").await;
    let piece: &'static str = "all of it ".repeat(1_000).leak();
    for _ in 0..200 {
        site.goods.send(piece);
    }
    site.goods.end();
    let served = site.buy("/stream", &payment).await;
    assert_eq!((served.status, served.header("content-length")), (200, Some("2000000")));
    assert!(served.body == piece.repeat(200), "{} bytes", served.body.len());
}

pub async fn asking_for_the_head_of_a_stream_does_not_wait_for_it<S: Shop>() {
    let site = Site::<S>::open().await;
    for path in ["/metered", "/upfront"] {
        let payment = site.pay(path).await;
        let headers = [("payment-signature", &*payment.header())];
        let head = site.ask("HEAD", path, &headers, "").await;
        assert_eq!((head.status, &*head.body), (200, ""));
    }
    // Nothing was metered, and nothing is asked of the facilitator; that is written down, too.
    until(async || site.books().await == ["settled"; 2]).await;
    assert_eq!(site.settled_amounts(), ["10000"]);
}

pub async fn an_answer_too_long_to_be_held_back_is_not_charged<S: Shop>() {
    let site = Site::<S>::open_with(|settings| settings.held_back(1_000)).await;
    let payment = site.pay("/stream").await;
    for _ in 0..11 {
        site.goods.send("a hundred bytes of nothing in particular, which is as good as any, of which there is no end in sight");
    }
    // It has no end.
    let refused = site.buy("/stream", &payment).await;
    assert_eq!(refused.assert_refused(500).error(), "answer_too_long");
    let message = refused.json()["message"].as_str().unwrap().to_owned();
    assert!(message.contains("upfront") && message.contains("upto"), "{message}");
    assert_eq!(site.facilitator.settle().calls(), 0);
    // The payment is as good as before.
    site.goods.take_back();
    site.goods.send("short");
    site.goods.end();
    assert_eq!(site.buy_when_free("/stream", &payment).await.body, "short");
    site.assert_sold_once(2);
}

pub async fn a_stream_of_events_is_not_waited_for<S: Shop>() {
    let site = Site::<S>::open().await;
    let payment = site.pay("/events").await;
    site.goods.send("data: one\n\n");
    let refused = site.buy("/events", &payment).await;
    assert_eq!(refused.assert_refused(500).error(), "answer_too_long");
    let message = refused.json()["message"].as_str().unwrap().to_owned();
    assert!(message.contains("upfront") && message.contains("upto"), "{message}");
    assert_eq!(site.facilitator.settle().calls(), 0);
}
