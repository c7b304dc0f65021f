//! An allowance that is given by a transaction of its owner's, for tokens without EIP-2612: signed,
//! and handed to somebody who puts it on chain.

use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_rlp::Encodable;
use alloy_sol_types::{SolCall, sol};
use serde_json::json;
use x402_types::Amount;

use crate::{Fees, Signature};

/// The gas that a payer's approval has.
pub const GAS: u64 = 70_000;
/// The most that a payer bids for a unit of gas, in wei, whatever a node says of fees: with [`GAS`],
/// a hundredth of the chain's coin. What a rollup takes for its data on another chain comes on top.
pub const MAX_FEE_PER_GAS: u128 = 10_u128.pow(16) / GAS as u128;

sol! {
    /// How a token is told of an allowance.
    interface Erc20 {
        /// From now on, this spender may move so much of the sender's.
        function approve(address spender, uint256 amount) external returns (bool);
    }
}

/// An EIP-1559 transaction that calls a token's `approve`. It moves no coins, and has no deadline:
/// whoever holds it signed can put it on chain until the account has used its nonce.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approval {
    /// Whose money it is, and who signs. Not in the transaction, whose signature says so.
    pub owner: Address,
    /// The chain's id.
    pub chain_id: u64,
    /// The token.
    pub token: Address,
    /// Who may move it.
    pub spender: Address,
    /// How much, in atomic units.
    pub amount: Amount,
    /// How many transactions the owner has sent before.
    pub nonce: u64,
    /// The most gas that it may use.
    pub gas: u64,
    /// The most that the owner pays for a unit of gas, in wei.
    pub max_fee_per_gas: u128,
    /// How much of it may be a tip for whoever makes the block, in wei.
    pub max_priority_fee_per_gas: u128,
}

impl Approval {
    /// The digest that is signed: the transaction's.
    pub fn signing_hash(&self) -> B256 {
        keccak256(self.encoded(None))
    }

    /// The signed transaction, as a node takes it (`eth_sendRawTransaction`).
    pub fn raw(&self, signature: Signature) -> Bytes {
        self.encoded(Some(signature)).into()
    }

    /// The transaction as `eth_signTransaction` takes it.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        json!({
            "type": "0x2",
            "from": self.owner.to_string(),
            "to": self.token.to_string(),
            "chainId": format!("{:#x}", self.chain_id),
            "nonce": format!("{:#x}", self.nonce),
            "gas": format!("{:#x}", self.gas),
            "maxFeePerGas": format!("{:#x}", self.max_fee_per_gas),
            "maxPriorityFeePerGas": format!("{:#x}", self.max_priority_fee_per_gas),
            "value": "0x0",
            "data": self.calldata().to_string(),
            "accessList": [],
        })
    }

    fn calldata(&self) -> Bytes {
        let (spender, amount) = (self.spender, self.amount.units());
        Erc20::approveCall { spender, amount }.abi_encode().into()
    }

    /// EIP-2718's type, then EIP-1559's list.
    fn encoded(&self, signature: Option<Signature>) -> Vec<u8> {
        let calldata = self.calldata();
        let access_list: Vec<B256> = Vec::new();
        let mut fields: Vec<&dyn Encodable> = vec![
            &self.chain_id,
            &self.nonce,
            &self.max_priority_fee_per_gas,
            &self.max_fee_per_gas,
            &self.gas,
            &self.token,
            &U256::ZERO,
            &calldata,
            &access_list,
        ];
        let signed = signature.map(|signature| {
            let number = |word: B256| U256::from_be_bytes(word.0);
            (signature.v() == 28, number(signature.r()), number(signature.s()))
        });
        if let Some((odd, r, s)) = &signed {
            fields.extend([odd as &dyn Encodable, r, s]);
        }
        let mut transaction = vec![2];
        alloy_rlp::encode_list::<&dyn Encodable, dyn Encodable>(&fields, &mut transaction);
        transaction
    }
}

impl Fees {
    /// What a transaction bids for a unit of gas, and how much of it as a tip: enough for a base fee
    /// that doubles while it waits, as far as [`MAX_FEE_PER_GAS`] goes. `None` where not even now's
    /// would be enough.
    pub(crate) fn bid(self) -> Option<(u128, u128)> {
        let Self { base_fee_per_gas: base, priority_fee_per_gas: tip } = self;
        let now = base.checked_add(tip).filter(|now| *now <= MAX_FEE_PER_GAS)?;
        Some((now.saturating_add(base).min(MAX_FEE_PER_GAS), tip))
    }
}
