//! What is traced: all that the table says, and nothing that could be settled.

use crate::common::{self, table};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::common::{Double, Goods, HttpServer, Payer, Say, Shop, get, http_response, until};
use serde_json::json;
use table::table;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::{LookupSpan, Registry};
use x402_ledger::MemoryStore;
use x402_types::VerifyResponse;

/// A span as it was told.
#[derive(Clone, Debug)]
struct Told {
    id: u64,
    parent: Option<u64>,
    name: &'static str,
    level: String,
    declared: BTreeSet<String>,
    fields: BTreeMap<&'static str, String>,
    closed: bool,
}

#[derive(Clone, Default)]
struct Trace(Arc<Mutex<Vec<Told>>>);

struct Fields<'a>(&'a mut BTreeMap<&'static str, String>);

impl Visit for Fields<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }
}

impl<S: tracing::Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Trace {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let metadata = attributes.metadata();
        if !metadata.name().starts_with("x402.") {
            return;
        }
        let mut fields = BTreeMap::new();
        attributes.record(&mut Fields(&mut fields));
        let parent = context.span(id).and_then(|span| span.parent()).map(|it| it.id().into_u64());
        self.0.lock().unwrap().push(Told {
            id: id.into_u64(),
            parent,
            name: metadata.name(),
            level: metadata.level().to_string().to_lowercase(),
            declared: metadata.fields().iter().map(|it| it.name().to_owned()).collect(),
            fields,
            closed: false,
        });
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, _: Context<'_, S>) {
        self.with(id, |told| values.record(&mut Fields(&mut told.fields)));
    }

    fn on_close(&self, id: Id, _: Context<'_, S>) {
        self.with(&id, |told| told.closed = true);
    }
}

impl Trace {
    /// Everything that this thread traces from now on. The tests' runtimes have but one thread.
    fn start(&self) -> DefaultGuard {
        tracing::subscriber::set_default(Registry::default().with(self.clone()))
    }

    /// Identities are used again after a span is closed.
    fn with(&self, id: &Id, change: impl FnOnce(&mut Told)) {
        let mut spans = self.0.lock().unwrap();
        let open = spans.iter_mut().rev().find(|it| it.id == id.into_u64() && !it.closed);
        if let Some(told) = open {
            change(told);
        }
    }

    fn spans(&self) -> Vec<Told> {
        self.0.lock().unwrap().clone()
    }

    fn named(&self, name: &str) -> Vec<Told> {
        self.spans().into_iter().filter(|it| it.name == name).collect()
    }

    #[track_caller]
    fn one(&self, name: &str) -> Told {
        let [one] = &self.named(name)[..] else { panic!("{name}: {:#?}", self.spans()) };
        one.clone()
    }

    fn clear(&self) {
        self.0.lock().unwrap().clear();
    }
}

impl Told {
    #[track_caller]
    fn assert(&self, expected: &[(&str, &str)]) -> &Self {
        for (name, value) in expected {
            assert_eq!(
                self.fields.get(name).map(String::as_str),
                Some(*value),
                "{name}: {self:#?}"
            );
        }
        self
    }
}

/// A facilitator over HTTP that says yes to everything.
async fn yes() -> HttpServer {
    HttpServer::start(|path, _| {
        let payer = Payer::number(1).address();
        let answer = match path {
            "/verify" => json!({ "isValid": true, "payer": payer }),
            "/settle" => {
                json!({ "success": true, "payer": payer, "transaction": "0xabc", "network": "eip155:84532" })
            }
            _ => {
                let kind = json!({ "x402Version": 2, "scheme": "exact", "network": "eip155:84532" });
                json!({ "kinds": [kind], "extensions": [], "signers": {} })
            }
        };
        Some(http_response(200, "application/json", "", &answer.to_string()))
    })
    .await
}

async fn open() -> Shop {
    Shop::open_with(Goods::default(), |it| it, |price| price.route("GET /goods")).await
}

