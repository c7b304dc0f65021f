//! Signing and checking on EVM networks: one file per behaviour.

#![cfg(test)]

mod allowance;
mod approval;
mod assets;
mod common;
mod curve;
mod golden;
mod offer;
mod offer_receipt;
mod payer;
mod payload;
mod permit2;
mod permit2_call;
mod properties;
mod refusals;
mod secrets;
mod sign_in_with_x;
mod signature;
mod smart_wallets;
mod wallet;
