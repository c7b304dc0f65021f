//! Several ways to pay for one route, and what a price says besides.

use crate::common::{Double, Head, Payer, builder};
use serde_json::{Value, json};
use x402_ledger::MemoryStore;
use x402_server::{
    Admission, ConfigError, Gate, Listing, Mistake, Paywall, PaywallBuilder, Reply, Tag, TagScheme,
    Ticket,
};
use x402_types::extensions::bazaar::Shape;
use x402_types::{Amount, Asset, Network, PaymentRequired, decode, header};

/// A euro's token, which no table has.
fn eurc() -> Asset {
    let address = "0x808456652fdb597867f38412077A9182bf77359F";
    Asset::eip3009(Network::BASE_SEPOLIA, "EURC", address, "EURC", "2", 6)
}

/// Two tokens on one network, one on another.
fn settings() -> PaywallBuilder {
    let usdc = Asset::default_for(&Network::BASE_SEPOLIA).unwrap().clone();
    let builder = builder(&Double::default(), &MemoryStore::new());
    builder.asset(usdc).asset(eurc()).network("polygon")
}

async fn paywall() -> Paywall {
    settings().build().await.unwrap()
}

async fn rejected(gate: &Gate, head: &Head) -> Reply {
    match gate.admit(head).await {
        Admission::Reject(reply) => reply,
        other => panic!("not refused: {other:?}"),
    }
}

async fn terms(gate: &Gate) -> PaymentRequired {
    let reply = rejected(gate, &Head::of("/goods", None)).await;
    let told = reply.header("payment-required").expect("terms");
    decode(told.as_bytes(), header::CHALLENGE_LIMIT).unwrap()
}

async fn admitted(gate: &Gate, head: &Head) -> Box<Ticket> {
    match gate.admit(head).await {
        Admission::Admit(ticket) => ticket,
        other => panic!("not admitted: {other:?}"),
    }
}

/// Scheme, network, token and amount of each offer.
async fn offers(gate: &Gate) -> Vec<String> {
    let terms = terms(gate).await;
    let offers = terms.accepts.iter().map(|offer| {
        let symbol =
            Asset::find(&offer.network, &offer.asset).map_or("EURC", |asset| &asset.symbol);
        let network = offer.network.v1_name().unwrap();
        format!("{} {network} {} {symbol}", offer.scheme, offer.amount)
    });
    offers.collect()
}

/// That there is one mistake, and this.
macro_rules! assert_mistaken {
    ($gate:expr, $mistake:pat $(if $guard:expr)?) => {
        let error: ConfigError = $gate.unwrap_err();
        assert!(matches!(error.mistakes(), [$mistake] $(if $guard)?), "{error}");
    };
}

#[tokio::test]
async fn ways_to_pay_are_told_in_their_order_and_what_the_first_says_stands() {
    let paywall = paywall().await;
    let other = paywall.price("0.009 EURC").unwrap().description("Not this").max_timeout_seconds(9);
    let limit = paywall.price("$0.02").unwrap().upto().on(["polygon"]);
    let price = paywall.price("$0.01").unwrap().in_assets(["USDC"]).description("This");
    let gate = price.or(other).or(limit).gate().unwrap();
    assert_eq!(
        offers(&gate).await,
        [
            "exact base-sepolia 10000 USDC",
            "exact polygon 10000 USDC",
            "exact base-sepolia 9000 EURC",
            "upto polygon 20000 USDC",
        ]
    );
    let terms = terms(&gate).await;
    assert_eq!(terms.resource.description.as_deref(), Some("This"));
    assert!(terms.accepts.iter().all(|offer| offer.max_timeout_seconds == 300));
}

#[tokio::test]
async fn whichever_way_a_payer_takes_is_what_is_charged() {
    let paywall = paywall().await;
    let price = paywall.price("0.01 USDC").unwrap().on(["base-sepolia"]);
    let limit = paywall.price("0.02 USDC").unwrap().on(["polygon"]).upto();
    let gate = price.or(paywall.price("0.009 EURC").unwrap()).or(limit).gate().unwrap();
    let terms = terms(&gate).await;
    let known = [("exact", 10_000u64), ("exact", 9_000), ("upto", 20_000)];
    for (offer, (scheme, amount)) in terms.accepts.iter().zip(known) {
        let payment = Payer::number(1).pay_offer(&terms, offer).await;
        let head = Head::paying(&payment);
        let ticket = admitted(&gate, &head).await;
        let payment = ticket.payment().clone();
        assert_eq!((payment.scheme(), payment.amount()), (scheme, Amount::from(amount)));
        // By `exact` nothing but the price can be charged.
        assert_eq!(payment.charge(5u64).is_ok(), scheme == "upto");
    }
}

