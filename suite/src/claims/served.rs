//! What whoever has paid gets.

use crate::{MARKER, Payer, Shop, Site};

pub async fn who_has_paid_is_served_with_a_receipt_for_nobody_else<S: Shop>() {
    let site = Site::<S>::open().await;
    let served = site.buy_at("/goods").await;
    let receipt = served.assert_served().receipt().expect("a receipt");
    let payer = Payer::number(1).address();
    let told = receipt.payer.map(|payer| payer.to_lowercase());
    assert_eq!((receipt.success, told), (true, Some(payer)));
    assert!(receipt.transaction.starts_with("0x"));
    assert!(served.header("cache-control").unwrap().contains("private"), "{served:?}");
    site.assert_sold_once(1);
    assert_eq!(site.facilitator.verify().calls(), 1);
    assert_eq!(site.books().await, ["settled"]);
}

pub async fn status_location_and_cookies_of_the_handler_survive<S: Shop>() {
    let site = Site::<S>::open().await;
    let terms = site.ask("POST", "/order", &[], "").await.challenge().expect("terms");
    let header = Payer::number(1).pay(&terms).await.header();
    let made = site.ask("POST", "/order", &[("payment-signature", &header)], "").await;
    assert_eq!((made.status, made.header("location")), (201, Some("/orders/1")));
    let cookies = made.headers.get_all("set-cookie").iter().map(|it| it.to_str().unwrap());
    assert_eq!(cookies.collect::<Vec<_>>(), ["a=1", "b=2"]);
    assert_eq!(made.body, MARKER);
    assert!(made.receipt().expect("a receipt").success);
    // What is one payer's is not for shared caches, whatever the handler says.
    let caching = made.header("cache-control").unwrap();
    assert!(caching.contains("private") && !caching.contains("public"), "{caching}");
    assert!(caching.contains("max-age=60"), "{caching}");
    assert!(made.header("cdn-cache-control").is_none(), "{made:?}");
}

pub async fn the_handler_is_told_who_pays<S: Shop>() {
    let site = Site::<S>::open().await;
    for number in [1, 2] {
        let payer = Payer::number(number);
        let payment = payer.pay(&site.terms("/payer").await).await;
        let told = site.buy("/payer", &payment).await;
        assert_eq!((told.status, told.body), (200, payer.address()));
    }
}

