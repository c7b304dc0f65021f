//! What whoever has not paid is told.

use x402_server::{Entry, Hooks, RequestInfo};
use x402_types::VerifyResponse;

use crate::{Latch, MARKER, Payer, SITE, Say, Shop, Site};

pub async fn who_has_not_paid_is_told_the_terms_and_nothing_else_happens<S: Shop>() {
    let site = Site::<S>::open().await;
    let answer = site.get("/goods", &[]).await;
    let terms = answer.assert_challenged("Payment required").challenge().unwrap();
    assert_eq!(terms.resource.url, format!("{SITE}/goods"));
    assert_eq!(terms.resource.description.as_deref(), Some("The goods"));
    let offer = &terms.accepts[0];
    assert_eq!((terms.accepts.len(), offer.amount.to_string()), (1, "10000".to_owned()));
    assert_eq!((&*offer.scheme, offer.network.as_str()), ("exact", "eip155:84532"));
    // And the same in the body, to be read by people.
    assert_eq!(answer.header("content-type"), Some("application/json; charset=utf-8"));
    let told = answer.json();
    assert_eq!(told["resource"]["url"], format!("{SITE}/goods"));
    assert_eq!(told["accepts"][0]["amount"], "10000");
    assert!(told["error"].is_string(), "{told}");
    assert!(answer.receipt().is_none());
    site.assert_untouched();
}

pub async fn terms_and_goods_are_told_apart_by_caches<S: Shop>() {
    let site = Site::<S>::open().await;
    for answer in [site.get("/goods", &[]).await, site.buy_at("/goods").await] {
        let vary = answer.headers.get_all("vary").iter().map(|it| it.to_str().unwrap());
        let vary = vary.collect::<Vec<_>>().join(", ").to_lowercase();
        for name in ["payment-signature", "x-payment"] {
            assert!(vary.split(',').any(|it| it.trim() == name), "{vary}");
        }
    }
}

pub async fn the_address_is_whole_in_nested_routes_and_with_a_query<S: Shop>() {
    let site = Site::<S>::open().await;
    for path in ["/goods?page=2&q=%20a", "/outer/inner/goods", "/outer/inner/goods?page=2"] {
        let terms = site.terms(path).await;
        assert_eq!(terms.resource.url, format!("{SITE}{path}"));
        site.buy_at(path).await.assert_served();
    }
}

pub async fn a_price_on_a_part_of_the_site_covers_all_of_it<S: Shop>() {
    let site = Site::<S>::open().await;
    for path in ["/club/room", "/club/back/room", "/club/back/room?a=b", "/club/nowhere"] {
        let terms = site.terms(path).await;
        assert_eq!(terms.resource.url, format!("{SITE}{path}"));
    }
    site.assert_untouched();
    site.buy_at("/club/room").await.assert_served();
    site.buy_at("/club/back/room").await.assert_served();
    // What is not there is not charged, but its price is told.
    let nowhere = site.buy_at("/club/nowhere").await;
    assert_eq!((nowhere.status, nowhere.receipt().is_none()), (404, true));
    assert_eq!(site.facilitator.moved(), 2);
}

pub async fn the_price_is_told_before_the_input_is_looked_at<S: Shop>() {
    let site = Site::<S>::open().await;
    site.get("/query", &[]).await.assert_challenged("Payment required");
    site.get("/status/x", &[]).await.assert_challenged("Payment required");
    for body in ["", "{", "no json", "{\"city\":1}"] {
        site.ask("POST", "/json", &[], body).await.assert_challenged("Payment required");
        let headers = [("content-type", "application/json")];
        site.ask("POST", "/json", &headers, body).await.assert_challenged("Payment required");
    }
    site.assert_untouched();
}

/// Looks every request up, which takes its time.
struct LooksUp(Latch);

impl Hooks for LooksUp {
    async fn on_request(&self, _: &RequestInfo) -> Entry {
        self.0.pass().await;
        Entry::GoOn
    }
}

/// Waits until the server, in whatever thread, has done all that it can do for the requests it has.
async fn what_else_is_to_do_is_done<S: Shop>(site: &Site<S>) {
    for _ in 0..8 {
        site.get("/maybe", &[]).await;
    }
}

pub async fn the_price_is_told_first_also_where_it_takes_time<S: Shop>() {
    let latch = Latch::default();
    let site = Site::<S>::open_with(|settings| settings.hooks(LooksUp(latch.clone()))).await;
    for (method, path) in [("GET", "/query"), ("POST", "/json"), ("GET", "/status/x")] {
        latch.hold();
        let (client, count) = (site.client(), latch.count());
        let asked = tokio::spawn(async move { client.ask(method, path, &[], "no json").await });
        latch.reached(count + 1).await;
        what_else_is_to_do_is_done(&site).await;
        latch.let_go();
        asked.await.unwrap().assert_challenged("Payment required");
    }
    site.assert_untouched();
}

pub async fn a_refused_payment_is_told_before_the_input_is_looked_at<S: Shop>() {
    let site = Site::<S>::open().await;
    let verifying = site.facilitator.verify();
    for path in ["/query", "/status/x"] {
        let payment = site.pay(path).await;
        verifying.then(Say::This(VerifyResponse::invalid("insufficient_funds".into(), None)));
        verifying.latch.hold();
        let (client, count) = (site.client(), verifying.calls());
        let bought = tokio::spawn(async move { client.buy(path, &payment).await });
        verifying.latch.reached(count + 1).await;
        what_else_is_to_do_is_done(&site).await;
        verifying.latch.let_go();
        bought.await.unwrap().assert_challenged("insufficient_funds");
    }
}

