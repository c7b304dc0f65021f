//! What is counted: all that the table says, on labels that nobody outside can make up.

use crate::common::{self, table};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::common::{Double, Goods, Head, Payer, Payment, Say, Shop, get, until};
use metrics_util::MetricKind;
use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};
use serde_json::json;
use table::table;
use x402_ledger::MemoryStore;
use x402_server::{
    Admission, ConfigError, Entry, Hooks, Inquiry, Price, Quote, RequestHead, RequestInfo,
};
use x402_types::{SettleResponse, VerifyResponse};

const USDC: &str = "0x036CbD53842c5426634e7929541eC2318f3dCF7e";

/// Listens to this thread. The tests' runtimes have but one.
struct Listening {
    snapshotter: Snapshotter,
    seen: BTreeMap<String, Seen>,
    values: BTreeMap<String, i64>,
}

struct Seen {
    kind: MetricKind,
    unit: Option<String>,
    labels: BTreeSet<String>,
}

fn listen() -> (Listening, metrics::LocalRecorderGuard<'static>) {
    // A recorder that outlives its guard.
    let recorder: &'static DebuggingRecorder = Box::leak(Box::default());
    let snapshotter = recorder.snapshotter();
    let guard = metrics::set_default_local_recorder(recorder);
    (Listening { snapshotter, seen: BTreeMap::new(), values: BTreeMap::new() }, guard)
}

impl Listening {
    /// Takes what was told since the last time.
    fn listen(&mut self) {
        // All begin again with each look.
        for (key, unit, _, value) in self.snapshotter.snapshot().into_vec() {
            let (kind, key) = key.into_parts();
            let labels = key.labels().map(|it| it.key().to_owned()).collect();
            let mut told: Vec<String> =
                key.labels().map(|it| format!("{}={}", it.key(), it.value())).collect();
            told.sort();
            let unit = unit.map(|unit| unit.as_str().to_owned());
            self.seen.insert(key.name().to_owned(), Seen { kind, unit, labels });
            let name = format!("{}{{{}}}", key.name(), told.join(","));
            let before = self.values.get(&name).copied().unwrap_or_default();
            let value = match value {
                DebugValue::Counter(count) => before + i64::try_from(count).unwrap(),
                DebugValue::Gauge(value) => before + value.into_inner() as i64,
                DebugValue::Histogram(values) => {
                    assert!(values.iter().all(|it| (0.0..60.0).contains(&it.into_inner())));
                    before + values.len() as i64
                }
            };
            self.values.insert(name, value);
        }
    }

    #[track_caller]
    fn assert(&mut self, name: &str, expected: i64) {
        self.listen();
        let value = self.values.get(name).copied();
        assert_eq!(value, Some(expected), "{name} in {:#?}", self.values);
    }

    #[track_caller]
    fn assert_requests(&mut self, route: &str, outcome: &str, expected: i64) {
        self.assert(&format!("x402_requests_total{{outcome={outcome},route={route}}}"), expected);
    }

    #[track_caller]
    fn assert_refusals(&mut self, reason: &str, expected: i64) {
        self.assert(&format!("x402_refusals_total{{reason={reason},route=GET /goods}}"), expected);
    }
}

async fn open(change: impl FnOnce(Price) -> Price) -> Shop {
    Shop::open_with(Goods::default(), |it| it, |price| change(price.route("GET /goods"))).await
}

async fn pay(shop: &Shop, number: u8) -> Payment {
    Payer::number(number).pay(&shop.terms("/goods").await).await
}

/// One of everything that is counted.
async fn run() -> Shop {
    let shop = open(|price| price.payment_identifier(false)).await;
    shop.buy(&pay(&shop, 1).await).await.assert_served();
    let refused = VerifyResponse::invalid("insufficient_funds".into(), None);
    shop.facilitator.verify().then(Say::This(refused));
    shop.buy(&pay(&shop, 2).await).await.assert_refused(402);
    shop.facilitator.settle().then(Say::Lost);
    shop.buy(&pay(&shop, 3).await).await.assert_refused(502);
    shop
}

