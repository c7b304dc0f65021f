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
    Admission, ConfigError, DynamicPrice, Entry, Gate, Hooks, Inquiry, Listing, Paywall, Price,
    Quote, Refused, Reply,
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
    let gate = gate.gate().unwrap();
    assert_eq!(amount(&ask(&gate, &Head::of("/goods", None)).await), "1000");
    assert_eq!(amount(&ask(&gate, &Head::of("/goods", Some("pages=7"))).await), "7000");
    let mut rush = Head::of("/goods", Some("pages=7"));
    rush.headers.push(("x-rush", b"yes".to_vec()));
    let terms = ask(&gate, &rush).await;
    assert_eq!(amount(&terms), "14000");
    assert_eq!(terms.resource.description.as_deref(), Some("pages"));
}

#[tokio::test]
async fn what_is_said_once_stands_for_each_price_that_does_not_say_otherwise() {
    let price = paywall(&Double::default()).await.price_by(|inquiry: Inquiry| async move {
        let price = inquiry.price("$0.01")?;
        Said::Ok(match inquiry.query_param("pages") {
            Some(pages) => price.description(format!("{pages} pages")).into(),
            None => price.into(),
        })
    });
    let price = price.route("GET /goods").description("Pages").mime_type("text/plain");
    let gate = price.bazaar(Listing::new()).gate().unwrap();
    for (query, description) in [(None, "Pages"), (Some("pages=7"), "7 pages")] {
        let terms = ask(&gate, &Head::of("/goods", query)).await;
        assert_eq!(terms.resource.description.as_deref(), Some(description));
        assert_eq!(terms.resource.mime_type.as_deref(), Some("text/plain"));
        let extensions: Value = serde_json::from_str(terms.extensions.unwrap().as_str()).unwrap();
        assert_eq!(extensions["bazaar"]["info"]["input"]["method"], "GET");
    }
}

#[tokio::test]
async fn a_price_that_was_told_is_payable_after_it_has_changed() {
    let (facilitator, price) = (Double::default(), Arc::new(AtomicU64::new(10_000)));
    let gate = changing(&facilitator, &price).await.gate().unwrap();
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
    let gate = changing(&facilitator, &price).await.gate().unwrap();
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
    let gate = dynamic.gate().unwrap();
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
    let other = changing(&facilitator, &price).await.gate().unwrap();
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
        gates.push(paywall.price_by(quote).gate().unwrap());
    }
    let payment = Payer::number(1).pay(&told(&gates[0]).await).await;
    assert!(matches!(buy(&gates[1], &payment).await, Admission::Admit(_)));
}

/// A quote of the first gate, paid at each of the others by a payer that does not say for which address.
async fn assert_others_do_not_take_quotes(gates: &[Gate], facilitator: &Double) {
    let [first, others @ ..] = gates else { panic!("no gates") };
    let payment = Payer::number(1).pay(&told(first).await).await;
    let payment = Payment { resource: None, ..payment };
    for (number, other) in others.iter().enumerate() {
        let reply = refused(buy(other, &payment).await);
        assert_eq!((reply.status, amount(&terms(&reply))), (402, "5000000".to_owned()), "{number}");
    }
    assert_eq!(facilitator.calls(), 0);
}

fn at(price: &'static str) -> impl Fn(Inquiry) -> std::future::Ready<Said> {
    move |inquiry| std::future::ready(inquiry.price(price).map(Quote::from))
}

#[tokio::test]
async fn a_quote_of_one_price_does_not_pay_another_of_the_same_path() {
    let facilitator = Double::default();
    let shared: Paywall =
        builder(&facilitator, &MemoryStore::new()).quote_key([7; 32]).build().await.unwrap();
    for paywall in [paywall(&facilitator).await, shared] {
        let made = |price, name: &str| paywall.price_by(at(price)).name(name).gate().unwrap();
        let gates = [made("$0.01", "a"), made("$5", "b")];
        assert_others_do_not_take_quotes(&gates, &facilitator).await;
        let found = |price, route: &str| paywall.price_by(at(price)).route(route).gate().unwrap();
        let gates = [found("$0.01", "GET /{cheap}"), found("$5", "GET /{dear}")];
        assert_others_do_not_take_quotes(&gates, &facilitator).await;
    }
}

