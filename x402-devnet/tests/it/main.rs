//! The development chain, called as a node is called: one file per behaviour.

#![cfg(test)]

mod http;
mod permit2;
mod support;
mod token;
mod transactions;
#[cfg(feature = "interop")]
mod viem;
mod wallets;
