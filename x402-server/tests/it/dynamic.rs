//! Prices that a function finds out with every request, and quotes that outlast a change of mind.

use crate::common;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use crate::common::{Double, Goods, Head, MARKER, PAY_TO, Payer, Payment, SITE, builder, get};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::{Layer, ServiceExt, service_fn};
use x402_ledger::MemoryStore;
use x402_server::layer::GateLayer;
use x402_server::{
    Admission, ConfigError, DynamicPrice, Gate, Inquiry, Paywall, Quote, Refused, Reply,
};
use x402_types::{PaymentRequired, Verbatim, decode};

type Said = Result<Quote, ConfigError>;

async fn paywall(facilitator: &Double) -> Paywall {
    builder(facilitator, &MemoryStore::new()).build().await.unwrap()
}

/// A price in atomic units that can be changed.
async fn changing(facilitator: &Double, price: &Arc<AtomicU64>) -> DynamicPrice {
    let price = Arc::clone(price);
    paywall(facilitator).await.price_by(move |inquiry: Inquiry| {
        let price = format!("0.{:06}", price.load(SeqCst));
        async move { inquiry.price(&price).map(Quote::from) }
    })
}

fn terms(reply: &Reply) -> PaymentRequired {
    decode(reply.header("payment-required").expect("terms").as_bytes(), 65_536).unwrap()
}

async fn ask(gate: &Gate, head: &Head) -> PaymentRequired {
    let Admission::Reject(reply) = gate.admit(head).await else { panic!("not refused") };
    terms(&reply)
}

async fn told(gate: &Gate) -> PaymentRequired {
    ask(gate, &Head::of("/goods", None)).await
}

async fn buy(gate: &Gate, payment: &Payment) -> Admission {
    gate.admit(&Head::paying(payment)).await
}

fn amount(terms: &PaymentRequired) -> String {
    terms.accepts[0].amount.to_string()
}

fn refused(admission: Admission) -> Reply {
    match admission {
        Admission::Reject(reply) => reply,
        other => panic!("{other:?}"),
    }
}

/// The same terms, changed in what was accepted.
fn accepting(payment: &Payment, change: impl FnOnce(&mut Value)) -> Payment {
    let mut accepted: Value = serde_json::from_str(&payment.accepted).unwrap();
    change(&mut accepted);
    Payment { accepted: accepted.to_string(), ..payment.clone() }
}

#[tokio::test]
async fn the_price_is_what_the_function_makes_of_the_request() {
    let gate = paywall(&Double::default()).await.price_by(|inquiry: Inquiry| async move {
        let pages: u32 = inquiry.query_param("pages").and_then(|it| it.parse().ok()).unwrap_or(1);
        let factor = if inquiry.header("x-rush") == Some("yes") { 2 } else { 1 };
        assert_eq!((inquiry.method(), inquiry.path()), ("GET", "/goods"));
        Said::Ok(inquiry.price(&format!("0.{:03}", pages * factor))?.description("pages").into())
    });
    let gate = gate.gate();
    assert_eq!(amount(&ask(&gate, &Head::of("/goods", None)).await), "1000");
    assert_eq!(amount(&ask(&gate, &Head::of("/goods", Some("pages=7"))).await), "7000");
    let mut rush = Head::of("/goods", Some("pages=7"));
    rush.headers.push(("x-rush", b"yes".to_vec()));
    let terms = ask(&gate, &rush).await;
    assert_eq!(amount(&terms), "14000");
    assert_eq!(terms.resource.description.as_deref(), Some("pages"));
}