#[tokio::test]
async fn prices_of_one_process_are_told_apart_by_where_they_are_written() {
    let facilitator = Double::default();
    let paywall = paywall(&facilitator).await;
    let gates =
        [paywall.price_by(at("$0.01")).gate().unwrap(), paywall.price_by(at("$5")).gate().unwrap()];
    assert_others_do_not_take_quotes(&gates, &facilitator).await;
}

#[tokio::test]
async fn a_quote_of_one_site_does_not_pay_at_another_with_the_same_key() {
    let (facilitator, mut gates) = (Double::default(), Vec::new());
    for (site, price) in [("https://a.example", "$0.01"), ("https://b.example", "$5")] {
        let paywall = builder(&facilitator, &MemoryStore::new()).public_url(site);
        let paywall: Paywall = paywall.quote_key([7; 32]).build().await.unwrap();
        gates.push(paywall.price_by(at(price)).name("same").gate().unwrap());
    }
    assert_others_do_not_take_quotes(&gates, &facilitator).await;
}

#[tokio::test]
async fn a_quote_lapses() {
    let (facilitator, price) = (Double::default(), Arc::new(AtomicU64::new(10_000)));
    let gate = changing(&facilitator, &price).await.valid_for(Duration::ZERO).gate().unwrap();
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
    let service =
        GateLayer::new(gate.gate().unwrap()).layer(service_fn(move |it| served.clone().serve(it)));
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
    let reply = refused(buy(&refusing.gate().unwrap(), &payment).await);
    assert_eq!(reply.status, 403, "402 would ask for another payment");
    assert!(reply.text().contains("sold_out") && !reply.is_challenge());
    let failing = paywall
        .price_by(|_: Inquiry| async { Err::<Quote, _>("postgres://user:password@db is down") });
    let reply = refused(buy(&failing.gate().unwrap(), &payment).await);
    assert_eq!(reply.status, 500);
    assert!(!reply.text().contains("password") && !reply.is_challenge());
    let wrong = paywall.price_by(|it: Inquiry| async move { it.price("1,50").map(Quote::from) });
    assert_eq!(refused(buy(&wrong.gate().unwrap(), &payment).await).status, 500);
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
    let gate = gate.gate().unwrap();
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
    let gate = gate.gate().unwrap();
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
    let gate = changing(&facilitator, &price).await.gate().unwrap();
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
    let gate = dynamic.gate().unwrap();
    let terms = told(&gate).await;
    let quoted = common::now();
    let (payment, unsettled) =
        (Payer::number(1).pay(&terms).await, Payer::number(2).pay(&terms).await);
    let Admission::Admit(ticket) = buy(&gate, &payment).await else { panic!("not served") };
    // The client hangs up while it is settled.
    drop(ticket.finish(200));
    common::until(async || facilitator.moved() == 1).await;
    price.store(20_000, SeqCst);
    common::clock_passes(quoted + 1).await;
    common::until(async || {
        let Admission::Admit(ticket) = buy(&gate, &payment).await else { return false };
        ticket.payment().receipt().is_some()
    })
    .await;
    // What was not settled pays the price of now.
    let reply = refused(buy(&gate, &unsettled).await);
    assert_eq!((reply.status, amount(&self::terms(&reply))), (402, "20000".to_owned()));
}

/// A function that sells, refuses, fails, sells in another way, or panics, as it is told to.
const SELLS: u64 = 0;
const REFUSES: u64 = 1;
const FAILS: u64 = 2;
const SELLS_OTHERWISE: u64 = 3;
const PANICS: u64 = 4;
const PANICS_LATER: u64 = 5;

fn fickle(paywall: &Paywall, mood: &Arc<AtomicU64>) -> Gate {
    fickle_by(false, paywall, mood)
}

/// The same, by Permit2 or not.
fn fickle_by(permit2: bool, paywall: &Paywall, mood: &Arc<AtomicU64>) -> Gate {
    let by = move |price: Price, permit2: bool| if permit2 { price.permit2() } else { price };
    let mood = Arc::clone(mood);
    let price = paywall.price_by(move |inquiry: Inquiry| {
        let mood = mood.load(SeqCst);
        assert_ne!(mood, PANICS, "before there is a future");
        async move {
            tokio::task::yield_now().await;
            assert_ne!(mood, PANICS_LATER, "while it is polled");
            match mood {
                REFUSES => Ok(Quote::Refuse(Refused::new(410, "sold_out", "There is none left."))),
                FAILS => Err("the database is down"),
                SELLS_OTHERWISE => Ok(by(inquiry.price("$0.02").unwrap(), !permit2).into()),
                _ => {
                    assert_ne!(inquiry.header("x-size"), Some("large"), "not for sale");
                    assert_eq!(inquiry.header("x-colour"), None);
                    Ok(by(inquiry.price("$0.01").unwrap(), permit2).into())
                }
            }
        }
    });
    price.gate().unwrap()
}

