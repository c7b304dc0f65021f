//! A seller's mistakes, all told when the paywall is built.

use crate::common;
use crate::common::{Double, Payer, Shop, builder, until};
use x402_ledger::MemoryStore;
use x402_server::{Mistake, Paywall, Price};
use x402_types::{Asset, Network};

async fn mistakes_of(builder: x402_server::PaywallBuilder) -> String {
    builder.build().await.expect_err("a mistake").to_string()
}

#[tokio::test]
async fn nothing_set_is_told_in_one_go() {
    let error = Paywall::builder().build().await.unwrap_err();
    assert_eq!(error.mistakes().len(), 4);
    assert_eq!(
        error.to_string(),
        r#"the paywall's configuration is wrong in 4 places:
  - no network: add .network("base"), or .network("base-sepolia") for tests (from_env: X402_NETWORK)
  - nobody is paid: add .pay_to("0x…") with your address (from_env: X402_PAY_TO)
  - no public address: add .public_url("https://api.example.com") (from_env: X402_PUBLIC_URL). It is never taken from a request, whose Host header anybody can write
  - no facilitator: add .facilitator("https://…"), or .with_facilitator(..) (from_env: X402_FACILITATOR)"#
    );
}

#[tokio::test]
async fn the_essentials_can_stand_in_the_environment() {
    let vars = |name: &str| {
        let value = match name {
            "X402_NETWORK" => "base-sepolia, eip155:8453",
            "X402_PAY_TO" => common::PAY_TO,
            "X402_PUBLIC_URL" => common::SITE,
            "X402_FACILITATOR" => " ",
            _ => return None,
        };
        Some(value.to_owned())
    };
    let builder = || x402_server::PaywallBuilder::from_vars(vars);
    let missed = mistakes_of(builder()).await;
    assert!(missed.ends_with("(from_env: X402_FACILITATOR)"), "{missed}");
    let paywall: Paywall = builder().with_facilitator(Double::default()).build().await.unwrap();
    let debugged = format!("{:?}", paywall.price("$0.01").unwrap().gate().unwrap());
    assert!(debugged.contains("eip155:84532") && debugged.contains("eip155:8453"), "{debugged}");
}

#[tokio::test]
async fn everything_wrong_is_told_in_one_go() {
    let stray = Asset::eip3009(Network::POLYGON, "TEST", common::PAY_TO, "Test", "1", 6);
    let error = Paywall::builder()
        .network("bsae")
        .network("eip155:99999")
        .network("base-sepolia")
        .asset(stray)
        .pay_to("0x1234")
        .facilitator("http://facilitator.example")
        .public_url("api.example.com")
        .build()
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        r#"the paywall's configuration is wrong in 6 places:
  - unknown network "bsae": write it as CAIP-2, such as "eip155:84532", or by its x402 v1 name, such as "base-sepolia"
  - the token TEST is on eip155:137, which is not among the networks: add .network("eip155:137")
  - no token is known on eip155:99999: add .asset(Asset::eip3009(..)) with its address and signing domain
  - this cannot be offered: invalid_payment_requirements: payTo is not an address: "0x1234"
  - the public address "api.example.com" must begin with https:// or http:// and have no query, fragment or spaces
  - the facilitator's address "http://facilitator.example" must begin with https://, or be on this machine"#
    );
}

#[tokio::test]
async fn addresses_that_are_no_facilitators_are_refused() {
    for url in [
        "http://facilitator.example",
        "http://127.0.0.1.evil.example",
        "http://localhost.evil.example",
        "http://10.0.0.1",
        "http://0.0.0.0:8080",
        "ftp://facilitator.example",
        "https://user:password@facilitator.example",
        "https://facilitator.example/?key=1",
        "https://facilitator.example/#x",
        "facilitator.example",
        "",
    ] {
        let error = Paywall::builder()
            .network("base")
            .pay_to(common::PAY_TO)
            .public_url(common::SITE)
            .facilitator(url)
            .build()
            .await
            .unwrap_err();
        assert!(matches!(error.mistakes(), [Mistake::Facilitator(_)]), "{url}: {error}");
    }
}

