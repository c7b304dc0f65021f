#![doc = include_str!("../README.md")]

mod claims;
mod key;
mod memory;
mod payments;

pub use claims::{ClaimState, Claimed, Claims};
pub use key::PaymentKey;
pub use memory::MemoryStore;
pub use payments::{Payment, Payments, Status};

#[doc(hidden)]
pub mod dynamic;

/// Why a store did not do as it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// No room for another live entry. Nothing was forgotten to make some.
    #[error("the store is full: {capacity} live entries")]
    Full {
        /// Live entries that it holds.
        capacity: usize,
    },
    /// There is no entry of this key.
    #[error("the store has no entry for this payment")]
    Missing,
    /// The store could not be reached, or broke.
    #[error("the store cannot be used: {0}")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
}