/// The goods, in this size.
fn sized(payment: Option<&Payment>, size: &'static str) -> Head {
    let mut head = payment.map_or_else(|| Head::of("/goods", None), Head::paying);
    head.headers.push(("x-size", size.as_bytes().to_vec()));
    head
}

#[tokio::test]
async fn what_is_owed_is_served_whatever_the_function_says_by_then() {
    let panics = [(PANICS, 500), (PANICS_LATER, 500)];
    let moods = [(REFUSES, 410), (FAILS, 500), (SELLS_OTHERWISE, 402)].into_iter().chain(panics);
    for ((mood, status), permit2) in moods.flat_map(|it| [(it, false), (it, true)]) {
        let (facilitator, now) = (Double::default(), Arc::new(AtomicU64::new(SELLS)));
        let gate = fickle_by(permit2, &paywall(&facilitator).await, &now);
        let terms = ask(&gate, &sized(None, "small")).await;
        let payment = Payer::number(1).pay(&terms).await;
        let head = || sized(Some(&payment), "small");
        let Admission::Admit(ticket) = gate.admit(&head()).await else { panic!("not sold") };
        now.store(mood, SeqCst);
        // The client hangs up while it is settled.
        drop(ticket.finish(200));
        common::until(async || facilitator.moved() == 1).await;
        let calls = facilitator.calls();
        // It is owed in the size that was paid for.
        for other in [sized(Some(&payment), "large"), Head::paying(&payment)] {
            assert_eq!(refused(gate.admit(&other).await).status, status);
        }
        let mut ticket = None;
        common::until(async || match gate.admit(&head()).await {
            Admission::Admit(admitted) => ticket.insert(admitted).payment().receipt().is_some(),
            Admission::Reject(reply) => reply.status != 409 && panic!("{reply:?}"),
            other => panic!("{other:?}"),
        })
        .await;
        assert_eq!(ticket.unwrap().finish(200).await.unwrap().len(), 1);
        assert_eq!(refused(gate.admit(&head()).await).status, 409);
        assert_eq!(facilitator.calls(), calls);
    }
}

/// Gives everything away.
struct Generous;

impl Hooks for Generous {
    async fn before_verify(&self, _: &x402_server::Payment) -> Entry {
        Entry::GiveAway
    }
}

#[tokio::test]
async fn what_is_not_owed_is_not_served_where_the_function_refuses() {
    let (facilitator, now) = (Double::default(), Arc::new(AtomicU64::new(SELLS)));
    let generous: Paywall =
        builder(&facilitator, &MemoryStore::new()).hooks(Generous).build().await.unwrap();
    for paywall in [paywall(&facilitator).await, generous] {
        let gate = fickle(&paywall, &now);
        let payment = Payer::number(1).pay(&ask(&gate, &sized(None, "small")).await).await;
        let unsigned = payment.clone().with_signature(&format!("0x{}", "11".repeat(65)));
        for (mood, status) in [(REFUSES, 410), (FAILS, 500), (PANICS, 500), (PANICS_LATER, 500)] {
            now.store(mood, SeqCst);
            for payment in [&payment, &unsigned] {
                let reply = refused(gate.admit(&sized(Some(payment), "small")).await);
                assert_eq!(reply.status, status);
                assert!(!reply.is_challenge());
            }
        }
        assert_eq!(facilitator.settle().calls(), 0);
        // Nor is it used up.
        now.store(SELLS, SeqCst);
        let sold = gate.admit(&sized(Some(&payment), "small")).await;
        assert!(matches!(sold, Admission::Admit(_) | Admission::GivenAway(_)));
    }
}

#[tokio::test]
async fn a_quote_does_not_name_the_headers_that_it_was_made_of() {
    let gate = fickle(&paywall(&Double::default()).await, &Arc::default());
    let terms = ask(&gate, &sized(None, "small")).await;
    let extra = terms.accepts[0].extra.as_ref().unwrap().as_str();
    assert!(extra.contains("quote") && !extra.contains("size") && !extra.contains("colour"));
}