pub async fn the_framework_reads_the_input_of_who_has_paid<S: Shop>() {
    let site = Site::<S>::open().await;
    assert_eq!(site.buy_at("/query?city=New%20York").await.body, "New York");
    let terms = site.ask("POST", "/json", &[], "").await.challenge().expect("terms");
    let header = Payer::number(1).pay(&terms).await.header();
    let headers = [("payment-signature", &*header), ("content-type", "application/json")];
    let served = site.ask("POST", "/json", &headers, r#"{"city":"Oslo"}"#).await;
    assert_eq!((served.status, &*served.body), (200, "Oslo"));
}

pub async fn asking_for_the_head_is_charged_as_getting_it_and_has_no_body<S: Shop>() {
    let site = Site::<S>::open().await;
    let unpaid = site.ask("HEAD", "/goods", &[], "").await;
    assert_eq!((unpaid.status, &*unpaid.body), (402, ""));
    // It buys what `GET` buys.
    let terms = unpaid.challenge().expect("terms");
    assert_eq!(terms.accepts[0].amount.to_string(), "10000");
    let payment = Payer::number(1).pay(&terms).await;
    let headers = [("payment-signature", &*payment.header())];
    let served = site.ask("HEAD", "/goods", &headers, "").await;
    assert_eq!((served.status, &*served.body), (200, ""));
    assert!(served.receipt().expect("a receipt").success);
    site.assert_sold_once(1);
    site.buy("/goods", &payment).await.assert_refused(409);
}

pub async fn an_answer_without_success_is_not_charged<S: Shop>() {
    for code in [500, 404, 302, 400, 503] {
        let site = Site::<S>::open().await;
        let path = format!("/status/{code}");
        let payment = site.pay(&path).await;
        let failed = site.buy(&path, &payment).await;
        assert_eq!(failed.status, code);
        assert!(failed.receipt().is_none() && failed.challenge().is_none(), "{failed:?}");
        assert_eq!(site.facilitator.settle().calls(), 0);
        // The payment is as good as before.
        site.buy(&path, &payment).await.assert_served();
        site.assert_sold_once(2);
    }
}

pub async fn what_was_settled_upfront_and_then_failed_is_owed<S: Shop>() {
    for code in [500, 404] {
        let site = Site::<S>::open().await;
        let path = format!("/prepaid/{code}");
        let payment = site.pay(&path).await;
        let failed = site.buy(&path, &payment).await;
        assert_eq!(failed.status, code);
        assert!(failed.receipt().expect("a receipt").success && failed.challenge().is_none());
        let served = site.buy(&path, &payment).await;
        assert!(served.assert_served().receipt().expect("a receipt").success);
        site.buy(&path, &payment).await.assert_refused(409);
        site.assert_sold_once(2);
        assert_eq!(site.facilitator.verify().calls(), 0);
    }
}

pub async fn any_success_is_charged<S: Shop>() {
    let site = Site::<S>::open().await;
    let part = site.buy_at("/status/206").await;
    assert_eq!((part.status, &*part.body), (206, MARKER));
    assert!(part.receipt().expect("a receipt").success);
    site.assert_sold_once(1);
}

pub async fn what_the_framework_cannot_read_is_not_charged<S: Shop>() {
    let site = Site::<S>::open().await;
    for path in ["/query", "/status/x"] {
        let refused = site.buy_at(path).await;
        assert!((400..500).contains(&refused.status) && refused.status != 402, "{refused:?}");
        assert!(refused.receipt().is_none());
    }
    let terms = site.ask("POST", "/json", &[], "").await.challenge().expect("terms");
    let header = Payer::number(1).pay(&terms).await.header();
    let headers = [("payment-signature", &*header), ("content-type", "application/json")];
    // In use until the server has let go of the request before.
    for body in ["{", "[]", "{\"city\":1}", r#"{"city":"Oslo"}"#] {
        let mut answer = site.ask("POST", "/json", &headers, body).await;
        crate::until(async || {
            if answer.status == 409 {
                answer = site.ask("POST", "/json", &headers, body).await;
            }
            answer.status != 409
        })
        .await;
        if body.ends_with("\"}") {
            assert_eq!((answer.status, &*answer.body), (200, "Oslo"));
            assert!(answer.receipt().is_some());
        } else {
            assert!((400..500).contains(&answer.status) && answer.status != 402, "{answer:?}");
            assert!(answer.receipt().is_none());
        }
    }
    assert_eq!((site.facilitator.settle().calls(), site.facilitator.moved()), (1, 1));
}

pub async fn what_the_framework_refuses_is_for_nobody_else<S: Shop>() {
    let site = Site::<S>::open().await;
    let refused = site.buy_at("/query").await;
    assert!(
        refused.header("cache-control").is_some_and(|it| it.contains("private")),
        "a cache may give it to whoever has not paid: {refused:?}"
    );
}

pub async fn what_the_framework_refuses_has_its_receipt_where_it_is_settled<S: Shop>() {
    let site = Site::<S>::open().await;
    let refused = site.buy_at("/prepaid/x").await;
    assert!((400..500).contains(&refused.status) && refused.status != 402, "{refused:?}");
    site.assert_sold_once(0);
    assert!(
        refused.receipt().is_some_and(|it| it.success),
        "settled without a receipt: {refused:?}"
    );
}

pub async fn up_to_a_limit_so_much_is_charged_as_the_handler_says<S: Shop>() {
    let site = Site::<S>::open().await;
    for (path, charged) in [("/upto?charge=1234", "1234"), ("/upto", "10000")] {
        let receipt = site.buy_at(path).await.assert_served().receipt().expect("a receipt");
        assert_eq!(receipt.amount.map(|it| it.to_string()).as_deref(), Some(charged));
        assert_eq!(site.settled_amounts().last().map(|it| &**it), Some(charged));
    }
    // More than was signed is an error, and the whole is charged as if nothing was said; nothing is
    // charged by no settlement.
    site.buy_at("/upto?charge=10001").await.assert_served();
    assert_eq!(site.settled_amounts(), ["1234", "10000", "10000"]);
    let free = site.buy_at("/upto?charge=0").await;
    assert_eq!(free.assert_served().receipt().unwrap().amount.unwrap().to_string(), "0");
    assert_eq!(site.settled_amounts().len(), 3);
}

pub async fn a_charge_that_fails_is_an_error_and_nothing_is_settled<S: Shop>() {
    let site = Site::<S>::open().await;
    let payment = site.pay("/strict?charge=10001").await;
    let failed = site.buy("/strict?charge=10001", &payment).await;
    assert_eq!((failed.status, &*failed.body), (500, ""), "{failed:?}");
    assert!(failed.receipt().is_none() && failed.challenge().is_none(), "{failed:?}");
    assert_eq!((site.goods.runs(), site.facilitator.settle().calls()), (0, 0));
    site.buy_at("/strict?charge=10000").await.assert_served();
    assert_eq!(site.settled_amounts(), ["10000"]);
}