#[tokio::test]
async fn addresses_that_are_no_sites_are_refused() {
    let store = MemoryStore::new();
    for url in [
        "",
        "https://",
        "https:///path",
        "//api.example.com",
        "ftp://api.example.com",
        "https://api.example.com?x",
        "https://api.example.com#x",
        "https://user@api.example.com",
        "https://api.example.com/a b",
        "https://api.example.com/\"",
        "https://api.example.com\r\nset-cookie: a",
        "https://bücher.example",
    ] {
        let settings = builder::<Paywall>(&Double::default(), &store).public_url(url);
        let error = settings.build().await.unwrap_err();
        assert!(matches!(error.mistakes(), [Mistake::PublicUrl(_)]), "{url}: {error}");
    }
}

#[tokio::test]
async fn a_payee_that_is_none_is_refused() {
    let store = MemoryStore::new();
    for pay_to in [
        "",
        "0x",
        "0x0000000000000000000000000000000000000000",
        "209693Bc6afc0C5328bA36FaF03C514EF312287C",
        "0x209693Bc6afc0C5328bA36FaF03C514EF312287",
        "0x209693Bc6afc0C5328bA36FaF03C514EF312287CC",
        // A digit mistyped.
        "0x209693Bc6afc0C5328bA36FaF03C514EF312287D",
        "vitalik.eth",
    ] {
        let settings = builder::<Paywall>(&Double::default(), &store).pay_to(pay_to);
        let error = settings.build().await.unwrap_err();
        assert!(matches!(error.mistakes(), [Mistake::Offer(_)]), "{pay_to}: {error}");
    }
}

#[tokio::test]
async fn a_facilitator_that_does_not_settle_what_is_offered_is_a_mistake() {
    let facilitator = Double::default().only("exact", "eip155:8453").only("upto", "eip155:137");
    let error = mistakes_of(builder(&facilitator, &MemoryStore::new())).await;
    assert_eq!(
        error,
        r#"the paywall's configuration is wrong: the facilitator does not settle "exact" on eip155:84532; it says that it settles: exact on eip155:8453, upto on eip155:137"#
    );
}

fn mistake_in(price: &Price) -> String {
    price.gate().expect_err("a mistake").to_string()
}

#[tokio::test]
async fn a_facilitator_that_settles_another_scheme_is_a_mistake_of_the_price() {
    let store = MemoryStore::new();
    let facilitator = Double::default().only("upto", "eip155:84532");
    let paywall: Paywall = builder(&facilitator, &store).build().await.unwrap();
    assert_eq!(
        mistake_in(&paywall.price("$0.01").unwrap()),
        r#"the paywall's configuration is wrong: the facilitator does not settle "exact" on eip155:84532; it says that it settles: upto on eip155:84532"#
    );

    let facilitator = Double::default().only("exact", "eip155:84532").only("exact", "eip155:8453");
    let paywall: Paywall = builder(&facilitator, &store).network("base").build().await.unwrap();
    paywall.price("$0.01").unwrap().permit2().gate().unwrap();
    assert_eq!(
        mistake_in(&paywall.price("$0.01").unwrap().upto()),
        r#"the paywall's configuration is wrong in 2 places:
  - the facilitator does not settle "upto" on eip155:84532; it says that it settles: exact on eip155:84532, exact on eip155:8453
  - the facilitator does not settle "upto" on eip155:8453; it says that it settles: exact on eip155:84532, exact on eip155:8453"#
    );
}

