//! Gates where the request's address is not the one that was asked for: nested, or rewritten.

use crate::common::Site;
use axum::Router;
use axum::extract::Request;
use axum::http::Uri;
#[cfg(feature = "price-list")]
use axum::routing::get;
use tower::util::MapRequest;
use x402_axum::{ConfigError, GateLayer, Inquiry, Quote, Refused};

/// A gate that tells which address it would price.
fn telling(site: &Site) -> GateLayer {
    let price = site.paywall.price_by(|inquiry: Inquiry| async move {
        let said = format!("{} {:?}", inquiry.path(), inquiry.query().unwrap_or_default());
        Ok::<Quote, ConfigError>(Quote::Refuse(Refused::new(404, "told", said)))
    });
    GateLayer::new(price.gate().unwrap())
}

/// A service that gets another address for each request.
fn rewriting<S>(
    to: fn(&str) -> String,
    service: S,
) -> MapRequest<S, impl Fn(Request) -> Request + Clone> {
    MapRequest::new(service, move |mut request: Request| {
        let uri: Uri = to(&request.uri().to_string()).parse().unwrap();
        *request.uri_mut() = uri;
        request
    })
}

fn without_v1(uri: &str) -> String {
    uri.replacen("/v1", "", 1)
}

async fn told(site: &Site, target: &str) -> String {
    let answer = site.get(target, &[]).await;
    assert_eq!(answer.status, 404, "{target}: {}", answer.body);
    answer.json()["message"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gate_knows_the_prefix_that_nesting_takes_away() {
    let site = Site::prepare().await;
    let behind = || Router::new().fallback(async || "free").layer(telling(&site));
    let versions = Router::new().nest("/{version}", Router::new().nest_service("/api", behind()));
    let router = Router::new()
        .nest("/one", behind())
        .nest_service("/two/", behind())
        .nest("/all", versions)
        .fallback_service(behind());
    let site = site.serve(router).await;
    for target in
        ["/one", "/one/x", "/two/", "/two/x/y", "/all/v1/api/", "/all/v1/api/x", "/", "/x"]
    {
        assert_eq!(told(&site, target).await, format!("{target} \"\""));
        assert_eq!(told(&site, &format!("{target}?a=b")).await, format!("{target} \"a=b\""));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gate_reads_what_has_been_written_in_place_of_the_address_as_what_is_behind_it_does() {
    let site = Site::prepare().await;
    let behind = || Router::new().fallback(async || "free").layer(telling(&site));
    let other: fn(&str) -> String = |_| "/other?pages=9".to_owned();
    let query: fn(&str) -> String = |uri| uri.replace("pages=1", "pages=9");
    let router = Router::new()
        .nest_service("/api", rewriting(without_v1, behind()))
        .nest_service("/all/{version}", rewriting(other, behind()))
        .nest_service("/pages", rewriting(query, behind()))
        .nest("/outer", Router::new().fallback_service(rewriting(other, behind())))
        .fallback_service(rewriting(without_v1, behind()));
    let site = site.serve(router).await;
    for (target, path, query) in [
        ("/v1/reports/1", "/reports/1", ""),
        ("/v1/reports/1?a=b", "/reports/1", "a=b"),
        ("/reports/1", "/reports/1", ""),
        ("/api/v1/reports/1", "/api/reports/1", ""),
        ("/all/v2/x", "/all/v2/other", "pages=9"),
        ("/pages/x?pages=1", "/pages/x", "pages=9"),
        ("/outer/x", "/outer/other", "pages=9"),
    ] {
        assert_eq!(told(&site, target).await, format!("{path} {query:?}"), "{target}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gate_within_a_gate_reads_its_own_address() {
    let site = Site::prepare().await;
    let free = site.paywall.price_by(async |_: Inquiry| Ok::<_, ConfigError>(Quote::Free));
    let free = GateLayer::new(free.gate().unwrap());
    let back: fn(&str) -> String = |uri| format!("/v1{uri}");
    let inner = Router::new().fallback(async || "free").layer(telling(&site));
    let inner = Router::new().fallback_service(rewriting(back, inner)).layer(free);
    let site = site.serve(Router::new().fallback_service(rewriting(without_v1, inner))).await;
    assert_eq!(told(&site, "/v1/reports/1").await, "/v1/reports/1 \"\"");
}

#[cfg(feature = "price-list")]
#[tokio::test(flavor = "multi_thread")]
async fn a_rewrite_before_a_price_list_opens_nothing() {
    let site = Site::prepare().await;
    let list = "unlisted = \"free\"\n[[route]]\npath = \"/reports/{*rest}\"\nprice = \"$0.01\"";
    let table = site.paywall.price_list(list.parse().unwrap()).unwrap();
    let listed = Router::new()
        .route("/reports/1", get(async || "a report"))
        .fallback(async || "free")
        .layer(GateLayer::new(table.gate()));
    let site = site.serve(Router::new().fallback_service(rewriting(without_v1, listed))).await;
    for target in ["/reports/1", "/v1/reports/1"] {
        site.get(target, &[]).await.assert_challenged("Payment required");
    }
    assert_eq!(site.get("/v1/free", &[]).await.body, "free");
}
