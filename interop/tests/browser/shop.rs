//! What is for sale, and a visitor with a browser who comes for it.

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
use tokio::net::TcpListener;
use x402_axum::Paywall;
use x402_devnet::{DEV_ACCOUNTS, Devnet};
use x402_evm::LocalSigner;
use x402_facilitator::{Chain, EvmFacilitator};
use x402_types::{Network, RawObject};

const CENT: u64 = 10_000;
pub(crate) const SAVINGS: u64 = 1_000_000;
/// Ends whatever it might stand in.
pub(crate) const HOSTILE: &str =
    "</script></style><img src=x onerror=\"alert('!')\"><script>alert(1)</script>";
/// A page that would take over the one that shows it.
const ARTICLE: &str =
    "<h1>An article</h1><script>parent.alert(1)</script><img src=x onerror='alert(2)'>";
const PICTURE: &str = "<svg xmlns='http://www.w3.org/2000/svg' width='30' height='20'/>";

/// An extension that JavaScript would write otherwise.
pub(crate) const DECLARED: &str =
    r#"{ "info": {"rate": 1.0, "b": 1, "7": 12345678901234567890} , "schema":{}}"#;

pub(crate) struct Shop {
    pub(crate) devnet: Devnet,
    pub(crate) url: String,
}

/// Opens a shop, where a visitor with a dollar may come.
pub(crate) async fn open() -> Result<Shop, Error> {
    let devnet = Devnet::new();
    devnet.mint(visitor(), U256::from(SAVINGS))?;
    let chain = chain(Network::BASE_SEPOLIA, &devnet)?;
    let facilitator = EvmFacilitator::builder().chain(chain).build().await?;
    let url = sell_by(facilitator.router()).await?;
    Ok(Shop { devnet, url })
}

/// A chain on which a facilitator settles.
pub(crate) fn chain(network: Network, devnet: &Devnet) -> Result<Chain, Error> {
    let settler = LocalSigner::from_bytes(&DEV_ACCOUNTS[0].private_key.0)?;
    Ok(Chain::new(network, devnet.provider()).signer(settler))
}

/// A facilitator that finds every payment good, and knows of none at once whether it is settled.
pub(crate) fn slow_facilitator() -> Router {
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
pub(crate) async fn sell_by(facilitator: Router) -> Result<String, Error> {
    let facilitator_url = serve(facilitator).await?;
    let (listener, url) = listen().await?;
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

/// A free port, and its address.
pub(crate) async fn listen() -> Result<(TcpListener, String), Error> {
    let listener = free_port().await?;
    let url = format!("http://{}", listener.local_addr()?);
    Ok((listener, url))
}

/// Serves it on a free port, and says where.
pub(crate) async fn serve(app: Router) -> Result<String, Error> {
    let (listener, url) = listen().await?;
    tokio::spawn(async move { axum::serve(listener, app).await });
    Ok(url)
}

async fn as_type(media_type: &'static str, body: &'static str) -> impl IntoResponse {
    ([(CONTENT_TYPE, media_type)], body)
}

pub(crate) fn visitor() -> Address {
    DEV_ACCOUNTS[1].address
}

pub(crate) fn seller() -> Address {
    DEV_ACCOUNTS[2].address
}

impl Shop {
    /// What the visitor with the dollar sees who buys what is at this path. `interop/browser/visit.mjs`
    /// knows the options.
    pub(crate) async fn visit(&self, path: &str, options: &[&str]) -> Result<Value, Error> {
        self.visit_with(&DEV_ACCOUNTS[1].private_key.0, path, options).await
    }

    pub(crate) async fn visit_with(
        &self,
        key: &[u8],
        path: &str,
        options: &[&str],
    ) -> Result<Value, Error> {
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
    pub(crate) fn assert_paid(&self, cents: u64) -> Result<(), Error> {
        let balance = |account| self.devnet.token_balance(account);
        assert_eq!(balance(seller())?, U256::from(cents * CENT));
        assert_eq!(balance(visitor())?, U256::from(SAVINGS - cents * CENT));
        Ok(())
    }
}

pub(crate) fn texts<'a>(seen: &'a Value, what: &str) -> Vec<&'a str> {
    seen.get(what)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect()
}

/// How often a wallet was asked to sign.
pub(crate) fn signatures(seen: &Value) -> usize {
    texts(seen, "calls").into_iter().filter(|call| call.starts_with("eth_sign")).count()
}

/// That nothing went wrong in the browser, and no policy stood in the way.
pub(crate) fn assert_clean(seen: &Value) {
    assert_seen(seen, "errors", &json!([]));
    assert_seen(seen, "violations", &json!([]));
}

fn assert_seen(seen: &Value, what: &str, expected: &Value) {
    assert_eq!(seen.get(what), Some(expected), "{seen}");
}
