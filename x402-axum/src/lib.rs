#![doc = include_str!("../README.md")]

mod payment;
mod paywall;

pub use payment::{NotPaid, Payment};
pub use paywall::{Paywall, PriceLayer};
pub use x402_server::{ChargeError, ConfigError, Listing, Mistake, PaywallBuilder};
pub use x402_types::extensions::bazaar::{BodyType, Shape};