#[tokio::test(start_paused = true)]
async fn what_is_counted_is_what_the_table_says() {
    let (mut listening, _guard) = listen();
    let _shop = run().await;
    listening.listen();
    let told: BTreeMap<_, _> = listening
        .seen
        .iter()
        .map(|(name, seen)| {
            let kind = format!("{:?}", seen.kind).to_lowercase();
            (name.clone(), (kind, seen.unit.clone().unwrap_or_default(), seen.labels.clone()))
        })
        .collect();
    let documented: BTreeMap<_, _> = table()
        .into_iter()
        .filter(|(_, row)| row.kind != "span")
        .map(|(name, row)| (name, (row.kind, row.measure, row.fields)))
        .collect();
    assert_eq!(told, documented);
}

#[tokio::test]
async fn a_paid_request_is_counted_with_its_revenue() {
    let (mut listening, _guard) = listen();
    let shop = open(|price| price).await;
    for number in 1..=3 {
        shop.buy(&pay(&shop, number).await).await.assert_served();
    }
    listening.assert_requests("GET /goods", "paid", 3);
    listening.assert_requests("GET /goods", "unpaid", 3);
    listening.assert_requests("GET /goods", "refused", 0);
    let of = format!("{{asset={USDC},network=eip155:84532,route=GET /goods,scheme=exact}}");
    listening.assert(&format!("x402_payments_total{of}"), 3);
    listening.assert(&format!("x402_revenue_atomic_units_total{of}"), 30_000);
    for histogram in ["verify", "settle", "request"] {
        listening.assert(&format!("x402_{histogram}_duration_seconds{{route=GET /goods}}"), 3);
    }
    listening.assert("x402_claims_held{}", 0);
}

#[tokio::test]
async fn what_a_handler_charges_is_the_revenue_and_not_the_limit() {
    let (mut listening, _guard) = listen();
    let goods = Goods::made(|request| {
        let payment = request.extensions().get::<x402_server::Payment>().unwrap();
        payment.charge(1234u64).unwrap();
        http::Response::new("worth a part of it".into())
    });
    let double = Double::default().settling_upto_from(common::SETTLER, "eip155:84532");
    let store = MemoryStore::new();
    let shop = Shop::open_at(double, store, goods, |it| it, |it| it.upto().route("GET /goods"));
    let shop = shop.await;
    assert_eq!(shop.buy(&pay(&shop, 1).await).await.status, 200);
    listening.assert(
        &format!(
            "x402_revenue_atomic_units_total{{asset={USDC},network=eip155:84532,route=GET /goods,scheme=upto}}"
        ),
        1234,
    );
}

#[tokio::test]
async fn refusals_are_counted_by_reasons_that_a_facilitator_cannot_make_up() {
    let (mut listening, _guard) = listen();
    let shop = open(|price| price).await;
    let used = pay(&shop, 1).await;
    shop.buy(&used).await.assert_served();
    shop.buy(&used).await.assert_refused(409);
    listening.assert_refusals("payment_already_used", 1);
    for reason in ["insufficient_funds", "made up 1", "made up 2"] {
        let refused = VerifyResponse::invalid(reason.into(), None);
        shop.facilitator.verify().then(Say::This(refused));
        shop.buy(&pay(&shop, 2).await).await.assert_refused(402);
    }
    listening.assert_refusals("insufficient_funds", 1);
    listening.assert_refusals("other", 2);
    let failed = SettleResponse::failed("made up 3".into(), None, "", "eip155:84532");
    shop.facilitator.settle().then(Say::This(failed));
    shop.buy(&pay(&shop, 3).await).await.assert_refused(402);
    listening.assert_refusals("other", 3);
    shop.send(get("/goods", &[("payment-signature", "%")])).await.assert_refused(400);
    listening.assert_refusals("invalid_payload", 1);
    listening.assert_requests("GET /goods", "refused", 6);
    listening.assert_requests("GET /goods", "paid", 1);
}

