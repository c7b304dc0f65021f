use alloy_primitives::Address;
use x402_types::JsonError;
use x402_types::extensions::offer_receipt::{Format, Signed};

use super::jws::Token;
use super::{EDDSA, ES256K, KeyError, PublicKey, Statement};
use crate::{Signature, SignatureError, text};

/// What was signed, and by whom. Whether by the right one, the caller knows.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verified<T> {
    /// What was signed. Of typed data a `validUntil` of 0 and an empty `transaction` are left out:
    /// they mean that there is none.
    pub payload: T,
    /// The account whose key signed, also where a token was signed; `None` where the key is one of
    /// Ed25519, which no EVM account has: hold its `kid` against the one that you know, or
    /// [`verify_by`] its key.
    pub signer: Option<Address>,
    /// The name of the key, as a token's header has it. Signed, but the signer's own word.
    pub kid: Option<String>,
    /// Which entry of `accepts` it is said to be about. Not signed.
    pub accept_index: Option<u64>,
}

impl<T> Verified<T> {
    /// Whether this account signed, such as the payee. `false` for what is no address.
    pub fn is_signed_by(&self, address: &str) -> bool {
        self.signer.is_some() && text::address(address) == self.signer
    }
}

/// Why a signature is not believed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// More than [`SIZE_LIMIT`](super::SIZE_LIMIT).
    #[error("an offer or a receipt has at most {} bytes", super::SIZE_LIMIT)]
    TooLong,
    /// Not a compact token: three parts in base64url without padding.
    #[error("not a token of three parts in base64url without padding")]
    Token,
    /// The header is not JSON with an `alg`, or asks for more than is known here.
    #[error("the token's header is none, or asks for what is not known here")]
    Header,
    /// Another algorithm than ES256K and `EdDSA`, of which `none` is one.
    #[error("the token's algorithm is {0:?}, neither {ES256K} nor {EDDSA}")]
    Algorithm(String),
    /// The header names no key, and none was given.
    #[error("the token names no key: pass the one that it should be of")]
    NoKey,
    /// The key that the header names is none that can be used.
    #[error("the token's key: {0}")]
    Key(#[from] KeyError),
    /// The signature is not the key's.
    #[error("the signature is not one of this key over this token")]
    Signature,
    /// The signature of typed data is none.
    #[error(transparent)]
    Typed(#[from] SignatureError),
    /// Another key than the one that was asked for signed typed data.
    #[error("another key signed this")]
    OtherKey,
    /// What is signed is neither an offer nor a receipt, or is not there.
    #[error("what is signed: {0}")]
    Payload(#[source] JsonError),
}

/// Who signed: of a token the key that its own header names by `did:key` or `did:jwk`.
///
/// # Errors
/// [`VerifyError`].
pub fn verify<T: Statement>(signed: &Signed<T>) -> Result<Verified<T>, VerifyError> {
    inspect(signed, None)
}

/// Whether this key signed: one from configuration, or found where a `did:web` points. A token's
/// own word on its key counts for nothing then.
///
/// # Errors
/// [`VerifyError`].
pub fn verify_by<T: Statement>(
    signed: &Signed<T>,
    key: &PublicKey,
) -> Result<Verified<T>, VerifyError> {
    inspect(signed, Some(key))
}

fn inspect<T: Statement>(
    signed: &Signed<T>,
    key: Option<&PublicKey>,
) -> Result<Verified<T>, VerifyError> {
    let accept_index = signed.accept_index;
    let payload = || signed.payload().map_err(VerifyError::Payload);
    match signed.format {
        Format::Eip712 => {
            let signature: Signature = signed.signature.as_str().parse()?;
            let payload = payload()?;
            if payload.size() > super::SIZE_LIMIT {
                return Err(VerifyError::TooLong);
            }
            let payload = payload.into_owned().normal();
            let signer = signature.recover(payload.typed_data().signing_hash())?;
            if key.is_some_and(|key| key.address() != Some(signer)) {
                return Err(VerifyError::OtherKey);
            }
            Ok(Verified { payload, signer: Some(signer), kid: None, accept_index })
        }
        Format::Jws => {
            let token = Token::read(signed.signature.as_str())?;
            let key = match (key, &token.kid) {
                (Some(key), _) => *key,
                (None, Some(kid)) => PublicKey::from_did(kid)?,
                (None, None) => return Err(VerifyError::NoKey),
            };
            token.verify(&key)?;
            let payload = payload()?.into_owned();
            Ok(Verified { payload, signer: key.address(), kid: token.kid, accept_index })
        }
    }
}
