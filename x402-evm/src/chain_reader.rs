use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use alloy_primitives::{Address, Bytes};
use alloy_sol_types::SolCall;
use x402_types::ErrorReason;
use x402_types::scheme::Refusal;

/// One who can read chains. A payer does not need it to sign; with it, it knows beforehand whether
/// Permit2 may move its money.
///
/// Only [`call`](Self::call) has to be there. The others are asked before an approval is signed, and
/// without them none is. Any future may be dropped.
pub trait ChainReader: Send + Sync + 'static {
    /// What a call returns, in the latest block of the chain of this id. Changes nothing.
    fn call<'a>(&'a self, chain_id: u64, contract: Address, calldata: Bytes) -> Reading<'a>;

    /// How many transactions this account has sent on the chain of this id, those included that wait
    /// to be put into a block: the nonce of its next.
    fn transaction_count<'a>(&'a self, chain_id: u64, account: Address) -> Reading<'a, u64> {
        let _ = (chain_id, account);
        Box::pin(async { Err("this reader counts no transactions".into()) })
    }

    /// What a transaction on the chain of this id costs now.
    fn fees<'a>(&'a self, chain_id: u64) -> Reading<'a, Fees> {
        let _ = chain_id;
        Box::pin(async { Err("this reader knows no fees".into()) })
    }
}

/// What a unit of gas costs (EIP-1559), in wei.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fees {
    /// What the next block asks of everybody.
    pub base_fee_per_gas: u128,
    /// What is usual as a tip for whoever makes the block.
    pub priority_fee_per_gas: u128,
}

impl<R: ChainReader + ?Sized> ChainReader for Arc<R> {
    fn call<'a>(&'a self, chain_id: u64, contract: Address, calldata: Bytes) -> Reading<'a> {
        (**self).call(chain_id, contract, calldata)
    }

    fn transaction_count<'a>(&'a self, chain_id: u64, account: Address) -> Reading<'a, u64> {
        (**self).transaction_count(chain_id, account)
    }

    fn fees<'a>(&'a self, chain_id: u64) -> Reading<'a, Fees> {
        (**self).fees(chain_id)
    }
}

/// A question under way: of a call, unless told otherwise.
pub type Reading<'a, T = Bytes> =
    Pin<Box<dyn Future<Output = Result<T, Box<dyn Error + Send + Sync>>> + Send + 'a>>;

/// Asks a contract a question of its interface.
pub(crate) async fn ask<C: SolCall>(
    reader: &dyn ChainReader,
    chain_id: u64,
    contract: Address,
    question: C,
) -> Result<C::Return, Refusal> {
    let calldata = question.abi_encode().into();
    let answer = reader.call(chain_id, contract, calldata).await;
    let answer = answer.map_err(|error| unread(contract, error))?;
    C::abi_decode_returns(&answer).map_err(|error| unread(contract, error))
}

/// What the chain would not tell.
pub(crate) fn unread(what: impl fmt::Display, error: impl fmt::Display) -> Refusal {
    let detail: String = format!("{what} cannot be read: {error}").chars().take(256).collect();
    Refusal::new(ErrorReason::InvalidTransactionState, detail)
}
