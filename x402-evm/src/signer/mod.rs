//! Signatures, and those who give them.
//!
//! | file | what |
//! |---|---|
//! | `typed_data` | what may be asked to be signed, and its digest |
//! | `json` | the same for a wallet behind JSON-RPC |
//! | `local` | a key in memory |

mod json;
mod local;
mod typed_data;

pub use local::LocalSigner;
pub use typed_data::TypedData;

use std::env::VarError;
use std::sync::Arc;

use alloy_primitives::Address;

use crate::Signature;

/// One who can sign for an account: a key in memory, a wallet, a key management service.
pub trait Signer: Send + Sync + 'static {
    /// The account.
    fn address(&self) -> Address;

    /// Signs.
    ///
    /// A remote signer may have signed even where the future is dropped.
    ///
    /// # Errors
    /// [`SignerError`] where the signer refuses or cannot be reached.
    fn sign_typed_data(
        &self,
        data: &TypedData,
    ) -> impl Future<Output = Result<Signature, SignerError>> + Send;

    /// Signs a text that a person could read (EIP-191, `personal_sign`), such as that of
    /// [`sign_in_with_x`](crate::sign_in_with_x). Its prefix keeps it apart from every payment and
    /// transaction.
    ///
    /// A remote signer may have signed even where the future is dropped.
    ///
    /// # Errors
    /// [`SignerError`] as above. A signer that does not say how signs no texts.
    fn sign_message(
        &self,
        text: &str,
    ) -> impl Future<Output = Result<Signature, SignerError>> + Send {
        let _ = text;
        std::future::ready(Err(SignerError::Refused("this signer signs no texts".into())))
    }
}

impl<S: Signer> Signer for Arc<S> {
    fn address(&self) -> Address {
        (**self).address()
    }

    fn sign_typed_data(
        &self,
        data: &TypedData,
    ) -> impl Future<Output = Result<Signature, SignerError>> + Send {
        (**self).sign_typed_data(data)
    }

    fn sign_message(
        &self,
        text: &str,
    ) -> impl Future<Output = Result<Signature, SignerError>> + Send {
        (**self).sign_message(text)
    }
}

/// Why there is no signature or no key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SignerError {
    /// Not a private key.
    #[error("a private key is 32 bytes in hexadecimal, not zero and below the curve's order")]
    InvalidKey,
    /// The environment variable is not there.
    #[error("the environment variable {name} holds no private key")]
    Environment {
        /// Its name.
        name: String,
        /// What is wrong with it.
        source: VarError,
    },
    /// The operating system gave no randomness.
    #[error("no randomness: {0}")]
    Randomness(#[source] getrandom::Error),
    /// The signer refused or could not be reached.
    #[error("the signer gave no signature: {0}")]
    Refused(#[source] Box<dyn std::error::Error + Send + Sync>),
}
