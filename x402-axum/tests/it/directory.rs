//! What a site says of itself, at its well-known place.

use crate::common::{MARKER, SITE, Site, sell};
use axum::Router;
use axum::extract::{Query, State};
use axum::routing::{any, get, post};
use x402_axum::{Mistake, Payment, paid};

#[derive(Clone, serde::Deserialize)]
#[allow(dead_code, reason = "read by its extractor only")]
struct Greeting {
    word: String,
}

#[tokio::test(flavor = "multi_thread")]
async fn anybody_may_read_what_a_site_sells() {
    let site = Site::prepare().await;
    let (goods, price) = (site.goods.clone(), site.price());
    let price = price.with(|price| price.route("GET /goods").description("Goods")).unwrap();
    let router = Router::new()
        .route("/goods", get(|| sell(goods)).layer(price))
        .merge(site.paywall.directory_routes());
    let site = site.serve(router).await;
    let answer = site.get("/.well-known/x402", &[]).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    let told = answer.json();
    assert_eq!(told["resources"], serde_json::json!([format!("{SITE}/goods")]));
    let route = &told["routes"][0];
    assert_eq!(route["description"], "Goods");
    // What is told is what is asked.
    let terms = site.get("/goods", &[]).await.challenge().unwrap();
    let accepts = serde_json::to_value(&terms.accepts).unwrap();
    assert_eq!(route["accepts"], accepts);
}

#[tokio::test(flavor = "multi_thread")]
async fn handlers_that_were_told_of_are_listed_before_their_first_request() {
    struct Api;
    impl Api {
        #[paid("$0.02", route = "POST /joke")]
        async fn joke(_: State<Greeting>, body: String) -> String {
            format!("{} {body}", Self::LAUGH)
        }
        const LAUGH: &str = "Ha";
    }
    #[paid("$0.01", route = "GET /weather")]
    async fn weather(_: Query<Greeting>, _: Payment) -> &'static str {
        MARKER
    }
    #[paid("$0.01")]
    async fn lost() {}
    #[paid("$0.01", route = "GET /abroad", networks = ["celo"])]
    async fn abroad() {}

    let site = Site::prepare().await;
    site.paywall.list(weather).unwrap().list(Api::joke).unwrap();
    let told = site.paywall.directory();
    let routes: Vec<_> = told.routes.iter().map(|it| (&*it.method, &*it.path)).collect();
    assert_eq!(routes, [("GET", "/weather"), ("POST", "/joke")]);
    assert_eq!(told.routes[1].prices[0].amount, "0.02");
    let error = site.paywall.list(lost).unwrap_err();
    assert!(error.to_string().contains("directory::lost"), "{error}");
    // What could not be sold is told at once.
    assert!(matches!(site.paywall.list(abroad).unwrap_err().mistakes(), [Mistake::NoWayLeft(_)]));

    let (paywall, greeting) = (site.paywall.clone(), Greeting { word: "Good day".to_owned() });
    let router = Router::new().route("/weather", get(weather)).route("/joke", post(Api::joke));
    let site = site.serve(router.with_state(greeting).layer(paywall)).await;
    assert!(site.get("/weather?word=x", &[]).await.challenge().is_some());
    assert_eq!(site.paywall.directory().routes.len(), 2);
}

/// What is listed, as `GET /path price`.
async fn listed(site: &Site) -> Vec<String> {
    let told = site.get("/.well-known/x402", &[]).await.json();
    let routes = told["routes"].as_array().unwrap().iter();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    routes
        .map(|it| [&it["method"], &it["path"], &it["prices"][0]["amount"]].map(text).join(" "))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_that_does_not_say_its_route_is_listed_where_a_request_has_found_it() {
    #[paid("$0.01")]
    async fn weather(_: Query<Greeting>) -> &'static str {
        MARKER
    }
    #[paid("$0.02")]
    async fn anything() -> &'static str {
        MARKER
    }
    #[paid("$0.03", route = "GET /said/{so}")]
    async fn said() -> &'static str {
        MARKER
    }
    #[paid("$0.04")]
    async fn fallback() -> &'static str {
        MARKER
    }

    let site = Site::prepare().await;
    let weather = Router::new().route("/weather/{city}", get(weather).post(weather));
    let router = Router::new()
        .nest("/api", weather)
        .route("/anything", any(anything))
        .route("/else/{here}", get(said))
        .fallback(fallback)
        .layer(site.paywall.clone())
        .merge(site.paywall.directory_routes());
    let site = site.serve(router).await;
    for (method, path) in [
        // They tell of no route of their own.
        ("HEAD", "/api/weather/paris"),
        ("OPTIONS", "/anything"),
        ("XYZZY", "/anything"),
        // There is no route.
        ("GET", "/nowhere/paris"),
    ] {
        site.ask(method, path, &[]).await;
        assert!(listed(&site).await.is_empty(), "{method} {path}");
    }
    for (method, path, news) in [
        ("GET", "/api/weather/paris", Some("GET /api/weather/{city} 0.01")),
        ("GET", "/api/weather/rome?word=x", None),
        ("POST", "/api/weather/rome", Some("POST /api/weather/{city} 0.01")),
        ("DELETE", "/anything", Some("DELETE /anything 0.02")),
        ("GET", "/else/where", Some("GET /said/{so} 0.03")),
    ] {
        let mut before = listed(&site).await;
        site.ask(method, path, &[]).await.assert_refused(402);
        before.extend(news.map(str::to_owned));
        assert_eq!(listed(&site).await, before, "{method} {path}");
    }
    let told = site.get("/.well-known/x402", &[]).await;
    assert_eq!(told.json()["resources"][0], format!("{SITE}/api/weather/{{city}}"));
    assert!(!told.body.contains("paris") && !told.body.contains("rome"));
}
