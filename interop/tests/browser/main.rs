//! A visitor with a browser: what costs something is bought on the page that comes with the 402.
//!
//! | file | what |
//! |---|---|
//! | `main` | the usual visit, and payments whose outcome is not known at once |
//! | `wallets` | wallets of all kinds, good and bad |
//! | `permit2` | what moves by Permit2 |
//! | `terms` | several prices, changed ones, and such as the page cannot pay |
//! | `senses` | without a mouse, without a screen, on a small screen |
//! | `shop` | what is for sale, and how it is visited |

mod permit2;
mod senses;
mod shop;
mod terms;
mod wallets;

use interop::Error;
use serde_json::{Value, json};
use x402_devnet::{DEV_ACCOUNTS, Devnet};
use x402_types::extensions::payment_identifier;
use x402_types::header::PAYMENT_LIMIT;
use x402_types::{PaymentPayload, decode};

use shop::{
    DECLARED, HOSTILE, Shop, assert_clean, open, sell_by, signatures, slow_facilitator, texts,
    visitor,
};

#[tokio::test(flavor = "multi_thread")]
async fn visitor_pays_with_a_wallet_on_another_chain_and_sees_what_was_bought() -> Result<(), Error>
{
    let shop = open().await?;
    let seen = shop.visit("/weather?city=Lisbon", &["--chain", "1"]).await?;
    assert_clean(&seen);
    assert_eq!(seen["title"], "The weather right now: 1 cent");
    assert_eq!(seen["price"], "1 cent\nin USDC on Base Sepolia");
    let calls = [
        "eth_requestAccounts",
        "eth_chainId",
        "wallet_switchEthereumChain",
        "eth_chainId",
        "eth_signTypedData_v4",
    ];
    assert_eq!(texts(&seen, "calls"), calls);
    assert_eq!(seen["paid"], "Paid 1 cent on Base Sepolia", "{seen}");
    assert_eq!(seen["content"]["text"], "{\n  \"sky\": \"clear\"\n}");
    assert_eq!(texts(&seen, "payments").len(), 1);
    let receipt = texts(&seen, "receipt");
    assert!(receipt.first().is_some_and(|hash| hash.len() == 66), "{seen}");
    assert_eq!(receipt.get(1), Some(&&*visitor().to_string()));
    shop.assert_paid(1)
}

#[tokio::test(flavor = "multi_thread")]
async fn declined_signature_is_told_and_can_be_given_at_the_next_try() -> Result<(), Error> {
    let shop = open().await?;
    let seen = shop
        .visit("/weather", &["--refuses", "eth_signTypedData_v4=4001", "--clicks", "2"])
        .await?;
    assert_clean(&seen);
    assert_eq!(texts(&seen, "said"), ["Declined in the wallet. Nothing was paid."]);
    assert_eq!(seen["paid"], "Paid 1 cent on Base Sepolia", "{seen}");
    assert_eq!(texts(&seen, "payments").len(), 1);
    shop.assert_paid(1)
}

#[tokio::test(flavor = "multi_thread")]
async fn payment_that_did_not_get_through_is_sent_again_and_not_signed_again() -> Result<(), Error>
{
    let shop = open().await?;
    let seen = shop.visit("/weather", &["--loses", "1", "--clicks", "2"]).await?;
    assert_eq!(seen["violations"], json!([]), "{seen}");
    assert!(texts(&seen, "said")[0].contains("Do not pay again"), "{seen}");
    let payments = texts(&seen, "payments");
    assert_eq!(payments.len(), 2);
    assert_eq!(payments[0], payments[1]);
    assert_eq!(signatures(&seen), 1);
    assert_eq!(seen["paid"], "Paid 1 cent on Base Sepolia", "{seen}");
    shop.assert_paid(1)
}

#[tokio::test(flavor = "multi_thread")]
async fn payment_that_is_not_known_to_be_settled_is_sent_again_and_not_signed_again()
-> Result<(), Error> {
    let shop = Shop { devnet: Devnet::new(), url: sell_by(slow_facilitator()).await? };
    let seen = shop.visit("/weather", &["--clicks", "50", "--patience", "200"]).await?;
    assert_eq!(seen["violations"], json!([]), "{seen}");
    assert!(texts(&seen, "said")[0].contains("Do not pay again"), "{seen}");
    assert_eq!(seen["paid"], "Paid 1 cent on Base Sepolia", "{seen}");
    let payments = texts(&seen, "payments");
    assert!(payments.len() > 1);
    assert!(payments.iter().all(|payment| *payment == payments[0]));
    assert_eq!(signatures(&seen), 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn empty_account_is_told_what_it_lacks() -> Result<(), Error> {
    let shop = open().await?;
    let seen = shop.visit_with(&DEV_ACCOUNTS[3].private_key.0, "/weather", &[]).await?;
    assert_clean(&seen);
    let said =
        "The payment was refused. There is not enough USDC in this account. Nothing was charged.";
    assert_eq!(texts(&seen, "said"), [said]);
    shop.assert_paid(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_description_and_address_are_shown_and_do_nothing() -> Result<(), Error> {
    let shop = open().await?;
    let seen =
        shop.visit("/hostile?%3Cimg%20src=x%20onerror=alert(1)%3E'\"<img src=x>", &[]).await?;
    assert_clean(&seen);
    assert_eq!(seen["heading"], HOSTILE);
    assert_eq!(seen["images"], 0);
    assert_eq!(seen["content"]["text"], "sold");
    shop.assert_paid(1)
}

#[tokio::test(flavor = "multi_thread")]
async fn terms_are_echoed_to_the_letter_and_the_payment_gets_a_name() -> Result<(), Error> {
    let shop = open().await?;
    let seen = shop.visit("/named", &[]).await?;
    assert_clean(&seen);
    assert_eq!(seen["content"]["text"], "sold", "{seen}");
    let payment = texts(&seen, "payments")[0];
    let payment: PaymentPayload = decode(payment.as_bytes(), PAYMENT_LIMIT)?;
    assert_eq!(
        payment.resource.and_then(|resource| resource.description).as_deref(),
        Some(HOSTILE)
    );
    let extensions = payment.extensions.ok_or("no extensions")?;
    assert!(extensions.as_str().contains(DECLARED), "{}", extensions.as_str());
    let extensions: Value = extensions.parse()?;
    let id = &extensions[payment_identifier::KEY]["info"]["id"];
    assert!(id.as_str().is_some_and(|id| id.parse::<payment_identifier::Id>().is_ok()), "{id}");
    shop.assert_paid(1)
}

#[tokio::test(flavor = "multi_thread")]
async fn html_that_was_bought_is_shown_and_its_scripts_do_not_run() -> Result<(), Error> {
    let shop = open().await?;
    let seen = shop.visit("/article", &[]).await?;
    assert_eq!(seen["content"]["element"], "iframe", "{seen}");
    assert_eq!(seen["content"]["sandbox"], "");
    assert_eq!(seen["content"]["text"], "An article");
    shop.assert_paid(1)
}

#[tokio::test(flavor = "multi_thread")]
async fn picture_that_was_bought_is_shown() -> Result<(), Error> {
    let shop = open().await?;
    let seen = shop.visit("/picture", &["--dark", "--width", "400"]).await?;
    assert_clean(&seen);
    assert_eq!(seen["content"]["element"], "img", "{seen}");
    assert_eq!(seen["content"]["width"], 30);
    shop.assert_paid(1)
}
