//! What a seller and an agent need besides each other: a chain and a facilitator, on this machine.

use alloy_primitives::U256;
use tokio::net::TcpListener;
use x402_devnet::{DEV_ACCOUNTS, DevAccount, Devnet, Server};
use x402_evm::LocalSigner;
use x402_facilitator::{Chain, EvmFacilitator};
use x402_types::Network;

use crate::shop::Error;

/// Pays for gas.
pub const SETTLER: DevAccount = DEV_ACCOUNTS[0];
/// Pays the sellers, out of a hundred dollars.
pub const AGENT: DevAccount = DEV_ACCOUNTS[1];
/// Is paid.
pub const SELLER: DevAccount = DEV_ACCOUNTS[2];

/// A chain and a facilitator, open as long as this is kept and its runtime runs.
#[derive(Debug)]
pub struct Playground {
    /// The chain, from within this process.
    pub devnet: Devnet,
    /// The chain, from without.
    pub chain: Server,
    /// Where the facilitator is.
    pub facilitator: String,
}

impl Playground {
    /// Opens one on free ports.
    ///
    /// # Errors
    /// Where there is no free port.
    pub async fn open() -> Result<Self, Error> {
        let devnet = Devnet::new();
        devnet.mint(AGENT.address, U256::from(100_000_000))?;
        let chain = devnet.serve("127.0.0.1:0").await?;

        let settler = LocalSigner::from_bytes(&SETTLER.private_key.0)?;
        let settled_on = Chain::new(Network::BASE_SEPOLIA, devnet.provider()).signer(settler);
        let router = EvmFacilitator::builder().chain(settled_on).build().await?.router();
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let facilitator = format!("http://{}", listener.local_addr()?);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self { devnet, chain, facilitator })
    }

    /// What a seller has to have in its environment to sell here at this address.
    pub fn seller(&self, public_url: &str) -> [(&'static str, String); 4] {
        [
            ("X402_NETWORK", "base-sepolia".to_owned()),
            ("X402_PAY_TO", SELLER.address.to_string()),
            ("X402_FACILITATOR", self.facilitator.clone()),
            ("X402_PUBLIC_URL", public_url.to_owned()),
        ]
    }

    /// What the agent has to have in its environment to buy here.
    pub fn agent(&self) -> [(&'static str, String); 2] {
        [("X402_PRIVATE_KEY", AGENT.private_key.to_string()), ("X402_RPC", self.chain.url())]
    }
}
