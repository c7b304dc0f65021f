//! Prices that change with demand, with what is asked for, and with who asks.

use examples::playground::AGENT;
use examples::shop::Error;
use reqwest::{Client, StatusCode, Url};
use tokio::process::Command;
use x402_client::{Challenge, Purchase};
use x402_evm::LocalSigner;
use x402_evm::sign_in_with_x::sign;
use x402_types::extensions::Extensions;
use x402_types::{Network, PaymentRequired, encode};

use crate::market::{Market, SITE, terms, terms_of};

fn price(terms: &PaymentRequired) -> String {
    terms.accepts[0].amount.to_string()
}

/// The market, when the agent has had what each payer has for nothing.
async fn market() -> Result<(Market, String), Error> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dynamic"));
    command.env("MEMBERS", AGENT.address.to_string());
    let (market, shop) = Market::of(command).await?;
    let gift = market.get(&format!("{shop}/reports/daily")).await?;
    assert_eq!((gift.status(), market.earned()?), (StatusCode::OK, 0));
    assert!(gift.text().await?.contains("copy number 1"));
    Ok((market, shop))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_price_rises_with_each_sale_and_with_what_is_asked_for() -> Result<(), Error> {
    let (market, shop) = market().await?;
    assert_eq!(price(&terms(&format!("{shop}/reports/yearly?pages=3")).await?), "16500");
    for nothing in ["daily?pages=0", "daily?pages=18446744073709551615", "weekly", "daily%2f"] {
        let answer = reqwest::get(format!("{shop}/reports/{nothing}")).await?;
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{nothing}");
    }
    assert_eq!(price(&terms(&format!("{shop}/reports/d%61ily")).await?), "1100");
    let daily = format!("{shop}/reports/daily");
    assert!(market.buy(&daily, 1_100).await?.contains("copy number 2"));
    assert!(market.buy(&daily, 1_200).await?.contains("copy number 3"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_price_that_was_told_can_be_paid_after_it_has_risen() -> Result<(), Error> {
    let (market, shop) = market().await?;
    let daily = format!("{shop}/reports/daily");
    let answer = reqwest::get(&daily).await?;
    let headers = answer.headers();
    let told = Challenge::from_headers(|name| {
        headers.get_all(name).into_iter().map(|value| value.as_bytes())
    })?;
    market.buy(&daily, 1_100).await?;

    let purchase = Purchase::new("GET", Url::parse(&daily)?);
    let payment = market.payer.pay(&told.ok_or("no terms")?, &purchase).await?;
    let late = Client::new().get(&daily).header(payment.header_name(), payment.header_value());
    let served = late.send().await?;
    assert_eq!(served.status(), StatusCode::OK);
    assert_eq!(market.earned()?, 1_100 + 1_100);
    assert_eq!(price(&terms(&daily).await?), "1300");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn members_who_sign_in_are_told_half_the_price() -> Result<(), Error> {
    let (_market, shop) = market().await?;
    let daily = format!("{shop}/reports/daily");
    let told = terms(&daily).await?;
    let extensions = Extensions::read(told.extensions.as_ref().ok_or("no extensions")?)?;
    let challenge = extensions.get()?.ok_or("no way to sign in")?;
    let member = LocalSigner::from_bytes(&AGENT.private_key.0)?;
    let message = sign(&member, &challenge, &Network::BASE_SEPOLIA, SITE).await?;
    let asked = Client::new().get(&daily).header("sign-in-with-x", encode(&message)?);
    assert_eq!(
        (price(&told), price(&terms_of(&asked.send().await?)?)),
        ("1100".into(), "550".into())
    );
    Ok(())
}