#[tokio::test]
async fn the_same_way_is_told_once() {
    let paywall = paywall().await;
    let price = paywall.price("$0.01").unwrap().or(paywall.price("0.01 USDC").unwrap());
    let usdc = ["exact base-sepolia 10000 USDC", "exact polygon 10000 USDC"];
    assert_eq!(offers(&price.gate().unwrap()).await, usdc);
}

#[tokio::test]
async fn a_price_in_dollars_is_sold_for_nothing_else() {
    let builder = || builder(&Double::default(), &MemoryStore::new());
    let euros: Paywall = builder().asset(eurc()).build().await.unwrap();
    let error = euros.price("$0.01").unwrap_err();
    assert!(matches!(error.mistakes(), [Mistake::NoDollars(price)] if price == "$0.01"), "{error}");
    let gate = euros.price("0.01 EURC").unwrap().gate().unwrap();
    assert_eq!(offers(&gate).await, ["exact base-sepolia 10000 EURC"]);

    let dollars: Paywall = builder().asset(eurc().pegged()).build().await.unwrap();
    let gate = dollars.price("$0.01").unwrap().gate().unwrap();
    assert_eq!(offers(&gate).await, ["exact base-sepolia 10000 EURC"]);
}

#[tokio::test]
async fn clients_of_version_1_are_told_one_offer_for_each_network() {
    let paywall: Paywall = settings().accept_v1().build().await.unwrap();
    let price = paywall.price("0.01 USDC").unwrap().or(paywall.price("0.009 EURC").unwrap());
    let gate = price.gate().unwrap();
    let told = rejected(&gate, &Head::of("/goods", None)).await;
    let told: Value = serde_json::from_str(told.text()).unwrap();
    let offers = told["accepts"].as_array().unwrap().iter();
    let offers: Vec<_> =
        offers.map(|it| (it["network"].as_str(), it["maxAmountRequired"].as_str())).collect();
    let price = Some("10000");
    assert_eq!(offers, [(Some("base-sepolia"), price), (Some("polygon"), price)]);
}

#[tokio::test]
async fn a_choice_that_leaves_nothing_is_a_mistake() {
    let paywall = paywall().await;
    let price = || paywall.price("$0.01").unwrap();
    for (price, choice) in [
        (price().on(["celo"]), "eip155:42220"),
        (price().on(Vec::<Network>::new()), ""),
        (price().in_assets(["USDT", "DAI"]), "USDT, DAI"),
        (price().or(price().on(["celo"])), "eip155:42220"),
    ] {
        assert_mistaken!(price.gate(), Mistake::NoWayLeft(told) if told == choice);
    }
    assert_mistaken!(price().on(["polygon", "polygone"]).gate(), Mistake::Network(_));
    // Networks that the paywall does not have are passed over.
    assert_eq!(
        offers(&price().on(["celo", "polygon"]).gate().unwrap()).await,
        ["exact polygon 10000 USDC"]
    );
}

#[tokio::test]
async fn a_way_of_another_paywall_is_a_mistake() {
    let (first, second) = (paywall().await, paywall().await);
    let price = first.price("$0.01").unwrap().or(second.price("$0.02").unwrap());
    assert_mistaken!(price.gate(), Mistake::OtherPaywall);
}

#[tokio::test]
async fn a_limit_among_prices_that_are_settled_before_is_a_mistake() {
    let paywall = paywall().await;
    let limit = paywall.price("$0.02").unwrap().upto();
    let price = paywall.price("$0.01").unwrap().or(limit).upfront();
    assert_mistaken!(price.gate(), Mistake::UptoUpfront);
    assert!(price.authorization().gate().is_ok());
}

#[tokio::test]
async fn what_payers_would_drop_is_a_mistake() {
    let paywall = paywall().await;
    let price = || paywall.price("$0.01").unwrap();
    let gate = price()
        .tags(["a", &"b".repeat(32), "", "d", "e"])
        .service_name("~ ".repeat(16))
        .icon_url("https://example.com/icon.png")
        .gate()
        .unwrap();
    let told = terms(&gate).await.resource;
    assert_eq!(told.tags.unwrap().len(), 5);
    assert!(told.service_name.is_some() && told.icon_url.is_some());

    for tags in [vec!["1"; 6], vec!["a word of more than 32 characters"]] {
        assert_mistaken!(price().tags(tags).gate(), Mistake::Tags(_));
    }
    for name in ["", "Käse", "a name of more than 32 characters", "two\nlines"] {
        assert_mistaken!(price().service_name(name).gate(), Mistake::ServiceName(_));
    }
    for url in ["", "icon.png", "javascript:alert(1)", "data:image/png;base64,AAAA"] {
        assert_mistaken!(price().icon_url(url).gate(), Mistake::IconUrl(_));
    }
    for route in
        ["", "/weather", "get /weather", "GET weather", "GET /we ather", "GET  /a", "GET /ä"]
    {
        assert_mistaken!(price().route(route).gate(), Mistake::Route(_));
    }
}

