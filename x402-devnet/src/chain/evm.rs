//! One execution on revm.

use std::convert::Infallible;

use alloy_consensus::{Transaction as _, TxEnvelope, Typed2718, transaction::Recovered};
use alloy_primitives::U256;
use revm::{
    Context, ExecuteEvm, MainBuilder, MainContext,
    context::{
        BlockEnv, CfgEnv, TxEnv,
        either::Either,
        result::{EVMError, InvalidTransaction, ResultAndState},
    },
    database::CacheDB,
    primitives::hardfork::SpecId,
};

use super::{block::Frame, view::View};

/// The rules of the chain: those of Base, which has them all and P256VERIFY besides.
pub(crate) const SPEC: SpecId = SpecId::OSAKA;

/// The result of an execution that was valid, and what it changed.
pub(crate) type Executed = ResultAndState;

/// Runs a transaction as a block does, with every check.
pub(crate) fn transact(
    db: CacheDB<View<'_>>,
    chain_id: u64,
    block: BlockEnv,
    tx: TxEnv,
) -> Result<Executed, EVMError<Infallible>> {
    run(db, CfgEnv::new_with_spec(SPEC).with_chain_id(chain_id), block, tx)
}

/// Runs a message for `eth_call`: from any account, whatever its nonce, without fees where none
/// are offered.
pub(crate) fn call(
    db: CacheDB<View<'_>>,
    chain_id: u64,
    block: BlockEnv,
    tx: TxEnv,
) -> Result<Executed, EVMError<Infallible>> {
    let mut cfg = CfgEnv::new_with_spec(SPEC).with_chain_id(chain_id);
    cfg.disable_nonce_check = true;
    cfg.disable_eip3607 = true;
    cfg.disable_base_fee = tx.gas_price == 0;
    cfg.tx_gas_limit_cap = Some(u64::MAX);
    run(db, cfg, block, tx)
}

fn run(
    db: CacheDB<View<'_>>,
    cfg: CfgEnv,
    block: BlockEnv,
    tx: TxEnv,
) -> Result<Executed, EVMError<Infallible, InvalidTransaction>> {
    Context::mainnet().with_db(db).with_cfg(cfg).with_block(block).build_mainnet().transact(tx)
}

pub(crate) fn block_env(frame: &Frame) -> BlockEnv {
    BlockEnv {
        number: U256::from(frame.number),
        beneficiary: frame.beneficiary,
        timestamp: U256::from(frame.timestamp),
        gas_limit: frame.gas_limit,
        basefee: frame.base_fee,
        prevrandao: Some(frame.randao),
        ..BlockEnv::default()
    }
}

pub(crate) fn tx_env(tx: &Recovered<TxEnvelope>) -> TxEnv {
    let authorizations = tx.authorization_list().unwrap_or_default();
    TxEnv {
        tx_type: tx.ty(),
        caller: tx.signer(),
        gas_limit: tx.gas_limit(),
        gas_price: tx.max_fee_per_gas(),
        kind: tx.kind(),
        value: tx.value(),
        data: tx.input().clone(),
        nonce: tx.nonce(),
        chain_id: tx.chain_id(),
        access_list: tx.access_list().cloned().unwrap_or_default(),
        gas_priority_fee: tx.max_priority_fee_per_gas(),
        blob_hashes: Vec::new(),
        max_fee_per_blob_gas: 0,
        authorization_list: authorizations.iter().cloned().map(Either::Left).collect(),
    }
}
