//! A stream that is charged by the token.

use examples::shop::Error;
use reqwest::StatusCode;
use tokio::process::Command;
use x402_client::ReceiptExt;

use crate::market::{Market, terms};

const TOKEN: u64 = 100;
const LIMIT: u64 = 10_000;

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_is_settled_for_what_was_given_when_it_ends_or_is_cut() -> Result<(), Error> {
    let (market, shop) = Market::of(Command::new(env!("CARGO_BIN_EXE_tokens"))).await?;
    let question = format!("{shop}/answer?about=snails");
    let told = terms(&question).await?;
    let offer = &told.accepts[0];
    assert_eq!((offer.scheme.as_str(), offer.amount.to_string()), ("upto", LIMIT.to_string()));

    let mut cut = market.get(&question).await?;
    assert_eq!(cut.status(), StatusCode::OK);
    assert!(cut.receipt().is_some());
    let mut words = String::new();
    while words.matches("data: ").count() < 5 {
        words.push_str(std::str::from_utf8(&cut.chunk().await?.ok_or("it ended early")?)?);
        assert_eq!(market.earned()?, 0, "settled before its end");
    }
    let given = u64::try_from(words.matches("data: ").count())?;
    drop(cut);
    let earned = market.earns_more_than(0).await?;
    // The server notices at its next word, or a few later, that nobody reads.
    assert!((given * TOKEN..LIMIT).contains(&earned), "{given} words for {earned}");
    assert_eq!(earned % TOKEN, 0);
    assert_eq!(market.spent()?, earned);

    let whole = market.get(&question).await?.text().await?;
    let given = u64::try_from(whole.matches("data: ").count())?;
    assert_eq!(given * TOKEN, LIMIT, "the stream ends where the limit does");
    assert_eq!(market.earns_more_than(earned).await?, earned + LIMIT);
    Ok(())
}
