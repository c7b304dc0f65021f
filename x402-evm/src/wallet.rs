//! Payers that are contracts: their signatures are whatever their own code takes (ERC-1271), and may
//! come before the wallet itself is there (ERC-6492).

use std::fmt;
use std::str::FromStr;

use alloy_primitives::{Address, B256, Bytes, b256, hex};
use alloy_sol_types::{SolCall, SolType, sol, sol_data};

use crate::Signature;
use crate::eip3009::Authorization;

sol! {
    // Without `Debug`: a call holds a signature.
    /// The calls that concern a wallet's signature.
    interface Wallet {
        /// Whether a signature is the wallet's (ERC-1271).
        function isValidSignature(bytes32 hash, bytes signature) external view returns (bytes4);
        /// Moves a token's money on a signature of any kind (EIP-3009).
        function transferWithAuthorization(address from, address to, uint256 value, uint256 validAfter, uint256 validBefore, bytes32 nonce, bytes signature) external;
    }
}

/// The longest signature that is read, in bytes.
const LONGEST: usize = 4096;
/// What a signature ends with whose wallet may not be there yet.
const NOT_THERE_YET: B256 =
    b256!("0x6492649264926492649264926492649264926492649264926492649264926492");

/// A payer's signature, whether an account's or a wallet's: at most 4,096 bytes.
///
/// On the wire `0x` and hexadecimal digits. `Debug` does not print it.
#[derive(Clone, PartialEq, Eq)]
pub struct PayerSignature {
    bytes: Bytes,
    deployment: Option<Deployment>,
}

/// How a wallet comes to be (ERC-6492).
#[derive(Clone, PartialEq, Eq)]
pub struct Deployment {
    /// Who deploys it.
    pub factory: Address,
    /// The call that does. Whoever makes it runs code of the payer's choice.
    pub calldata: Bytes,
}

/// Why text is no signature of any kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PayerSignatureError {
    /// Not `0x` and an even number of hexadecimal digits, at least two.
    #[error("a signature is 0x and hexadecimal digits, two for each byte")]
    Format,
    /// More than 4,096 bytes.
    #[error("a signature has at most {LONGEST} bytes")]
    TooLong,
    /// It ends as one of ERC-6492, and does not begin as one.
    #[error("the signature ends as one of ERC-6492, but holds no factory, call and signature")]
    Wrapping,
}

impl PayerSignature {
    /// What a contract is shown: of a signature by ERC-6492 the one that is wrapped.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// How the wallet comes to be, where the signature says so.
    pub fn deployment(&self) -> Option<&Deployment> {
        self.deployment.as_ref()
    }

    /// The call that asks a wallet whether it signed this digest.
    pub fn question(&self, digest: B256) -> Bytes {
        let signature = self.bytes.clone();
        Wallet::isValidSignatureCall { hash: digest, signature }.abi_encode().into()
    }

    /// Whether this is a wallet's answer that it did: just the word that ERC-1271 asks for.
    pub fn is_yes(answer: &[u8]) -> bool {
        let (magic, rest) = answer.split_at_checked(4).unwrap_or_default();
        answer.len() == 32
            && magic == Wallet::isValidSignatureCall::SELECTOR
            && rest.iter().all(|byte| *byte == 0)
    }

    fn unwrapped(bytes: &[u8]) -> Option<Self> {
        type Wrapped = (sol_data::Address, sol_data::Bytes, sol_data::Bytes);
        let (factory, calldata, bytes) = Wrapped::abi_decode_params(bytes).ok()?;
        Some(Self { bytes, deployment: Some(Deployment { factory, calldata }) })
    }
}

impl FromStr for PayerSignature {
    type Err = PayerSignatureError;

    fn from_str(text: &str) -> Result<Self, PayerSignatureError> {
        let digits = text.strip_prefix("0x").ok_or(PayerSignatureError::Format)?;
        if digits.len() > 2 * LONGEST {
            return Err(PayerSignatureError::TooLong);
        }
        // A decoder of hexadecimal would take the prefix twice.
        if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(PayerSignatureError::Format);
        }
        let bytes = hex::decode(digits).map_err(|_| PayerSignatureError::Format)?;
        match bytes.strip_suffix(NOT_THERE_YET.as_slice()) {
            Some(wrapped) => Self::unwrapped(wrapped).ok_or(PayerSignatureError::Wrapping),
            None => Ok(Self { bytes: bytes.into(), deployment: None }),
        }
    }
}

impl From<Signature> for PayerSignature {
    fn from(signature: Signature) -> Self {
        Self { bytes: signature.to_bytes().into(), deployment: None }
    }
}

impl fmt::Debug for PayerSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PayerSignature(..)")
    }
}

impl fmt::Debug for Deployment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deployment").field("factory", &self.factory).finish_non_exhaustive()
    }
}

impl Authorization {
    /// [`calldata`](Self::calldata) with a signature of any kind: the payer is a wallet.
    pub fn wallet_calldata(&self, signature: Bytes) -> Bytes {
        Wallet::transferWithAuthorizationCall {
            from: self.from,
            to: self.to,
            value: self.value.units(),
            validAfter: self.valid_after.units(),
            validBefore: self.valid_before.units(),
            nonce: self.nonce,
            signature,
        }
        .abi_encode()
        .into()
    }
}
