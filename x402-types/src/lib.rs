#![doc = include_str!("../README.md")]

mod amount;
mod asset;
mod engines;
pub mod extensions;
pub mod facilitator;
pub mod header;
mod hostile;
mod json;
mod message;
mod money;
mod network;
mod reason;
mod resource;
#[cfg(feature = "schema")]
pub mod schema;
pub mod scheme;
pub mod v1;

pub use amount::{Amount, AmountError};
pub use asset::{Asset, TransferMethod};
pub use header::{DecodeError, decode, encode};
pub use json::{JsonError, RawObject, Verbatim, object as from_object};
pub use message::{
    PaymentFlow, PaymentPayload, PaymentRequired, PaymentRequirements, SettleRequest,
    SettleResponse, SupportedKind, SupportedResponse, VerifyRequest, VerifyResponse, Version,
    peek_version,
};
pub use money::{Money, MoneyError};
pub use network::{Network, NetworkError};
pub use reason::{ErrorReason, Fault};
pub use resource::ResourceInfo;
