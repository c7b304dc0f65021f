use std::error::Error;
use std::pin::Pin;
use std::sync::Arc;

use alloy_primitives::{Address, Bytes};
use alloy_sol_types::SolCall;
use x402_types::ErrorReason;
use x402_types::scheme::Refusal;

/// One who can read contracts. A payer does not need it to sign; with it, it knows beforehand
/// whether Permit2 may move its money.
pub trait ChainReader: Send + Sync + 'static {
    /// What a call returns, in the latest block of the chain of this id. Changes nothing.
    fn call<'a>(&'a self, chain_id: u64, contract: Address, calldata: Bytes) -> Reading<'a>;
}

impl<R: ChainReader + ?Sized> ChainReader for Arc<R> {
    fn call<'a>(&'a self, chain_id: u64, contract: Address, calldata: Bytes) -> Reading<'a> {
        (**self).call(chain_id, contract, calldata)
    }
}

/// A call under way.
pub type Reading<'a> =
    Pin<Box<dyn Future<Output = Result<Bytes, Box<dyn Error + Send + Sync>>> + Send + 'a>>;

/// Asks a contract a question of its interface.
pub(crate) async fn ask<C: SolCall>(
    reader: &dyn ChainReader,
    chain_id: u64,
    contract: Address,
    question: C,
) -> Result<C::Return, Refusal> {
    let failed = |error: &dyn std::fmt::Display| {
        let detail: String =
            format!("{contract} cannot be read: {error}").chars().take(256).collect();
        Refusal::new(ErrorReason::InvalidTransactionState, detail)
    };
    let calldata = question.abi_encode().into();
    let answer = reader.call(chain_id, contract, calldata).await.map_err(|error| failed(&error))?;
    C::abi_decode_returns(&answer).map_err(|error| failed(&error))
}
