#![doc = include_str!("../README.md")]

mod accounts;
mod builder;
mod chain;
mod contract;
mod devnet;
mod node;
mod permit2;
mod rpc;
mod server;
mod token;
mod transport;
mod wallet;

pub use accounts::{DEV_ACCOUNTS, DevAccount};
pub use builder::{BuildError, DevnetBuilder};
pub use contract::Contract;
pub use devnet::{CodeError, Devnet, TimeError, TokenError};
pub use server::Server;
pub use token::{DevUsdc, USDC, runtime_code};
pub use transport::DevnetTransport;
pub use wallet::{DevWallet, DevWalletFactory, WALLET_FACTORY, WalletError};
