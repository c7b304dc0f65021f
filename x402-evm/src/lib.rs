#![doc = include_str!("../README.md")]

pub mod approval;
mod chain_reader;
mod domain;
pub mod eip2612;
pub mod eip3009;
mod exact;
mod offer;
pub mod offer_receipt;
mod payment;
pub mod permit2;
pub mod sign_in_with_x;
mod signature;
mod signer;
mod text;
mod upto;
mod wallet;

pub use chain_reader::{ChainReader, Fees, Reading};
pub use domain::Domain;
pub use exact::{EXACT, ExactEvm, ExactEvmPayer, ExactPayload, ExactTerms, Verified, exact_offer};
pub use signature::{Signature, SignatureError};
pub use signer::{LocalSigner, Signer, SignerError, TypedData};
pub use upto::{UPTO, UptoEvm, UptoEvmPayer, upto_offer};
pub use wallet::{Deployment, PayerSignature, PayerSignatureError};
