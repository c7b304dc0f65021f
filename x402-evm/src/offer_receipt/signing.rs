use x402_types::JsonError;
use x402_types::extensions::Signature;
use x402_types::extensions::offer_receipt::{Format, Signed};

use super::{JwsSigner, Statement, jws};
use crate::{Signer, SignerError};

/// Why nothing was signed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SignError {
    /// The signer gave no signature.
    #[error(transparent)]
    Signer(#[from] SignerError),
    /// A number is too large for a token's canonical text.
    #[error(transparent)]
    Canonical(#[from] JsonError),
    /// More than [`SIZE_LIMIT`](super::SIZE_LIMIT).
    #[error("an offer or a receipt has at most {} bytes", super::SIZE_LIMIT)]
    TooLong,
}

/// Signs an offer or a receipt as typed data. An offer's `acceptIndex` is the caller's to set.
///
/// Where there is no `validUntil` or `transaction`, the typed data has 0 or an empty text, and so
/// has the payload, as the official SDKs read it.
///
/// # Errors
/// [`SignError`].
pub async fn sign_typed<T: Statement>(
    signer: &impl Signer,
    payload: T,
) -> Result<Signed<T>, SignError> {
    if payload.size() > super::SIZE_LIMIT {
        return Err(SignError::TooLong);
    }
    let payload = payload.filled();
    let signature = signer.sign_typed_data(&payload.typed_data()).await?;
    Ok(Signed {
        format: Format::Eip712,
        accept_index: None,
        payload: Some(payload),
        signature: Signature::new(signature.to_string()),
    })
}

/// Signs an offer or a receipt as a token. An offer's `acceptIndex` is the caller's to set.
///
/// # Errors
/// [`SignError`].
pub async fn sign_jws<T: Statement>(
    signer: &impl JwsSigner,
    payload: &T,
) -> Result<Signed<T>, SignError> {
    let token = jws::write(signer, &payload.canonical()?).await?;
    Ok(Signed {
        format: Format::Jws,
        accept_index: None,
        payload: None,
        signature: Signature::new(token),
    })
}
