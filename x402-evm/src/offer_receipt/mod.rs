//! `offer-receipt`: what a server offers, and that it was paid, signed and verified.
//!
//! As typed data ([`sign_typed`]) a [`Signer`](crate::Signer) signs; as a token of RFC 7515
//! ([`sign_jws`]) a [`JwsSigner`] does, with ES256K, the curve of EVM accounts. Tokens signed with
//! `EdDSA` (Ed25519) are verified too. [`verify`] tells
//! who signed: anybody can, so hold [`Verified::signer`] against the payee or a key that you know.
//!
//! ```
//! use x402_evm::LocalSigner;
//! use x402_evm::offer_receipt::{sign_jws, verify};
//! use x402_types::Network;
//! use x402_types::extensions::offer_receipt::Receipt;
//!
//! let server = LocalSigner::random()?;
//! let receipt = Receipt {
//!     version: 1,
//!     network: Network::BASE_SEPOLIA,
//!     resource_url: "https://api.example.com/weather".to_owned(),
//!     payer: "0x209693Bc6afc0C5328bA36FaF03C514EF312287C".to_owned(),
//!     issued_at: 1_767_225_600,
//!     transaction: None,
//! };
//! # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
//! # runtime.block_on(async {
//! let signed = sign_jws(&server, &receipt).await?;
//! assert_eq!(verify(&signed)?.signer, Some(server.address()));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod check;
mod jws;
mod key;
mod signing;
mod typed;
mod verify;

pub use check::{MAX_RECEIPT_AGE_SECONDS, OfferError, ReceiptError, verify_offer};
pub use jws::{EDDSA, ES256K, JwsSigner, WithKid};
pub use key::{KeyError, PublicKey};
pub use signing::{SignError, sign_jws, sign_typed};
pub use typed::Statement;
pub(crate) use typed::{OFFER_DOMAIN, RECEIPT_DOMAIN, offer_hash, receipt_hash};
pub use verify::{Verified, VerifyError, verify, verify_by};

/// The longest token that is signed or verified, and the most that the texts of typed data have
/// together, in bytes.
pub const SIZE_LIMIT: usize = 16 * 1024;
