//! A site whose prices are in a file.

use std::fs;
use std::path::Path;

use examples::shop::Error;
use reqwest::StatusCode;
use tokio::process::Command;

use crate::market::{Market, terms};

/// The program's own list.
const LIST: &str = include_str!("../../src/bin/price_list/prices.toml");

#[tokio::test(flavor = "multi_thread")]
async fn a_site_asks_what_its_list_says_and_the_new_price_when_the_list_is_edited()
-> Result<(), Error> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("price_list");
    fs::create_dir_all(&folder)?;
    let list = folder.join("prices.toml");
    fs::write(&list, LIST)?;
    let mut command = Command::new(env!("CARGO_BIN_EXE_price_list"));
    command.arg(&list);
    let (mut market, shop) = Market::of(command).await?;

    for (path, status) in [
        ("/", StatusCode::OK),
        ("/weather/lisbon", StatusCode::OK),
        ("/weather/porto", StatusCode::PAYMENT_REQUIRED),
        ("/weather/porto/", StatusCode::PAYMENT_REQUIRED),
        ("/WEATHER/%70orto", StatusCode::PAYMENT_REQUIRED),
        ("/archive/1999/12/31", StatusCode::PAYMENT_REQUIRED),
        ("/notes", StatusCode::NOT_FOUND),
        ("/weather//porto", StatusCode::BAD_REQUEST),
        ("/weather/lisbon%2f..%2fporto", StatusCode::BAD_REQUEST),
    ] {
        assert_eq!(reqwest::get(format!("{shop}{path}")).await?.status(), status, "{path}");
    }
    let porto = format!("{shop}/weather/porto");
    assert_eq!(market.buy(&porto, 1_000).await?, "porto: clear, 21 degrees\n");
    let archive = market.buy(&format!("{shop}/archive/1999/12/31"), 20_000).await?;
    assert_eq!(archive, "1999/12/31: it rained\n");

    let rewrite = |text: String| {
        assert_ne!(text, LIST);
        fs::write(folder.join("prices.new"), text)?;
        fs::rename(folder.join("prices.new"), &list)
    };
    rewrite(LIST.replace("\"$0.001\"", "\"a mill\""))?;
    let wrong = market.program.logs("the prices stay as they were").await?;
    assert!(wrong.contains("/weather/{city}"), "{wrong}");
    assert_eq!(terms(&porto).await?.accepts[0].amount.to_string(), "1000");

    rewrite(LIST.replace("\"$0.001\"", "\"$0.003\""))?;
    market.program.logs("the prices have changed").await?;
    assert_eq!(market.buy(&porto, 3_000).await?, "porto: clear, 21 degrees\n");
    Ok(())
}
