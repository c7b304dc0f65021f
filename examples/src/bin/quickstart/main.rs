//! The whole of x402 in one process: a chain, a facilitator, a shop, an agent that pays.
//!
//! `cargo run --bin quickstart`, or with `-- --serve` to keep it open and play with it.

use std::time::Instant;

use alloy_primitives::{Address, U256};
use examples::shop::{self, Error, PRICE};
use x402_client::{Payer, ReceiptExt};
use x402_devnet::{DEV_ACCOUNTS, DevAccount, Devnet};
use x402_evm::LocalSigner;
use x402_ledger::Payments;
use x402_types::{Amount, Asset, Network, PaymentRequired, decode, header};

#[tokio::main]
async fn main() -> Result<(), Error> {
    let serve = match std::env::args().nth(1).as_deref() {
        None => false,
        Some("--serve") => true,
        Some(other) => {
            return Err(format!("unknown argument {other}: there is only --serve").into());
        }
    };
    let usdc = Asset::default_for(&Network::BASE_SEPOLIA).ok_or("no USDC")?;
    let [settler, agent, seller, ..] = DEV_ACCOUNTS;

    println!("1. A chain, in this process");
    let devnet = Devnet::new();
    devnet.mint(agent.address, U256::from(10_000_000))?;
    println!("   chain id {}, with USDC at {}", devnet.chain_id(), devnet.usdc());
    let before = Balances::of(&devnet, agent.address, seller.address)?;

    println!("2. A facilitator and a shop");
    let port = if serve { 4021 } else { 0 };
    let shop = shop::open(devnet.provider(), signer(&settler)?, seller.address, port).await?;
    println!("   {} verifies payments and settles them", shop.facilitator);
    println!("   {}/weather costs {PRICE}, paid to {}", shop.url, seller.address);

    println!("3. An agent asks, and is told the price");
    let payer = Payer::builder().signer(signer(&agent)?).max_per_payment("$0.10").build()?;
    let http = payer.reqwest()?;
    let url = format!("{}/weather?city=Porto", shop.url);
    let unpaid = reqwest::get(&url).await?;
    let terms = unpaid.headers().get(header::PAYMENT_REQUIRED).ok_or("no terms")?;
    let terms: PaymentRequired = decode(terms.as_bytes(), header::CHALLENGE_LIMIT)?;
    println!("   GET /weather -> {}", unpaid.status());
    for offer in &terms.accepts {
        let amount = usdc.in_words(offer.amount);
        println!("   {amount} on {} to {}", offer.network, offer.pay_to);
    }

    println!("4. The agent pays, and is served");
    let start = Instant::now();
    let response = http.get(&url).send().await?;
    let took = start.elapsed();
    let receipt = response.receipt().cloned().ok_or("no receipt")?;
    println!("   GET /weather -> {}, {} ms with the payment", response.status(), took.as_millis());
    println!("   {}", response.text().await?);

    println!("5. The receipt");
    println!("   ${} {} for {}", receipt.dollars(), usdc.symbol, receipt.purchase());
    println!("   {}, transaction {}", receipt.status(), receipt.transaction().unwrap_or("none"));

    println!("6. The money");
    let after = Balances::of(&devnet, agent.address, seller.address)?;
    println!("   agent   {} -> {}", dollars(usdc, before.agent), dollars(usdc, after.agent));
    println!("   seller  {} -> {}", dollars(usdc, before.seller), dollars(usdc, after.seller));

    println!("7. The seller's ledger");
    for line in shop.books.recent(10).await? {
        println!("   {line}");
    }

    if serve {
        let chain = devnet.serve("127.0.0.1:0").await?;
        println!();
        println!("The shop stays open until Ctrl-C. Its price:");
        println!("   curl -i {}/weather", shop.url);
        println!("Buy there from this wallet, which holds {}:", dollars(usdc, after.agent));
        println!(
            "   X402_PRIVATE_KEY={} cargo run --bin agent -- {}/weather",
            agent.private_key, shop.url
        );
        println!("The chain's JSON-RPC, for a wallet or a script: {}", chain.url());
        tokio::signal::ctrl_c().await?;
    }
    Ok(())
}

struct Balances {
    agent: U256,
    seller: U256,
}

impl Balances {
    fn of(devnet: &Devnet, agent: Address, seller: Address) -> Result<Self, Error> {
        Ok(Self { agent: devnet.token_balance(agent)?, seller: devnet.token_balance(seller)? })
    }
}

fn dollars(asset: &Asset, units: U256) -> String {
    asset.in_words(Amount::new(units))
}

fn signer(account: &DevAccount) -> Result<LocalSigner, Error> {
    Ok(LocalSigner::from_bytes(&account.private_key.0)?)
}
