use std::fmt;

use alloy_primitives::Address;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::VerifyingKey as EdwardsKey;
use k256::ecdsa::VerifyingKey;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::json;

use super::jws::Algorithm;
use crate::LocalSigner;
use crate::signature::address_of;

/// The longest identifier that is read, in bytes.
const LONGEST: usize = 1024;
/// The longest that a key is in base58.
const LONGEST_BASE58: usize = 64;
/// What a key of secp256k1 begins with in `did:key`.
const SECP256K1: [u8; 2] = [0xe7, 0x01];
/// What a key of Ed25519 begins with there.
const ED25519: [u8; 2] = [0xed, 0x01];

/// A public key: of the curve secp256k1, an EVM account's, too, or of Ed25519.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey(pub(super) Key);

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    Secp256k1(VerifyingKey),
    Ed25519(EdwardsKey),
}

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
    #[error("the key is neither one of secp256k1 for ES256K nor of Ed25519 for EdDSA")]
    Kind,
    /// No point of the curve, or one that anybody can sign for.
    #[error("the key is no point of the curve that can be a key")]
    Point,
}

impl PublicKey {
    /// Reads a point of the curve (SEC 1), 33 bytes or 65.
    ///
    /// # Errors
    /// [`KeyError::Point`].
    pub fn from_sec1(bytes: &[u8]) -> Result<Self, KeyError> {
        let key = VerifyingKey::from_sec1_bytes(bytes).map_err(|_| KeyError::Point)?;
        Ok(Self(Key::Secp256k1(key)))
    }

    /// Reads a key of Ed25519 (RFC 8032), 32 bytes.
    ///
    /// # Errors
    /// [`KeyError::Point`].
    pub fn from_ed25519(bytes: &[u8]) -> Result<Self, KeyError> {
        let bytes = bytes.try_into().map_err(|_| KeyError::Point)?;
        let key = EdwardsKey::from_bytes(bytes).ok().filter(|key| !key.is_weak());
        key.map(|key| Self(Key::Ed25519(key))).ok_or(KeyError::Point)
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
        let algorithm = match (jwk.kty.as_str(), jwk.crv.as_deref()) {
            ("EC", Some("secp256k1")) => Algorithm::Es256k,
            ("OKP", Some("Ed25519")) => Algorithm::EdDsa,
            _ => return Err(KeyError::Kind),
        };
        if jwk.alg.is_some_and(|alg| Algorithm::named(&alg) != Some(algorithm)) {
            return Err(KeyError::Kind);
        }
        if jwk.d.is_some() {
            return Err(KeyError::Format);
        }
        let coordinate = |text: Option<String>| {
            let bytes = URL_SAFE_NO_PAD.decode(text.unwrap_or_default());
            let bytes = bytes.map_err(|_| KeyError::Format)?;
            if bytes.len() == 32 { Ok(bytes) } else { Err(KeyError::Point) }
        };
        let x = coordinate(jwk.x)?;
        match algorithm {
            Algorithm::Es256k => Self::from_sec1(&[vec![4], x, coordinate(jwk.y)?].concat()),
            Algorithm::EdDsa => Self::from_ed25519(&x),
        }
    }

    fn from_multibase(text: &str) -> Result<Self, KeyError> {
        let digits = text.strip_prefix('z').ok_or(KeyError::Format)?;
        if digits.len() > LONGEST_BASE58 {
            return Err(KeyError::Kind);
        }
        let bytes = bs58::decode(digits).into_vec().map_err(|_| KeyError::Format)?;
        if let Some(key) = bytes.strip_prefix(&ED25519) {
            return Self::from_ed25519(key);
        }
        let point = bytes.strip_prefix(&SECP256K1).ok_or(KeyError::Kind)?;
        if point.len() != 33 {
            return Err(KeyError::Point);
        }
        Self::from_sec1(point)
    }

    /// The key's bytes: a point of secp256k1, compressed (SEC 1), 33 of them; or 32 of Ed25519.
    pub fn to_bytes(self) -> Vec<u8> {
        match self.0 {
            Key::Secp256k1(key) => key.to_sec1_point(true).as_bytes().to_vec(),
            Key::Ed25519(key) => key.to_bytes().to_vec(),
        }
    }

    /// The key as an identifier that holds it.
    pub fn to_did_key(self) -> String {
        let kind = match self.0 {
            Key::Secp256k1(_) => SECP256K1,
            Key::Ed25519(_) => ED25519,
        };
        let bytes = [&kind[..], &self.to_bytes()].concat();
        format!("did:key:z{}", bs58::encode(bytes).into_string())
    }

    /// The key as a JSON Web Key.
    pub fn to_jwk(self) -> String {
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        match self.0 {
            Key::Secp256k1(key) => {
                let point = key.to_sec1_point(false);
                let coordinates = point.as_bytes().get(1..).unwrap_or_default();
                let (x, y) = coordinates.split_at_checked(32).unwrap_or_default();
                json!({"kty": "EC", "crv": "secp256k1", "x": encode(x), "y": encode(y)})
            }
            Key::Ed25519(key) => {
                json!({"kty": "OKP", "crv": "Ed25519", "x": encode(key.as_bytes())})
            }
        }
        .to_string()
    }

    /// The key as an identifier that holds it as a JSON Web Key.
    pub fn to_did_jwk(self) -> String {
        format!("did:jwk:{}", URL_SAFE_NO_PAD.encode(self.to_jwk()))
    }

    /// The account that has this key; `None` of Ed25519, which EVM accounts do not have.
    pub fn address(self) -> Option<Address> {
        match self.0 {
            Key::Secp256k1(key) => Some(address_of(&key)),
            Key::Ed25519(_) => None,
        }
    }
}

impl From<&LocalSigner> for PublicKey {
    fn from(signer: &LocalSigner) -> Self {
        Self(Key::Secp256k1(*signer.verifying_key()))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PublicKey").field(&self.to_did_key()).finish()
    }
}
