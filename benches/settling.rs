//! How long a settlement takes, in the chain's block times: on devnet, which mines at once, and on
//! anvil with blocks of one second.
//!
//! `cargo bench -p benches --bench settling --features interop`, after `./test` has installed anvil;
//! with `-- --check` to fail where the limit is missed.

#![expect(clippy::float_arithmetic, reason = "times and ratios, no money")]

#[path = "../examples/tests/common/mod.rs"]
mod common;
mod figures;

use std::time::{Duration, Instant};

use alloy_provider::RootProvider;
use benches::Error;
use common::{Anvil, devnet, mint};
use figures::{median, report};
use x402_devnet::{DEV_ACCOUNTS, DevAccount, USDC};
use x402_evm::{ExactEvmPayer, LocalSigner, exact_offer};
use x402_facilitator::{Chain, EvmFacilitator};
use x402_types::facilitator::{Facilitator, Request};
use x402_types::scheme::ClientScheme;
use x402_types::{Amount, Asset, Network, PaymentPayload, Verbatim, VerifyRequest, Version};

#[tokio::main]
async fn main() -> Result<(), Error> {
    let at_once = settle(devnet()?.provider(), 200).await?;
    println!("devnet, blocks at once: {:.2} ms, median of 200", at_once.as_secs_f64() * 1e3);

    let anvil = Anvil::start(&["--block-time", "1"])?;
    let provider = anvil.provider().await?;
    mint(&provider, DEV_ACCOUNTS[1].address, 1_000_000).await?;
    let with_blocks = settle(provider, 15).await?;
    println!(
        "anvil, blocks of one second: {:.0} ms, median of 15",
        with_blocks.as_secs_f64() * 1e3
    );
    let ratio = with_blocks.as_secs_f64();
    report("one settlement / one block time", ratio, ratio <= 1.2, "1.2");
    Ok(())
}

/// The median time of so many settlements, one after the other.
async fn settle(provider: RootProvider, times: usize) -> Result<Duration, Error> {
    let [settler, agent, seller, ..] = DEV_ACCOUNTS;
    let signer = |account: DevAccount| LocalSigner::from_bytes(&account.private_key.0);
    let chain = Chain::new(Network::BASE_SEPOLIA, provider).signer(signer(settler)?);
    let facilitator = EvmFacilitator::builder().chain(chain).build().await?;
    let payer = ExactEvmPayer::new(signer(agent)?);
    let usdc = Asset::find(&Network::BASE_SEPOLIA, &USDC.to_string()).ok_or("no USDC")?;
    let seller = seller.address.to_string();
    let offer = Verbatim::new(exact_offer(usdc, Amount::from(1_000_u64), &seller, 300)?)?;
    let mut took = Vec::new();
    for _ in 0..times {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_secs();
        let payload = payer.draft(&offer, None, now, 300)?.sign().await?.payload;
        let payment = PaymentPayload {
            x402_version: Version,
            resource: None,
            accepted: offer.clone(),
            payload,
            extensions: None,
        };
        let request = Request::v2(VerifyRequest {
            x402_version: Version,
            payment_payload: Verbatim::new(payment)?,
            payment_requirements: offer.clone(),
        });
        let start = Instant::now();
        let settled = facilitator.settle(&request).await?;
        took.push(start.elapsed().as_secs_f64());
        if !settled.success {
            return Err(format!("not settled: {settled:?}").into());
        }
    }
    Ok(Duration::from_secs_f64(median(took)))
}
