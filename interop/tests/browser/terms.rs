//! Several prices, changed ones, and such as the page cannot pay.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use alloy_primitives::U256;
use axum::Router;
use axum::routing::get;
use interop::Error;
use serde_json::json;
use x402_axum::{ConfigError, GateLayer, Inquiry, Paywall, Quote};
use x402_devnet::{DEV_ACCOUNTS, Devnet};
use x402_facilitator::EvmFacilitator;
use x402_types::header::PAYMENT_LIMIT;
use x402_types::{Asset, Network, PaymentPayload, decode};

use crate::shop::{
    SAVINGS, Shop, assert_clean, chain, listen, seller, serve, signatures, texts, visitor,
};

/// Opens a shop that sells on two chains, and on the first for prices that are found out with every
/// request too.
pub(crate) async fn open() -> Result<[Shop; 2], Error> {
    let devnets = [Devnet::new(), Devnet::builder().chain_id(8453).build()?];
    for devnet in &devnets {
        devnet.mint(visitor(), U256::from(SAVINGS))?;
    }
    let [here, there] = &devnets;
    let token =
        |network| Asset::eip3009(network, "USDC", here.usdc().to_string(), "USDC", "2", 6).pegged();
    let facilitator = EvmFacilitator::builder()
        .chain(chain(Network::BASE_SEPOLIA, here)?)
        .chain(chain(Network::BASE, there)?.asset(token(Network::BASE)))
        .build()
        .await?;
    let facilitator = serve(facilitator.router()).await?;
    let (listener, url) = listen().await?;
    let settings =
        || Paywall::builder().pay_to(seller()).facilitator(&facilitator).public_url(&url);
    let on_one = settings().network(Network::BASE_SEPOLIA).build().await?;
    let on_both =
        settings().asset(token(Network::BASE_SEPOLIA)).asset(token(Network::BASE)).build().await?;

    let dearer = on_both.price("$0.01")?.or(on_both.price("$0.03")?)?;
    // A quote is for the same values of the headers that its price was made of: this one never stands.
    let dear_from = |first: usize| {
        let asked = Arc::new(AtomicUsize::new(0));
        let price = on_one.price_by(move |inquiry: Inquiry| {
            let is_dear = asked.fetch_add(1, Ordering::SeqCst) >= first;
            async move {
                inquiry.header("sec-fetch-dest");
                let price = inquiry.price(if is_dear { "$0.02" } else { "$0.01" })?;
                Ok::<_, ConfigError>(Quote::from(price))
            }
        });
        price.gate().map(GateLayer::new)
    };
    let app = Router::new()
        .route("/several", get(|| async { "sold" }).layer(dearer))
        .route("/metered", get(|| async { "sold" }).layer(on_one.upto("$0.05")?))
        .route("/dearer", get(|| async { "sold" }).layer(dear_from(1)?))
        .route("/asked", get(|| async { "sold" }).layer(dear_from(usize::MAX)?));
    tokio::spawn(async move { axum::serve(listener, app).await });
    Ok(devnets.map(|devnet| Shop { devnet, url: url.clone() }))
}

#[tokio::test(flavor = "multi_thread")]
async fn offer_that_is_chosen_is_signed_and_paid_and_no_other() -> Result<(), Error> {
    for (chosen, network, amount, paid) in [
        ("0", Network::BASE_SEPOLIA, 10_000, "Paid 1 cent on Base Sepolia"),
        ("1", Network::BASE, 10_000, "Paid 10000 units on Base"),
        ("2", Network::BASE_SEPOLIA, 30_000, "Paid 3 cents on Base Sepolia"),
    ] {
        let shops = open().await?;
        let options = ["--offer", chosen, "--knows", "8453,84532"];
        let seen = shops[0].visit("/several", &options).await?;
        assert_clean(&seen);
        assert_eq!(seen["paid"], paid, "{seen}");
        assert_eq!(signatures(&seen), 1);
        let payment: PaymentPayload =
            decode(texts(&seen, "payments")[0].as_bytes(), PAYMENT_LIMIT)?;
        assert_eq!(payment.accepted.network, network);
        assert_eq!(payment.accepted.amount.to_string(), amount.to_string());
        let cents = amount / 10_000;
        let is_here = network == Network::BASE_SEPOLIA;
        shops[0].assert_paid(if is_here { cents } else { 0 })?;
        shops[1].assert_paid(if is_here { 0 } else { cents })?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn price_that_the_page_cannot_pay_has_no_button_and_is_left_to_agents() -> Result<(), Error> {
    let [shop, _] = open().await?;
    let seen = shop.visit("/metered", &[]).await?;
    assert_clean(&seen);
    assert_eq!(seen["buttons"], json!([]), "{seen}");
    assert_eq!(seen["calls"], json!([]));
    let words = seen["words"].as_str().ok_or("no words")?;
    for shown in [
        "Up to 5 cents",
        "needs an agent",
        "No wallet in a browser can pay this: an agent can.",
        "Agents and clients that speak x402 pay by themselves.",
    ] {
        assert!(words.contains(shown), "{words}");
    }
    assert!(!words.contains("Pay with"), "{words}");
    shop.assert_paid(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn price_that_has_changed_is_not_signed_before_the_page_was_loaded_again() -> Result<(), Error>
{
    let [shop, _] = open().await?;
    let seen = shop.visit("/dearer", &[]).await?;
    assert_clean(&seen);
    let said = "The price has changed, and nothing was charged. Reload this page to see it.";
    assert_eq!(texts(&seen, "said"), [said]);
    assert_eq!(texts(&seen, "left"), ["Reload this page"]);
    assert_eq!(signatures(&seen), 1);
    assert_eq!(texts(&seen, "payments").len(), 1);
    shop.assert_paid(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn price_that_has_changed_is_paid_once_the_page_was_loaded_again() -> Result<(), Error> {
    let [shop, _] = open().await?;
    let seen = shop.visit("/dearer", &["--clicks", "2"]).await?;
    assert_clean(&seen);
    assert_eq!(seen["paid"], "Paid 2 cents on Base Sepolia", "{seen}");
    assert_eq!(signatures(&seen), 2);
    shop.assert_paid(2)
}

#[tokio::test(flavor = "multi_thread")]
async fn empty_account_is_told_so_where_the_price_is_quoted_anew_with_every_answer()
-> Result<(), Error> {
    let [shop, _] = open().await?;
    let seen = shop.visit_with(&DEV_ACCOUNTS[3].private_key.0, "/asked", &[]).await?;
    assert_clean(&seen);
    let said =
        "The payment was refused. There is not enough USDC in this account. Nothing was charged.";
    assert_eq!(texts(&seen, "said"), [said]);
    shop.assert_paid(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn payment_that_was_used_already_is_told_so_and_nothing_else_is_signed() -> Result<(), Error>
{
    let [shop, _] = open().await?;
    let seen = shop.visit("/several", &["--misses", "1", "--clicks", "2"]).await?;
    assert_eq!(seen["violations"], json!([]), "{seen}");
    let said = texts(&seen, "said");
    assert!(said[0].contains("Do not pay again"), "{seen}");
    assert_eq!(said[1], "This payment has been used already. To buy once more, reload this page.");
    assert_eq!(texts(&seen, "left"), ["Reload this page"]);
    assert_eq!(signatures(&seen), 1);
    shop.assert_paid(1)
}
