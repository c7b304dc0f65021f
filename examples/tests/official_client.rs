//! The official TypeScript client and ours buy the same route, on devnet and on anvil.

mod common;

use std::process::Command;

use alloy_primitives::Address;
use alloy_primitives::U256;
use alloy_provider::{Provider, RootProvider};
use alloy_rpc_types_eth::TransactionRequest;
use alloy_sol_types::SolCall;
use common::{Anvil, devnet, interop, mint};
use examples::shop::{self, Error, Shop};
use serde::Deserialize;
use x402_client::{Payer, ReceiptExt};
use x402_devnet::{DEV_ACCOUNTS, DevAccount, DevUsdc, USDC};
use x402_evm::LocalSigner;
use x402_ledger::{Payments, Status};
use x402_types::SettleResponse;

const SETTLER: DevAccount = DEV_ACCOUNTS[0];
const AGENT: DevAccount = DEV_ACCOUNTS[1];
const SELLER: DevAccount = DEV_ACCOUNTS[2];

fn signer(account: DevAccount) -> Result<LocalSigner, Error> {
    Ok(LocalSigner::from_bytes(&account.private_key.0)?)
}

/// What `buy.mjs` prints.
#[derive(Debug, Deserialize)]
struct Bought {
    payer: String,
    status: u16,
    body: String,
    receipt: Option<SettleResponse>,
}

async fn buy_with_the_official_client(shop: &Shop) -> Result<Bought, Error> {
    let url = format!("{}/weather?city=Porto", shop.url);
    let output = tokio::task::spawn_blocking(move || {
        Command::new("node")
            .arg("buy.mjs")
            .arg(url)
            .env("PRIVATE_KEY", AGENT.private_key.to_string())
            .current_dir(interop())
            .output()
    })
    .await??;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// What an account holds, in atomic units.
async fn balance(provider: &RootProvider, of: Address) -> Result<U256, Error> {
    let call = DevUsdc::balanceOfCall { account: of };
    let request = TransactionRequest::default().to(USDC).input(call.abi_encode().into());
    let returned = provider.call(request).await?;
    Ok(DevUsdc::balanceOfCall::abi_decode_returns(&returned)?)
}

/// Both clients buy once; the seller has two cents afterwards and two lines in the books.
async fn both_clients_buy(provider: RootProvider) -> Result<(), Error> {
    let shop = shop::open(provider.clone(), signer(SETTLER)?, SELLER.address, 0).await?;

    let bought = buy_with_the_official_client(&shop).await?;
    assert_eq!(bought.status, 200, "{bought:?}");
    assert!(bought.body.contains(r#""city":"Porto""#), "{bought:?}");
    assert!(bought.body.contains(&bought.payer.to_lowercase()), "{bought:?}");
    let receipt = bought.receipt.ok_or("the official client read no receipt")?;
    assert!(receipt.success);
    assert_eq!(receipt.network, "eip155:84532");
    assert_eq!(balance(&provider, SELLER.address).await?, U256::from(10_000));

    let payer = Payer::builder().signer(signer(AGENT)?).build()?;
    let response = payer.reqwest()?.get(format!("{}/weather", shop.url)).send().await?;
    assert_eq!(response.status(), 200);
    let ours = response.receipt().ok_or("our client read no receipt")?;
    assert_eq!(*ours.status(), Status::Settled);
    assert_eq!(ours.dollars(), "0.01");
    assert_eq!(balance(&provider, SELLER.address).await?, U256::from(20_000));

    let books = shop.books.recent(10).await?;
    let transactions: Vec<_> =
        books.iter().rev().filter_map(|line| line.transaction.as_deref()).collect();
    assert_eq!(transactions, [receipt.transaction.as_str(), ours.transaction().unwrap_or("")]);
    assert!(books.iter().all(|line| line.status == Status::Settled), "{books:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_official_client_and_ours_buy_one_route_on_devnet() -> Result<(), Error> {
    both_clients_buy(devnet()?.provider()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_official_client_and_ours_buy_one_route_on_anvil() -> Result<(), Error> {
    let anvil = Anvil::start(&[])?;
    let provider = anvil.provider().await?;
    mint(&provider, AGENT.address, 1_000_000).await?;
    both_clients_buy(provider).await
}
