//! What nobody sends in good faith.

use crate::common;
use std::rc::Rc;

use crate::common::{Payer, Site, sell};
use actix_web::web;
use tokio::io::AsyncReadExt;

#[actix_web::test]
async fn a_hostile_payment_header_is_refused_and_the_site_lives_on() {
    let site = Site::open().await;
    let payment = site.pay("/goods").await;
    for length in [16_385, 60_000, 1 << 20] {
        let answer = site.get("/goods", &[("payment-signature", &"A".repeat(length))]).await;
        assert!([400, 431].contains(&answer.status), "{length}: {answer:?}");
        assert!(answer.challenge().is_none());
    }
    let many = vec![("payment-signature", "AAAA"); 90];
    assert_eq!(site.get("/goods", &many).await.assert_refused(400).error(), "ambiguous_payment");
    let values: [&[u8]; 7] =
        [b"", b" ", b"\xff\xfe\x80", b"\xc3\x28", b"{}", b"\t=\t", b"bnVsbA=="];
    for value in values {
        let mut request = b"GET /goods HTTP/1.1\r\nhost: a\r\nconnection: close\r\n".to_vec();
        request.extend_from_slice(b"payment-signature: ");
        request.extend_from_slice(value);
        request.extend_from_slice(b"\r\n\r\n");
        let mut read = Vec::new();
        site.write(&request).await.read_to_end(&mut read).await.unwrap();
        let answer = common::parse(&read);
        assert!([400, 402].contains(&answer.status), "{value:?}: {answer:?}");
    }
    assert_eq!((site.facilitator.calls(), site.goods.count()), (0, 0));
    site.buy(&payment).await.assert_served();
}

#[actix_web::test]
async fn no_header_of_the_request_gets_into_the_address() {
    let site = Site::open().await;
    let liars = [
        ("host", "evil.example"),
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-proto", "gopher"),
        ("forwarded", "host=evil.example"),
    ];
    for target in ["/goods?a=b", "http://evil.example/goods?a=b"] {
        let answer = site.get(target, &liars).await;
        let terms = answer.challenge().expect("terms");
        assert_eq!(terms.resource.url, "https://api.example.com/goods?a=b");
        assert!(!answer.body.contains("evil"), "{}", answer.body);
    }
}

/// Spellings that have opened paywalls elsewhere, where a list of paths and the router read them
/// differently.
#[actix_web::test]
async fn no_spelling_of_a_path_reaches_the_handler_unpaid() {
    let site = Site::prepare().await;
    let (goods, price) = (site.goods.clone(), site.price());
    let site = site.serve(move |config| {
        let handler = || {
            let goods = goods.clone();
            move || sell(goods.clone())
        };
        for path in ["/paid", "/api/paid/item", "/api/paid/{rest:.*}", "/files/{path:.*}"] {
            config.service(web::resource(path).get(handler()).wrap(price.clone()));
        }
        config.service(web::resource("/any").to(handler()).wrap(price.clone()));
        let scope = web::scope("/scope").default_service(web::to(handler()));
        config.service(scope.wrap(price.clone()));
    });
    let mut targets: Vec<String> = [
        "/paid",
        "/paid/",
        "//paid",
        "/paid//",
        "/./paid",
        "/x/../paid",
        "/%2E/paid",
        "/x/%2E%2E/paid",
        "/paid%0A",
        "/paid%00",
        "/paid%20",
        "/paid\\d",
        "/paid%5Cd",
        "/pai%64",
        "/%70aid",
        "/PAID",
        "/paid;a=b",
        "/paid.",
        "/paid?",
        "/paid?x=/free",
        "/paid#x",
        "/paid%2F",
        "/paid%3F",
        "/paid%23",
        "/api/paid/item",
        "/api/paid%2Fitem",
        "/api/paid/%2E/item",
        "/api/paid/x/%2E%2E/item",
        "/api/paid/ite%6D",
        "/api//paid/item",
        "/api/paid",
        "/api/paid/",
        "/files/",
        "/files",
        "/files//",
        "/files/a/../b",
        "/any",
        "/scope",
        "/scope/",
        "/scope/x/y",
        "/scope//",
        "*",
    ]
    .map(str::to_owned)
    .into();
    for absolute in ["/paid", "/files/", "/api/paid/item", "//paid", "/scope/x"] {
        targets.push(format!("http://{}{absolute}", site.address));
        targets.push(format!("http://evil.example{absolute}"));
        targets.push(format!("ftp://evil.example{absolute}"));
    }
    targets.push(site.address.to_string());
    let overrides = [("x-http-method-override", "OPTIONS"), ("x-original-url", "/free")];
    let site = Rc::new(site);
    let mut requests = Vec::new();
    for target in targets {
        for method in ["GET", "HEAD", "POST", "OPTIONS", "TRACE", "CONNECT", "get", "options"] {
            let (site, target) = (Rc::clone(&site), target.clone());
            requests.push(actix_web::rt::spawn(async move {
                let mut stream = site.send(method, &target, &overrides, "").await;
                let mut read = Vec::new();
                let _ = stream.read_to_end(&mut read).await;
                // Some of it the server itself hangs up on.
                if read.is_empty() {
                    return false;
                }
                let answer = common::parse(&read);
                assert!(!answer.body.contains(common::MARKER), "{method} {target}: {answer:?}");
                let served = (200..300).contains(&answer.status);
                assert!(!served || method == "OPTIONS", "{method} {target}: {answer:?}");
                served
            }));
        }
    }
    let mut asked = 0;
    for request in requests {
        asked += usize::from(request.await.unwrap());
    }
    assert_eq!(site.goods.count(), asked, "by OPTIONS at handlers of every method");
    let terms = site.get("/files/a?b", &[]).await.challenge().expect("terms");
    let header = Payer::number(1).pay(&terms).await.header();
    site.get("/files/a?b", &[("payment-signature", &header)]).await.assert_served();
}
