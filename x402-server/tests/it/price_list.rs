//! The prices of a whole site from one list, which is replaced while it sells.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;

use crate::common::{Double, Head, Payer, Payment, SETTLER, SITE, builder};
use x402_ledger::MemoryStore;
use x402_server::{
    Admission, Gate, Mistake, Paywall, PriceList, PriceListError, PriceListFault, PriceTable, Reply,
};
use x402_types::{PaymentRequired, decode};

pub(crate) async fn paywall() -> Paywall {
    builder(&Double::default(), &MemoryStore::new()).build().await.unwrap()
}

fn list(text: &str) -> PriceList {
    text.parse().unwrap()
}

/// A list in which the goods are so.
pub(crate) fn goods(said: &str) -> PriceList {
    list(&format!("unlisted = \"free\"\n[[route]]\npath = \"/goods\"\n{said}\n"))
}

async fn table(said: &str) -> PriceTable {
    paywall().await.price_list(goods(said)).unwrap()
}

async fn look(gate: &Gate, path: &str) -> Admission {
    gate.admit(&Head::of(path, None)).await
}

fn refused(admission: Admission) -> Reply {
    match admission {
        Admission::Reject(reply) => reply,
        other => panic!("{other:?}"),
    }
}

async fn terms(gate: &Gate, path: &str) -> PaymentRequired {
    let reply = refused(look(gate, path).await);
    decode(reply.header("payment-required").expect("terms").as_bytes(), 65_536).unwrap()
}

pub(crate) async fn amount(gate: &Gate, path: &str) -> String {
    terms(gate, path).await.accepts[0].amount.to_string()
}

async fn buy(gate: &Gate, payment: &Payment) -> Admission {
    gate.admit(&Head::paying(payment)).await
}

pub(crate) async fn pay(gate: &Gate, payer: u8) -> Payment {
    Payer::number(payer).pay(&terms(gate, "/goods").await).await
}

pub(crate) async fn assert_sold(gate: &Gate, payment: &Payment, amount: &str) {
    let Admission::Admit(ticket) = buy(gate, payment).await else { panic!("the sale is lost") };
    assert_eq!(ticket.payment().amount().to_string(), amount);
    assert_eq!(ticket.finish(200).await.unwrap().len(), 1);
}

fn mistakes(text: &str) -> Vec<String> {
    let error = text.parse::<PriceList>().unwrap_err();
    error.mistakes().iter().map(ToString::to_string).collect()
}

