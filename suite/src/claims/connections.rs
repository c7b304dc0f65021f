//! Connections that stay open.

use crate::{Payer, Shop, Site, until};

pub async fn a_challenge_leaves_the_connection_good_for_the_payment<S: Shop>() {
    let site = Site::<S>::open().await;
    let mut connection = site.connect().await;
    for _ in 0..2 {
        let terms = connection.ask("GET", "/goods", &[], "").await.challenge().expect("terms");
        let header = Payer::number(1).pay(&terms).await.header();
        let headers = [("payment-signature", &*header)];
        connection.ask("GET", "/goods", &headers, "").await.assert_served();
        connection.ask("GET", "/goods", &headers, "").await.assert_refused(409);
        assert_eq!(connection.ask("POST", "/echo", &[], "a body").await.body, "a body");
    }
    assert_eq!(site.facilitator.moved(), 2);
}

/// Or says that it closes it, where that is the framework's way.
pub async fn a_challenge_to_a_request_with_a_body_leaves_the_connection_good<S: Shop>() {
    let site = Site::<S>::open().await;
    if !S::OUTLIVES_UNREAD_BODIES {
        let unpaid = site.ask("POST", "/json", &[], "a body").await;
        unpaid.assert_challenged("Payment required");
        assert_eq!(unpaid.header("connection"), Some("close"));
        return;
    }
    let mut connection = site.connect().await;
    let body = r#"{"city":"Oslo"}"#;
    let json = ("content-type", "application/json");
    let terms = connection.ask("POST", "/json", &[json], body).await.challenge().expect("terms");
    let header = Payer::number(1).pay(&terms).await.header();
    let served =
        connection.ask("POST", "/json", &[json, ("payment-signature", &header)], body).await;
    assert_eq!((served.status, &*served.body), (200, "Oslo"));
    // The body that nobody read is not taken for a request.
    let unpaid = connection.ask("POST", "/json", &[], "GET /goods HTTP/1.1\r\n\r\n").await;
    unpaid.assert_challenged("Payment required");
    assert_eq!(connection.ask("POST", "/echo", &[], "still here").await.body, "still here");
    assert_eq!(site.goods.runs(), 0);
}

pub async fn who_has_not_paid_is_told_so_before_the_body_has_come<S: Shop>() {
    let site = Site::<S>::open().await;
    for expecting in ["", "expect: 100-continue\r\n"] {
        let head = format!(
            "POST /json HTTP/1.1\r\nhost: shop.example\r\ncontent-length: 10000000\r\n{expecting}\r\n"
        );
        let mut answer = site.write_and_read(head.as_bytes()).await.expect("an answer");
        if answer.status == 100 {
            // Some frameworks ask for the body before anything of ours is run.
            answer = crate::client::parse(answer.body.as_bytes()).expect("an answer");
        }
        answer.assert_refused(402);
    }
    site.assert_untouched();
}

pub async fn a_payment_does_not_outlive_its_request<S: Shop>() {
    let site = Site::<S>::open().await;
    let header = site.pay("/payer").await.header();
    let mut connection = site.connect().await;
    let paid = connection.ask("GET", "/payer", &[("payment-signature", &header)], "").await;
    assert_eq!((paid.status, paid.body), (200, Payer::number(1).address()));
    assert_eq!(connection.ask("GET", "/maybe", &[], "").await.body, "none");
    assert_eq!(connection.ask("GET", "/unpriced", &[], "").await.status, 500);
    connection.ask("GET", "/payer", &[], "").await.assert_refused(402);
    assert_eq!(site.goods.runs(), 0);
}

pub async fn of_copies_on_one_connection_one_is_served<S: Shop>() {
    let site = Site::<S>::open().await;
    let header = site.pay("/goods").await.header();
    let request = |more: &str| {
        format!(
            "GET /goods HTTP/1.1\r\nhost: shop.example\r\n{more}payment-signature: {header}\r\n\r\n"
        )
    };
    let copies = [request(""), request(""), request("connection: close\r\n")].concat();
    let mut stream = site.write(copies.as_bytes()).await;
    let mut read = Vec::new();
    let _ = tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut read).await;
    let read = String::from_utf8(read).unwrap();
    assert_eq!(read.matches("HTTP/1.1 200").count(), 1, "{read}");
    assert_eq!(read.matches("HTTP/1.1 409").count(), 2, "{read}");
    assert_eq!(read.matches(crate::MARKER).count(), 1, "{read}");
    site.assert_sold_once(1);
}

pub async fn clients_of_http_1_0_buy_too<S: Shop>() {
    let site = Site::<S>::open().await;
    let ask = async |path: &str, payment: Option<String>| {
        let payment = payment.map_or(String::new(), |it| format!("payment-signature: {it}\r\n"));
        let request = format!("GET {path} HTTP/1.0\r\nhost: shop.example\r\n{payment}\r\n");
        site.write_and_read(request.as_bytes()).await.expect("an answer")
    };
    for path in ["/goods", "/outer/inner/goods"] {
        let terms = ask(path, None).await.challenge().expect("terms");
        let payment = Payer::number(1).pay(&terms).await;
        let served = ask(path, Some(payment.header())).await;
        assert!(served.assert_served().receipt().expect("a receipt").success);
    }
    site.goods.send("first");
    site.goods.send("second");
    site.goods.end();
    let payment = site.pay("/metered").await;
    let served = ask("/metered", Some(payment.header())).await;
    // With or without chunks, which those clients do not know: that is the framework's business.
    assert_eq!(served.status, 200);
    assert!(served.body.contains("first") && served.body.contains("second"), "{served:?}");
    until(async || site.books().await == ["settled"; 3]).await;
    assert_eq!(site.settled_amounts(), ["10000", "10000", "1100"]);
}

pub async fn a_payment_that_follows_the_body_is_none<S: Shop>() {
    let site = Site::<S>::open().await;
    let terms = site.ask("POST", "/json", &[], "").await.challenge().expect("terms");
    let header = Payer::number(1).pay(&terms).await.header();
    let request = |payment: &str, trailer: &str| {
        format!(
            "POST /json HTTP/1.1\r\nhost: shop.example\r\nconnection: close\r\n\
             content-type: application/json\r\ntransfer-encoding: chunked\r\n{payment}\r\n\
             f\r\n{{\"city\":\"Oslo\"}}\r\n0\r\n{trailer}\r\n"
        )
    };
    let payment = format!("payment-signature: {header}\r\n");
    let late = site.write_and_read(request("", &payment).as_bytes()).await.expect("an answer");
    late.assert_challenged("Payment required");
    assert_eq!(site.facilitator.calls(), 0);
    let served = site.write_and_read(request(&payment, "").as_bytes()).await.expect("an answer");
    assert_eq!((served.status, &*served.body), (200, "Oslo"));
}