#[tokio::test(start_paused = true)]
async fn upto_is_no_offer_before_the_facilitator_has_said_who_settles_it() {
    let expected = "the paywall's configuration is wrong: the facilitator has not said who settles `upto` on eip155:84532";
    let store = MemoryStore::new();
    for facilitator in
        [Double::default().only("upto", "eip155:84532"), Double::default().unreachable()]
    {
        let paywall: Paywall = builder(&facilitator, &store).build().await.unwrap();
        assert_eq!(mistake_in(&paywall.price("$0.01").unwrap().upto()), expected);
    }
}

#[tokio::test]
async fn an_address_that_settles_upto_and_is_none_is_refused() {
    let store = MemoryStore::new();
    for address in ["", "0x1234", "0x0000000000000000000000000000000000000000", "base"] {
        let facilitator = Double::default().settling_upto_from(address, "eip155:84532");
        let paywall: Paywall = builder(&facilitator, &store).build().await.unwrap();
        let error = paywall.price("$0.01").unwrap().upto().gate().unwrap_err();
        assert!(matches!(error.mistakes(), [Mistake::Offer(_)]), "{address}: {error}");
    }
}

#[tokio::test]
async fn upto_cannot_be_settled_upfront() {
    let store = MemoryStore::new();
    let paywall: Paywall = builder(&Double::default(), &store).build().await.unwrap();
    for price in [
        paywall.price("$0.01").unwrap().upto().upfront(),
        paywall.price("$0.01").unwrap().upfront().upto(),
    ] {
        let error = price.gate().unwrap_err();
        assert!(matches!(error.mistakes(), [Mistake::UptoUpfront]), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_facilitator_out_of_reach_does_not_keep_the_shop_closed() {
    let (facilitator, store) = (Double::default().unreachable(), MemoryStore::new());
    let shop =
        Shop::open_at(facilitator, store, common::Goods::default(), |it| it, |price| price).await;
    assert!(shop.paywall.supported().is_none());
    let payment = Payer::number(1).pay(&shop.terms("/goods").await).await;
    shop.buy(&payment).await.assert_served();
}

#[tokio::test(start_paused = true)]
async fn a_facilitator_that_comes_back_is_asked_again() {
    let facilitator = Double::default().unreachable();
    let paywall: Paywall = builder(&facilitator, &MemoryStore::new()).build().await.unwrap();
    assert!(paywall.supported().is_none());
    facilitator.come_back();
    facilitator.supported_latch().reached(2).await;
    until(async || paywall.supported().is_some()).await;
}

#[tokio::test]
async fn prices_that_are_none_are_refused() {
    let store = MemoryStore::new();
    let paywall: Paywall = builder(&Double::default(), &store).build().await.unwrap();
    for price in ["", "free", "1,50", "-1", "1e-2", ".5", "€1", "$0.0000001", "1 USDC!"] {
        let error = paywall.price(price).unwrap_err();
        assert!(matches!(error.mistakes(), [Mistake::Price(_)]), "{price}: {error}");
    }
    for price in ["0", "$0.00", "0 USDC"] {
        let error = paywall.price(price).unwrap_err();
        assert!(matches!(error.mistakes(), [Mistake::ZeroPrice]), "{price}: {error}");
    }
    let error = paywall.price("1 EURC").unwrap_err();
    assert!(matches!(error.mistakes(), [Mistake::NoSuchToken(_)]), "{error}");
}

#[tokio::test]
async fn a_payer_of_every_offered_network_is_served() {
    let settings = |it: x402_server::PaywallBuilder| it.network("base").network("polygon");
    let goods = common::Goods::default();
    let shop = Shop::open_with(goods, settings, |price| price).await;
    let terms = shop.terms("/goods").await;
    let networks: Vec<_> = terms.accepts.iter().map(|offer| offer.network.as_str()).collect();
    assert_eq!(networks, ["eip155:84532", "eip155:8453", "eip155:137"]);
    for offer in &terms.accepts {
        let payment = Payer::number(1).pay_offer(&terms, offer).await;
        shop.buy(&payment).await.assert_served();
    }
    assert_eq!(shop.facilitator.moved(), 3);
}
