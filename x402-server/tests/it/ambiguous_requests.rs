//! Requests that say a thing twice: one reader would take the one, another the other.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use crate::common::{Double, Goods, Head, Payer, Payment, Shop, builder, get, until};
use x402_ledger::MemoryStore;
use x402_server::{
    Admission, ConfigError, Entry, Gate, Hooks, Inquiry, Paywall, Quote, Refused, Reply,
    RequestInfo,
};
use x402_types::{PaymentRequired, decode};

type Said = Result<Quote, ConfigError>;
type Says = fn(Inquiry) -> Result<Quote, &'static str>;
type Headers<'a> = &'a [(&'static str, &'a [u8])];

async fn paywall(facilitator: &Double) -> Paywall {
    builder(facilitator, &MemoryStore::new()).build().await.unwrap()
}

/// Prints pages at a tenth of a cent each, in a rush at the double, and one where it is not said.
fn print(paywall: &Paywall) -> Gate {
    let price = paywall.price_by(|inquiry: Inquiry| async move {
        let pages: u32 = inquiry.query_param("pages").and_then(|it| it.parse().ok()).unwrap_or(1);
        let factor = if inquiry.header("x-rush") == Some("yes") { 2 } else { 1 };
        Said::Ok(inquiry.price(&format!("0.{:03}", pages * factor))?.into())
    });
    price.gate().unwrap()
}

fn head(query: &str, headers: Headers<'_>) -> Head {
    let mut head = Head::of("/goods", Some(query));
    head.headers = headers.iter().map(|(name, value)| (*name, value.to_vec())).collect();
    head
}

fn with(mut head: Head, payment: &Payment) -> Head {
    head.headers.push(("payment-signature", payment.header().into_bytes()));
    head
}

async fn refused(gate: &Gate, head: &Head) -> Reply {
    match gate.admit(head).await {
        Admission::Reject(reply) => reply,
        other => panic!("{other:?}"),
    }
}

async fn terms(gate: &Gate, head: &Head) -> PaymentRequired {
    let reply = refused(gate, head).await;
    decode(reply.header("payment-required").expect("terms").as_bytes(), 65_536).unwrap()
}

async fn amount(gate: &Gate, query: &str, headers: Headers<'_>) -> String {
    terms(gate, &head(query, headers)).await.accepts[0].amount.to_string()
}

fn assert_ambiguous(reply: &Reply, what: &str) {
    let body: serde_json::Value = serde_json::from_str(reply.text()).unwrap();
    assert_eq!((reply.status, &body["error"]), (400, &"ambiguous_request".into()), "{body}");
    assert!(body["message"].as_str().unwrap().contains(what), "{body}");
    assert!(!reply.is_challenge());
}

