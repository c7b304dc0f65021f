//! What our seller and our facilitator say in extensions, as the official packages read it,
//! and what our client reads of the official seller's.

#![expect(clippy::indexing_slicing, reason = "a test that panics has failed")]

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use alloy_primitives::{B256, U256, hex};
use alloy_provider::Provider;
use axum::Router;
use axum::routing::get;
use interop::{Error, free_port};
use serde_json::{Value, json};
use x402_axum::{OfferReceipts, Paywall};
use x402_client::{Payer, Receipt, ReceiptExt, SignedReceiptError};
use x402_devnet::{DEV_ACCOUNTS, Devnet};
use x402_evm::LocalSigner;
use x402_evm::offer_receipt::PublicKey;
use x402_facilitator::{BuilderCodes, Chain, EvmFacilitator};
use x402_types::extensions::Declared;
use x402_types::extensions::builder_code::{self, Info};
use x402_types::{Network, RawObject};

async fn official(arguments: &[&str]) -> Result<Value, Error> {
    let mut program = Command::new("node");
    program
        .arg("extensions.mjs")
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("PRIVATE_KEY", hex::encode_prefixed(DEV_ACCOUNTS[1].private_key));
    let output = tokio::task::spawn_blocking(move || program.output()).await??;
    serde_json::from_slice(&output.stdout)
        .map_err(|error| format!("{error}: {}", String::from_utf8_lossy(&output.stderr)).into())
}

/// A shop whose payee signs, on a chain of its own: where it is.
async fn open(devnet: &Devnet, receipts: OfferReceipts) -> Result<String, Error> {
    devnet.mint(DEV_ACCOUNTS[1].address, U256::from(1_000_000))?;
    let settler = LocalSigner::from_bytes(&DEV_ACCOUNTS[0].private_key.0)?;
    let chain = Chain::new(Network::BASE_SEPOLIA, devnet.provider()).signer(settler);
    let codes = BuilderCodes::default().wallet("our_wallet".parse()?).service("ours".parse()?);
    let facilitator = EvmFacilitator::builder().chain(chain).builder_codes(codes).build().await?;
    let listener = free_port().await?;
    let url = format!("http://{}", listener.local_addr()?);
    let paywall = Paywall::builder()
        .network(Network::BASE_SEPOLIA)
        .pay_to(payee()?.address())
        .with_facilitator(facilitator)
        .public_url(&url)
        .offer_receipts(receipts)
        .build()
        .await?;
    let declared = Declared::new(Info::of_server("our_app".parse()?, vec!["our_shop".parse()?])?)?;
    let declared = RawObject::new(&declared)?;
    let price = paywall.price("$0.01")?;
    let price = price.with(|price| price.extension(builder_code::KEY, declared))?;
    let app = Router::new().route("/goods", get(|| async { "sold" }).layer(price));
    tokio::spawn(async move { axum::serve(listener, app).await });
    Ok(format!("{url}/goods?for=me"))
}

fn payee() -> Result<LocalSigner, Error> {
    Ok(LocalSigner::from_bytes(&DEV_ACCOUNTS[2].private_key.0)?)
}

