//! Prices that move, and a seller who says otherwise.

use std::sync::atomic::Ordering::SeqCst;

use x402_server::{Entry, Hooks, Payment, Recovery, Refused, RequestInfo, Settling};
use x402_types::{Amount, ErrorReason, SettleResponse};

use crate::{MARKER, Payer, SITE, Say, Shop, Site};

pub async fn either_of_two_prices_can_be_paid<S: Shop>() {
    let site = Site::<S>::open().await;
    let terms = site.terms("/either").await;
    let told: Vec<_> =
        terms.accepts.iter().map(|it| format!("{} {}", it.scheme, it.amount)).collect();
    assert_eq!(told, ["exact 10000", "upto 20000"]);
    for offer in &terms.accepts {
        let payment = Payer::number(1).pay_offer(&terms, offer).await;
        let served = site.buy("/either", &payment).await;
        assert!(served.assert_served().receipt().expect("a receipt").success);
    }
    assert_eq!(site.settled_amounts(), ["10000", "20000"]);
}

pub async fn a_price_is_found_by_the_path_and_the_query<S: Shop>() {
    let site = Site::<S>::open().await;
    for (path, amount) in [
        ("/items/7", "700"),
        ("/items/8", "800"),
        ("/items/7?count=3", "2100"),
        ("/items/7?count=x", "700"),
    ] {
        let terms = site.terms(path).await;
        assert_eq!(terms.accepts[0].amount.to_string(), amount, "{path}");
        assert_eq!(terms.resource.url, format!("{SITE}{path}"));
    }
    site.assert_untouched();
    site.buy_at("/items/7?count=3").await.assert_served();
    assert_eq!(site.settled_amounts(), ["2100"]);
}

pub async fn a_price_that_was_told_is_payable_after_it_has_moved<S: Shop>() {
    let site = Site::<S>::open().await;
    let payment = site.pay("/items/7").await;
    for price in [200, 50] {
        site.goods.item_price.store(price, SeqCst);
        let amount = &site.terms("/items/7").await.accepts[0].amount;
        assert_eq!(amount.to_string(), (7 * price).to_string());
    }
    site.buy("/items/7", &payment).await.assert_served();
    assert_eq!(site.settled_amounts(), ["700"]);
    site.buy("/items/7", &payment).await.assert_refused(409);
}

pub async fn a_price_that_was_told_for_something_cheaper_is_not_taken<S: Shop>() {
    let site = Site::<S>::open().await;
    let cheap = site.pay("/items/1").await;
    for path in ["/items/2", "/items/1?count=2", "/items/01", "/goods"] {
        site.buy(path, &cheap).await.assert_refused(402);
    }
    site.assert_untouched();
    site.buy("/items/1", &cheap).await.assert_served();
}

pub async fn where_no_price_can_be_told_nothing_is_sold<S: Shop>() {
    let site = Site::<S>::open().await;
    // Nothing times anything is no price.
    let payment = site.pay("/items/1").await;
    for answer in [site.get("/items/0", &[]).await, site.buy("/items/0", &payment).await] {
        assert_eq!(answer.assert_refused(500).error(), "internal_error");
    }
    site.assert_untouched();
}

pub async fn a_price_function_gives_away_and_refuses<S: Shop>() {
    let site = Site::<S>::open().await;
    let given = site.get("/items/gift", &[]).await;
    assert!(given.assert_served().receipt().is_none());
    assert!(given.header("cache-control").unwrap().contains("private"));
    assert_eq!(site.get("/items/gone", &[]).await.assert_refused(410).error(), "gone");
    let payment = site.pay("/items/1").await;
    assert_eq!(site.buy("/items/gone", &payment).await.assert_refused(410).error(), "gone");
    assert_eq!((site.goods.runs(), site.facilitator.calls()), (1, 0));
}

pub async fn what_a_request_says_twice_is_not_priced_by_either<S: Shop>() {
    let site = Site::<S>::open().await;
    let payment = site.pay("/items/7?count=1").await;
    for query in ["count=1&count=9", "count=9&count=1", "count=1&x=1&%63ount=9", "count=1&count=1"]
    {
        let path = format!("/items/7?{query}");
        for answer in [site.get(&path, &[]).await, site.buy(&path, &payment).await] {
            assert_eq!(answer.assert_refused(400).error(), "ambiguous_request", "{query}");
        }
    }
    site.assert_untouched();
    site.buy("/items/7?count=1", &payment).await.assert_served();
}

