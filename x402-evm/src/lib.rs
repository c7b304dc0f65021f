#![doc = include_str!("../README.md")]

mod domain;
pub mod eip3009;
mod exact;
mod signature;
mod signer;
mod text;

pub use domain::Domain;
pub use exact::{EXACT, ExactEvm, ExactEvmPayer, ExactPayload, ExactTerms, Verified, exact_offer};
pub use signature::{Signature, SignatureError};
pub use signer::{LocalSigner, Signer, SignerError, TypedData};
