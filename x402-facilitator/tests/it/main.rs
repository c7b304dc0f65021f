//! The facilitator against a development chain, in process: one file per behaviour.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that panics has failed"
)]

mod approval;
mod books;
mod build;
mod builder_codes;
mod common;
mod deployment;
mod evidence;
mod faults;
mod found;
mod http;
mod line;
mod permit2;
mod secrets;
mod settle;
mod sponsoring;
mod upto;
mod verify;
mod wallets;
mod wrapped;
