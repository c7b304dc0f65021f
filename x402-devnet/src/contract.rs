//! The contracts of a development chain.

use std::sync::LazyLock;

use alloy_primitives::{Address, Bytes};
use serde::Deserialize;

use crate::{
    permit2::{EXACT_PERMIT2_PROXY, PERMIT2, UPTO_PERMIT2_PROXY},
    token::USDC,
    wallet::WALLET_FACTORY,
};

/// A contract of ours, compiled from `contracts/`. Each answers as its model does where x402 looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Contract {
    /// The token, whose interface is [`DevUsdc`](crate::DevUsdc).
    Usdc,
    /// Permit2's signature transfers of one token, with and without a witness.
    Permit2,
    /// The x402 proxy that settles exact payments through Permit2.
    ExactPermit2Proxy,
    /// The x402 proxy that settles metered payments through Permit2.
    UptoPermit2Proxy,
    /// A wallet that signs through ERC-1271, [`DevWallet`](crate::DevWallet).
    Wallet,
    /// What deploys such wallets, [`DevWalletFactory`](crate::DevWalletFactory).
    WalletFactory,
}

macro_rules! deployed {
    ($name:literal) => {{
        static CODE: LazyLock<Bytes> =
            LazyLock::new(|| read(include_str!(concat!("../contracts/", $name, ".json"))));
        CODE.clone()
    }};
}

impl Contract {
    /// What every development chain starts with: all but the wallet, which each owner has its own
    /// of.
    pub const GENESIS: [Self; 5] = [
        Self::Usdc,
        Self::Permit2,
        Self::ExactPermit2Proxy,
        Self::UptoPermit2Proxy,
        Self::WalletFactory,
    ];

    /// Where the contract stands on every development chain. Permit2 and the proxies are at their
    /// canonical addresses, the token at USDC's on Base Sepolia. `None` for the wallet.
    #[must_use]
    pub const fn address(self) -> Option<Address> {
        match self {
            Self::Usdc => Some(USDC),
            Self::Permit2 => Some(PERMIT2),
            Self::ExactPermit2Proxy => Some(EXACT_PERMIT2_PROXY),
            Self::UptoPermit2Proxy => Some(UPTO_PERMIT2_PROXY),
            Self::Wallet => None,
            Self::WalletFactory => Some(WALLET_FACTORY),
        }
    }

    /// The runtime code. It works at any address of any chain, so that `anvil_setCode` can place it
    /// on another node too; the proxies look for Permit2 at its canonical address.
    #[must_use]
    pub fn runtime_code(self) -> Bytes {
        match self {
            Self::Usdc => deployed!("DevUSDC"),
            Self::Permit2 => deployed!("DevPermit2"),
            Self::ExactPermit2Proxy => deployed!("X402ExactPermit2Proxy"),
            Self::UptoPermit2Proxy => deployed!("X402UptoPermit2Proxy"),
            Self::Wallet => deployed!("DevWallet"),
            Self::WalletFactory => deployed!("DevWalletFactory"),
        }
    }
}

fn read(artifact: &str) -> Bytes {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Artifact {
        deployed_bytecode: Bytes,
    }
    #[expect(clippy::expect_used, reason = "the artifact is part of this crate, and no input")]
    let artifact: Artifact = serde_json::from_str(artifact).expect("the artifact is valid");
    artifact.deployed_bytecode
}
