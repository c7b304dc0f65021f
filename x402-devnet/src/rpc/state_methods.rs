//! Accounts, code, storage and messages.

use alloy_eips::BlockId;
use alloy_primitives::{Address, B256, Bytes, U64, U256};
use alloy_rpc_types_eth::{BlockOverrides, TransactionRequest, state::StateOverride};
use revm::{DatabaseRef as _, state::AccountInfo};

use super::{Answer, Params, RpcError, answer};
use crate::{chain::Chain, node::Node};

impl Node {
    /// `None` where the method is not one of these.
    pub(super) fn state_method(&self, method: &str, params: &Params<'_>) -> Option<Answer> {
        Some(match method {
            "eth_getBalance" => self.balance(params),
            "eth_getCode" => self.code(params),
            "eth_getStorageAt" => self.storage(params),
            "eth_getTransactionCount" => self.transaction_count(params),
            "eth_call" => self.call(params),
            "eth_estimateGas" => self.estimate_gas(params),
            _ => return None,
        })
    }

    fn balance(&self, params: &Params<'_>) -> Answer {
        let (address, block): (Address, BlockId) = (params.need(0)?, params.block(1)?);
        answer(account(&self.lock(), address, block)?.balance)
    }

    fn code(&self, params: &Params<'_>) -> Answer {
        let (address, block): (Address, BlockId) = (params.need(0)?, params.block(1)?);
        let code = account(&self.lock(), address, block)?.code;
        answer(code.map(|code| code.original_bytes()).unwrap_or_default())
    }

    fn storage(&self, params: &Params<'_>) -> Answer {
        let (address, slot): (Address, U256) = (params.need(0)?, params.need(1)?);
        let block = params.block(2)?;
        let chain = self.lock();
        let number = chain.blocks.number(block).ok_or_else(unknown_block)?;
        let Ok(value) = chain.state_at(number).storage_ref(address, slot);
        answer(B256::from(value))
    }

    fn transaction_count(&self, params: &Params<'_>) -> Answer {
        let (address, block): (Address, BlockId) = (params.need(0)?, params.block(1)?);
        let chain = self.lock();
        if block.is_pending() {
            return answer(U64::from(chain.pending_nonce(address)));
        }
        answer(U64::from(account(&chain, address, block)?.nonce))
    }

    fn call(&self, params: &Params<'_>) -> Answer {
        let (request, block, overrides) = message(params)?;
        let output: Bytes = self.lock().call(request, block, overrides.as_ref())?;
        answer(output)
    }

    fn estimate_gas(&self, params: &Params<'_>) -> Answer {
        let (request, block, overrides) = message(params)?;
        answer(U64::from(self.lock().estimate(request, block, overrides.as_ref())?))
    }
}

type Message = (TransactionRequest, BlockId, Option<StateOverride>);

fn message(params: &Params<'_>) -> Result<Message, RpcError> {
    let of_block: Option<BlockOverrides> = params.find(3)?;
    if of_block.is_some_and(|overrides| overrides != BlockOverrides::default()) {
        return Err(RpcError::params("block overrides are not supported"));
    }
    Ok((params.need(0)?, params.block(1)?, params.find(2)?))
}

fn account(chain: &Chain, address: Address, block: BlockId) -> Result<AccountInfo, RpcError> {
    let number = chain.blocks.number(block).ok_or_else(unknown_block)?;
    let Ok(info) = chain.state_at(number).basic_ref(address);
    Ok(info.unwrap_or_default())
}

fn unknown_block() -> RpcError {
    RpcError::server("header not found")
}
