//! Payments before axum: one file per behaviour.

#![cfg(test)]

mod addresses;
mod attribute;
#[cfg(feature = "schemars")]
mod bazaar;
mod common;
mod copies;
#[cfg(feature = "cors")]
mod cors;
mod directory;
mod disconnects;
mod extractor;
mod limits;
mod named_payments;
mod rewritten;
mod trailers;
mod ui;
mod upto;
