//! The claims, by what they are about. Each opens a shop of its own.
#![allow(missing_docs, reason = "their names say it")]

pub mod addresses;
pub mod connections;
pub mod hanging_up;
pub mod hostile;
pub mod once;
pub mod outcomes;
pub mod prices;
pub mod served;
pub mod streams;
pub mod terms;
