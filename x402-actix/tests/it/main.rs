//! Payments before actix-web: one file per behaviour.

#![cfg(test)]

mod attribute;
#[cfg(feature = "schemars")]
mod bazaar;
mod common;
mod copies;
mod disconnects;
mod errors;
mod extractor;
mod hostile;
mod named_payments;
mod path_params;
mod streams;
mod tools;
mod ui;
mod wrapped;
