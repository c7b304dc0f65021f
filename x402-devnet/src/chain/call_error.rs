//! Why a message failed, in geth's words.

use alloy_primitives::{Address, Bytes};
use alloy_sol_types::{Panic, Revert, SolError};
use revm::context::result::{HaltReason, InvalidTransaction};

/// A message that could not be run or did not succeed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    #[error("{}", reverted(.0))]
    Reverted(Bytes),
    #[error("{}", halted(.0))]
    Halted(HaltReason),
    #[error("gas required exceeds allowance ({0})")]
    Allowance(u64),
    #[error("{}", invalid(.sender, .reason))]
    Invalid { sender: Address, reason: InvalidTransaction },
    #[error("both gasPrice and (maxFeePerGas or maxPriorityFeePerGas) specified")]
    TwoFees,
    #[error(
        r#"both "data" and "input" are set and not equal. Please use "input" to pass transaction call data"#
    )]
    TwoInputs,
    #[error("chainId does not match node's (have={have}, want={want})")]
    ChainId { have: u64, want: u64 },
    #[error("override of {0} is not possible: {1}")]
    Override(Address, &'static str),
    #[error("header not found")]
    UnknownBlock,
    #[error("{0}")]
    Internal(String),
}

/// As geth words it: with the reason where the revert bytes have one.
fn reverted(data: &Bytes) -> String {
    match revert_reason(data) {
        Some(reason) => format!("execution reverted: {reason}"),
        None => "execution reverted".to_owned(),
    }
}

/// The text of `Error(string)` or the meaning of `Panic(uint256)`.
pub(crate) fn revert_reason(data: &[u8]) -> Option<String> {
    if let Ok(revert) = Revert::abi_decode(data) {
        return Some(revert.reason);
    }
    Panic::abi_decode(data).ok().map(|panic| match panic.kind() {
        Some(kind) => kind.as_str().to_owned(),
        None => format!("unknown panic code: {:#x}", panic.code),
    })
}

fn halted(reason: &HaltReason) -> String {
    match reason {
        HaltReason::OutOfGas(_) => "out of gas".to_owned(),
        HaltReason::InvalidFEOpcode => "invalid opcode: INVALID".to_owned(),
        other => other.to_string(),
    }
}

fn invalid(sender: &Address, reason: &InvalidTransaction) -> String {
    match reason {
        InvalidTransaction::LackOfFundForMaxFee { fee, balance } => format!(
            "insufficient funds for gas * price + value: address {sender} have {balance} want {fee}"
        ),
        InvalidTransaction::CallGasCostMoreThanGasLimit { initial_gas, gas_limit } => {
            format!("intrinsic gas too low: have {gas_limit}, want {initial_gas}")
        }
        InvalidTransaction::GasFloorMoreThanGasLimit { gas_floor, gas_limit } => {
            format!("insufficient gas for floor data gas cost: have {gas_limit}, want {gas_floor}")
        }
        InvalidTransaction::GasPriceLessThanBasefee => {
            "max fee per gas less than block base fee".to_owned()
        }
        InvalidTransaction::PriorityFeeGreaterThanMaxFee => {
            "max priority fee per gas higher than max fee per gas".to_owned()
        }
        other => other.to_string(),
    }
}
