//! Without a mouse, without a screen, on a small screen.

use interop::Error;

use crate::shop::{assert_clean, open, texts};
use crate::terms;

const PAID: &str = "Paid 1 cent on Base Sepolia";

#[tokio::test(flavor = "multi_thread")]
async fn who_has_only_keys_declines_and_pays_and_the_focus_is_always_where_to_go_on()
-> Result<(), Error> {
    let shop = open().await?;
    let declines = ["--refuses", "eth_requestAccounts=4001", "--clicks", "2"];
    let seen = shop.visit("/weather", &[&["--keys"], &declines[..]].concat()).await?;
    assert_clean(&seen);
    assert_eq!(seen["paid"], PAID, "{seen}");
    assert_eq!(texts(&seen, "focus"), ["Test Wallet", PAID]);
    shop.assert_paid(1)
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_only_keys_cancels_and_is_back_at_the_wallet() -> Result<(), Error> {
    let shop = open().await?;
    let cancels = ["--cancels", "eth_signTypedData_v4", "--clicks", "2"];
    let seen = shop.visit("/weather", &[&["--keys"], &cancels[..]].concat()).await?;
    assert_clean(&seen);
    assert_eq!(seen["paid"], PAID, "{seen}");
    assert_eq!(texts(&seen, "focus"), ["Test Wallet", "Test Wallet", PAID]);
    shop.assert_paid(1)
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_only_keys_is_led_to_sending_the_payment_again_and_back_where_it_is_refused()
-> Result<(), Error> {
    let shop = open().await?;
    let loses = ["--loses", "1", "--clicks", "2"];
    let seen = shop.visit("/weather", &[&["--keys"], &loses[..]].concat()).await?;
    assert_eq!(texts(&seen, "focus"), ["Send the same payment again", PAID], "{seen}");
    shop.assert_paid(1)?;
    // Whose account is empty.
    let key = x402_devnet::DEV_ACCOUNTS[3].private_key.0;
    let seen = shop.visit_with(&key, "/weather", &[&["--keys"], &loses[..]].concat()).await?;
    assert_eq!(texts(&seen, "focus"), ["Send the same payment again", "Test Wallet"], "{seen}");
    shop.assert_paid(1)
}

#[tokio::test(flavor = "multi_thread")]
async fn who_looks_again_with_keys_is_led_to_the_wallet_that_was_found() -> Result<(), Error> {
    let shop = open().await?;
    let looks = ["--looks", "--wallet", r#"{"late":true,"silent":true}"#];
    let seen = shop.visit("/weather", &[&["--keys"], &looks[..]].concat()).await?;
    assert_clean(&seen);
    assert_eq!(texts(&seen, "focus"), ["Test Wallet", PAID]);
    shop.assert_paid(1)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happens_is_spoken_by_screen_readers() -> Result<(), Error> {
    let shop = open().await?;
    let seen = shop.visit("/weather", &["--no-wallet"]).await?;
    assert!(
        texts(&seen, "found").concat().contains("No wallet was found in this browser."),
        "{seen}"
    );
    let seen = shop.visit("/weather", &["--wallet", r#"{"late":true}"#]).await?;
    assert_eq!(texts(&seen, "found"), ["Test Wallet"]);
    let seen = shop.visit("/weather", &["--refuses", "eth_requestAccounts=4001"]).await?;
    assert!(texts(&seen, "heard").contains(&"Declined in the wallet. Nothing was paid."), "{seen}");
    let told = [
        "Connect in Test Wallet.",
        "Switch to Base Sepolia in Test Wallet.",
        "Sign the payment of 1 cent in Test Wallet.",
        "Paying …",
    ];
    let seen = shop.visit("/weather", &[]).await?;
    assert_eq!(texts(&seen, "told").get(..4), Some(&told[..]));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_wider_than_a_small_screen() -> Result<(), Error> {
    let (shop, [dear, _]) = (open().await?, terms::open().await?);
    let wallet = format!(r#"{{"name":"{}"}}"#, "W".repeat(40));
    let small = ["--width", "360", "--wallet", &wallet];
    let address = format!("?{}", "long".repeat(60));
    for (shop, path, options) in [
        (&shop, &*format!("/hostile{address}"), &["--refuses", "eth_requestAccounts=4001"][..]),
        (&shop, &*format!("/weather{address}"), &["--no-wallet"]),
        (&shop, &*format!("/article{address}"), &[]),
        (&dear, &*format!("/several{address}"), &["--loses", "1"]),
    ] {
        let seen = shop.visit(path, &[&small, options].concat()).await?;
        assert_eq!(seen["wider"], 0, "{path}: {seen}");
    }
    Ok(())
}