#[tokio::test]
async fn a_request_that_is_admitted_and_not_served_is_counted_as_that() {
    let (mut listening, _guard) = listen();
    let goods = Goods::with_status(500);
    let shop = Shop::open_with(goods, |it| it, |price| price.route("GET /goods")).await;
    assert_eq!(shop.buy(&pay(&shop, 1).await).await.status, 500);
    listening.assert_requests("GET /goods", "unserved", 1);
    // A client that goes away.
    shop.goods.latch.hold();
    let (other, payment) = (shop.clone(), pay(&shop, 2).await);
    let request = tokio::spawn(async move { other.buy(&payment).await });
    shop.goods.latch.reached(2).await;
    listening.assert("x402_claims_held{}", 1);
    request.abort();
    assert!(request.await.unwrap_err().is_cancelled());
    listening.assert_requests("GET /goods", "unserved", 2);
    listening.assert("x402_claims_held{}", 0);
    // One that does not wait for the facilitator.
    shop.facilitator.verify().latch.hold();
    let (other, payment) = (shop.clone(), pay(&shop, 3).await);
    let request = tokio::spawn(async move { other.buy(&payment).await });
    shop.facilitator.verify().latch.reached(3).await;
    request.abort();
    assert!(request.await.unwrap_err().is_cancelled());
    listening.assert_requests("GET /goods", "unserved", 3);
    listening.assert_requests("GET /goods", "paid", 0);
    listening.assert("x402_claims_held{}", 0);
}

#[tokio::test]
async fn an_answer_that_is_given_again_is_counted_once_as_paid() {
    let (mut listening, _guard) = listen();
    let shop = open(|price| price.payment_identifier(false)).await;
    let mut payment = pay(&shop, 1).await;
    let info = json!({ "required": false, "id": "0123456789abcdef" });
    payment.extensions = Some(json!({ "payment-identifier": { "info": info } }).to_string());
    shop.buy(&payment).await.assert_served();
    shop.buy(&payment).await.assert_served();
    listening.assert_requests("GET /goods", "paid", 1);
    listening.assert_requests("GET /goods", "again", 1);
}

#[tokio::test]
async fn what_hooks_give_away_or_refuse_is_counted() {
    struct House;
    impl Hooks for House {
        async fn on_request(&self, request: &RequestInfo) -> Entry {
            match request.header("x-guest") {
                Some("good") => Entry::GiveAway,
                Some(_) => Entry::Refuse(x402_server::Refused::forbidden("Not you.")),
                None => Entry::GoOn,
            }
        }
    }
    let (mut listening, _guard) = listen();
    let price = |price: Price| price.route("GET /goods");
    let shop = Shop::open_with(Goods::default(), |it| it.hooks(House), price).await;
    shop.send(get("/goods", &[("x-guest", "good")])).await.assert_served();
    shop.send(get("/goods", &[("x-guest", "bad")])).await.assert_refused(403);
    shop.buy(&pay(&shop, 1).await).await.assert_served();
    listening.assert_requests("GET /goods", "given_away", 1);
    listening.assert_requests("GET /goods", "refused", 1);
    listening.assert_requests("GET /goods", "paid", 1);
    listening.assert_refusals("seller", 1);
}

#[tokio::test(start_paused = true)]
async fn a_settlement_is_unresolved_until_its_outcome_is_known() {
    let (mut listening, _guard) = listen();
    let shop = open(|price| price).await;
    shop.facilitator.settle().then(Say::YesButLost);
    let payment = pay(&shop, 1).await;
    shop.buy(&payment).await.assert_refused(502);
    listening.assert("x402_settlements_unresolved{}", 1);
    listening.assert_refusals("settlement_unknown", 1);
    tokio::time::sleep(Duration::from_secs(2)).await;
    until(async || shop.books().await == ["settled"]).await;
    until(async || shop.buy(&payment).await.status == 200).await;
    listening.assert("x402_settlements_unresolved{}", 0);
    let of = format!("{{asset={USDC},network=eip155:84532,route=GET /goods,scheme=exact}}");
    listening.assert(&format!("x402_payments_total{of}"), 1);
    listening.assert("x402_claims_held{}", 0);
}