#[tokio::test]
async fn a_paid_request_is_traced_with_what_was_paid() {
    let trace = Trace::default();
    let _tracing = trace.start();
    let shop = open().await;
    let payer = Payer::number(1);
    let payment = payer.pay(&shop.terms("/goods").await).await;
    trace.one("x402.paywall").assert(&[
        ("otel.kind", "internal"),
        ("http.request.method", "GET"),
        ("http.route", "/goods"),
        ("url.path", "/goods"),
        ("http.response.status_code", "402"),
        ("x402.outcome", "unpaid"),
    ]);
    trace.clear();
    let receipt = shop.buy(&payment).await.assert_served().receipt().unwrap();
    let address = payer.address();
    let paid = [
        ("x402.network", "eip155:84532"),
        ("x402.scheme", "exact"),
        ("x402.asset", "0x036CbD53842c5426634e7929541eC2318f3dCF7e"),
        ("x402.amount", "10000"),
        ("x402.payer", &*address),
    ];
    let paywall = trace.one("x402.paywall");
    paywall.assert(&paid).assert(&[("http.response.status_code", "200"), ("x402.outcome", "paid")]);
    let verify = trace.one("x402.verify");
    verify.assert(&paid).assert(&[("x402.outcome", "valid")]);
    let settle = trace.one("x402.settle");
    settle
        .assert(&paid)
        .assert(&[("x402.outcome", "settled"), ("x402.transaction", &*receipt.transaction)]);
    assert_eq!((verify.parent, settle.parent), (Some(paywall.id), Some(paywall.id)));
    assert!(trace.spans().iter().all(|it| it.closed), "{:#?}", trace.spans());
}

#[tokio::test]
async fn a_settlement_that_outlives_its_request_is_still_its_child() {
    let trace = Trace::default();
    let shop = open().await;
    let payment = Payer::number(1).pay(&shop.terms("/goods").await).await;
    let _tracing = trace.start();
    shop.facilitator.settle().latch.hold();
    let (other, sent) = (shop.clone(), payment.clone());
    let request = tokio::spawn(async move { other.buy(&sent).await });
    shop.facilitator.settle().latch.reached(1).await;
    request.abort();
    assert!(request.await.unwrap_err().is_cancelled());
    let (paywall, settle) = (trace.one("x402.paywall"), trace.one("x402.settle"));
    paywall.assert(&[("x402.outcome", "unserved")]);
    assert!(!settle.closed && !settle.fields.contains_key("x402.outcome"), "{settle:#?}");
    shop.facilitator.settle().latch.let_go();
    until(async || trace.one("x402.settle").closed).await;
    trace.one("x402.settle").assert(&[("x402.outcome", "settled")]);
    assert_eq!(settle.parent, Some(paywall.id));
    assert!(trace.one("x402.paywall").closed);
}

#[tokio::test(start_paused = true)]
async fn what_is_traced_is_what_the_table_says() {
    let trace = Trace::default();
    let _tracing = trace.start();
    let shop = open().await;
    let pay = async |shop: &Shop| Payer::number(1).pay(&shop.terms("/goods").await).await;
    shop.buy(&pay(&shop).await).await.assert_served();
    shop.facilitator.verify().then(Say::This(VerifyResponse::invalid("made up".into(), None)));
    shop.buy(&pay(&shop).await).await.assert_refused(402);
    let failed = x402_types::SettleResponse::failed("made up".into(), None, "", "eip155:84532");
    shop.facilitator.settle().then(Say::This(failed));
    shop.buy(&pay(&shop).await).await.assert_refused(402);
    shop.facilitator.settle().then(Say::YesButLost);
    shop.buy(&pay(&shop).await).await.assert_refused(502);
    tokio::time::sleep(Duration::from_secs(2)).await;
    until(async || trace.named("x402.resolve").iter().any(|it| it.closed)).await;

    let over_http = |server: &HttpServer| {
        let url = server.url.clone();
        Shop::open_at(
            Double::default(),
            MemoryStore::new(),
            Goods::default(),
            move |it| it.facilitator(&url),
            |price| price,
        )
    };
    tokio::time::resume();
    let server = yes().await;
    let shop = over_http(&server).await;
    shop.buy(&pay(&shop).await).await.assert_served();
    let server = HttpServer::start(|_, _| Some(http_response(503, "text/plain", "", "no"))).await;
    let shop = over_http(&server).await;
    shop.buy(&pay(&shop).await).await.assert_refused(502);

    // What is declared, and what has ever had a value.
    let (mut told, mut filled) = (BTreeMap::new(), BTreeMap::<_, BTreeSet<String>>::new());
    for span in trace.spans() {
        told.insert(span.name.to_owned(), (span.level, span.declared));
        let fields = span.fields.keys().map(|it| (*it).to_owned());
        filled.entry(span.name.to_owned()).or_default().extend(fields);
    }
    let rows = table().into_iter().filter(|(_, row)| row.kind == "span");
    let documented: BTreeMap<_, _> =
        rows.map(|(name, row)| (name, (row.measure, row.fields))).collect();
    assert_eq!(told, documented);
    let fields: BTreeMap<_, _> = documented.into_iter().map(|(name, it)| (name, it.1)).collect();
    assert_eq!(filled, fields);
}