pub async fn a_browser_is_shown_a_page_under_a_strict_policy<S: Shop>() {
    let site = Site::<S>::open().await;
    let browser = [
        ("accept", "text/html,application/xhtml+xml,*/*;q=0.8"),
        ("user-agent", "Mozilla/5.0 (X11; Linux x86_64) Chrome/130.0.0.0"),
    ];
    let page = site.get("/goods", &browser).await;
    let terms = page.assert_refused(402).challenge().unwrap();
    assert_eq!(terms.resource.url, format!("{SITE}/goods"));
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    assert!(page.body.starts_with("<!doctype html>") || page.body.starts_with("<!DOCTYPE html>"));
    assert!(page.body.contains("The goods"));
    let policy = page.header("content-security-policy").expect("a policy");
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"));
    assert!(!policy.contains("unsafe"), "{policy}");
    assert!(page.header("vary").unwrap().contains("user-agent"));

    // Programs, and people who send, are told in JSON.
    let program = [("accept", "*/*"), ("user-agent", "curl/8.0")];
    assert_eq!(site.get("/goods", &program).await.json()["accepts"][0]["amount"], "10000");
    assert!(site.ask("POST", "/any", &browser, "").await.json()["accepts"].is_array());
    site.assert_untouched();
}

pub async fn a_page_of_another_site_may_pay_and_read_terms_and_receipt<S: Shop>() {
    let site = Site::<S>::open().await;
    let preflight = [
        ("origin", "https://elsewhere.example"),
        ("access-control-request-method", "GET"),
        ("access-control-request-headers", "payment-signature"),
    ];
    let told = site.ask("OPTIONS", "/open/goods", &preflight, "").await;
    assert!((200..300).contains(&told.status) && told.body.is_empty(), "{told:?}");
    assert_eq!(told.header("access-control-allow-origin"), Some("*"));
    let allowed = told.header("access-control-allow-headers").expect("headers").to_lowercase();
    assert!(allowed.contains("payment-signature"), "{allowed}");
    site.assert_untouched();

    let origin = preflight[0];
    let unpaid = site.get("/open/goods", &[origin]).await;
    let terms = unpaid.assert_challenged("Payment required").challenge().unwrap();
    let header = Payer::number(1).pay(&terms).await.header();
    let served = site.get("/open/goods", &[origin, ("payment-signature", &header)]).await;
    assert!(served.assert_served().receipt().is_some());
    for answer in [unpaid, served] {
        assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
        let exposed = answer.header("access-control-expose-headers").unwrap().to_lowercase();
        assert!(exposed.contains("payment-required") && exposed.contains("payment-response"));
    }
}

pub async fn what_the_site_sells_is_told_for_nothing<S: Shop>() {
    let site = Site::<S>::open().await;
    // What has a price by an attribute is known from its first request on.
    site.get("/goods", &[]).await.assert_refused(402);
    let told = site.get("/.well-known/x402", &[]).await;
    assert_eq!((told.status, told.header("content-type")), (200, Some("application/json")));
    assert_eq!(told.header("access-control-allow-origin"), Some("*"));
    assert_eq!(
        told.json(),
        serde_json::from_slice::<serde_json::Value>(&site.paywall.directory_json()).unwrap()
    );
    assert!(told.body.contains("The goods"), "{told:?}");
    site.assert_untouched();
}

pub async fn asking_for_options_is_free_and_gets_no_content<S: Shop>() {
    let site = Site::<S>::open().await;
    let told = site.ask("OPTIONS", "/any", &[], "").await;
    // A handler with the attribute does not run, and leaves it to the paywall to answer.
    assert!([200, 204].contains(&told.status) && told.body.is_empty(), "{told:?}");
    assert!(matches!(told.header("content-length"), None | Some("0")), "{told:?}");
    assert!(told.challenge().is_none() && told.receipt().is_none());
    for path in ["/goods", "/order", "/stream", "/named", "/items/7"] {
        let told = site.ask("OPTIONS", path, &[], "").await;
        assert!(!told.body.contains(MARKER) && told.receipt().is_none(), "{path}: {told:?}");
    }
    // A payment that comes with the question is not touched.
    let payment = site.pay("/any").await;
    let headers = [("payment-signature", &*payment.header())];
    assert_eq!(site.ask("OPTIONS", "/any", &headers, "").await.body, "");
    assert_eq!(site.facilitator.calls(), 0);
    site.buy("/any", &payment).await.assert_served();
}

pub async fn a_route_without_a_price_costs_nothing_and_has_no_payment<S: Shop>() {
    let site = Site::<S>::open().await;
    let payment = site.pay("/goods").await;
    assert_eq!(site.get("/maybe", &[]).await.body, "none");
    assert_eq!(site.buy("/maybe", &payment).await.body, "none");
    assert_eq!(site.ask("POST", "/echo", &[], "free").await.body, "free");
    assert_eq!(site.facilitator.calls(), 0);
    site.buy("/goods", &payment).await.assert_served();
}

pub async fn a_handler_that_counts_on_a_payment_is_not_run_without_a_price<S: Shop>() {
    let site = Site::<S>::open().await;
    let payment = site.pay("/goods").await;
    for answer in [site.get("/unpriced", &[]).await, site.buy("/unpriced", &payment).await] {
        assert_eq!(answer.status, 500);
        assert!(!answer.body.contains(MARKER) && answer.challenge().is_none());
    }
    site.assert_untouched();
}