#[tokio::test]
async fn the_route_is_the_listings_pattern_unless_it_has_one() {
    let paywall = paywall().await;
    let city = Shape::of(json!({"properties": {"city": {"type": "string"}}}));
    let listing = || Listing::new().path_params(city.clone().example(json!({"city": "Paris"})));
    let price = paywall.price("$0.01").unwrap().route("GET /weather/{city}");
    for (listing, pattern) in
        [(listing(), "/weather/:city"), (listing().route("/climate/{city}"), "/climate/:city")]
    {
        let gate = price.clone().bazaar(listing).gate().unwrap();
        let told = serde_json::to_value(terms(&gate).await.extensions).unwrap();
        assert_eq!(told["bazaar"]["routeTemplate"], pattern);
    }
}

/// Finer than the token of one of the paywall's networks, but not of those that it names.
static FINE: Tag = Tag {
    networks: &["megaeth"],
    scheme: TagScheme::Upto,
    ..Tag::new("sky::fine", &["$0.0000001", "0.0000002 MegaUSD"])
};

#[tokio::test]
async fn a_tag_counts_for_its_own_networks_only() {
    let paywall: Paywall = settings().network("megaeth").build().await.unwrap();
    let gate = paywall.tagged(&FINE).unwrap();
    assert_eq!(
        offers_in_atomic_units(&gate).await,
        [("eip155:4326".to_owned(), 100_000_000_000), ("eip155:4326".to_owned(), 200_000_000_000)]
    );
    let error = self::paywall().await.tagged(&FINE).unwrap_err();
    assert!(matches!(error.mistakes(), [Mistake::NoWayLeft(_)]), "{error}");
}

async fn offers_in_atomic_units(gate: &Gate) -> Vec<(String, u128)> {
    let terms = terms(gate).await;
    let offers = terms.accepts.iter();
    offers.map(|it| (it.network.to_string(), it.amount.to_string().parse().unwrap())).collect()
}

static FULL: Tag = Tag {
    assets: &["USDC"],
    description: Some("Weather"),
    mime_type: Some("application/json"),
    scheme: TagScheme::Permit2,
    upfront: Some(false),
    tags: &["weather"],
    route: Some("GET /weather"),
    service_name: Some("Sky"),
    max_timeout_seconds: Some(60),
    payment_identifier: Some(false),
    ..Tag::new("sky::weather", &["$0.01", "0.009 EURC"])
};

#[tokio::test]
async fn a_tag_is_told_whole() {
    let paywall: Paywall = settings().upfront().build().await.unwrap();
    let gate = paywall.tagged(&FULL).unwrap();
    assert_eq!(
        offers(&gate).await,
        [
            "exact base-sepolia 10000 USDC",
            "exact polygon 10000 USDC",
            "exact base-sepolia 9000 EURC",
        ]
    );
    let terms = terms(&gate).await;
    let resource = terms.resource;
    assert_eq!(resource.description.as_deref(), Some("Weather"));
    assert_eq!(resource.mime_type.as_deref(), Some("application/json"));
    assert_eq!(resource.service_name.as_deref(), Some("Sky"));
    assert_eq!(resource.tags, Some(vec!["weather".to_owned()]));
    for offer in &terms.accepts {
        let extra: Value = offer.extra.as_ref().unwrap().parse().unwrap();
        assert_eq!(
            (offer.max_timeout_seconds, &extra["assetTransferMethod"]),
            (60, &json!("permit2"))
        );
        assert!(extra.get("paymentFlow").is_none(), "{extra}");
    }
    let extensions = serde_json::to_value(terms.extensions).unwrap();
    assert_eq!(extensions["payment-identifier"]["info"]["required"], false);
}

static FREE: Tag = Tag::new("sky::free", &[]);

#[tokio::test]
async fn a_tag_without_a_price_gives_nothing_away() {
    let error = paywall().await.tagged(&FREE).unwrap_err();
    assert!(matches!(error.mistakes(), [Mistake::ZeroPrice]), "{error}");
}
