//! Whether a transaction may enter the pool. The wording of the refusals is geth's, because
//! clients match on it.

use alloy_consensus::{
    Transaction as _, TxEnvelope,
    transaction::{Recovered, SignerRecoverable as _},
};
use alloy_eips::eip2718::{Decodable2718 as _, Eip2718Error};
use alloy_primitives::{Address, B256, U256};
use revm::{
    context_interface::cfg::GasParams,
    primitives::{eip3860::MAX_INITCODE_SIZE, eip7825::TX_GAS_LIMIT_CAP},
};

use super::{Chain, evm, pool::Full};

const MAX_SIZE: usize = 128 * 1024;

/// A transaction that `eth_sendRawTransaction` refuses.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SubmitError {
    #[error("failed to decode signed transaction: {0}")]
    Malformed(#[source] Eip2718Error),
    #[error("oversized data: transaction size {0}, limit {MAX_SIZE}")]
    Oversized(usize),
    #[error("transaction type not supported")]
    Unsupported,
    #[error("invalid sender: {0}")]
    Signature(#[source] alloy_consensus::crypto::RecoveryError),
    #[error("invalid sender: invalid chain id for signer: have {have} want {want}")]
    ChainId { have: u64, want: u64 },
    #[error("already known")]
    AlreadyKnown,
    #[error("max initcode size exceeded: code size {0}, limit {MAX_INITCODE_SIZE}")]
    InitCode(usize),
    #[error("exceeds block gas limit")]
    BlockGasLimit,
    #[error("transaction gas limit too high (cap: {TX_GAS_LIMIT_CAP}, tx: {0})")]
    GasLimitCap(u64),
    #[error(
        "max priority fee per gas higher than max fee per gas: maxPriorityFeePerGas: {tip}, maxFeePerGas: {cap}"
    )]
    TipAboveFeeCap { tip: u128, cap: u128 },
    #[error("intrinsic gas too low: gas {gas}, minimum needed {needed}")]
    IntrinsicGas { gas: u64, needed: u64 },
    #[error("insufficient gas for floor data gas cost: gas {gas}, minimum needed {needed}")]
    FloorGas { gas: u64, needed: u64 },
    #[error("sender not an eoa: address {address}, codehash: {code_hash}")]
    SenderHasCode { address: Address, code_hash: B256 },
    #[error("nonce too low: next nonce {next}, tx nonce {nonce}")]
    NonceTooLow { next: u64, nonce: u64 },
    #[error(
        "insufficient funds for gas * price + value: balance {balance}, tx cost {cost}, overshot {overshot}"
    )]
    InsufficientFunds { balance: U256, cost: U256, overshot: U256 },
    #[error("replacement transaction underpriced")]
    Underpriced,
    #[error("txpool is full")]
    PoolIsFull,
}

/// Reads a signed transaction and recovers its sender: the part that needs no chain.
pub(crate) fn decode(raw: &[u8]) -> Result<Recovered<TxEnvelope>, SubmitError> {
    if raw.len() > MAX_SIZE {
        return Err(SubmitError::Oversized(raw.len()));
    }
    let transaction = TxEnvelope::decode_2718_exact(raw).map_err(|error| match error {
        Eip2718Error::UnexpectedType(_) => SubmitError::Unsupported,
        error => SubmitError::Malformed(error),
    })?;
    if transaction.is_eip4844() {
        return Err(SubmitError::Unsupported);
    }
    transaction.try_into_recovered().map_err(SubmitError::Signature)
}

impl Chain {
    /// Puts a transaction into the pool; mining it is another step.
    pub(crate) fn submit(&mut self, tx: Recovered<TxEnvelope>) -> Result<B256, SubmitError> {
        let hash = *tx.tx_hash();
        if self.pool.by_hash(&hash).is_some() {
            return Err(SubmitError::AlreadyKnown);
        }
        self.check_form(&tx)?;
        self.check_sender(&tx)?;
        self.pool.insert(tx).map_err(|full| match full {
            Full::AlreadyKnown => SubmitError::AlreadyKnown,
            Full::Underpriced => SubmitError::Underpriced,
            Full::Pool => SubmitError::PoolIsFull,
        })?;
        Ok(hash)
    }

    fn check_form(&self, tx: &Recovered<TxEnvelope>) -> Result<(), SubmitError> {
        if let Some(have) = tx.chain_id()
            && have != self.config.chain_id
        {
            return Err(SubmitError::ChainId { have, want: self.config.chain_id });
        }
        if tx.is_create() && tx.input().len() > MAX_INITCODE_SIZE {
            return Err(SubmitError::InitCode(tx.input().len()));
        }
        let gas = tx.gas_limit();
        if gas > self.config.gas_limit {
            return Err(SubmitError::BlockGasLimit);
        }
        if gas > TX_GAS_LIMIT_CAP {
            return Err(SubmitError::GasLimitCap(gas));
        }
        let cap = tx.max_fee_per_gas();
        if let Some(tip) = tx.max_priority_fee_per_gas()
            && tip > cap
        {
            return Err(SubmitError::TipAboveFeeCap { tip, cap });
        }
        let least = GasParams::new_spec(evm::SPEC).initial_tx_gas_for_tx(evm::tx_env(tx), None);
        if gas < least.initial_regular_gas() {
            return Err(SubmitError::IntrinsicGas { gas, needed: least.initial_regular_gas() });
        }
        if gas < least.floor_gas() {
            return Err(SubmitError::FloorGas { gas, needed: least.floor_gas() });
        }
        Ok(())
    }

    fn check_sender(&self, tx: &Recovered<TxEnvelope>) -> Result<(), SubmitError> {
        let address = tx.signer();
        let account = self.state.info(address);
        let code = self.state.code(account.code_hash);
        if !code.is_empty() && !code.is_eip7702() {
            return Err(SubmitError::SenderHasCode { address, code_hash: account.code_hash });
        }
        if tx.nonce() < account.nonce {
            return Err(SubmitError::NonceTooLow { next: account.nonce, nonce: tx.nonce() });
        }
        let gas = U256::from(tx.gas_limit()) * U256::from(tx.max_fee_per_gas());
        let cost = gas.saturating_add(tx.value());
        if cost > account.balance {
            let balance = account.balance;
            return Err(SubmitError::InsufficientFunds { balance, cost, overshot: cost - balance });
        }
        Ok(())
    }
}