/// Does as the request's header `x-house` says.
struct House;

impl Hooks for House {
    async fn on_request(&self, request: &RequestInfo) -> Entry {
        match request.header("x-house") {
            Some("free") => Entry::GiveAway,
            Some("closed") => Entry::Refuse(Refused::new(451, "closed", "Not in your country.")),
            _ => Entry::GoOn,
        }
    }

    async fn after_verify(&self, payment: &Payment) -> Entry {
        match payment.payer() == Payer::number(9).address() {
            true => Entry::GiveAway,
            false => Entry::GoOn,
        }
    }

    async fn before_settle(&self, payment: &Payment, amount: Amount) -> Settling {
        assert_eq!(amount, payment.amount());
        if payment.payer() == Payer::number(7).address() {
            Settling::GiveAway
        } else if payment.payer() == Payer::number(8).address() {
            Settling::Withhold(Refused::forbidden("Not to you."))
        } else {
            Settling::GoOn
        }
    }

    async fn on_settle_failure(&self, _: &Payment, _: &ErrorReason) -> Recovery {
        Recovery::GiveAway
    }
}

pub async fn a_hook_gives_away_and_refuses_before_anything_is_paid<S: Shop>() {
    let site = Site::<S>::open_with(|settings| settings.hooks(House)).await;
    let given = site.get("/goods", &[("x-house", "free")]).await;
    assert!(given.assert_served().receipt().is_none());
    assert!(given.header("cache-control").unwrap().contains("private"));
    let refused = site.get("/goods", &[("x-house", "closed")]).await;
    assert_eq!(refused.assert_refused(451).error(), "closed");
    let payment = site.pay("/goods").await;
    let header = payment.header();
    for (house, status) in [("free", 200), ("closed", 451)] {
        let headers = [("x-house", house), ("payment-signature", &*header)];
        assert_eq!(site.get("/goods", &headers).await.status, status);
    }
    // The payment was not touched.
    assert_eq!((site.goods.runs(), site.facilitator.calls()), (2, 0));
    site.buy("/goods", &payment).await.assert_served();
    site.assert_sold_once(3);
}

pub async fn what_is_given_away_is_not_given_to_a_handler_that_counts_on_a_payment<S: Shop>() {
    let site = Site::<S>::open_with(|settings| settings.hooks(House)).await;
    let refused = site.get("/payer", &[("x-house", "free")]).await;
    assert_eq!((refused.status, refused.challenge().is_none()), (500, true));
    site.assert_untouched();
}

pub async fn what_is_given_to_a_payer_tells_the_handler_who_that_is<S: Shop>() {
    let site = Site::<S>::open_with(|settings| settings.hooks(House)).await;
    let friend = Payer::number(9);
    let payment = friend.pay(&site.terms("/payer").await).await;
    for _ in 0..2 {
        let given = site.buy("/payer", &payment).await;
        assert_eq!(
            (given.status, given.body.contains(&friend.address())),
            (200, true),
            "{given:?}"
        );
        assert!(given.receipt().is_none());
        assert!(given.header("cache-control").unwrap().contains("private"));
    }
    assert_eq!((site.facilitator.settle().calls(), site.facilitator.moved()), (0, 0));
}

pub async fn a_hook_gives_away_and_withholds_before_it_is_settled<S: Shop>() {
    let site = Site::<S>::open_with(|settings| settings.hooks(House)).await;
    let terms = site.terms("/goods").await;
    let given = site.buy("/goods", &Payer::number(7).pay(&terms).await).await;
    assert!(given.assert_served().receipt().is_none());
    let withheld = site.buy("/goods", &Payer::number(8).pay(&terms).await).await;
    assert_eq!(withheld.assert_refused(403).error(), "forbidden");
    assert_eq!((site.goods.runs(), site.facilitator.settle().calls()), (2, 0));

    let failed = SettleResponse::failed("insufficient_funds".into(), None, "", "eip155:84532");
    site.facilitator.settle().then(Say::This(failed));
    let recovered = site.buy("/goods", &Payer::number(1).pay(&terms).await).await;
    assert_eq!((recovered.status, &*recovered.body), (200, MARKER));
    assert!(recovered.challenge().is_none());
    assert_eq!(site.facilitator.moved(), 0);
}
