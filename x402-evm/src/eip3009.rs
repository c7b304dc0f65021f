//! EIP-3009 `transferWithAuthorization`: the message that a payer signs, and the calls that a
//! facilitator makes with it.

use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_sol_types::{SolCall, SolStruct, sol};
use serde::{Deserialize, Serialize};

use crate::{Domain, Signature};

sol! {
    /// What is signed.
    struct TransferWithAuthorization {
        /// Who pays.
        address from;
        /// Who is paid.
        address to;
        /// How much, in atomic units.
        uint256 value;
        /// Settles only after this second.
        uint256 validAfter;
        /// Settles only before this second.
        uint256 validBefore;
        /// Used once per payer.
        bytes32 nonce;
    }

    // Without `Debug`: a call holds a signature.
    /// The calls of a token that concern a payment.
    interface Token {
        /// Moves money on a signature given as v, r, s.
        function transferWithAuthorization(address from, address to, uint256 value, uint256 validAfter, uint256 validBefore, bytes32 nonce, uint8 v, bytes32 r, bytes32 s) external;
        /// Whether an authorization was used or cancelled.
        function authorizationState(address authorizer, bytes32 nonce) external view returns (bool);
        /// What an account holds.
        function balanceOf(address account) external view returns (uint256);
        /// `name` of the signing domain.
        function name() external view returns (string);
        /// `version` of the signing domain.
        function version() external view returns (string);
        /// Money moved.
        event Transfer(address indexed from, address indexed to, uint256 value);
        /// An authorization was used.
        event AuthorizationUsed(address indexed authorizer, bytes32 indexed nonce);
    }
}

/// The authorization as it stands in a payload: integers as decimal strings, the nonce as 32 bytes
/// in hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Authorization {
    /// Who pays.
    #[serde(with = "crate::text::checksummed")]
    pub from: Address,
    /// Who is paid.
    #[serde(with = "crate::text::checksummed")]
    pub to: Address,
    /// How much, in atomic units.
    pub value: x402_types::Amount,
    /// The second since 1970 after which it settles.
    pub valid_after: x402_types::Amount,
    /// The second since 1970 before which it settles.
    pub valid_before: x402_types::Amount,
    /// Used once per payer.
    #[serde(with = "crate::text::word")]
    pub nonce: B256,
}

impl Authorization {
    /// The digest that is signed, under a domain separator prepared by [`Domain::separator`].
    pub fn digest(&self, domain_separator: B256) -> B256 {
        let mut bytes = [0u8; 66];
        let (prefix, rest) = bytes.split_at_mut(2);
        let (domain, message) = rest.split_at_mut(32);
        prefix.copy_from_slice(&[0x19, 0x01]);
        domain.copy_from_slice(domain_separator.as_slice());
        message.copy_from_slice(self.to_sol().eip712_hash_struct().as_slice());
        keccak256(bytes)
    }

    /// [`digest`](Self::digest) where the domain is not prepared.
    pub fn signing_hash(&self, domain: &Domain) -> B256 {
        self.digest(domain.separator())
    }

    /// The call that settles it.
    pub fn calldata(&self, signature: Signature) -> Bytes {
        Token::transferWithAuthorizationCall {
            from: self.from,
            to: self.to,
            value: self.value.units(),
            validAfter: self.valid_after.units(),
            validBefore: self.valid_before.units(),
            nonce: self.nonce,
            v: signature.v(),
            r: signature.r(),
            s: signature.s(),
        }
        .abi_encode()
        .into()
    }

    /// `validBefore` in seconds, the largest number where it needs more than 64 bits.
    pub fn valid_before_seconds(&self) -> u64 {
        saturating(self.valid_before.units())
    }

    /// `validAfter` in seconds, the largest number where it needs more than 64 bits.
    pub fn valid_after_seconds(&self) -> u64 {
        saturating(self.valid_after.units())
    }

    /// The message as Solidity has it.
    pub fn to_sol(&self) -> TransferWithAuthorization {
        TransferWithAuthorization {
            from: self.from,
            to: self.to,
            value: self.value.units(),
            validAfter: self.valid_after.units(),
            validBefore: self.valid_before.units(),
            nonce: self.nonce,
        }
    }
}

pub(crate) fn saturating(number: U256) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
