//! Compact tokens of RFC 7515, of two algorithms. A key is of one of them.

use std::sync::Arc;

use alloy_primitives::B256;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::Signature as EdwardsSignature;
use k256::ecdsa::Signature as EcdsaSignature;
use k256::ecdsa::signature::hazmat::PrehashVerifier;
use k256::sha2::{Digest, Sha256};
use serde::Serialize;
use serde_json::{Map, Value};

use super::key::Key;
use super::{KeyError, PublicKey, SIZE_LIMIT, SignError, VerifyError};
use crate::{LocalSigner, SignerError, text};

/// The algorithm: ECDSA over secp256k1 of a SHA-256 (RFC 8812).
pub const ES256K: &str = "ES256K";
/// The other algorithm that is verified: Ed25519 (RFC 8037).
pub const EDDSA: &str = "EdDSA";

/// What a token may be signed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Algorithm {
    Es256k,
    EdDsa,
}

impl Algorithm {
    /// `Ed25519` is the newer name of the same (RFC 9864).
    pub(super) fn named(name: &str) -> Option<Self> {
        match name {
            ES256K => Some(Self::Es256k),
            EDDSA | "Ed25519" => Some(Self::EdDsa),
            _ => None,
        }
    }
}

/// One who signs tokens: a key in memory, a key management service.
pub trait JwsSigner: Send + Sync + 'static {
    /// Where a verifier finds the key: `did:key`, `did:jwk` or `did:web`.
    fn kid(&self) -> String;

    /// Signs a token's header and payload, as they stand before its second point, with
    /// [`ES256K`]: r and s, 32 bytes each.
    ///
    /// A remote signer may have signed even where the future is dropped.
    ///
    /// # Errors
    /// [`SignerError`] where the signer refuses or cannot be reached.
    fn sign_jws(
        &self,
        signing_input: &str,
    ) -> impl Future<Output = Result<[u8; 64], SignerError>> + Send;
}

/// Under the key's own `did:key`.
impl JwsSigner for LocalSigner {
    fn kid(&self) -> String {
        PublicKey::from(self).to_did_key()
    }

    async fn sign_jws(&self, signing_input: &str) -> Result<[u8; 64], SignerError> {
        let signature = self.sign_digest_unseen(digest(signing_input));
        let mut bytes = [0; 64];
        let (r, s) = bytes.split_at_mut(32);
        r.copy_from_slice(signature.r().as_slice());
        s.copy_from_slice(signature.s().as_slice());
        Ok(bytes)
    }
}

impl<S: JwsSigner> JwsSigner for Arc<S> {
    fn kid(&self) -> String {
        (**self).kid()
    }

    fn sign_jws(
        &self,
        signing_input: &str,
    ) -> impl Future<Output = Result<[u8; 64], SignerError>> + Send {
        (**self).sign_jws(signing_input)
    }
}

/// A signer whose key is found elsewhere, such as `did:web:api.example.com#key-1`.
#[derive(Clone, Debug)]
pub struct WithKid<S> {
    signer: S,
    kid: String,
}

impl<S: JwsSigner> WithKid<S> {
    /// The same signer under another identifier.
    pub fn new(signer: S, kid: impl Into<String>) -> Self {
        Self { signer, kid: kid.into() }
    }
}

impl<S: JwsSigner> JwsSigner for WithKid<S> {
    fn kid(&self) -> String {
        self.kid.clone()
    }

    fn sign_jws(
        &self,
        signing_input: &str,
    ) -> impl Future<Output = Result<[u8; 64], SignerError>> + Send {
        self.signer.sign_jws(signing_input)
    }
}

/// The token of a payload.
pub(super) async fn write(signer: &impl JwsSigner, payload: &str) -> Result<String, SignError> {
    #[derive(Serialize)]
    struct Header<'a> {
        alg: &'static str,
        kid: &'a str,
    }
    let header = serde_json::to_string(&Header { alg: ES256K, kid: &signer.kid() })
        .map_err(x402_types::JsonError::from)?;
    let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let input = format!("{}.{}", encode(&header), encode(payload));
    // 86 digits and a point follow.
    if input.len() + 87 > SIZE_LIMIT {
        return Err(SignError::TooLong);
    }
    let signature = signer.sign_jws(&input).await?;
    Ok(format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature)))
}

/// A token taken apart, of which nothing is verified but the algorithm.
pub(super) struct Token<'a> {
    pub(super) kid: Option<String>,
    input: &'a str,
    signature: TokenSignature,
}

enum TokenSignature {
    Es256k(EcdsaSignature),
    EdDsa(EdwardsSignature),
}

impl<'a> Token<'a> {
    pub(super) fn read(token: &'a str) -> Result<Self, VerifyError> {
        if token.len() > SIZE_LIMIT {
            return Err(VerifyError::TooLong);
        }
        let (input, signature) = token.rsplit_once('.').ok_or(VerifyError::Token)?;
        let (header, payload) = input.split_once('.').ok_or(VerifyError::Token)?;
        if payload.contains('.') {
            return Err(VerifyError::Token);
        }
        let (algorithm, kid) = read_header(header)?;
        let bytes = URL_SAFE_NO_PAD.decode(signature).map_err(|_| VerifyError::Token)?;
        let signature = match algorithm {
            // Not only the lower half: OpenSSL signs so, and no token is known by its signature.
            Algorithm::Es256k => EcdsaSignature::from_slice(&bytes)
                .map(|signature| TokenSignature::Es256k(signature.normalize_s())),
            Algorithm::EdDsa => EdwardsSignature::from_slice(&bytes).map(TokenSignature::EdDsa),
        };
        let signature = signature.map_err(|_| VerifyError::Signature)?;
        Ok(Self { kid, input, signature })
    }

    /// Whether the key signed, with the one algorithm that it is for.
    pub(super) fn verify(&self, key: &PublicKey) -> Result<(), VerifyError> {
        match (&self.signature, &key.0) {
            (TokenSignature::Es256k(signature), Key::Secp256k1(key)) => {
                key.verify_prehash(digest(self.input).as_slice(), signature)
            }
            (TokenSignature::EdDsa(signature), Key::Ed25519(key)) => {
                key.verify_strict(self.input.as_bytes(), signature)
            }
            _ => return Err(KeyError::Kind.into()),
        }
        .map_err(|_| VerifyError::Signature)
    }
}

/// The header's `alg` and `kid`, of a header that asks for nothing unknown.
fn read_header(header: &str) -> Result<(Algorithm, Option<String>), VerifyError> {
    let bytes = URL_SAFE_NO_PAD.decode(header).map_err(|_| VerifyError::Header)?;
    let text = std::str::from_utf8(&bytes).map_err(|_| VerifyError::Header)?;
    let mut header: Map<String, Value> =
        x402_types::header::from_json(text).map_err(|_| VerifyError::Header)?;
    let Some(Value::String(alg)) = header.get("alg") else { return Err(VerifyError::Header) };
    let algorithm = Algorithm::named(alg);
    let algorithm = algorithm.ok_or_else(|| VerifyError::Algorithm(text::excerpt(alg)))?;
    // `b64` changes what is signed, and `crit` names what must be understood.
    if ["crit", "b64"].iter().any(|key| header.contains_key(*key)) {
        return Err(VerifyError::Header);
    }
    match header.remove("kid") {
        None => Ok((algorithm, None)),
        Some(Value::String(kid)) => Ok((algorithm, Some(kid))),
        Some(_) => Err(VerifyError::Header),
    }
}

fn digest(input: &str) -> B256 {
    B256::from_slice(&Sha256::digest(input))
}
