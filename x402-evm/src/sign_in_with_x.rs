//! `sign-in-with-x` on EVM chains: an account signs a server's challenge as a text (EIP-191).
//!
//! The challenge, the text and every check but the signature's are in
//! [`x402_types::extensions::sign_in_with_x`]; a server needs both [`Message::check`] and
//! [`verify`], and its own record of nonces.

use alloy_primitives::{Address, B256, eip191_hash_message};
use x402_types::Network;
use x402_types::extensions::Signature as SignatureText;
use x402_types::extensions::sign_in_with_x::{Challenge, Message, SignatureType, SiwxError};

use crate::{PayerSignature, Signature, Signer, SignerError, text};

/// The longest text that is signed or verified, in bytes.
pub const TEXT_LIMIT: usize = 16 * 1024;

/// The digest of a text that is signed by `personal_sign` (EIP-191).
pub fn personal_digest(text: &str) -> B256 {
    eip191_hash_message(text)
}

/// Why a client does not sign in.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SignInError {
    /// The challenge is for another origin, not for this chain, or no text can be made of it.
    #[error(transparent)]
    Challenge(#[from] SiwxError),
    /// The signer gave no signature.
    #[error(transparent)]
    Signer(#[from] SignerError),
}

/// Signs a challenge that came from `origin`, such as `https://api.example.com`, in lower case and
/// without a port that is the scheme's own: one for another origin would sign in a stranger.
///
/// # Errors
/// [`SignInError`].
pub async fn sign(
    signer: &impl Signer,
    challenge: &Challenge,
    chain: &Network,
    origin: &str,
) -> Result<Message, SignInError> {
    challenge.info.check_origin(origin)?;
    let supported = challenge
        .supported_chains
        .iter()
        .find(|s| s.chain_id == *chain && s.signature_type == SignatureType::Eip191)
        .ok_or(SiwxError::UnsupportedChain)?;
    if chain.chain_id().is_none() {
        return Err(SiwxError::ChainId.into());
    }
    let address = signer.address().to_string();
    let text = challenge.info.message_text(&address, chain)?;
    if text.len() > TEXT_LIMIT {
        return Err(SiwxError::Malformed.into());
    }
    let signature = signer.sign_message(&text).await?;
    Ok(Message {
        info: challenge.info.clone(),
        address,
        chain_id: chain.clone(),
        signature_type: SignatureType::Eip191,
        signature_scheme: supported.signature_scheme.clone(),
        signature: SignatureText::new(signature.to_string()),
    })
}

/// Whether the account that a message names signed it: only that, not whether the message is for
/// this server, in time and new.
///
/// The text has the address in its checksum form, however the message spells it. A wallet that is a
/// contract cannot be asked without its chain.
///
/// # Errors
/// [`SiwxError::UnsupportedChain`] off EVM chains, [`SiwxError::ChainId`] for another way to sign,
/// [`SiwxError::MalformedSignature`], [`SiwxError::Signature`] where another signed or something
/// else was signed, [`SiwxError::VerifierError`] for a contract's signature, [`SiwxError::Malformed`]
/// and [`SiwxError::Nonce`] as [`Message::text`].
pub fn verify(message: &Message) -> Result<Address, SiwxError> {
    if message.chain_id.chain_id().is_none() {
        return Err(SiwxError::UnsupportedChain);
    }
    if message.signature_type != SignatureType::Eip191 {
        return Err(SiwxError::ChainId);
    }
    let address = text::address(&message.address).ok_or(SiwxError::Malformed)?;
    let signature = read(message)?;
    let text = message.info.message_text(&address.to_string(), &message.chain_id)?;
    if text.len() > TEXT_LIMIT {
        return Err(SiwxError::Malformed);
    }
    match signature.recover(personal_digest(&text)) {
        Ok(signer) if signer == address => Ok(address),
        _ => Err(SiwxError::Signature),
    }
}

fn read(message: &Message) -> Result<Signature, SiwxError> {
    let text = message.signature.as_str();
    text.parse().map_err(|_| {
        let contract = matches!(message.signature_scheme.as_deref(), Some("eip1271" | "eip6492"));
        if contract && text.parse::<PayerSignature>().is_ok() {
            SiwxError::VerifierError
        } else {
            SiwxError::MalformedSignature
        }
    })
}
