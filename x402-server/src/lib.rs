#![doc = include_str!("../README.md")]

mod engine;
pub mod facilitator;
mod foreign;
#[cfg(feature = "tower")]
pub mod layer;
mod paywall;

pub use engine::{Admission, ChargeError, Gate, Payment, Reply, RequestHead, StoredAnswer, Ticket};
pub use paywall::{ConfigError, IntoNetwork, Listing, Mistake, Paywall, PaywallBuilder, Price};
