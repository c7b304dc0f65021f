use std::fmt;

use alloy_primitives::Address;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use k256::ecdsa::VerifyingKey;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::json;

use crate::LocalSigner;
use crate::signature::address_of;

/// The longest identifier that is read, in bytes.
const LONGEST: usize = 1024;
/// The longest that a key of secp256k1 is in base58.
const LONGEST_BASE58: usize = 64;
/// What a key of secp256k1 begins with in `did:key`.
const SECP256K1: [u8; 2] = [0xe7, 0x01];

/// A public key of the curve secp256k1: an EVM account's, too.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey(pub(super) VerifyingKey);

/// Why text holds no public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// Not an identifier of the kind `did:key` or `did:jwk`.
    #[error("neither a did:key nor a did:jwk")]
    Format,
    /// An identifier of another kind, such as `did:web`: whoever looks its key up passes the key.
    #[error("the identifier does not hold the key itself: find the key and pass it")]
    Elsewhere,
    /// A key of another curve or algorithm.
    #[error("the key is not one of secp256k1 for ES256K")]
    Kind,
    /// No point of the curve.
    #[error("the key is no point of the curve")]
    Point,
}

impl PublicKey {
    /// Reads a point of the curve (SEC 1), 33 bytes or 65.
    ///
    /// # Errors
    /// [`KeyError::Point`].
    pub fn from_sec1(bytes: &[u8]) -> Result<Self, KeyError> {
        VerifyingKey::from_sec1_bytes(bytes).map(Self).map_err(|_| KeyError::Point)
    }

    /// Reads the key that a `did:key` or `did:jwk` holds. What follows a `#` tells nothing more.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn from_did(did: &str) -> Result<Self, KeyError> {
        if did.len() > LONGEST {
            return Err(KeyError::Format);
        }
        let did = did.split_once('#').map_or(did, |(did, _)| did);
        let (method, identifier) = did
            .strip_prefix("did:")
            .and_then(|rest| rest.split_once(':'))
            .ok_or(KeyError::Format)?;
        match method {
            "key" => Self::from_multibase(identifier),
            "jwk" => {
                let json = URL_SAFE_NO_PAD.decode(identifier).map_err(|_| KeyError::Format)?;
                Self::from_jwk(std::str::from_utf8(&json).map_err(|_| KeyError::Format)?)
            }
            _ => Err(KeyError::Elsewhere),
        }
    }

    /// Reads a JSON Web Key. One that holds the private key too is refused: it is nobody's any more.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn from_jwk(json: &str) -> Result<Self, KeyError> {
        #[derive(Deserialize)]
        struct Jwk {
            kty: String,
            crv: Option<String>,
            alg: Option<String>,
            x: Option<String>,
            y: Option<String>,
            d: Option<IgnoredAny>,
        }
        if json.len() > LONGEST {
            return Err(KeyError::Format);
        }
        let jwk: Jwk = x402_types::header::from_json(json).map_err(|_| KeyError::Format)?;
        let other = jwk.alg.is_some_and(|alg| alg != super::ES256K);
        if jwk.kty != "EC" || jwk.crv.as_deref() != Some("secp256k1") || other {
            return Err(KeyError::Kind);
        }
        if jwk.d.is_some() {
            return Err(KeyError::Format);
        }
        let mut point = vec![4];
        for coordinate in [jwk.x, jwk.y] {
            let bytes = URL_SAFE_NO_PAD
                .decode(coordinate.unwrap_or_default())
                .map_err(|_| KeyError::Format)?;
            if bytes.len() != 32 {
                return Err(KeyError::Point);
            }
            point.extend(bytes);
        }
        Self::from_sec1(&point)
    }

    fn from_multibase(text: &str) -> Result<Self, KeyError> {
        let digits = text.strip_prefix('z').ok_or(KeyError::Format)?;
        if digits.len() > LONGEST_BASE58 {
            return Err(KeyError::Kind);
        }
        let bytes = bs58::decode(digits).into_vec().map_err(|_| KeyError::Format)?;
        let point = bytes.strip_prefix(&SECP256K1).ok_or(KeyError::Kind)?;
        if point.len() != 33 {
            return Err(KeyError::Point);
        }
        Self::from_sec1(point)
    }

    /// The point of the curve, compressed (SEC 1).
    pub fn to_sec1(self) -> [u8; 33] {
        let mut bytes = [0; 33];
        bytes.copy_from_slice(self.0.to_sec1_point(true).as_bytes());
        bytes
    }

    /// The key as an identifier that holds it.
    pub fn to_did_key(self) -> String {
        let bytes = [&SECP256K1[..], &self.to_sec1()].concat();
        format!("did:key:z{}", bs58::encode(bytes).into_string())
    }

    /// The key as a JSON Web Key.
    pub fn to_jwk(self) -> String {
        let point = self.0.to_sec1_point(false);
        let coordinates = point.as_bytes().get(1..).unwrap_or_default();
        let (x, y) = coordinates.split_at_checked(32).unwrap_or_default();
        let [x, y] = [x, y].map(|bytes| URL_SAFE_NO_PAD.encode(bytes));
        json!({"kty": "EC", "crv": "secp256k1", "x": x, "y": y}).to_string()
    }

    /// The key as an identifier that holds it as a JSON Web Key.
    pub fn to_did_jwk(self) -> String {
        format!("did:jwk:{}", URL_SAFE_NO_PAD.encode(self.to_jwk()))
    }

    /// The account that has this key.
    pub fn address(self) -> Address {
        address_of(&self.0)
    }
}

impl From<&LocalSigner> for PublicKey {
    fn from(signer: &LocalSigner) -> Self {
        Self(*signer.verifying_key())
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PublicKey").field(&self.to_did_key()).finish()
    }
}
