//! What a paywall does, whatever framework it stands in: one list of claims that runs unchanged against
//! every [`Shop`]. The shops are in `tests/`, one for each framework; where frameworks differ with good
//! reason stands in `README.md`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a library of tests, and of nothing else"
)]

pub mod claims;
mod client;
#[path = "../../x402-server/tests/it/common/mod.rs"]
#[allow(missing_docs, reason = "another crate's tests")]
mod common;
mod goods;
mod list;
mod shop;
mod stream;

pub use client::{Begun, Client, Connection};
pub use common::{Answer, Double, Latch, MARKER, Payer, Payment, SITE, Say, until};
pub use goods::{Goods, Unanswered};
pub use shop::{Running, Shop, Site};
pub use stream::Stream;
