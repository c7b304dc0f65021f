//! A visitor with a browser: what costs something is bought on the page that comes with the 402.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use alloy_primitives::{Address, U256, hex};
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use axum::{Json, Router};
use interop::{Error, free_port};
use serde_json::{Value, json};
use x402_axum::Paywall;
use x402_devnet::{DEV_ACCOUNTS, Devnet};
use x402_evm::LocalSigner;
use x402_facilitator::{Chain, EvmFacilitator};
use x402_types::extensions::payment_identifier;
use x402_types::header::PAYMENT_LIMIT;
use x402_types::{Network, PaymentPayload, RawObject, decode};

const CENT: u64 = 10_000;
const SAVINGS: u64 = 1_000_000;
/// Ends whatever it might stand in.
const HOSTILE: &str =
    "</script></style><img src=x onerror=\"alert('!')\"><script>alert(1)</script>";
/// A page that would take over the one that shows it.
const ARTICLE: &str =
    "<h1>An article</h1><script>parent.alert(1)</script><img src=x onerror='alert(2)'>";
const PICTURE: &str = "<svg xmlns='http://www.w3.org/2000/svg' width='30' height='20'/>";

/// An extension that JavaScript would write otherwise.
const DECLARED: &str =
    r#"{ "info": {"rate": 1.0, "b": 1, "7": 12345678901234567890} , "schema":{}}"#;

struct Shop {
    devnet: Devnet,
    url: String,
}

/// Opens a shop, where a visitor with a dollar may come.
async fn open() -> Result<Shop, Error> {
    let devnet = Devnet::new();
    devnet.mint(visitor(), U256::from(SAVINGS))?;
    let settler = LocalSigner::from_bytes(&DEV_ACCOUNTS[0].private_key.0)?;
    let chain = Chain::new(Network::BASE_SEPOLIA, devnet.provider()).signer(settler);
    let facilitator = EvmFacilitator::builder().chain(chain).build().await?;
    let url = sell_by(facilitator.router()).await?;
    Ok(Shop { devnet, url })
}

/// A facilitator that finds every payment good, and knows of none at once whether it is settled.
fn slow_facilitator() -> Router {
    let asked = Arc::new(AtomicUsize::new(0));
    let kind = json!({ "x402Version": 2, "scheme": "exact", "network": "eip155:84532" });
    let supported = json!({ "kinds": [kind], "extensions": [], "signers": {} });
    let settle = move || {
        let pending = asked.fetch_add(1, Ordering::SeqCst) < 2;
        let said = json!({
            "success": !pending,
            "errorReason": pending.then_some("settlement_pending"),
            "payer": visitor(),
            "transaction": format!("0x{:064x}", 402),
            "network": "eip155:84532",
        });
        async move { Json(said) }
    };
    Router::new()
        .route("/supported", get(|| async { Json(supported) }))
        .route("/verify", post(|| async { Json(json!({ "isValid": true, "payer": visitor() })) }))
        .route("/settle", post(settle))
}

/// Opens a shop with this facilitator, and says where.
async fn sell_by(facilitator: Router) -> Result<String, Error> {
    let listener = free_port().await?;
    let facilitator_url = format!("http://{}", listener.local_addr()?);
    tokio::spawn(async move { axum::serve(listener, facilitator).await });

    let listener = free_port().await?;
    let url = format!("http://{}", listener.local_addr()?);
    let paywall = Paywall::builder()
        .network(Network::BASE_SEPOLIA)
        .pay_to(seller())
        .facilitator(&facilitator_url)
        .public_url(&url)
        .build()
        .await?;
    let price = || paywall.price("$0.01");
    let weather = price()?.with(|price| price.description("The weather right now"))?;
    let hostile = price()?.with(|price| price.description(HOSTILE))?;
    let declared: RawObject = DECLARED.parse()?;
    let named = price()?.with(|price| {
        price.description(HOSTILE).payment_identifier(true).extension("rates", declared)
    })?;
    let app = Router::new()
        .route("/weather", get(|| as_type("application/json", r#"{"sky":"clear"}"#)).layer(weather))
        .route("/named", get(|| as_type("text/plain", "sold")).layer(named))
        .route("/hostile", get(|| as_type("text/plain", "sold")).layer(hostile))
        .route("/article", get(|| as_type("text/html", ARTICLE)).layer(price()?))
        .route("/picture", get(|| as_type("image/svg+xml", PICTURE)).layer(price()?));
    tokio::spawn(async move { axum::serve(listener, app).await });
    Ok(url)
}

async fn as_type(media_type: &'static str, body: &'static str) -> impl IntoResponse {
    ([(CONTENT_TYPE, media_type)], body)
}

fn visitor() -> Address {
    DEV_ACCOUNTS[1].address
}

fn seller() -> Address {
    DEV_ACCOUNTS[2].address
}

impl Shop {
    /// What the visitor with the dollar sees who buys what is at this path. `interop/browser/visit.mjs`
    /// knows the options.
    async fn visit(&self, path: &str, options: &[&str]) -> Result<Value, Error> {
        self.visit_with(&DEV_ACCOUNTS[1].private_key.0, path, options).await
    }

    async fn visit_with(&self, key: &[u8], path: &str, options: &[&str]) -> Result<Value, Error> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("browser");
        let mut visit = Command::new("node");
        visit
            .arg("visit.mjs")
            .arg(format!("{}{path}", self.url))
            .args(options)
            .current_dir(folder)
            .env("WALLET_KEY", format!("0x{}", hex::encode(key)));
        let output = tokio::task::spawn_blocking(move || visit.output()).await??;
        let seen: Value = serde_json::from_slice(&output.stdout)
            .map_err(|error| format!("{error}: {}", String::from_utf8_lossy(&output.stderr)))?;
        assert_eq!(seen.get("failure"), None, "{seen}");
        // Whatever happens: it is the page of a 402, nothing of others runs, nobody else is asked.
        assert_seen(&seen, "status", &json!(402));
        assert_seen(&seen, "type", &json!("text/html; charset=utf-8"));
        assert_seen(&seen, "dialogs", &json!([]));
        assert_seen(&seen, "elsewhere", &json!([]));
        let policy = seen.get("policy").and_then(Value::as_str).unwrap_or_default();
        assert!(policy.starts_with("default-src 'none'; script-src 'sha256-"), "{seen}");
        Ok(seen)
    }

    /// That so many cents went from the visitor to the seller.
    fn assert_paid(&self, cents: u64) -> Result<(), Error> {
        let balance = |account| self.devnet.token_balance(account);
        assert_eq!(balance(seller())?, U256::from(cents * CENT));
        assert_eq!(balance(visitor())?, U256::from(SAVINGS - cents * CENT));
        Ok(())
    }
}

fn texts<'a>(seen: &'a Value, what: &str) -> Vec<&'a str> {
    seen.get(what)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect()
}

/// That nothing went wrong in the browser, and no policy stood in the way.
fn assert_clean(seen: &Value) {
    assert_seen(seen, "errors", &json!([]));
    assert_seen(seen, "violations", &json!([]));
}

fn assert_seen(seen: &Value, what: &str, expected: &Value) {
    assert_eq!(seen.get(what), Some(expected), "{seen}");
}

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
    let seen = shop.visit("/weather", &["--declines", "1", "--clicks", "2"]).await?;
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
    let signed = texts(&seen, "calls").into_iter().filter(|call| call.starts_with("eth_sign"));
    assert_eq!(signed.count(), 1);
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
    let signed = texts(&seen, "calls").into_iter().filter(|call| call.starts_with("eth_sign"));
    assert_eq!(signed.count(), 1);
    Ok(())
}

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
