//! What a seller does at each step of a payment: [`Hooks`], and what its methods are given and answer.
//!
//! ```
//! use x402_axum::hooks::{
//!     Entry, ErrorReason, Hooks, Payment, Recovery, RequestInfo, SettleResponse, Settling,
//! };
//! use x402_axum::{Amount, Paywall, PaywallBuilder, Refused};
//!
//! /// Gives a taste to everybody, and nothing to some.
//! struct House {
//!     barred: Vec<String>,
//! }
//!
//! impl Hooks for House {
//!     async fn on_request(&self, request: &RequestInfo) -> Entry {
//!         match request.route() {
//!             Some("/taste") => Entry::GiveAway,
//!             _ => Entry::GoOn,
//!         }
//!     }
//!
//!     async fn before_settle(&self, payment: &Payment, amount: Amount) -> Settling {
//!         if self.barred.iter().any(|payer| payer == payment.payer()) {
//!             return Settling::Withhold(Refused::forbidden("Not to you."));
//!         }
//!         println!("{} is about to pay {amount}", payment.payer());
//!         Settling::GoOn
//!     }
//!
//!     async fn after_settle(&self, payment: &Payment, receipt: &SettleResponse) {
//!         println!("{} has paid by {}", payment.payer(), receipt.transaction);
//!     }
//!
//!     async fn on_settle_failure(&self, _: &Payment, reason: &ErrorReason) -> Recovery {
//!         println!("not settled: {reason}");
//!         Recovery::Stand
//!     }
//! }
//!
//! let settings: PaywallBuilder<Paywall> = Paywall::builder().hooks(House { barred: Vec::new() });
//! # drop(settings);
//! ```

pub use x402_server::{Canceled, Entry, Hooks, Payment, Recovery, RequestInfo, Settling};
pub use x402_types::{ErrorReason, SettleResponse};
