//! Our facilitator on a real node.
//!
//! `PRIVATE_KEY=0x… RPC_URL=http://… facilitator`

use alloy_provider::RootProvider;
use interop::{Error, free_port, serve, setting};
use x402_evm::LocalSigner;
use x402_facilitator::{Chain, EvmFacilitator};
use x402_types::Network;

#[tokio::main]
async fn main() -> Result<(), Error> {
    let provider: RootProvider = RootProvider::new_http(setting("RPC_URL")?.parse()?);
    let chain = Chain::new(Network::BASE_SEPOLIA, provider)
        .signer(LocalSigner::from_env("PRIVATE_KEY")?)
        // A hundredth of an ether for a payer's approval.
        .sponsor_approvals(10_000_000_000_000_000);
    let facilitator = EvmFacilitator::builder().chain(chain).build().await?;
    serve(free_port().await?, facilitator.router()).await
}