#[tokio::test]
async fn a_price_that_was_told_is_payable_after_it_has_changed() {
    let (facilitator, price) = (Double::default(), Arc::new(AtomicU64::new(10_000)));
    let gate = changing(&facilitator, &price).await.gate();
    let payment = Payer::number(1).pay(&told(&gate).await).await;
    for now in [20_000, 5_000] {
        price.store(now, SeqCst);
        assert_eq!(amount(&told(&gate).await), now.to_string());
    }
    let Admission::Admit(ticket) = buy(&gate, &payment).await else { panic!("the sale is lost") };
    assert_eq!(ticket.payment().amount().to_string(), "10000");
    assert_eq!(ticket.finish(200).await.unwrap().len(), 1);
    assert_eq!(facilitator.amounts(), [("verify", "10000".into()), ("settle", "10000".into())]);
}

#[tokio::test]
async fn a_price_without_a_quote_is_payable_as_long_as_it_stands() {
    let (facilitator, price) = (Double::default(), Arc::new(AtomicU64::new(10_000)));
    let gate = changing(&facilitator, &price).await.gate();
    let echoes_little = |payment: Payment| {
        accepting(&payment, |accepted| {
            accepted["extra"] = json!({ "name": "USDC", "version": "2" });
        })
    };
    let payment = echoes_little(Payer::number(1).pay(&told(&gate).await).await);
    assert!(matches!(buy(&gate, &payment).await, Admission::Admit(_)));
    price.store(20_000, SeqCst);
    let reply = refused(buy(&gate, &payment).await);
    assert_eq!((reply.status, amount(&terms(&reply))), (402, "20000".to_owned()));
}

#[tokio::test]
async fn a_quote_cannot_be_forged_stretched_or_taken_elsewhere() {
    let (facilitator, price) = (Double::default(), Arc::new(AtomicU64::new(10_000)));
    let dynamic = changing(&facilitator, &price).await;
    let gate = dynamic.gate();
    let payer = Payer::number(1);
    let first = told(&gate).await;
    price.store(20_000, SeqCst);
    let mut cheaper = first.clone();
    let mut offer: Value = serde_json::from_str(cheaper.accepts[0].as_str()).unwrap();
    offer["amount"] = json!("1");
    cheaper.accepts[0] = serde_json::from_value::<Verbatim<_>>(offer).unwrap();
    let cheaper = payer.pay(&cheaper).await;
    let honest = payer.pay(&first).await;
    let stretched = accepting(&honest, |accepted| {
        let quote = accepted["extra"]["quote"].as_str().unwrap();
        let (expires, seal) = quote.split_once('.').unwrap();
        let later = expires.parse::<u64>().unwrap() + 1;
        accepted["extra"]["quote"] = json!(format!("{later}.{seal}"));
    });
    let garbage = ["", ".", "1.", "x.y", "99999999999999999999.00", "1.\u{e9}", "0.ffff"];
    let garbage = garbage
        .map(|quote| accepting(&honest, |accepted| accepted["extra"]["quote"] = json!(quote)));
    let no_text = accepting(&honest, |accepted| accepted["extra"]["quote"] = json!([1]));
    for payment in [cheaper, stretched, no_text].iter().chain(&garbage) {
        let reply = refused(buy(&gate, payment).await);
        assert_eq!((reply.status, amount(&terms(&reply))), (402, "20000".to_owned()));
    }
    // For another address, by a payer that does not say for which it pays.
    let elsewhere = Payment { resource: None, ..honest.clone() };
    let mut head = Head::paying(&elsewhere);
    head.path = "/better-goods".to_owned();
    assert_eq!(refused(gate.admit(&head).await).status, 402);
    // At another server with another key.
    let other = changing(&facilitator, &price).await.gate();
    assert_eq!(refused(buy(&other, &honest).await).status, 402);
    assert_eq!(facilitator.calls(), 0);
    assert!(matches!(buy(&gate, &honest).await, Admission::Admit(_)));
}

#[tokio::test]
async fn servers_with_one_key_take_each_others_quotes() {
    let facilitator = Double::default();
    let mut gates = Vec::new();
    for price in ["$0.01", "$0.02"] {
        let paywall: Paywall =
            builder(&facilitator, &MemoryStore::new()).quote_key([7; 32]).build().await.unwrap();
        let quote = move |it: Inquiry| async move { it.price(price).map(Quote::from) };
        gates.push(paywall.price_by(quote).gate());
    }
    let payment = Payer::number(1).pay(&told(&gates[0]).await).await;
    assert!(matches!(buy(&gates[1], &payment).await, Admission::Admit(_)));
}

