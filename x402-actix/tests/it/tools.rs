//! What a site tells indexers and the pages of other sites.

use crate::common::{MARKER, SITE, Site, sell};

async fn open() -> Site {
    let site = Site::prepare().await;
    let price = site.price().with(|price| price.route("GET /goods").description("Goods")).unwrap();
    let (goods, paywall) = (site.goods.clone(), site.paywall.clone());
    site.serve(move |config| {
        let goods = goods.clone();
        let resource = actix_web::web::resource("/goods").get(move || sell(goods.clone()));
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
