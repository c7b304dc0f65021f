//! What only a development chain can do: move time, mine, set state, go back.

use alloy_primitives::{Address, B256, Bytes, U64, U256};
use serde_json::value::RawValue;

use super::{Answer, Params, RpcError, answer};
use crate::node::Node;

/// More blocks are not mined by one request.
const MOST_BLOCKS: u64 = 1000;

impl Node {
    /// `None` where the method is not one of these.
    pub(super) fn dev_method(&self, method: &str, params: &Params<'_>) -> Option<Answer> {
        Some(match method {
            "evm_mine" => self.evm_mine(params),
            "anvil_mine" => self.anvil_mine(params),
            "evm_setAutomine" => self.evm_set_automine(params),
            "evm_increaseTime" => self.evm_increase_time(params),
            "evm_setNextBlockTimestamp" => self.evm_set_next_block_timestamp(params),
            "evm_snapshot" => answer(U64::from(self.lock().snapshot())),
            "evm_revert" => self.evm_revert(params),
            "anvil_setBalance" => self.anvil_set_balance(params),
            "anvil_setCode" => self.anvil_set_code(params),
            "anvil_setStorageAt" => self.anvil_set_storage_at(params),
            "anvil_setNextBlockBaseFeePerGas" => self.anvil_set_base_fee(params),
            "anvil_dropTransaction" => self.anvil_drop_transaction(params),
            _ => return None,
        })
    }

    fn evm_mine(&self, params: &Params<'_>) -> Answer {
        // Some tools pass a timestamp, some an object that holds one, most nothing.
        let given: Option<&RawValue> = params.find(0)?;
        let mut chain = self.lock();
        if given.is_some_and(|given| !given.get().starts_with('{')) {
            let timestamp = params.number(0)?;
            chain.set_next_timestamp(timestamp).map_err(too_early)?;
        }
        chain.mine();
        answer("0x0")
    }

    fn anvil_mine(&self, params: &Params<'_>) -> Answer {
        let count: Option<U256> = params.find(0)?;
        let apart: Option<U256> = params.find(1)?;
        let count = count.map_or(1, |count| count.saturating_to::<u64>());
        if count > MOST_BLOCKS {
            return Err(RpcError::params(format!("at most {MOST_BLOCKS} blocks at once")));
        }
        let mut chain = self.lock();
        for at in 0..count {
            if at > 0
                && let Some(apart) = apart
            {
                chain.clock.advance(apart.saturating_to());
            }
            chain.mine();
        }
        answer(())
    }

    fn evm_set_automine(&self, params: &Params<'_>) -> Answer {
        let instant = params.need(0)?;
        let mut chain = self.lock();
        chain.config.instant = instant;
        chain.catch_up();
        answer(true)
    }

    fn evm_increase_time(&self, params: &Params<'_>) -> Answer {
        let seconds = params.number(0)?;
        self.lock().clock.advance(seconds);
        answer(seconds)
    }

    fn evm_set_next_block_timestamp(&self, params: &Params<'_>) -> Answer {
        let timestamp = params.number(0)?;
        self.lock().set_next_timestamp(timestamp).map_err(too_early)?;
        answer(())
    }

    fn evm_revert(&self, params: &Params<'_>) -> Answer {
        let id = params.number(0)?;
        answer(self.lock().revert(id))
    }

    fn anvil_set_balance(&self, params: &Params<'_>) -> Answer {
        let (address, balance): (Address, U256) = (params.need(0)?, params.need(1)?);
        self.lock().state.set_balance(address, balance);
        answer(())
    }

    fn anvil_set_code(&self, params: &Params<'_>) -> Answer {
        let (address, code): (Address, Bytes) = (params.need(0)?, params.need(1)?);
        self.lock().set_code(address, code).map_err(|error| RpcError::params(error.to_string()))?;
        answer(())
    }

    fn anvil_set_storage_at(&self, params: &Params<'_>) -> Answer {
        let (address, slot): (Address, U256) = (params.need(0)?, params.need(1)?);
        let value: B256 = params.need(2)?;
        self.lock().state.set_slot(address, slot, value.into());
        answer(true)
    }

    fn anvil_set_base_fee(&self, params: &Params<'_>) -> Answer {
        let base_fee = params.number(0)?;
        let mut chain = self.lock();
        chain.base_fee = base_fee;
        chain.catch_up();
        answer(())
    }

    fn anvil_drop_transaction(&self, params: &Params<'_>) -> Answer {
        let hash: B256 = params.need(0)?;
        answer(self.lock().pool.remove_hash(&hash).then_some(hash))
    }
}

fn too_early(parent: u64) -> RpcError {
    RpcError::params(format!("timestamp is lower than the previous block's, {parent}"))
}