#[tokio::test]
async fn a_path_that_is_asked_for_is_never_a_label() {
    let (mut listening, _guard) = listen();
    let shop = Shop::open().await;
    for path in ["/goods", "/goods/1", "/goods/2"] {
        shop.send(get(path, &[])).await.assert_refused(402);
    }
    listening.assert_requests("other", "unpaid", 3);
    assert!(listening.values.keys().all(|name| !name.contains("goods")), "{:?}", listening.values);
}

/// A request for which the framework says which route it found.
struct Routed(Head, &'static str);

impl RequestHead for Routed {
    fn method(&self) -> &str {
        self.0.method()
    }

    fn path(&self) -> &str {
        self.0.path()
    }

    fn query(&self) -> Option<&str> {
        self.0.query()
    }

    fn route(&self) -> Option<Cow<'_, str>> {
        Some(self.1.into())
    }

    fn header_values(&self, name: &'static str) -> impl Iterator<Item = &[u8]> {
        self.0.header_values(name)
    }

    fn headers(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.0.headers()
    }
}

fn routed(path: &str, route: &'static str) -> Routed {
    Routed(Head::of(path, None), route)
}

#[tokio::test]
async fn where_no_route_was_said_it_is_the_frameworks() {
    let (mut listening, _guard) = listen();
    let paywall = Shop::open().await.paywall;
    let gate = paywall.price("$0.01").unwrap().gate().unwrap();
    for head in [
        routed("/weather/paris", "/weather/{city}"),
        routed("/weather/rome", "/weather/{city}"),
        routed("/tides/rome", "/tides/{city}"),
    ] {
        assert!(matches!(gate.admit(&head).await, Admission::Reject(_)));
    }
    listening.assert_requests("/weather/{city}", "unpaid", 2);
    listening.assert_requests("/tides/{city}", "unpaid", 1);
    assert!(listening.values.keys().all(|name| !name.contains("rome")));
}

#[tokio::test]
async fn a_price_that_is_found_out_is_counted_on_the_route_that_it_says() {
    let (mut listening, _guard) = listen();
    let paywall = Shop::open().await.paywall;
    let dynamic = paywall.price_by(async |inquiry: Inquiry| {
        Ok::<Quote, ConfigError>(match inquiry.path() {
            "/free" => Quote::Free,
            _ => inquiry.price("$0.02")?.route("GET /pages/{page}").into(),
        })
    });
    let gate = dynamic.gate().unwrap();
    for page in 1..=3 {
        let head = routed(&format!("/pages/{page}"), "/{*rest}");
        assert!(matches!(gate.admit(&head).await, Admission::Reject(_)));
    }
    assert!(matches!(gate.admit(&routed("/free", "/{*rest}")).await, Admission::GivenAway(_)));
    listening.assert_requests("GET /pages/{page}", "unpaid", 3);
    listening.assert_requests("/{*rest}", "given_away", 1);
}

#[tokio::test]
async fn a_route_that_is_said_of_a_price_that_is_found_out_is_counted_whatever_is_found() {
    let (mut listening, _guard) = listen();
    let paywall = Shop::open().await.paywall;
    let dynamic = paywall.price_by(async |inquiry: Inquiry| {
        Ok::<Quote, ConfigError>(match inquiry.path() {
            "/pages/free" => Quote::Free,
            _ => inquiry.price("$0.02")?.into(),
        })
    });
    let gate = dynamic.route("GET /pages/{page}").gate().unwrap();
    let head = routed("/pages/1", "/{*rest}");
    assert!(matches!(gate.admit(&head).await, Admission::Reject(_)));
    assert!(matches!(
        gate.admit(&routed("/pages/free", "/{*rest}")).await,
        Admission::GivenAway(_)
    ));
    listening.assert_requests("GET /pages/{page}", "unpaid", 1);
    listening.assert_requests("GET /pages/{page}", "given_away", 1);
}
