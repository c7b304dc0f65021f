//! What a site tells indexers and the pages of other sites.

use crate::common::{MARKER, Payer, SITE, Site, sell};
use actix_web::web;
use x402_actix::{Payment, paid};

async fn open() -> Site {
    let site = Site::prepare().await;
    let price = site.price().with(|price| price.route("GET /goods").description("Goods")).unwrap();
    let (goods, paywall) = (site.goods.clone(), site.paywall.clone());
    site.serve(move |config| {
        let goods = goods.clone();
        let resource = web::resource("/goods").get(move || sell(goods.clone()));
        let resource = resource.wrap(price.clone());
        #[cfg(feature = "cors")]
        let resource = resource.wrap(x402_actix::cors());
        config.service(resource).service(paywall.directory_resource());
    })
}

#[actix_web::test]
async fn anybody_may_read_what_a_site_sells() {
    let site = open().await;
    let answer = site.get("/.well-known/x402", &[]).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    let told = answer.json();
    assert_eq!(told["resources"], serde_json::json!([format!("{SITE}/goods")]));
    assert_eq!(told["routes"][0]["description"], "Goods");
}

#[cfg(feature = "cors")]
#[actix_web::test]
async fn pages_of_other_sites_can_ask_pay_and_read_the_receipt() {
    let site = open().await;
    let names = |value: Option<&str>| value.unwrap_or_default().to_lowercase();
    let asked = [
        ("origin", "https://shop.example"),
        ("access-control-request-method", "GET"),
        ("access-control-request-headers", "payment-signature"),
    ];
    let preflight = site.ask("OPTIONS", "/goods", &asked).await;
    assert_eq!(preflight.status, 200, "{preflight:?}");
    assert!(!preflight.body.contains(MARKER), "{preflight:?}");
    assert_eq!(preflight.header("access-control-allow-origin"), Some("*"));
    assert_eq!(preflight.header("access-control-allow-credentials"), None);
    let allowed = names(preflight.header("access-control-allow-headers"));
    assert!(allowed.contains("payment-signature") && allowed.contains("sign-in-with-x"));
    assert_eq!(site.goods.count(), 0);

    let origin = ("origin", "https://shop.example");
    let terms = site.get("/goods", &[origin]).await;
    terms.assert_refused(402);
    let payment = site.pay("/goods").await.header();
    let paid = site.get("/goods", &[origin, ("payment-signature", &payment)]).await;
    paid.assert_served();
    for (answer, header) in [(&terms, "payment-required"), (&paid, "payment-response")] {
        assert_eq!(answer.header("access-control-allow-origin"), Some("*"), "{answer:?}");
        assert!(names(answer.header("access-control-expose-headers")).contains(header));
    }
}

#[actix_web::test]
async fn handlers_that_were_told_of_are_listed_before_their_first_request() {
    struct Api;
    impl Api {
        const LAUGH: &str = "Ha";

        #[paid("$0.02", route = "POST /joke")]
        async fn joke(body: String) -> String {
            format!("{} {body}", Self::LAUGH)
        }
    }
    #[paid("$0.01", route = "GET /weather")]
    async fn weather(_: Payment) -> &'static str {
        MARKER
    }
    #[paid("$0.01")]
    async fn lost() -> &'static str {
        MARKER
    }

    let site = Site::prepare().await;
    site.paywall.list(weather).unwrap().list(Api::joke).unwrap();
    let told = site.paywall.directory();
    let routes: Vec<_> = told.routes.iter().map(|it| (&*it.method, &*it.path)).collect();
    assert_eq!(routes, [("GET", "/weather"), ("POST", "/joke")]);
    let error = site.paywall.list(lost).unwrap_err();
    assert!(error.to_string().contains("tools::lost"), "{error}");

    let paywall = site.paywall.clone();
    let site = site.serve(move |config| {
        config.app_data(paywall.clone()).route("/joke", web::post().to(Api::joke));
    });
    let terms = site.ask("POST", "/joke", &[]).await.challenge().expect("terms");
    let payment = Payer::number(1).pay(&terms).await.header();
    let sold = site.post("POST", "/joke", &[("payment-signature", &payment)], "ha").await;
    assert_eq!(sold.body, "Ha ha");
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

#[actix_web::test]
async fn a_handler_that_does_not_say_its_route_is_listed_where_a_request_has_found_it() {
    #[paid("$0.01")]
    async fn weather(_: web::Query<Vec<(String, String)>>) -> &'static str {
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
    #[actix_web::get("/named/{name}")]
    #[paid("$0.05")]
    async fn named() -> &'static str {
        MARKER
    }

    let site = Site::prepare().await;
    let paywall = site.paywall.clone();
    let site = site.serve(move |config| {
        let weather = web::resource("/weather/{city}")
            .get(weather)
            .post(weather)
            .route(web::head().to(weather));
        config
            .app_data(paywall.clone())
            .service(paywall.directory_resource())
            .service(web::scope("/api").service(weather))
            .route("/anything", web::route().to(anything))
            .route("/else/{here}", web::get().to(said))
            .service(named)
            .default_service(web::route().to(fallback));
    });
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
        ("GET", "/named/paris", Some("GET /named/{name} 0.05")),
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
