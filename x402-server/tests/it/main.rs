//! The server's claims on a facilitator that does as it is told: one file per behaviour.

#![cfg(test)]

mod ambiguous_requests;
mod arbitrary_headers;
#[cfg(feature = "schemars")]
mod bazaar;
mod caches;
mod challenge;
mod common;
mod concurrency_limit;
mod configuration;
mod copies;
mod cors;
mod delivered;
mod deliveries;
mod directory;
mod drain;
mod dropped;
mod dynamic;
mod extensions;
mod facilitator_connections;
mod flood;
mod forwarding;
mod handlers_answer;
mod hooks;
mod hostile_facilitator;
#[cfg(feature = "price-list")]
mod hostile_paths;
mod hostile_payments;
#[cfg(feature = "price-list")]
mod long_lists;
mod metrics;
mod offer_receipts;
#[cfg(feature = "utoipa")]
mod openapi;
mod payment_identifier;
mod permit2;
#[cfg(feature = "price-list")]
mod price_list;
#[cfg(feature = "price-list")]
mod price_list_files;
mod receipts;
mod refusals;
mod secrets;
mod several_ways;
mod smart_wallets;
mod spans;
mod stores;
mod tiers;
mod unknown_settlement;
mod upfront;
mod upto;
mod version_1;
