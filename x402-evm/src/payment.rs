//! What the payments of all schemes on EVM chains have in common.

use alloy_primitives::{Address, B256};
use x402_types::ErrorReason;
use x402_types::scheme::{Check, Refusal};

use crate::Signature;
use crate::text::is_bytes;

/// Seconds before its end at which a payment counts as expired: settling takes a block or two.
pub(crate) const EXPIRY_MARGIN: u64 = 6;

/// Bytes of the longest signature that a contract may have: one that tells how the contract is
/// deployed holds that call.
const SIGNATURE_LIMIT: usize = 4096;

/// A nonce for a new payment.
pub(crate) fn nonce() -> Result<B256, Refusal> {
    let mut nonce = B256::ZERO;
    match getrandom::fill(nonce.as_mut_slice()) {
        Ok(()) => Ok(nonce),
        Err(error) => {
            let detail = format!("no randomness: {error}");
            Err(Refusal::new(ErrorReason::InvalidTransactionState, detail))
        }
    }
}

/// The signature of this account over this digest, and otherwise a refusal for this reason.
pub(crate) fn signed_by(
    account: Address,
    signature: &str,
    digest: impl FnOnce() -> B256,
    reason: ErrorReason,
) -> Result<Signature, Refusal> {
    let read = signature.parse::<Signature>();
    match read.and_then(|signature| Ok((signature, signature.recover(digest())?))) {
        Ok((signature, signer)) if signer == account => Ok(signature),
        Ok(_) => Err(Refusal::new(reason, format!("{account} did not sign this"))),
        Err(error) => Err(Refusal::new(reason, error.to_string())),
    }
}

/// Looks at a signature as far as this check goes. `whole` is the costly part.
pub(crate) fn check_signature(
    check: Check,
    signature: &str,
    whole: impl FnOnce() -> Result<Signature, Refusal>,
    reason: ErrorReason,
) -> Result<(), Refusal> {
    match check {
        Check::Signature => whole().map(drop),
        Check::SmartWallets if !is_bytes(signature, SIGNATURE_LIMIT) => {
            let detail = format!("a signature is 0x and at most {SIGNATURE_LIMIT} bytes");
            Err(Refusal::new(reason, detail))
        }
        Check::SmartWallets | Check::WithoutSignature => Ok(()),
    }
}