#[tokio::test]
async fn a_quote_lapses() {
    let (facilitator, price) = (Double::default(), Arc::new(AtomicU64::new(10_000)));
    let gate = changing(&facilitator, &price).await.valid_for(Duration::ZERO).gate();
    let told = told(&gate).await;
    let extra: Value = told.accepts[0].extra.as_ref().unwrap().parse().unwrap();
    let expires = extra["quote"].as_str().unwrap().split('.').next().unwrap();
    assert!(expires.parse::<u64>().unwrap() <= common::now(), "it stands for this second only");
}

#[tokio::test]
async fn what_the_function_gives_away_is_served_unpaid_and_kept_from_caches() {
    let facilitator = Double::default();
    let gate = paywall(&facilitator).await.price_by(|inquiry: Inquiry| async move {
        match inquiry.header("x-member") {
            Some("yes") => Said::Ok(Quote::Free),
            _ => inquiry.price("$0.01").map(Quote::from),
        }
    });
    let goods = Goods::default();
    let served = goods.clone();
    let service = GateLayer::new(gate.gate()).layer(service_fn(move |it| served.clone().serve(it)));
    let answer = service.clone().oneshot(get("/goods", &[("x-member", "yes")])).await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["cache-control"], "private");
    assert!(!answer.headers().contains_key("payment-response"));
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, MARKER);
    let answer = service.oneshot(get("/goods", &[])).await.unwrap();
    assert_eq!((answer.status().as_u16(), goods.runs()), (402, 1));
    assert_eq!(facilitator.calls(), 0);
}

#[tokio::test]
async fn what_the_function_refuses_or_fails_at_is_not_served_and_not_told_why() {
    let facilitator = Double::default();
    let paywall = paywall(&facilitator).await;
    let price = paywall.price("$0.01").unwrap().gate().unwrap();
    let payment = Payer::number(1).pay(&told(&price).await).await;
    let refusing = paywall.price_by(|_: Inquiry| async {
        Said::Ok(Quote::Refuse(Refused::new(402, "sold_out", "There is none left.")))
    });
    let reply = refused(buy(&refusing.gate(), &payment).await);
    assert_eq!(reply.status, 403, "402 would ask for another payment");
    assert!(reply.body.contains("sold_out") && !reply.is_challenge());
    let failing = paywall
        .price_by(|_: Inquiry| async { Err::<Quote, _>("postgres://user:password@db is down") });
    let reply = refused(buy(&failing.gate(), &payment).await);
    assert_eq!(reply.status, 500);
    assert!(!reply.body.contains("password") && !reply.is_challenge());
    let wrong = paywall.price_by(|it: Inquiry| async move { it.price("1,50").map(Quote::from) });
    assert_eq!(refused(buy(&wrong.gate(), &payment).await).status, 500);
    assert_eq!(facilitator.calls(), 0);
}

#[tokio::test]
async fn several_ways_to_pay_are_quoted_each() {
    let facilitator = Double::default();
    let price = Arc::new(AtomicU64::new(1));
    let current = Arc::clone(&price);
    let gate = paywall(&facilitator).await.price_by(move |inquiry: Inquiry| {
        let cents = current.load(SeqCst);
        async move {
            let exact = inquiry.price(&format!("$0.0{cents}"))?;
            let upto = inquiry.price(&format!("$0.{cents}"))?.upto();
            Said::Ok(exact.or(upto).into())
        }
    });
    let gate = gate.gate();
    let first = told(&gate).await;
    assert_eq!(first.accepts.len(), 2);
    assert!(first.accepts.iter().all(|offer| offer.pay_to == PAY_TO));
    assert_eq!(first.resource.url, format!("{SITE}/goods"));
    price.store(2, SeqCst);
    for (number, offer) in (1..).zip(&first.accepts) {
        let payment = Payer::number(number).pay_offer(&first, offer).await;
        let Admission::Admit(ticket) = buy(&gate, &payment).await else { panic!("{offer:?}") };
        assert_eq!(ticket.payment().amount(), offer.amount);
        assert_eq!(ticket.payment().scheme(), offer.scheme);
    }
}

