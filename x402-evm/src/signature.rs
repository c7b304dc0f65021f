use std::fmt;
use std::str::FromStr;

use alloy_primitives::{Address, B256, keccak256};
use k256::ecdsa::{RecoveryId, Signature as EcdsaSignature, VerifyingKey};

use crate::text;

/// A signature of an EVM account over a digest: r, s and v, 65 bytes, with s in the lower half.
///
/// On the wire `0x` and 130 hexadecimal digits. `Debug` does not print it: whoever holds the
/// signature of an authorization can settle it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Signature {
    ecdsa: EcdsaSignature,
    recovery: RecoveryId,
}

/// Why bytes are no signature, or a signature nobody's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// Not `0x` and 130 hexadecimal digits.
    #[error("a signature is 0x and 130 hexadecimal digits: r, s, v")]
    Format,
    /// `v` is none of 27, 28, 0 and 1.
    #[error("the signature's v is neither 27 nor 28")]
    RecoveryId,
    /// `r` or `s` is zero or not below the curve's order.
    #[error("the signature's r or s is out of range")]
    OutOfRange,
    /// `s` is in the upper half: the malleable twin of a sound signature, which tokens refuse.
    #[error("the signature's s is in the upper half of the curve's order")]
    HighS,
    /// No key makes this signature over this digest.
    #[error("no key makes this signature over this message")]
    Unrecoverable,
}

impl Signature {
    /// Reads r, s and v.
    ///
    /// # Errors
    /// [`SignatureError`], never a fallback.
    pub fn from_bytes(bytes: &[u8; 65]) -> Result<Self, SignatureError> {
        let (rs, v) = bytes.split_at(64);
        let odd = match v {
            [27 | 0] => false,
            [28 | 1] => true,
            _ => return Err(SignatureError::RecoveryId),
        };
        let ecdsa = EcdsaSignature::from_slice(rs).map_err(|_| SignatureError::OutOfRange)?;
        if ecdsa.normalize_s() != ecdsa {
            return Err(SignatureError::HighS);
        }
        Ok(Self { ecdsa, recovery: RecoveryId::new(odd, false) })
    }

    pub(crate) fn from_parts(ecdsa: EcdsaSignature, recovery: RecoveryId) -> Self {
        Self { ecdsa, recovery }
    }

    /// r, s and v, the latter 27 or 28.
    pub fn to_bytes(self) -> [u8; 65] {
        let mut bytes = [0; 65];
        let (rs, v) = bytes.split_at_mut(64);
        rs.copy_from_slice(&self.ecdsa.to_bytes());
        v.fill(self.v());
        bytes
    }

    /// The first half.
    pub fn r(self) -> B256 {
        let (r, _) = self.ecdsa.split_bytes();
        B256::from_slice(&r)
    }

    /// The second half.
    pub fn s(self) -> B256 {
        let (_, s) = self.ecdsa.split_bytes();
        B256::from_slice(&s)
    }

    /// 27 or 28.
    pub fn v(self) -> u8 {
        if self.recovery.is_y_odd() { 28 } else { 27 }
    }

    /// The account that signed this digest.
    ///
    /// # Errors
    /// [`SignatureError::Unrecoverable`].
    pub fn recover(self, digest: B256) -> Result<Address, SignatureError> {
        let key = VerifyingKey::recover_from_prehash(digest.as_slice(), &self.ecdsa, self.recovery)
            .map_err(|_| SignatureError::Unrecoverable)?;
        Ok(address_of(&key))
    }
}

/// The account of a public key: the last 20 bytes of its hash.
pub(crate) fn address_of(key: &VerifyingKey) -> Address {
    let point = key.to_sec1_point(false);
    // An uncompressed point is the byte 4 and then both coordinates.
    let coordinates = point.as_bytes().get(1..).unwrap_or_default();
    Address::from_word(keccak256(coordinates))
}

impl FromStr for Signature {
    type Err = SignatureError;

    fn from_str(text: &str) -> Result<Self, SignatureError> {
        Self::from_bytes(&text::bytes(text).ok_or(SignatureError::Format)?)
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&alloy_primitives::hex::encode_prefixed(self.to_bytes()))
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signature(..)")
    }
}
