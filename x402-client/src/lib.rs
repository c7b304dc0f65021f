#![doc = include_str!("../README.md")]

mod builder;
mod challenge;
mod choose;
mod limit;
mod naming;
mod outstanding;
mod pay;
mod payer;
mod purchase;
mod receipt;
#[cfg(feature = "reqwest")]
mod reqwest;
mod settlement;
mod signed_receipt;
mod terms;
mod untrusted;

pub use builder::{ConfigError, Mistake, PayerBuilder};
pub use challenge::{Challenge, ChallengeError, Offer};
pub use choose::{Choice, ChooseError, OfferRefusal};
pub use limit::{Limit, LimitError};
pub use pay::{PayError, SignedPayment};
pub use payer::Payer;
pub use purchase::Purchase;
pub use receipt::Receipt;
#[cfg(feature = "reqwest")]
pub use reqwest::{PaymentError, ReceiptExt};
pub use settlement::{OutcomeUnknown, Rejected};
pub use signed_receipt::SignedReceiptError;
pub use untrusted::Untrusted;
