#![doc = include_str!("../README.md")]

mod engine;
pub mod facilitator;
mod foreign;
#[cfg(feature = "tower")]
pub mod layer;
mod paywall;

pub use engine::{Admission, ChargeError, Gate, Payment, Reply, RequestHead, Ticket};
pub use paywall::{ConfigError, IntoNetwork, Mistake, Paywall, PaywallBuilder, Price};
