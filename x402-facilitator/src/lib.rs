#![doc = include_str!("../README.md")]

mod approve;
mod attribution;
mod batch;
mod books;
mod builder;
mod chain;
mod deploy;
mod error;
mod facilitator;
mod health;
mod order;
mod payment;
mod plain;
mod prepare;
mod receipt;
mod router;
mod rpc;
mod sender;
mod settle;
mod settlements;
mod take_up;
mod turns;
mod verify;

pub use attribution::BuilderCodes;
pub use builder::{BuildError, FacilitatorBuilder};
pub use chain::Chain;
pub use error::Unavailable;
pub use facilitator::EvmFacilitator;
pub use health::{ChainHealth, Health, SignerHealth};
pub use router::Endpoint;
pub use rpc::RpcError;