/// What nobody can tell, and where.
const AMBIGUOUS: [(&str, Headers<'_>, &str); 8] = [
    ("pages=1&pages=999", &[], "`pages`"),
    ("pages=999&pages=1", &[], "`pages`"),
    ("pages=1&x=1&%70ages=999", &[], "`pages`"),
    ("pages&pages=999", &[], "`pages`"),
    // A handler that takes a list has both.
    ("pages=500&pages=500", &[], "`pages`"),
    ("", &[("x-rush", b"no"), ("x-rush", b"yes")], "`x-rush` came twice"),
    ("", &[("x-rush", b"\xff"), ("x-rush", b"yes")], "`x-rush` came twice"),
    ("", &[("x-rush", b"yes\xff")], "`x-rush` is not text"),
];

#[tokio::test]
async fn what_is_said_once_is_sold_and_what_the_price_does_not_look_at_may_be_said_twice() {
    let facilitator = Double::default();
    let gate = print(&paywall(&facilitator).await);
    assert_eq!(amount(&gate, "", &[]).await, "1000");
    assert_eq!(amount(&gate, "pages=7", &[("x-rush", b"yes")]).await, "14000");
    let rest: Headers<'_> = &[("x-rush", b"yes"), ("x-tag", b"a"), ("x-tag", b"\xff")];
    assert_eq!(amount(&gate, "pages=7&tag=a&tag=b", rest).await, "14000");
    let head = head("pages=7&tag=a&tag=b", rest);
    let payment = Payer::number(1).pay(&terms(&gate, &head).await).await;
    let Admission::Admit(ticket) = gate.admit(&with(head, &payment)).await else { panic!() };
    assert_eq!(ticket.finish(200).await.unwrap().len(), 1);
    assert_eq!(facilitator.moved(), 1);
}

#[tokio::test]
async fn what_is_said_twice_where_the_price_looks_is_not_priced() {
    let gate = print(&paywall(&Double::default()).await);
    for (query, headers, what) in AMBIGUOUS {
        assert_ambiguous(&refused(&gate, &head(query, headers)).await, what);
    }
}

#[tokio::test]
async fn a_payment_for_what_is_said_twice_is_neither_charged_nor_used_up() {
    let facilitator = Double::default();
    let gate = print(&paywall(&facilitator).await);
    let payment = Payer::number(1).pay(&terms(&gate, &Head::of("/goods", None)).await).await;
    for (query, headers, what) in AMBIGUOUS {
        let reply = refused(&gate, &with(head(query, headers), &payment)).await;
        assert_ambiguous(&reply, what);
    }
    assert_eq!(facilitator.calls(), 0);
    assert!(matches!(gate.admit(&Head::paying(&payment)).await, Admission::Admit(_)));
}

#[tokio::test]
async fn whatever_the_function_makes_of_it_is_not_done() {
    let paywall = paywall(&Double::default()).await;
    let gone = || Quote::Refuse(Refused::new(410, "gone", "Gone."));
    let says: [Says; 3] = [
        |inquiry| Ok(inquiry.query_param("pages").map_or(Quote::Free, |_| unreachable!())),
        |inquiry| inquiry.query_param("pages").map_or(Err("no pages"), |_| unreachable!()),
        |inquiry| Ok(inquiry.header("x-rush").map_or(Quote::Free, |_| unreachable!())),
    ];
    for say in says {
        let gate = paywall.price_by(move |it: Inquiry| async move { say(it) }).gate().unwrap();
        let head = head("pages=1&pages=2", &[("x-rush", b"a"), ("x-rush", b"b")]);
        assert_ambiguous(&refused(&gate, &head).await, "in more than one way");
    }
    let refusing = paywall.price_by(move |it: Inquiry| {
        let refused = gone();
        async move {
            assert_eq!(it.query_param("pages"), None);
            Said::Ok(refused)
        }
    });
    let reply = refused(&refusing.gate().unwrap(), &head("pages=1&pages=2", &[])).await;
    assert_ambiguous(&reply, "`pages`");
}

#[tokio::test]
async fn a_list_is_priced_by_all_that_is_in_it() {
    let price = paywall(&Double::default()).await.price_by(|inquiry: Inquiry| async move {
        let cities = inquiry.query_params("city").count().max(1);
        Said::Ok(inquiry.price(&format!("0.{cities:03}"))?.into())
    });
    let gate = price.gate().unwrap();
    for (query, expected) in [("", "1000"), ("city=a", "1000"), ("city=a&x=y&city=a", "2000")] {
        assert_eq!(amount(&gate, query, &[]).await, expected, "{query}");
    }
}

#[tokio::test]
async fn what_is_owed_for_the_one_is_not_owed_for_what_is_said_twice() {
    let (facilitator, sold_out) = (Double::default(), Arc::new(AtomicBool::new(false)));
    let said = Arc::clone(&sold_out);
    let price = paywall(&facilitator).await.price_by(move |inquiry: Inquiry| {
        let sold_out = said.load(SeqCst);
        async move {
            if sold_out {
                return Ok(Quote::Refuse(Refused::new(410, "sold_out", "There is none left.")));
            }
            let size = inquiry.header("x-size").map(str::to_owned);
            let cents = if size.as_deref() == Some("large") { 9 } else { 1 };
            Said::Ok(inquiry.price(&format!("$0.0{cents}"))?.into())
        }
    });
    let gate = price.gate().unwrap();
    let payment = Payer::number(1).pay(&terms(&gate, &Head::of("/goods", None)).await).await;
    let Admission::Admit(ticket) = gate.admit(&Head::paying(&payment)).await else { panic!() };
    // The client hangs up while it is settled.
    drop(ticket.finish(200));
    until(async || facilitator.moved() == 1).await;
    let owed = async || match gate.admit(&Head::paying(&payment)).await {
        Admission::Admit(ticket) => ticket.payment().receipt().is_some(),
        Admission::Reject(reply) => reply.status != 409 && panic!("{reply:?}"),
        other => panic!("{other:?}"),
    };
    until(owed).await;
    let large: Headers<'_> = &[("x-size", b"large"), ("x-size", b"large")];
    let twice = Head { query: None, ..with(head("", large), &payment) };
    assert_ambiguous(&refused(&gate, &twice).await, "`x-size`");
    sold_out.store(true, SeqCst);
    assert_eq!(refused(&gate, &twice).await.status, 410);
    until(owed).await;
}

/// Gives away to who has a key, or is shown a preview.
struct House;

impl Hooks for House {
    async fn on_request(&self, request: &RequestInfo) -> Entry {
        let preview = request.query_param("preview");
        match (request.header("x-api-key"), preview.as_deref()) {
            (Some("the house's own"), _) | (_, Some("yes")) => Entry::GiveAway,
            _ => Entry::GoOn,
        }
    }
}

#[tokio::test]
async fn a_hook_gives_nothing_away_for_a_value_beside_another() {
    let shop = Shop::open_with(Goods::default(), |it| it.hooks(House), |it| it).await;
    let key = ("x-api-key", "the house's own");
    shop.send(get("/goods?preview=yes", &[])).await.assert_served();
    shop.send(get("/goods", &[key])).await.assert_served();
    for (address, headers) in [
        ("/goods?preview=yes&preview=no", &[][..]),
        ("/goods", &[key, ("x-api-key", "a stranger's")]),
        ("/goods", &[key, key]),
    ] {
        let answer = shop.send(get(address, headers)).await;
        assert!(answer.assert_refused(402).challenge().is_some(), "{address}");
    }
    assert_eq!(shop.goods.runs(), 2);
}
