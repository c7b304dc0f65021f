#![doc = include_str!("../README.md")]

mod domain;
pub mod eip2612;
pub mod eip3009;
mod exact;
mod offer;
pub mod permit2;
mod signature;
mod signer;
mod text;
mod upto;

pub use domain::Domain;
pub use exact::{EXACT, ExactEvm, ExactEvmPayer, ExactPayload, ExactTerms, Verified, exact_offer};
pub use signature::{Signature, SignatureError};
pub use signer::{LocalSigner, Signer, SignerError, TypedData};
pub use upto::{UPTO, UptoEvm, UptoEvmPayer, upto_offer};