#[tokio::test]
async fn a_quote_is_for_requests_that_say_the_same_where_the_price_looked() {
    let facilitator = Double::default();
    let gate = paywall(&facilitator).await.price_by(|inquiry: Inquiry| async move {
        let pages = inquiry.query_param("pages").map_or(1, |it| it.parse::<u32>().unwrap());
        let large = inquiry.header("x-size") == Some("large");
        Said::Ok(inquiry.price(&format!("0.{:03}", if large { 900 } else { pages }))?.into())
    });
    let gate = gate.gate();
    // An address too long to be told whole is quoted whole.
    let long = format!("x={}", "y".repeat(3000));
    let cheap = ask(&gate, &Head::of("/goods", Some(&format!("pages=1&{long}")))).await;
    let cheap = Payer::number(1).pay(&cheap).await;
    let dear = Head { query: Some(format!("pages=999&{long}")), ..Head::paying(&cheap) };
    assert_eq!(amount(&terms(&refused(gate.admit(&dear).await))), "999000");

    let small = Payer::number(1).pay(&told(&gate).await).await;
    let mut large = Head::paying(&small);
    large.headers.push(("x-size", b"large".to_vec()));
    assert_eq!(amount(&terms(&refused(gate.admit(&large).await))), "900000");
    // What the price does not look at may differ.
    let mut same = Head::paying(&small);
    same.headers.push(("x-other", b"words".to_vec()));
    assert!(matches!(gate.admit(&same).await, Admission::Admit(_)));
}

#[tokio::test]
async fn a_refused_payment_is_told_the_price_of_now_and_gets_no_new_quote_of_old() {
    let (facilitator, price) = (Double::default(), Arc::new(AtomicU64::new(10_000)));
    let gate = changing(&facilitator, &price).await.gate();
    let payment = Payer::number(1).pay(&told(&gate).await).await;
    price.store(20_000, SeqCst);
    let invalid =
        x402_types::VerifyResponse::invalid(x402_types::ErrorReason::InsufficientFunds, None);
    facilitator.verify().then(common::Say::This(invalid));
    let reply = refused(buy(&gate, &payment).await);
    assert_eq!((reply.status, amount(&terms(&reply))), (402, "20000".to_owned()));
}

#[tokio::test]
async fn what_was_settled_at_a_quote_is_owed_when_the_quote_has_lapsed() {
    let (facilitator, price) = (Double::default(), Arc::new(AtomicU64::new(10_000)));
    let dynamic = changing(&facilitator, &price).await.valid_for(Duration::ZERO);
    let gate = dynamic.gate();
    let terms = told(&gate).await;
    let quoted = common::now();
    let (payment, unsettled) =
        (Payer::number(1).pay(&terms).await, Payer::number(2).pay(&terms).await);
    let Admission::Admit(ticket) = buy(&gate, &payment).await else { panic!("not served") };
    // The client hangs up while it is settled.
    drop(ticket.finish(200));
    common::until(async || facilitator.moved() == 1).await;
    price.store(20_000, SeqCst);
    common::until(async || common::now() > quoted + 1).await;
    common::until(async || {
        let Admission::Admit(ticket) = buy(&gate, &payment).await else { return false };
        ticket.payment().receipt().is_some()
    })
    .await;
    // What was not settled pays the price of now.
    let reply = refused(buy(&gate, &unsettled).await);
    assert_eq!((reply.status, amount(&self::terms(&reply))), (402, "20000".to_owned()));
}