#[tokio::test]
async fn a_call_to_a_facilitator_is_traced_as_a_clients() {
    let trace = Trace::default();
    let _tracing = trace.start();
    let server = yes().await;
    let timeouts = |it: x402_server::PaywallBuilder| it.facilitator(&server.url);
    let (double, store) = (Double::default(), MemoryStore::new());
    let shop = Shop::open_at(double, store, Goods::default(), timeouts, |price| price).await;
    let payment = Payer::number(1).pay(&shop.terms("/goods").await).await;
    trace.clear();
    shop.buy(&payment).await.assert_served();
    let calls = trace.named("x402.facilitator");
    let [verify, settle] = &calls[..] else { panic!("{calls:#?}") };
    let (_, port) = server.url.rsplit_once(':').unwrap();
    for (call, path, parent) in
        [(verify, "verify", "x402.verify"), (settle, "settle", "x402.settle")]
    {
        call.assert(&[
            ("otel.kind", "client"),
            ("http.request.method", "POST"),
            ("url.full", &format!("{}/{path}", server.url)),
            ("server.address", "127.0.0.1"),
            ("server.port", port),
            ("http.response.status_code", "200"),
        ]);
        assert_eq!(call.parent, Some(trace.one(parent).id));
    }
}

#[tokio::test]
async fn no_span_holds_what_could_be_settled_or_what_a_client_made_up() {
    let trace = Trace::default();
    let _tracing = trace.start();
    let shop = open().await;
    let payment = Payer::number(1).pay(&shop.terms("/goods").await).await;
    shop.buy(&payment).await.assert_served();
    shop.buy(&payment).await.assert_refused(409);
    shop.send(common::request("BREW", "/goods?secret=1", &[("x-key", "sesame")])).await;
    let text = format!("{:?}", trace.spans());
    let payload: serde_json::Value = serde_json::from_str(&payment.payload).unwrap();
    let nonce = payload["authorization"]["nonce"].as_str().unwrap();
    for secret in [&payment.signature()[70..], &payment.header()[40..80], nonce, "secret", "sesame"]
    {
        assert!(!text.contains(secret), "{secret} is told in:\n{text}");
    }
    assert!(!text.contains("BREW") && text.contains("_OTHER"), "{text}");
}

#[tokio::test]
async fn where_nobody_listens_to_debug_a_settlement_is_traced_alone() {
    let trace = Trace::default();
    let filter = tracing_subscriber::filter::LevelFilter::INFO;
    let subscriber = Registry::default().with(filter).with(trace.clone());
    let _tracing = tracing::subscriber::set_default(subscriber);
    let shop = open().await;
    let payment = Payer::number(1).pay(&shop.terms("/goods").await).await;
    shop.buy(&payment).await.assert_served();
    shop.send(get("/goods", &[])).await.assert_refused(402);
    let spans = trace.spans();
    assert_eq!(spans.iter().map(|it| it.name).collect::<Vec<_>>(), ["x402.settle"]);
    trace.one("x402.settle").assert(&[("x402.outcome", "settled")]);
}
