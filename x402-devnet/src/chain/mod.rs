//! The chain: state, blocks and pool, and how a block comes about.

pub(crate) mod block;
pub(crate) mod blocks;
pub(crate) mod call;
pub(crate) mod call_error;
pub(crate) mod clock;
pub(crate) mod evm;
pub(crate) mod filters;
pub(crate) mod pool;
pub(crate) mod snapshot;
pub(crate) mod state;
pub(crate) mod submit;
pub(crate) mod view;

use alloy_consensus::{
    Eip658Value, Receipt, Transaction as _, TxEnvelope, TxReceipt as _, transaction::Recovered,
};
use alloy_primitives::{Address, Bytes, address, keccak256};
use revm::{
    bytecode::BytecodeDecodeError, context::result::ExecutionResult, database::CacheDB,
    state::Bytecode,
};

use block::{Block, Frame, Mined};
use blocks::Blocks;
use clock::Clock;
use filters::Filters;
use pool::Pool;
use snapshot::Snapshots;
use state::State;
use view::View;

use crate::{Contract, accounts::DEV_ACCOUNTS, token};

/// Where Base's sequencer lets its fees go.
const BENEFICIARY: Address = address!("0x4200000000000000000000000000000000000011");

/// The tip that `eth_maxPriorityFeePerGas` proposes, in wei.
pub(crate) const TIP: u64 = 1_000_000;

/// What does not change while the chain runs.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    pub(crate) chain_id: u64,
    pub(crate) gas_limit: u64,
    /// Whether a transaction is mined as it arrives.
    pub(crate) instant: bool,
}

/// Everything that a lock protects.
#[derive(Debug)]
pub(crate) struct Chain {
    pub(crate) config: Config,
    /// In wei, of the next block.
    pub(crate) base_fee: u64,
    pub(crate) state: State,
    pub(crate) blocks: Blocks,
    pub(crate) pool: Pool,
    pub(crate) clock: Clock,
    pub(crate) filters: Filters,
    snapshots: Snapshots,
}

impl Chain {
    pub(crate) fn new(config: Config, base_fee: u64) -> Self {
        let mut state = State::default();
        for account in &DEV_ACCOUNTS {
            state.set_balance(account.address, token::TEN_THOUSAND_ETHER);
        }
        for contract in Contract::GENESIS {
            if let Some(address) = contract.address() {
                state.set_code(address, Bytecode::new_legacy(contract.runtime_code()));
            }
        }
        let clock = Clock::default();
        let frame = frame(&config, base_fee, None, clock.peek(0));
        let blocks = Blocks::new(Block::seal(&frame, Vec::new(), state.mark()));
        Self {
            config,
            base_fee,
            state,
            blocks,
            pool: Pool::default(),
            clock,
            filters: Filters::default(),
            snapshots: Snapshots::default(),
        }
    }

    /// Mines a block of all that is ready, perhaps of nothing. Gives its number.
    pub(crate) fn mine(&mut self) -> u64 {
        let began = self.state.mark();
        let timestamp = self.clock.tick(self.blocks.head().timestamp());
        let frame = frame(&self.config, self.base_fee, Some(self.blocks.head()), timestamp);
        let env = evm::block_env(&frame);
        let mut mined: Vec<Mined> = Vec::new();
        let mut invalid = Vec::new();
        let (mut gas, mut logs) = (0_u64, 0_u64);
        let mut ready = self.pool.ready(frame.base_fee, |sender| self.state.info(sender).nonce);
        while let Some(tx) = ready.pop() {
            if gas.saturating_add(tx.gas_limit()) > frame.gas_limit {
                continue;
            }
            let view = View { state: &self.state, blocks: &self.blocks };
            let executed = evm::transact(
                CacheDB::new(view),
                self.config.chain_id,
                env.clone(),
                evm::tx_env(&tx),
            );
            // It has become invalid since it arrived, as by an emptied account.
            let Ok(executed) = executed else {
                invalid.push((tx.signer(), tx.nonce()));
                continue;
            };
            self.state.commit(executed.state);
            ready.took(&tx);
            let done = Mined::new(tx, executed.result, gas, logs);
            gas = gas.saturating_add(done.gas_used);
            logs =
                logs.saturating_add(u64::try_from(done.receipt.logs().len()).unwrap_or(u64::MAX));
            mined.push(done);
        }
        for (sender, nonce) in invalid {
            self.pool.remove(sender, nonce);
        }
        self.pool.prune(|sender| self.state.info(sender).nonce);
        self.blocks.push(Block::seal(&frame, mined, began));
        self.blocks.height()
    }

    /// On a chain of instant blocks, mines what has become ready.
    pub(crate) fn catch_up(&mut self) {
        while self.config.instant {
            let nonce = |sender| self.state.info(sender).nonce;
            if self.pool.ready(self.base_fee, nonce).is_empty() {
                return;
            }
            self.mine();
        }
    }

    /// The next block as it would be if mined now, without transactions.
    pub(crate) fn pending(&self) -> Block {
        let head = self.blocks.head();
        let timestamp = self.clock.peek(head.timestamp());
        let frame = frame(&self.config, self.base_fee, Some(head), timestamp);
        Block::seal(&frame, Vec::new(), self.state.mark())
    }

    /// The nonce of the sender's next transaction, counting those that wait.
    pub(crate) fn pending_nonce(&self, sender: Address) -> u64 {
        self.pool.next_nonce(sender, self.state.info(sender).nonce)
    }

    /// The timestamp of the next block, in seconds. `Err` gives the parent's, which is later.
    pub(crate) fn set_next_timestamp(&mut self, timestamp: u64) -> Result<(), u64> {
        let parent = self.blocks.head().timestamp();
        if timestamp < parent {
            return Err(parent);
        }
        self.clock.set_next(timestamp);
        Ok(())
    }

    pub(crate) fn set_code(
        &mut self,
        address: Address,
        code: Bytes,
    ) -> Result<(), BytecodeDecodeError> {
        self.state.set_code(address, Bytecode::new_raw_checked(code)?);
        Ok(())
    }

    /// The state as it was after a block. Changes from outside of blocks count to the block
    /// before them.
    pub(crate) fn state_at(&self, number: u64) -> CacheDB<View<'_>> {
        let mut db = CacheDB::new(View { state: &self.state, blocks: &self.blocks });
        if let Some(next) = number.checked_add(1).and_then(|next| self.blocks.at(next)) {
            self.state.overlay(next.began, &mut db);
        }
        db
    }
}

impl Mined {
    fn new(
        transaction: Recovered<TxEnvelope>,
        result: ExecutionResult,
        gas_before: u64,
        first_log: u64,
    ) -> Self {
        let gas_used = result.tx_gas_used();
        let created = result.created_address();
        // The logs of what was reverted never happened.
        let success = result.is_success();
        let logs = if success { result.into_logs() } else { Vec::new() };
        let receipt = Receipt {
            status: Eip658Value::Eip658(success),
            cumulative_gas_used: gas_before.saturating_add(gas_used),
            logs,
        };
        let receipt = block::envelope(transaction.tx_type(), receipt.into_with_bloom());
        Self { transaction, receipt, gas_used, created, first_log }
    }
}

fn frame(config: &Config, base_fee: u64, parent: Option<&Block>, timestamp: u64) -> Frame {
    let number = parent.map_or(0, |parent| parent.number().saturating_add(1));
    Frame {
        parent: parent.map(Block::hash).unwrap_or_default(),
        number,
        timestamp,
        base_fee,
        gas_limit: config.gas_limit,
        beneficiary: BENEFICIARY,
        randao: keccak256(number.to_be_bytes()),
    }
}
