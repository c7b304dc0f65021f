//! Nested routers, odd spellings of paths, and what a request may say of its address.

use crate::common;
use crate::common::{Payer, Site, sell};
use axum::Router;
use axum::routing::{any, get};

#[tokio::test(flavor = "multi_thread")]
async fn a_nested_route_tells_and_takes_its_whole_address() {
    let site = Site::prepare().await;
    let goods = site.goods.clone();
    let items = Router::new().route("/items/{id}", get(|| sell(goods)).layer(site.price()));
    let router = Router::new().nest("/api", Router::new().nest("/v1", items));
    let site = site.serve(router).await;

    let terms = site.get("/api/v1/items/7?page=2", &[]).await.challenge().expect("terms");
    assert_eq!(terms.resource.url, "https://api.example.com/api/v1/items/7?page=2");
    let payment = Payer::number(1).pay(&terms).await;
    let header = payment.header();
    let headers = [("payment-signature", &*header)];
    let sibling = site.get("/api/v1/items/8?page=2", &headers).await;
    sibling.assert_challenged("another resource");
    site.get("/api/v1/items/7?page=2", &headers).await.assert_served();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_price_on_a_router_covers_all_of_it() {
    let site = Site::prepare().await;
    let (goods, more) = (site.goods.clone(), site.goods.clone());
    let paid =
        Router::new().route("/a", get(|| sell(goods))).fallback(|| sell(more)).layer(site.price());
    let router = Router::new().nest("/paid", paid).route("/free", get(|| async { "free" }));
    let site = site.serve(router).await;
    for path in ["/paid/a", "/paid/b", "/paid/a/../b", "/paid/a?b"] {
        site.get(path, &[]).await.assert_challenged("Payment required");
    }
    for path in ["/paid", "/paid/", "/paid//", "//paid/a"] {
        assert!(matches!(site.get(path, &[]).await.status, 402 | 404), "{path}");
    }
    assert_eq!(site.get("/free", &[]).await.body, "free");
    assert_eq!(site.goods.count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
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

#[tokio::test(flavor = "multi_thread")]
async fn what_stands_in_an_address_cannot_break_the_terms() {
    let site = Site::prepare().await;
    let goods = site.goods.clone();
    let router = Router::new().route("/{*path}", get(|| sell(goods)).layer(site.price()));
    let site = site.serve(router).await;
    for path in [
        "/goods\"},\"accepts\":[]",
        "/goods{}",
        "/goods\\u0022",
        "/goods%22%0d%0aset-cookie:a=b",
        "/%00%ff",
        "/goodsé",
        "/goods?\"q\":[\"]}",
        "/goods?a=1&a=2?#",
        "/goods?%",
    ] {
        let answer = site.get(path, &[]).await;
        // What the server itself does not take for an address, nobody is charged for.
        if answer.status == 400 {
            assert!(!answer.body.contains(common::MARKER));
            continue;
        }
        let terms = answer.assert_challenged("Payment required").challenge().unwrap();
        let expected = path.split('#').next().unwrap();
        assert_eq!(terms.resource.url, format!("https://api.example.com{expected}"));
        assert_eq!(
            (terms.accepts.len(), &answer.json()["resource"]["url"]),
            (1, &terms.resource.url.clone().into())
        );
        assert!(answer.header("set-cookie").is_none());
    }
    assert_eq!(site.goods.count(), 0);
}

/// Spellings that have opened paywalls elsewhere, where a list of paths and the router read them
/// differently.
#[tokio::test(flavor = "multi_thread")]
async fn no_spelling_of_a_path_reaches_the_handler_unpaid() {
    let site = Site::prepare().await;
    let handler = || {
        let goods = site.goods.clone();
        move || sell(goods)
    };
    let price = site.price();
    let router = Router::new()
        .route("/paid", get(handler()).layer(price.clone()))
        .route("/any", any(handler()).layer(price.clone()))
        .route("/api/paid/item", get(handler()).layer(price.clone()))
        .route("/api/paid/{*rest}", get(handler()).layer(price.clone()))
        .route("/api/users/{id}", get(handler()).layer(price.clone()))
        .route("/files/", get(handler()).layer(price.clone()))
        .route("/files/{*path}", get(handler()).layer(price.clone()))
        .route("/protected", get(handler()).layer(price));
    let site = site.serve(router).await;
    let host = site.address;
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
        "/paid%0Ad",
        "/paid%0D",
        "/paid%00",
        "/paid%20",
        "/paid%E2%80%A8d",
        "/paid\\d",
        "/paid%5Cd",
        "/pai%64",
        "/%70aid",
        "/PAID",
        "/Paid",
        "/paid;a=b",
        "/paid.",
        "/paid?",
        "/paid?x=/free",
        "/paid#x",
        "/paid/x",
        "/paid%2F",
        "/paid%3F",
        "/paid%23",
        "/api/paid/item",
        "/api/paid/item%0A",
        "/api/paid/item%0Am",
        "/api/paid/item%0D",
        "/api/paid/item%E2%80%A8m",
        "/api/paid/item\\m",
        "/api/paid/item%5Cm",
        "/api/paid%2Fitem",
        "/api/paid/%2E/item",
        "/api/paid/x/%2E%2E/item",
        "/api/paid/ite%6D",
        "/api//paid/item",
        "/api/paid/item-which-is-not-there",
        "/api/paid",
        "/api/paid/",
        "/api/users/x%252Fy",
        "/api/users/x%2Fy",
        "/protected\\\\",
        "/protected\\",
        "//api/resource",
        "/files/",
        "/files",
        "/files//",
        "/files/a/../b",
        "/any",
        "*",
    ]
    .map(str::to_owned)
    .into();
    for absolute in ["/paid", "/files/", "/api/paid/item", "//paid"] {
        targets.push(format!("http://{host}{absolute}"));
        targets.push(format!("http://evil.example{absolute}"));
        targets.push(format!("HTTP://{host}{absolute}"));
        targets.push(format!("ftp://{host}{absolute}"));
    }
    targets.push(host.to_string());
    let methods =
        ["GET", "HEAD", "POST", "PUT", "OPTIONS", "TRACE", "CONNECT", "get", "options", "PRI"];
    let overrides = [
        ("x-http-method-override", "OPTIONS"),
        ("x-original-url", "/free"),
        ("x-rewrite-url", "/free"),
    ];
    for target in &targets {
        for method in methods {
            let answer = site.ask(method, target, &overrides).await;
            assert!(!answer.body.contains(common::MARKER), "{method} {target}: {answer:?}");
            // `OPTIONS` at a handler of every method is a question that it may answer.
            let asked = (method, &**target) == ("OPTIONS", "/any");
            assert!(asked || !(200..300).contains(&answer.status), "{method} {target}: {answer:?}");
        }
    }
    assert_eq!(site.goods.count(), 1, "by OPTIONS at the handler of every method");
}