/// That the official client verifies what the shop signs as this one's, and who took part is on chain.
async fn trades(receipts: OfferReceipts, signer: &str) -> Result<(), Error> {
    let devnet = Devnet::new();
    let url = open(&devnet, receipts).await?;
    let bought = official(&["buy", &url]).await?;
    assert_eq!((&bought["status"], &bought["body"]), (&json!(200), &json!("sold")), "{bought}");
    let offer = &bought["offers"][0];
    assert_eq!((&offer["signer"], &offer["entry"]), (&json!(signer), &json!(0)), "{bought}");
    assert_eq!(offer["payload"]["resourceUrl"], url, "{bought}");
    assert_eq!(bought["receipt"]["signer"], signer, "{bought}");
    assert_eq!(bought["matches"], true, "{bought}");
    let transaction: B256 = bought["transaction"].as_str().ok_or("no transaction")?.parse()?;
    let mined = devnet.provider().get_transaction_by_hash(transaction).await?.ok_or("not mined")?;
    let calldata = hex::encode_prefixed(alloy_consensus::Transaction::input(&mined));
    assert_eq!(
        official(&["codes", &calldata]).await?,
        json!({"a": "our_app", "w": "our_wallet", "s": ["interop_client", "our_shop", "ours"]}),
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn typed_data_is_verified_and_who_took_part_is_read() -> Result<(), Error> {
    trades(OfferReceipts::eip712(payee()?), &payee()?.address().to_string()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_verified_and_who_took_part_is_read() -> Result<(), Error> {
    let key = PublicKey::from(&payee()?).to_did_key();
    trades(OfferReceipts::jws(payee()?), &key).await
}

/// The official seller that signs, until it is dropped.
struct Seller {
    process: Child,
    url: String,
}

impl Seller {
    async fn start(facilitator: &str, format: &str) -> Result<Self, Error> {
        let mut process = Command::new("node")
            .arg("ts/seller-signing.mjs")
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .env("FACILITATOR_URL", facilitator)
            .env("SIGNING_KEY", hex::encode_prefixed(DEV_ACCOUNTS[2].private_key))
            .env("FORMAT", format)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut lines = BufReader::new(process.stdout.take().ok_or("no output")?);
        let line = tokio::task::spawn_blocking(move || {
            let mut line = String::new();
            lines.read_line(&mut line).map(|_| line)
        });
        let said: Value = serde_json::from_str(&line.await??)?;
        let url = said["url"].as_str().ok_or_else(|| said.to_string())?.to_owned();
        Ok(Self { process, url })
    }
}

impl Drop for Seller {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What our client has of a purchase from the official seller.
async fn bought(format: &str) -> Result<Receipt, Error> {
    let devnet = Devnet::new();
    devnet.mint(DEV_ACCOUNTS[1].address, U256::from(1_000_000))?;
    let settler = LocalSigner::from_bytes(&DEV_ACCOUNTS[0].private_key.0)?;
    let chain = Chain::new(Network::BASE_SEPOLIA, devnet.provider()).signer(settler);
    let facilitator = EvmFacilitator::builder().chain(chain).build().await?;
    let listener = free_port().await?;
    let url = format!("http://{}", listener.local_addr()?);
    tokio::spawn(async move { axum::serve(listener, facilitator.router()).await });
    let seller = Seller::start(&url, format).await?;
    let buyer = LocalSigner::from_bytes(&DEV_ACCOUNTS[1].private_key.0)?;
    let http = Payer::builder().signer(buyer).build()?.reqwest()?;
    let answer = http.get(format!("{}/exact?for=me", seller.url)).send().await?;
    assert_eq!(answer.status(), 200);
    Ok(answer.receipt().ok_or("not paid")?.clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn our_client_believes_the_payees_receipt_of_the_official_seller() -> Result<(), Error> {
    let receipt = bought("eip712").await?;
    let signed = receipt.signed_receipt().ok_or("none")??;
    assert!(signed.resource_url.ends_with("/exact?for=me"), "{}", signed.resource_url);
    assert!(signed.payer.eq_ignore_ascii_case(receipt.payer()), "{}", signed.payer);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn our_client_believes_a_token_of_ed25519_where_it_knows_the_key() -> Result<(), Error> {
    let receipt = bought("jws").await?;
    let Some(Err(SignedReceiptError::NotThePayee { kid: Some(kid) })) = receipt.signed_receipt()
    else {
        return Err("the payee has no such key".into());
    };
    let key = PublicKey::from_did(kid.as_untrusted_str())?;
    let signed = receipt.signed_receipt_by(&key).ok_or("none")??;
    assert!(signed.payer.eq_ignore_ascii_case(receipt.payer()), "{}", signed.payer);
    Ok(())
}
