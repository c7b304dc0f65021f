use std::borrow::Cow;

use alloy_primitives::{Address, B256, U256};
use alloy_sol_types::Eip712Domain;
use x402_types::Asset;

use crate::text;

/// The EIP-712 domain of a token: what binds a signature to one contract on one chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Domain {
    /// `name`, as the token has it on this chain.
    pub name: Cow<'static, str>,
    /// `version`, as the token has it on this chain.
    pub version: Cow<'static, str>,
    /// The chain's id.
    pub chain_id: u64,
    /// The token.
    pub verifying_contract: Address,
}

impl Domain {
    /// The domain of an asset; `None` where it is not on an EVM chain or its address is none.
    pub fn of(asset: &Asset) -> Option<Self> {
        Some(Self {
            name: asset.name.clone(),
            version: asset.version.clone(),
            chain_id: asset.network.chain_id()?,
            verifying_contract: text::address(&asset.address)?,
        })
    }

    /// The domain separator: 32 bytes that stand for the domain in every digest.
    ///
    /// Costs some microseconds, so prepare it once where many signatures are checked.
    pub fn separator(&self) -> B256 {
        self.to_eip712().separator()
    }

    /// The domain as alloy has it.
    pub fn to_eip712(&self) -> Eip712Domain {
        Eip712Domain {
            name: Some(self.name.clone()),
            version: Some(self.version.clone()),
            chain_id: Some(U256::from(self.chain_id)),
            verifying_contract: Some(self.verifying_contract),
            salt: None,
        }
    }
}
