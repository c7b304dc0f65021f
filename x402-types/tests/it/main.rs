//! The wire types, against the protocol's examples and what hostile peers send: one file per type.

#![cfg(test)]

mod amount;
mod arbitrary;
mod asset;
mod common;
mod dependencies;
mod examples;
mod extensions;
mod header;
mod hostile_json;
mod money;
mod network;
mod nulls;
mod payment_flow;
mod properties;
mod reason;
mod resource_info;
#[cfg(feature = "schema")]
mod schemas;
mod sdk;
mod settle_response;
mod strict_types;
mod unknown_keys;
mod v1;
mod verbatim;
