//! The client against servers that behave and servers that do not: one file per behaviour.

#![cfg(test)]

#[cfg(feature = "reqwest")]
mod approving;
#[cfg(feature = "reqwest")]
mod at_large;
#[cfg(feature = "reqwest")]
mod attacks;
#[cfg(feature = "reqwest")]
mod buying;
#[cfg(feature = "reqwest")]
mod challenges;
mod choosing;
mod common;
mod configuration;
mod hostile_bytes;
#[cfg(feature = "rustls")]
mod https;
#[cfg(feature = "reqwest")]
mod naming;
#[cfg(feature = "reqwest")]
mod outcomes;
#[cfg(feature = "reqwest")]
mod redirects;
mod signed_receipts;
mod without_a_client;
