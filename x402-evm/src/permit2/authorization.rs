use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_sol_types::{Eip712Domain, SolCall, SolStruct};
use serde::{Deserialize, Serialize};
use x402_types::Amount;

use super::contracts::{PERMIT2, exact, upto};
use crate::eip2612::Permit;
use crate::{Signature, eip3009::saturating};

/// What is signed for Permit2, as it stands in a payload: integers as decimal strings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Permit2Authorization {
    /// Who pays.
    #[serde(with = "crate::text::checksummed")]
    pub from: Address,
    /// What may be moved.
    #[serde(deserialize_with = "x402_types::from_object")]
    pub permitted: TokenPermissions,
    /// Who may move it: the proxy of the scheme.
    #[serde(with = "crate::text::checksummed")]
    pub spender: Address,
    /// Used once per payer.
    pub nonce: Amount,
    /// The last second since 1970 at which it settles.
    pub deadline: Amount,
    /// What the proxy must keep to.
    #[serde(deserialize_with = "x402_types::from_object")]
    pub witness: Witness,
}

/// What may be moved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenPermissions {
    /// The token.
    #[serde(with = "crate::text::checksummed")]
    pub token: Address,
    /// At most this much, in atomic units.
    pub amount: Amount,
}

/// What the proxy must keep to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Witness {
    /// Who is paid.
    #[serde(with = "crate::text::checksummed")]
    pub to: Address,
    /// Who alone may settle; `upto` has it, `exact` does not.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        with = "crate::text::optional_checksummed"
    )]
    pub facilitator: Option<Address>,
    /// The second since 1970 from which on it settles.
    pub valid_after: Amount,
}

/// The domain separator of Permit2 on a chain.
pub fn domain_separator(chain_id: u64) -> B256 {
    Eip712Domain {
        name: Some("Permit2".into()),
        // Permit2 has none.
        version: None,
        chain_id: Some(U256::from(chain_id)),
        verifying_contract: Some(PERMIT2),
        salt: None,
    }
    .separator()
}

impl Permit2Authorization {
    /// The digest that is signed, under a separator prepared by [`domain_separator`].
    pub fn digest(&self, domain_separator: B256) -> B256 {
        let message = match self.witness.facilitator {
            None => self.exact().eip712_hash_struct(),
            Some(facilitator) => self.upto(facilitator).eip712_hash_struct(),
        };
        let mut bytes = [0u8; 66];
        let (prefix, rest) = bytes.split_at_mut(2);
        let (domain, hash) = rest.split_at_mut(32);
        prefix.copy_from_slice(&[0x19, 0x01]);
        domain.copy_from_slice(domain_separator.as_slice());
        hash.copy_from_slice(message.as_slice());
        keccak256(bytes)
    }

    /// The call of the proxy that moves `amount`, which counts for `upto` only: `exact` moves what
    /// is permitted. With a permit of EIP-2612 the call gives Permit2 its allowance first.
    pub fn calldata(
        &self,
        amount: Amount,
        signature: Bytes,
        allowance: Option<(&Permit, Signature)>,
    ) -> Bytes {
        let owner = self.from;
        let Some(facilitator) = self.witness.facilitator else {
            let exact::PermitWitnessTransferFrom { permitted, nonce, deadline, witness, .. } =
                self.exact();
            let permit = exact::PermitTransferFrom { permitted, nonce, deadline };
            return match allowance {
                None => exact::Proxy::settleCall { permit, owner, witness, signature }.abi_encode(),
                Some((gives, by)) => exact::Proxy::settleWithPermitCall {
                    permit2612: exact::EIP2612Permit {
                        value: gives.value.units(),
                        deadline: gives.deadline.units(),
                        r: by.r(),
                        s: by.s(),
                        v: by.v(),
                    },
                    permit,
                    owner,
                    witness,
                    signature,
                }
                .abi_encode(),
            }
            .into();
        };
        let upto::PermitWitnessTransferFrom { permitted, nonce, deadline, witness, .. } =
            self.upto(facilitator);
        let permit = upto::PermitTransferFrom { permitted, nonce, deadline };
        let amount = amount.units();
        match allowance {
            None => {
                upto::Proxy::settleCall { permit, amount, owner, witness, signature }.abi_encode()
            }
            Some((gives, by)) => upto::Proxy::settleWithPermitCall {
                permit2612: upto::EIP2612Permit {
                    value: gives.value.units(),
                    deadline: gives.deadline.units(),
                    r: by.r(),
                    s: by.s(),
                    v: by.v(),
                },
                permit,
                amount,
                owner,
                witness,
                signature,
            }
            .abi_encode(),
        }
        .into()
    }

    /// `deadline` in seconds, the largest number where it needs more than 64 bits.
    pub fn deadline_seconds(&self) -> u64 {
        saturating(self.deadline.units())
    }

    /// `validAfter` in seconds, the largest number where it needs more than 64 bits.
    pub fn valid_after_seconds(&self) -> u64 {
        saturating(self.witness.valid_after.units())
    }

    fn exact(&self) -> exact::PermitWitnessTransferFrom {
        let Self { permitted, spender, nonce, deadline, witness, .. } = self;
        exact::PermitWitnessTransferFrom {
            permitted: exact::TokenPermissions {
                token: permitted.token,
                amount: permitted.amount.units(),
            },
            spender: *spender,
            nonce: nonce.units(),
            deadline: deadline.units(),
            witness: exact::Witness { to: witness.to, validAfter: witness.valid_after.units() },
        }
    }

    fn upto(&self, facilitator: Address) -> upto::PermitWitnessTransferFrom {
        let Self { permitted, spender, nonce, deadline, witness, .. } = self;
        upto::PermitWitnessTransferFrom {
            permitted: upto::TokenPermissions {
                token: permitted.token,
                amount: permitted.amount.units(),
            },
            spender: *spender,
            nonce: nonce.units(),
            deadline: deadline.units(),
            witness: upto::Witness {
                to: witness.to,
                facilitator,
                validAfter: witness.valid_after.units(),
            },
        }
    }
}
