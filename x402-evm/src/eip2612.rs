//! EIP-2612 `permit`: an allowance that is given by signature, so that the payer needs no gas.

use alloy_primitives::{Address, B256};
use alloy_sol_types::{SolStruct, sol};
use serde::{Deserialize, Serialize};
use x402_types::Amount;

use crate::Domain;

mod signed {
    use super::sol;

    sol! {
        struct Permit {
            address owner;
            address spender;
            uint256 value;
            uint256 nonce;
            uint256 deadline;
        }
    }
}

sol! {
    /// What a token tells of allowances.
    interface Allowances {
        /// What a spender may still move.
        function allowance(address owner, address spender) external view returns (uint256);
        /// How many permits of an owner were used: the nonce of the next.
        function nonces(address owner) external view returns (uint256);
    }
}

/// An allowance to be given by signature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Permit {
    /// Whose money it is.
    #[serde(with = "crate::text::checksummed")]
    pub owner: Address,
    /// Who may move it.
    #[serde(with = "crate::text::checksummed")]
    pub spender: Address,
    /// How much, in atomic units.
    pub value: Amount,
    /// How many permits the owner has used before.
    pub nonce: Amount,
    /// The last second since 1970 at which it can be given.
    pub deadline: Amount,
}

impl Permit {
    /// The digest that is signed.
    pub fn signing_hash(&self, token: &Domain) -> B256 {
        signed::Permit {
            owner: self.owner,
            spender: self.spender,
            value: self.value.units(),
            nonce: self.nonce.units(),
            deadline: self.deadline.units(),
        }
        .eip712_signing_hash(&token.to_eip712())
    }
}
