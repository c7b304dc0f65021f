#![doc = include_str!("../README.md")]

mod books;
mod builder;
mod chain;
mod error;
mod facilitator;
mod health;
mod order;
mod payment;
mod receipt;
mod router;
mod rpc;
mod sender;
mod settle;
mod settlements;
mod take_up;
mod verify;

pub use builder::{BuildError, FacilitatorBuilder};
pub use chain::Chain;
pub use error::Unavailable;
pub use facilitator::EvmFacilitator;
pub use health::{ChainHealth, Health, SignerHealth};
pub use router::Endpoint;
pub use rpc::RpcError;
