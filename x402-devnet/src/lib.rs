#![doc = include_str!("../README.md")]

mod accounts;
mod builder;
mod chain;
mod devnet;
mod node;
mod rpc;
mod server;
mod token;
mod transport;

pub use accounts::{DEV_ACCOUNTS, DevAccount};
pub use builder::{BuildError, DevnetBuilder};
pub use devnet::{CodeError, Devnet, TimeError, TokenError};
pub use server::Server;
pub use token::{DevUsdc, USDC, runtime_code};
pub use transport::DevnetTransport;
