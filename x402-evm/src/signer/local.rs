use std::env::VarError;
use std::fmt;

use alloy_primitives::{Address, B256, eip191_hash_message, hex};
use k256::ecdsa::{SigningKey, VerifyingKey};
use zeroize::{ZeroizeOnDrop, Zeroizing};

use super::{Signer, SignerError, TypedData};
use crate::Signature;
use crate::signature::address_of;

/// A private key in this process's memory. Erased when dropped, not shown by `Debug`.
#[derive(Clone)]
pub struct LocalSigner {
    key: SigningKey,
    address: Address,
}

impl LocalSigner {
    /// The signer of a private key of 32 bytes.
    ///
    /// # Errors
    /// [`SignerError::InvalidKey`] for zero and for numbers not below the curve's order.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, SignerError> {
        let key = SigningKey::from_slice(bytes).map_err(|_| SignerError::InvalidKey)?;
        let address = address_of(key.verifying_key());
        Ok(Self { key, address })
    }

    /// The signer of a private key in hexadecimal, with or without `0x`.
    ///
    /// # Errors
    /// [`SignerError::InvalidKey`].
    pub fn from_hex(digits: &str) -> Result<Self, SignerError> {
        let digits = digits.trim();
        let digits = digits.strip_prefix("0x").unwrap_or(digits);
        if digits.len() != 64 {
            return Err(SignerError::InvalidKey);
        }
        let mut bytes = Zeroizing::new([0; 32]);
        hex::decode_to_slice(digits, bytes.as_mut()).map_err(|_| SignerError::InvalidKey)?;
        Self::from_bytes(&bytes)
    }

    /// The signer of the private key that an environment variable holds in hexadecimal.
    ///
    /// # Errors
    /// [`SignerError::Environment`] where it is not set, [`SignerError::InvalidKey`] where it holds
    /// something else.
    pub fn from_env(name: &str) -> Result<Self, SignerError> {
        match std::env::var(name).map(Zeroizing::new) {
            Ok(value) => Self::from_hex(&value),
            // This error shows what the variable holds, and goes no further.
            Err(VarError::NotUnicode(value)) => {
                drop(Zeroizing::new(value.into_encoded_bytes()));
                Err(SignerError::InvalidKey)
            }
            Err(source) => Err(SignerError::Environment { name: name.to_owned(), source }),
        }
    }

    /// A signer of a new key.
    ///
    /// # Errors
    /// [`SignerError::Randomness`].
    pub fn random() -> Result<Self, SignerError> {
        let mut bytes = Zeroizing::new([0; 32]);
        loop {
            getrandom::fill(bytes.as_mut()).map_err(SignerError::Randomness)?;
            // Out of range once in 2^128 draws.
            if let Ok(signer) = Self::from_bytes(&bytes) {
                return Ok(signer);
            }
        }
    }

    /// The account.
    pub fn address(&self) -> Address {
        self.address
    }

    pub(crate) fn verifying_key(&self) -> &VerifyingKey {
        self.key.verifying_key()
    }

    /// Signs a digest that the caller has computed itself, such as that of a transaction.
    ///
    /// Payments go through [`Signer`], which sees what it signs.
    pub fn sign_digest_unseen(&self, digest: B256) -> Signature {
        let (ecdsa, recovery) = self.key.sign_prehash_recoverable(digest.as_slice());
        Signature::from_parts(ecdsa, recovery)
    }
}

impl Signer for LocalSigner {
    fn address(&self) -> Address {
        self.address
    }

    async fn sign_typed_data(&self, data: &TypedData) -> Result<Signature, SignerError> {
        Ok(self.sign_digest_unseen(data.signing_hash()))
    }

    async fn sign_message(&self, text: &str) -> Result<Signature, SignerError> {
        Ok(self.sign_digest_unseen(eip191_hash_message(text)))
    }
}

// `SigningKey` erases itself, and there is nothing else to erase.
impl ZeroizeOnDrop for LocalSigner {}

impl fmt::Debug for LocalSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalSigner").field("address", &self.address).finish_non_exhaustive()
    }
}
