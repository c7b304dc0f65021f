//! Wallets of all kinds, good and bad.

use interop::Error;
use serde_json::{Value, json};

use crate::shop::{HOSTILE, assert_clean, open, signatures, texts};

#[tokio::test(flavor = "multi_thread")]
async fn wallet_that_does_not_know_the_chain_is_told_which_to_add() -> Result<(), Error> {
    let shop = open().await?;
    let seen = shop.visit("/weather", &["--knows", "1"]).await?;
    assert_clean(&seen);
    let said = "Test Wallet does not know Base Sepolia. Add the chain with the id 84532 to it, then try again.";
    assert_eq!(texts(&seen, "said"), [said]);
    assert_eq!(seen["payments"], json!([]));
    shop.assert_paid(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn visitor_without_a_wallet_is_told_so_and_how_a_program_pays() -> Result<(), Error> {
    let shop = open().await?;
    let seen = shop.visit("/weather", &["--no-wallet"]).await?;
    assert_clean(&seen);
    assert_eq!(texts(&seen, "buttons"), ["Look again"]);
    let words = seen["words"].as_str().ok_or("no words")?;
    for shown in [
        "No wallet was found in this browser.",
        "Agents and clients that speak x402 pay by themselves.",
        &format!("curl -i '{}/weather'", shop.url),
    ] {
        assert!(words.contains(shown), "{words}");
    }
    assert!(!words.contains("Your wallet asks you"), "{words}");
    shop.assert_paid(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn wallet_that_is_chosen_among_two_signs_and_the_other_is_not_asked() -> Result<(), Error> {
    let shop = open().await?;
    let two = ["--wallet", r#"{"name":"Fox"}"#, "--wallet", r#"{"name":"Rabbit"}"#];
    let seen = shop.visit("/weather", &[&two[..], &["--with", "1"]].concat()).await?;
    assert_clean(&seen);
    assert_eq!(texts(&seen, "buttons"), ["Fox", "Rabbit"]);
    assert_eq!(seen["icons"], 2);
    assert_eq!(seen["asked"], json!([0, 5]), "{seen}");
    assert_eq!(seen["paid"], "Paid 1 cent on Base Sepolia", "{seen}");
    shop.assert_paid(1)
}

#[tokio::test(flavor = "multi_thread")]
async fn wallet_that_does_not_announce_itself_pays() -> Result<(), Error> {
    let shop = open().await?;
    let seen = shop.visit("/weather", &["--wallet", r#"{"injected":true}"#]).await?;
    assert_clean(&seen);
    assert_eq!(texts(&seen, "buttons"), ["Browser wallet"]);
    assert_eq!(seen["paid"], "Paid 1 cent on Base Sepolia", "{seen}");
    shop.assert_paid(1)
}

#[tokio::test(flavor = "multi_thread")]
async fn wallet_that_announces_itself_is_not_shown_again_as_the_injected_one() -> Result<(), Error>
{
    let shop = open().await?;
    let both = ["--wallet", r#"{"injected":true}"#, "--wallet", r#"{"name":"Fox"}"#];
    let seen = shop.visit("/weather", &both).await?;
    assert_clean(&seen);
    assert_eq!(texts(&seen, "buttons"), ["Fox"]);
    assert_eq!(seen["asked"], json!([0, 5]), "{seen}");
    shop.assert_paid(1)
}

/// Pays with a wallet that comes once the page has said that there is none.
async fn assert_found_late(wallet: &str, options: &[&str], button: &str) -> Result<(), Error> {
    let shop = open().await?;
    let seen = shop.visit("/weather", &[&["--wallet", wallet], options].concat()).await?;
    assert_clean(&seen);
    let says_none = |when: &str| {
        let words = seen.get(when).and_then(Value::as_str);
        words.map(|words| words.contains("No wallet was found in this browser."))
    };
    assert_eq!([says_none("words"), says_none("later")], [Some(true), Some(false)], "{seen}");
    assert_eq!(texts(&seen, "buttons"), [button]);
    let paid = seen.get("paid").and_then(Value::as_str);
    assert_eq!(paid, Some("Paid 1 cent on Base Sepolia"), "{seen}");
    shop.assert_paid(1)
}

#[tokio::test(flavor = "multi_thread")]
async fn wallet_that_announces_itself_after_none_was_found_pays() -> Result<(), Error> {
    assert_found_late(r#"{"late":true}"#, &[], "Test Wallet").await
}

#[tokio::test(flavor = "multi_thread")]
async fn wallet_that_is_injected_after_none_was_found_pays() -> Result<(), Error> {
    assert_found_late(r#"{"late":true,"injected":true}"#, &[], "Browser wallet").await
}

#[tokio::test(flavor = "multi_thread")]
async fn wallet_that_comes_late_and_does_not_say_so_pays_once_the_visitor_looks_again()
-> Result<(), Error> {
    let injected = r#"{"late":true,"silent":true,"injected":true}"#;
    assert_found_late(injected, &["--looks"], "Browser wallet").await?;
    assert_found_late(r#"{"late":true,"silent":true}"#, &["--looks"], "Test Wallet").await
}

#[tokio::test(flavor = "multi_thread")]
async fn wallet_that_announces_itself_late_is_shown_beside_those_that_were_there()
-> Result<(), Error> {
    let shop = open().await?;
    let two = ["--wallet", r#"{"name":"Fox"}"#, "--wallet", r#"{"name":"Rabbit","late":true}"#];
    let seen = shop.visit("/weather", &[&two[..], &["--with", "1"]].concat()).await?;
    assert_clean(&seen);
    assert_eq!(texts(&seen, "buttons"), ["Fox", "Rabbit"]);
    assert_eq!(seen["asked"], json!([0, 5]), "{seen}");
    shop.assert_paid(1)
}

#[tokio::test(flavor = "multi_thread")]
async fn wallet_that_announces_itself_late_takes_the_place_of_the_injected_one() -> Result<(), Error>
{
    let shop = open().await?;
    let both = ["--wallet", r#"{"injected":true}"#, "--wallet", r#"{"name":"Fox","late":true}"#];
    let seen = shop.visit("/weather", &both).await?;
    assert_clean(&seen);
    assert!(seen["words"].as_str().is_some_and(|words| words.contains("Browser wallet")), "{seen}");
    assert_eq!(texts(&seen, "buttons"), ["Fox"]);
    assert_eq!(seen["asked"], json!([0, 5]), "{seen}");
    shop.assert_paid(1)
}

#[tokio::test(flavor = "multi_thread")]
async fn who_looks_for_a_wallet_again_where_there_is_none_is_told_so_again() -> Result<(), Error> {
    let shop = open().await?;
    let seen = shop.visit("/weather", &["--no-wallet", "--looks"]).await?;
    assert_clean(&seen);
    let later = seen["later"].as_str().ok_or("no words")?;
    assert!(later.contains("There is still no wallet in this browser."), "{later}");
    assert_eq!(texts(&seen, "buttons"), ["Look again"]);
    shop.assert_paid(0)
}

/// Pays at the second try, and says what was told at the first.
async fn said_when_refused(method: &str, code: &str) -> Result<String, Error> {
    let shop = open().await?;
    let refused = format!("{method}={code}");
    let seen = shop.visit("/weather", &["--refuses", &refused, "--clicks", "2"]).await?;
    assert_clean(&seen);
    let paid = seen.get("paid").and_then(Value::as_str);
    assert_eq!(paid, Some("Paid 1 cent on Base Sepolia"), "{seen}");
    assert_eq!(signatures(&seen), 1);
    assert_eq!(texts(&seen, "payments").len(), 1);
    shop.assert_paid(1)?;
    let said = texts(&seen, "said");
    assert_eq!(said.len(), 1, "{seen}");
    Ok(said.concat())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_declines_to_connect_or_to_switch_is_told_and_pays_at_the_next_try() -> Result<(), Error>
{
    for method in ["eth_requestAccounts", "wallet_switchEthereumChain"] {
        let said = said_when_refused(method, "4001").await?;
        assert_eq!(said, "Declined in the wallet. Nothing was paid.", "{method}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_cancels_pays_at_the_next_try_and_what_the_wallet_still_answers_is_dropped()
-> Result<(), Error> {
    for (method, asked, signed) in [
        ("eth_requestAccounts", 1 + 5, 1),
        ("wallet_switchEthereumChain", 3 + 3, 1),
        ("eth_signTypedData_v4", 5 + 3, 2),
    ] {
        let shop = open().await?;
        let seen = shop.visit("/weather", &["--cancels", method, "--clicks", "2"]).await?;
        assert_clean(&seen);
        assert_eq!(texts(&seen, "said"), ["Cancelled. Nothing was paid."], "{method}");
        assert_eq!(seen["paid"], "Paid 1 cent on Base Sepolia", "{seen}");
        assert_eq!(seen["asked"], json!([asked]), "{method}: {seen}");
        assert_eq!(signatures(&seen), signed);
        assert_eq!(texts(&seen, "payments").len(), 1);
        shop.assert_paid(1)?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn wallet_that_wraps_its_errors_is_understood() -> Result<(), Error> {
    let wraps = ["--wallet", r#"{"wraps":true}"#];
    for (options, said) in [
        (["--refuses", "eth_requestAccounts=4001"], "Declined in the wallet. Nothing was paid."),
        (
            ["--knows", "1"],
            "Test Wallet does not know Base Sepolia. Add the chain with the id 84532 to it, then try again.",
        ),
    ] {
        let shop = open().await?;
        let seen = shop.visit("/weather", &[wraps, options].concat()).await?;
        assert_clean(&seen);
        assert_eq!(texts(&seen, "said"), [said]);
        shop.assert_paid(0)?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn wallet_that_asks_something_already_is_told_in_words() -> Result<(), Error> {
    for method in ["eth_requestAccounts", "wallet_switchEthereumChain"] {
        let said = said_when_refused(method, "-32002").await?;
        assert_eq!(said, "Test Wallet is already asking something: open it and answer there.");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn words_of_a_wallet_that_fails_are_shown() -> Result<(), Error> {
    let said = said_when_refused("eth_requestAccounts", "-32603").await?;
    assert_eq!(said, "Test Wallet says: No. Nothing was paid.");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_name_and_icon_of_a_wallet_do_nothing_and_load_nothing() -> Result<(), Error> {
    let name = &HOSTILE[..40];
    let script = "data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'>\
                  <script>alert(2)</script><image href='https://icons.example/a.png'/></svg>";
    let icons = [
        "javascript:alert(1)",
        "https://icons.example/a.png",
        "//icons.example/a.png",
        "data:text/html,<script>alert(1)</script>",
        "x\" onerror=\"alert(1)",
        script,
    ];
    let wallets = icons.map(|icon| json!({ "name": HOSTILE, "icon": icon }).to_string());
    let options: Vec<&str> = wallets.iter().flat_map(|wallet| ["--wallet", wallet]).collect();
    let shop = open().await?;
    let seen = shop.visit("/weather", &options).await?;
    assert_clean(&seen);
    assert_eq!(texts(&seen, "buttons"), [name; 6]);
    assert_eq!(seen["icons"], 1, "only a picture that the wallet has with it");
    assert_eq!(seen["paid"], "Paid 1 cent on Base Sepolia", "{seen}");
    shop.assert_paid(1)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_announces_itself_and_is_no_wallet_gets_no_button() -> Result<(), Error> {
    let shop = open().await?;
    let options = ["--wallet", r#"{"broken":true}"#, "--wallet", "{}", "--with", "0"];
    let seen = shop.visit("/weather", &options).await?;
    assert_clean(&seen);
    assert_eq!(texts(&seen, "buttons"), ["Test Wallet"]);
    assert_eq!(seen["asked"], json!([0, 5]), "{seen}");
    shop.assert_paid(1)
}
