//! What a site says of itself, at its well-known place.

use crate::common::{SITE, Site, sell};
use axum::Router;
use axum::routing::get;

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
