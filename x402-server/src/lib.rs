#![doc = include_str!("../README.md")]

mod allowance;
pub mod cors;
mod engine;
pub mod facilitator;
mod foreign;
#[cfg(feature = "tower")]
pub mod layer;
mod offer_receipts;
mod page;
mod paywall;

pub use allowance::Allowance;
pub use engine::{
    Admission, Canceled, ChargeError, Delivery, Entry, FirstLook, Gate, Hooks, Payment, Question,
    Recovery, Refused, Reply, RequestHead, RequestInfo, Settling, StoredAnswer, Ticket,
};
pub use offer_receipts::OfferReceipts;
pub use paywall::{
    ConfigError, Directory, DynamicPrice, Inquiry, IntoNetwork, ListedPrice, ListedPricing,
    ListedRoute, Listing, Mistake, Paywall, PaywallBuilder, Price, Quote, Tag, TagScheme,
};
#[cfg(feature = "price-list")]
pub use paywall::{PriceList, PriceListError, PriceListFault, PriceListMistake, PriceTable};