#[tokio::test]
async fn what_a_route_says_is_what_payers_are_told() {
    let network = "eip155:84532";
    let facilitator = Double::default().only("exact", network).settling_upto_from(SETTLER, network);
    let paywall: Paywall = builder(&facilitator, &MemoryStore::new()).build().await.unwrap();
    let table = paywall
        .price_list(list(
            r#"
            unlisted = "refuse"

            [[route]]
            path = "/weather/{city}"
            methods = ["GET", "POST"]
            price = ["$0.01", "0.02 USDC"]
            description = "Weather right now"
            mime_type = "application/json"
            service_name = "Sky"
            tags = ["weather", "sky"]
            networks = ["base-sepolia", "base"]
            assets = ["USDC"]
            max_timeout_seconds = 77
            flow = "upfront"
            payment_identifier = "required"

            [[route]]
            path = "/talk"
            price = "$1"
            streaming = true

            [[route]]
            path = "/permit"
            price = "$1"
            scheme = "permit2"
            "#,
        ))
        .unwrap();
    let told = terms(&table.gate(), "/weather/paris").await;
    assert_eq!(told.resource.url, format!("{SITE}/weather/paris"));
    assert_eq!(told.resource.description.as_deref(), Some("Weather right now"));
    assert_eq!(told.resource.mime_type.as_deref(), Some("application/json"));
    assert_eq!(told.resource.service_name.as_deref(), Some("Sky"));
    assert_eq!(told.resource.tags, Some(vec!["weather".to_owned(), "sky".to_owned()]));
    let amounts: Vec<String> = told.accepts.iter().map(|it| it.amount.to_string()).collect();
    assert_eq!(amounts, ["10000", "20000"]);
    assert_eq!(told.accepts[0].max_timeout_seconds, 77);
    assert!(told.accepts[0].as_str().contains(r#""paymentFlow":"upfront""#));
    let extensions = told.extensions.unwrap();
    assert!(extensions.as_str().contains(r#""payment-identifier":{"info":{"required":true}"#));
    assert_eq!(terms(&table.gate(), "/talk").await.accepts[0].scheme, "upto");
    let permit = terms(&table.gate(), "/permit").await.accepts[0].as_str().to_owned();
    assert!(permit.contains(r#""assetTransferMethod":"permit2""#), "{permit}");
}

#[test]
fn every_mistake_of_a_list_is_told_with_its_line() {
    assert_eq!(
        mistakes(
            r#"unlisted = "fre"
currency = "USD"

[[route]]
path = "weather"
price = "1,50"
methods = ["get", "HEAD", "OPTIONS"]

[[route]]
path = "/a/{*rest}/b"
prise = "$1"
networks = ["bsae"]
tags = []

[[route]]
price = ["$1", "x"]
scheme = "exat"
max_timeout_seconds = 0

[[route]]
path = "/free"
free = true
price = "$1"
description = "Nothing"

[[route]]
path = "/stream"
price = "$1"
scheme = "exact"
streaming = true
methods = []
payment_identifier = true

[[route]]
path = "/:id"
free = false
"#
        )
        .join("\n"),
        r#"line 1: `unlisted`: unknown variant `fre`, expected `free` or `refuse`
line 2: there is no key `currency`: there are `unlisted`, `route`
line 5: weather: this is no path of a route: it does not begin with a slash
line 6: weather: `price`: "1,50" is not a price: write it like "$0.01", "0.01" or "0.01 USDC"
line 7: weather: `methods`: "get" is no method: write it like "GET"
line 7: weather: `methods`: HEAD costs what GET costs: leave it out
line 7: weather: `methods`: OPTIONS is always free: leave it out
line 9: /a/{*rest}/b: a route has no price: add price = "$0.01", or free = true
line 10: /a/{*rest}/b: this is no path of a route: {*name} stands for all that follows: nothing can come after
line 11: /a/{*rest}/b: there is no key `prise`: there are `path`, `methods`, `free`, `price`, `networks`, `assets`, `streaming`, `flow`, `description`, `mime_type`, `service_name`, `tags`, `max_timeout_seconds`, `payment_identifier`, `scheme`
line 12: /a/{*rest}/b: `networks`: unknown network "bsae": write it as CAIP-2, such as "eip155:84532", or by its x402 v1 name, such as "base-sepolia"
line 13: /a/{*rest}/b: `tags`: it has nothing in it: leave it out
line 15: a route has no path: add path = "/weather/{city}"
line 16: `price`: "x" is not a price: write it like "$0.01", "0.01" or "0.01 USDC"
line 17: `scheme`: unknown variant `exat`, expected one of `exact`, `permit2`, `upto`
line 18: `max_timeout_seconds`: invalid value: integer `0`, expected a nonzero u64
line 23: /free: a free route has no `price`
line 24: /free: a free route has no `description`
line 29: /stream: `scheme`: what is streaming is metered, by "upto"
line 31: /stream: `methods`: it has nothing in it: leave it out
line 32: /stream: `payment_identifier`: wanted string or table
line 34: /:id: a route has no price: add price = "$0.01", or free = true
line 35: /:id: this is no path of a route: write {name} for one segment, and {*rest} for all that follow"#
    );
}

#[test]
fn what_is_no_list_is_refused() {
    for (text, expected) in [
        ("", "say what becomes of other paths"),
        ("unlisted = \"free\"\nroute = 1", "line 2: `route`: write [[route]]"),
        ("unlisted = \"free\"\n[route]\npath = \"/a\"", "line 2: `route`: write [[route]]"),
        ("unlisted = \"free\"\nunlisted = \"free\"", "line 2: duplicate key"),
        ("unlisted = \"free\"\n\n[[route]]\npath = \"/a", "line 4: "),
    ] {
        let told = mistakes(text);
        assert!(told.iter().any(|it| it.contains(expected)), "{text:?}: {told:?}");
    }
    let long = format!("unlisted = \"free\" # {}", "x".repeat(PriceList::LIMIT));
    let error = long.parse::<PriceList>().unwrap_err();
    assert!(matches!(error.mistakes()[0].fault, PriceListFault::TooLong(PriceList::LIMIT)));
    let nested = format!("unlisted = {}", "[".repeat(100_000));
    assert!(nested.parse::<PriceList>().is_err());
    assert!(list("unlisted = \"free\"").is_empty());
}

#[test]
fn two_routes_that_one_request_would_meet_are_a_mistake() {
    let two = |a: &str, b: &str| {
        let text = format!(
            "unlisted = \"free\"\n[[route]]\nprice = \"$1\"\n{a}\n[[route]]\nfree = true\n{b}"
        );
        text.parse::<PriceList>().map(drop).map_err(|error| error.to_string())
    };
    for (a, b) in [
        ("path = \"/a\"", "path = \"/a\""),
        ("path = \"/a\"", "path = \"/A/\""),
        ("path = \"/a\"", "path = \"/%61\""),
        ("path = \"/a/{x}\"", "path = \"/a/{y}\""),
        ("path = \"/a/{x}\"", "path = \"/a/{*y}\""),
        ("path = \"/straße\"", "path = \"/strasse\""),
        ("path = \"/a\"\nmethods = [\"GET\"]", "path = \"/a\""),
    ] {
        let error = two(a, b).unwrap_err();
        let line = 5 + a.lines().count() - 1;
        assert!(error.contains(&format!("line {line}: /")), "{error}");
        assert!(error.contains("as well as for /") && error.ends_with("of line 2"), "{error}");
    }
    let (get, put) = ("path = \"/a\"\nmethods = [\"GET\"]", "path = \"/a\"\nmethods = [\"PUT\"]");
    assert_eq!(two(get, put), Ok(()));
    assert_eq!(two("path = \"/a/{x}\"", "path = \"/a/b\""), Ok(()));
}

#[test]
fn a_path_has_25_names_at_most_and_the_rest() {
    let path = |names: usize, rest: &str| {
        let names: String = (0..names).map(|number| format!("/{{x{number}}}")).collect();
        format!("unlisted = \"free\"\n[[route]]\npath = \"{names}{rest}\"\nfree = true\n")
    };
    assert_eq!(list(&path(25, "/{*rest}")).len(), 1);
    for names in [26, 27, 1000] {
        let mistakes = mistakes(&path(names, "/end"));
        assert_eq!(mistakes.len(), 1);
        assert!(mistakes[0].contains("it has more than 25 segments in braces"), "{mistakes:?}");
    }
}

#[tokio::test]
async fn what_the_paywall_cannot_do_is_told_of_every_route() {
    let error = paywall()
        .await
        .price_list(list(
            r#"unlisted = "free"
[[route]]
path = "/a"
price = ["0.01 EURX", "0.0000001"]
[[route]]
path = "/b"
price = "0"
[[route]]
path = "/c"
price = "$1"
networks = ["polygon"]
[[route]]
path = "/d"
price = "$1"
tags = ["1", "2", "3", "4", "5", "6"]
service_name = ""
[[route]]
path = "/e"
price = "$1"
scheme = "upto"
flow = "upfront"
"#,
        ))
        .unwrap_err();
    let lines = |wanted: fn(&Mistake) -> bool| {
        let of = error
            .mistakes()
            .iter()
            .filter(|it| matches!(&it.fault, PriceListFault::Config(mistake) if wanted(mistake)));
        of.map(|it| (it.line.unwrap(), it.route.clone().unwrap())).collect::<Vec<_>>()
    };
    assert_eq!(lines(|it| matches!(it, Mistake::NoSuchToken(_))), [(2, "/a".to_owned())]);
    assert_eq!(lines(|it| matches!(it, Mistake::Price(_))), [(2, "/a".to_owned())]);
    assert_eq!(lines(|it| matches!(it, Mistake::ZeroPrice)), [(5, "/b".to_owned())]);
    assert_eq!(lines(|it| matches!(it, Mistake::NoWayLeft(_))), [(8, "/c".to_owned())]);
    assert_eq!(lines(|it| matches!(it, Mistake::Tags(_))), [(12, "/d".to_owned())]);
    assert_eq!(lines(|it| matches!(it, Mistake::ServiceName(_))), [(12, "/d".to_owned())]);
    assert_eq!(lines(|it| matches!(it, Mistake::UptoUpfront)), [(17, "/e".to_owned())]);
}

#[tokio::test(start_paused = true)]
async fn terms_of_the_list_before_are_payable_for_a_minute_and_not_longer() {
    let table = table("price = \"0.01\"").await;
    let gate = table.gate();
    let (early, late) = (pay(&gate, 1).await, pay(&gate, 2).await);
    table.replace(goods("price = \"0.02\"")).unwrap();
    assert_eq!(amount(&gate, "/goods").await, "20000");
    tokio::time::advance(Duration::from_secs(59)).await;
    assert_sold(&gate, &early, "10000").await;
    tokio::time::advance(Duration::from_secs(1)).await;
    let reply = refused(buy(&gate, &late).await);
    assert_eq!(reply.status, 402);
    assert_eq!(amount(&gate, "/goods").await, "20000");
    assert_sold(&gate, &pay(&gate, 3).await, "20000").await;
}

#[tokio::test(start_paused = true)]
async fn how_long_terms_are_honoured_can_be_said() {
    let table = table("price = \"0.01\"").await.honour_for(Duration::ZERO);
    let payment = pay(&table.gate(), 1).await;
    table.replace(goods("price = \"0.02\"")).unwrap();
    assert_eq!(refused(buy(&table.gate(), &payment).await).status, 402);
    let table = table.honour_for(Duration::MAX);
    let payment = pay(&table.gate(), 2).await;
    table.replace(goods("price = \"0.03\"")).unwrap();
    tokio::time::advance(Duration::from_secs(3600)).await;
    assert_sold(&table.gate(), &payment, "20000").await;
}

#[tokio::test(start_paused = true)]
async fn terms_outlast_several_replacements() {
    let table = table("price = \"0.01\"").await;
    let gate = table.gate();
    let first = pay(&gate, 1).await;
    table.replace(goods("price = \"0.02\"")).unwrap();
    tokio::time::advance(Duration::from_secs(30)).await;
    let second = pay(&gate, 2).await;
    table.replace(goods("price = \"0.03\"")).unwrap();
    tokio::time::advance(Duration::from_secs(29)).await;
    assert_sold(&gate, &first, "10000").await;
    tokio::time::advance(Duration::from_secs(10)).await;
    assert_sold(&gate, &second, "20000").await;
}

#[tokio::test(start_paused = true)]
async fn terms_are_those_of_the_list_that_said_so_to_the_letter() {
    // Of the same amount, and in what is said of it another offer.
    for newer in [
        "price = \"0.01\"\nmax_timeout_seconds = 77",
        "price = \"0.01\"\nflow = \"upfront\"",
        "price = \"0.01\"\nscheme = \"permit2\"",
    ] {
        let table = table("price = \"0.01\"").await;
        let gate = table.gate();
        let first = pay(&gate, 1).await;
        table.replace(goods(newer)).unwrap();
        let second = pay(&gate, 2).await;
        table.replace(goods("price = \"0.02\"")).unwrap();
        for payment in [first, second] {
            assert_sold(&gate, &payment, "10000").await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_to_be_paid_upfront_is_though_a_newer_list_took_it_afterwards() {
    let facilitator = Double::default();
    let paywall: Paywall = builder(&facilitator, &MemoryStore::new()).build().await.unwrap();
    let upfront = goods("price = \"0.01\"\nflow = \"upfront\"");
    let table = paywall.price_list(upfront).unwrap();
    let gate = table.gate();
    let payment = pay(&gate, 1).await;
    // Whose terms are a part of those that were accepted.
    table.replace(goods("price = \"0.01\"")).unwrap();
    table.replace(goods("price = \"0.02\"")).unwrap();
    let Admission::Admit(ticket) = buy(&gate, &payment).await else { panic!("the sale is lost") };
    assert!(ticket.payment().receipt().is_some());
    assert_eq!(facilitator.moved(), 1);
}

#[tokio::test]
async fn what_became_free_is_free_and_what_is_gone_is_refused() {
    let table = table("price = \"0.01\"").await;
    let gate = table.gate();
    let payment = pay(&gate, 1).await;
    table.replace(goods("free = true")).unwrap();
    assert!(matches!(buy(&gate, &payment).await, Admission::GivenAway(_)));
    table.replace(list("unlisted = \"refuse\"")).unwrap();
    assert_eq!(refused(buy(&gate, &payment).await).status, 404);
    table.replace(list("unlisted = \"free\"")).unwrap();
    assert!(matches!(buy(&gate, &payment).await, Admission::GivenAway(_)));
}

#[tokio::test]
async fn what_is_owed_is_served_long_after_the_list_was_replaced() {
    for named in [false, true] {
        let facilitator = Double::default();
        let paywall: Paywall = builder(&facilitator, &MemoryStore::new()).build().await.unwrap();
        let said = if named { "payment_identifier = \"required\"\n" } else { "" };
        let table = paywall.price_list(goods(&format!("price = \"0.01\"\n{said}"))).unwrap();
        let table = table.honour_for(Duration::ZERO);
        let gate = table.gate();
        for (payer, now) in [
            (1, goods("price = \"0.02\"")),
            (2, goods("price = \"0.01\"\nmax_timeout_seconds = 60")),
            (3, list("unlisted = \"refuse\"")),
        ] {
            table.replace(goods(&format!("price = \"0.01\"\n{said}"))).unwrap();
            let name = |mut payment: Payment| {
                let id = format!("order_{:.16}", &payment.nonce()[2..]);
                let info = serde_json::json!({ "required": true, "id": id });
                let extensions = serde_json::json!({ "payment-identifier": { "info": info } });
                payment.extensions = named.then(|| extensions.to_string());
                payment
            };
            let (payment, unsettled) = (name(pay(&gate, payer).await), name(pay(&gate, 9).await));
            let Admission::Admit(ticket) = buy(&gate, &payment).await else { panic!("not sold") };
            // The handler fails, or the client hangs up; it is settled all the same.
            let moved = facilitator.moved() + 1;
            drop(ticket.finish(200));
            crate::common::until(async || facilitator.moved() == moved).await;
            table.replace(now).unwrap();
            let (mut ticket, calls) = (None, facilitator.calls());
            crate::common::until(async || match buy(&gate, &payment).await {
                Admission::Admit(admitted) => ticket.insert(admitted).payment().receipt().is_some(),
                Admission::Reject(reply) => reply.status != 409 && panic!("{reply:?}"),
                other => panic!("{other:?}"),
            })
            .await;
            let reply = refused(buy(&gate, &unsettled).await);
            assert_eq!(reply.status, if payer == 3 { 404 } else { 402 });
            assert_eq!(ticket.unwrap().finish(200).await.unwrap().len(), 1);
            assert_eq!(refused(buy(&gate, &payment).await).status, 409);
            assert_eq!(facilitator.calls(), calls);
        }
    }
}

#[tokio::test]
async fn terms_of_a_route_that_was_cheaper_elsewhere_are_not_honoured() {
    let both = |cheap: &str, goods: &str| {
        list(&format!(
            "unlisted = \"free\"\n[[route]]\npath = \"/cheap\"\nprice = \"{cheap}\"\n\
             [[route]]\npath = \"/goods\"\nprice = \"{goods}\""
        ))
    };
    let table = paywall().await.price_list(both("0.01", "0.05")).unwrap();
    let payment = Payer::number(1).pay(&terms(&table.gate(), "/cheap").await).await;
    table.replace(both("0.02", "0.06")).unwrap();
    assert_eq!(refused(buy(&table.gate(), &payment).await).status, 402);
}

#[tokio::test]
async fn a_list_with_mistakes_leaves_the_one_before_as_it_is() {
    let table = table("price = \"0.01\"").await;
    let gate = table.gate();
    let broken = list(
        "unlisted = \"free\"\n[[route]]\npath = \"/goods\"\nprice = \"0.02\"\n\
         [[route]]\npath = \"/b\"\nprice = \"0.01 EURX\"",
    );
    let error = table.replace(broken).unwrap_err();
    assert_eq!(error.mistakes()[0].line, Some(5));
    assert_eq!(amount(&gate, "/goods").await, "10000");
    assert!(matches!(look(&gate, "/b").await, Admission::GivenAway(_)));
    let missing = table.reload("/nowhere/prices.toml").await.unwrap_err();
    assert!(matches!(missing.mistakes()[0].fault, PriceListFault::Read(_)), "{missing}");
    assert_eq!(amount(&gate, "/goods").await, "10000");
}

#[tokio::test]
async fn the_directory_tells_of_the_list_of_this_moment() {
    let paywall = paywall().await;
    let listed = || {
        let routes = paywall.directory().routes;
        routes
            .into_iter()
            .map(|it| (it.method, it.path, it.prices[0].amount.clone()))
            .map(|(method, path, amount)| format!("{method} {path} {amount}"))
            .collect::<Vec<_>>()
    };
    let table = paywall
        .price_list(list(
            "unlisted = \"free\"\n[[route]]\npath = \"/a/{x}\"\nprice = \"0.01\"\n\
             methods = [\"GET\", \"PUT\"]\n[[route]]\npath = \"/ö\"\nprice = \"0.02\"\n\
             [[route]]\npath = \"/free\"\nfree = true",
        ))
        .unwrap();
    assert_eq!(listed(), ["GET /a/{x} 0.01", "PUT /a/{x} 0.01", "GET /%C3%B6 0.02"]);
    table.replace(goods("price = \"0.03\"")).unwrap();
    assert_eq!(listed(), ["GET /goods 0.03"]);
    drop(table);
    assert!(listed().is_empty());
}

/// A file of this test's own.
pub(crate) struct File(pub(crate) PathBuf);

impl File {
    pub(crate) fn new(name: &str, text: &str) -> Self {
        let name = format!("{}-{name}.toml", std::process::id());
        let file = Self(PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name));
        file.write(text);
        file
    }

    pub(crate) fn write(&self, text: &str) {
        std::fs::write(&self.0, text).unwrap();
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

pub(crate) fn text(price: &str) -> String {
    format!("unlisted = \"free\"\n[[route]]\npath = \"/goods\"\nprice = \"{price}\"\n")
}

pub(crate) const OFTEN: Duration = Duration::from_millis(5);

pub(crate) async fn until(mut holds: impl AsyncFnMut() -> bool) {
    let wait = async {
        while !holds().await {
            tokio::time::sleep(OFTEN).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), wait).await.expect("never came true");
}

#[tokio::test]
async fn a_file_that_is_followed_is_taken_when_it_changes() -> Result<(), PriceListError> {
    let file = File::new("followed", &text("0.01"));
    let table = paywall().await.price_list(PriceList::load(&file.0).await?)?;
    let gate = table.gate();
    let follower = table.follow(&file.0, OFTEN);
    file.write(&text("0.02"));
    until(async || amount(&gate, "/goods").await == "20000").await;
    // Broken, gone, then sound again: the prices stay until there are others.
    file.write("unlisted = ");
    std::fs::remove_file(&file.0).unwrap();
    assert_eq!(amount(&gate, "/goods").await, "20000");
    file.write(&text("0.03"));
    until(async || amount(&gate, "/goods").await == "30000").await;
    // What else was taken stays until the file changes.
    table.replace(goods("price = \"0.04\""))?;
    table.reload(&file.0).await?;
    assert_eq!(amount(&gate, "/goods").await, "30000");
    assert!(!follower.is_finished());
    drop(table);
    assert!(!follower.is_finished(), "a gate is left");
    drop(gate);
    tokio::time::timeout(Duration::from_secs(20), follower).await.expect("ends").unwrap();
    Ok(())
}

#[tokio::test]
async fn a_follower_ends_at_once_however_seldom_it_looks() {
    let file = File::new("seldom", &text("0.01"));
    let table = paywall().await.price_list(PriceList::load(&file.0).await.unwrap()).unwrap();
    let follower = table.follow(&file.0, Duration::from_secs(86_400));
    drop(table);
    tokio::time::timeout(Duration::from_secs(20), follower).await.expect("ends").unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn requests_meet_one_list_or_the_other_while_it_is_replaced() {
    let lists = ["0.01", "0.02"].map(|price| {
        list(&format!(
            "unlisted = \"refuse\"\n[[route]]\npath = \"/a\"\nprice = \"{price}\"\n\
             [[route]]\npath = \"/b\"\nprice = \"{price}\""
        ))
    });
    let table = paywall().await.price_list(lists[0].clone()).unwrap();
    let done = Arc::new(AtomicBool::new(false));
    let ask = |path: &'static str| {
        let (gate, done) = (table.gate(), Arc::clone(&done));
        tokio::spawn(async move {
            let mut seen = [0; 2];
            while !done.load(SeqCst) {
                match amount(&gate, path).await.as_str() {
                    "10000" => seen[0] += 1,
                    "20000" => seen[1] += 1,
                    other => panic!("{other}"),
                }
                tokio::task::yield_now().await;
            }
            seen
        })
    };
    let asking = [ask("/a"), ask("/b"), ask("/A/")];
    for turn in 1..200 {
        table.replace(lists[turn % 2].clone()).unwrap();
        tokio::task::yield_now().await;
    }
    done.store(true, SeqCst);
    for asked in asking {
        assert!(asked.await.unwrap().iter().sum::<u32>() > 0);
    }
    assert_eq!(amount(&table.gate(), "/a").await, "20000");
}
