//! The chain's RPC: every question ends within a time, and a revert is told apart from trouble.

use std::error::Error;
use std::io::ErrorKind;
use std::time::Duration;

use alloy_primitives::{Address, B256, Bytes, U256, hex};
use alloy_provider::utils::{Eip1559Estimation, Eip1559Estimator};
use alloy_provider::{DynProvider, Provider};
use alloy_rpc_types_eth::state::StateOverride;
use alloy_rpc_types_eth::{
    BlockId, BlockNumberOrTag, Filter, Log, TransactionInput, TransactionReceipt,
    TransactionRequest,
};
use alloy_sol_types::{Revert, SolCall, SolError};
use alloy_transport::{RpcError as AlloyError, TransportError, TransportResult};
use serde::Deserialize;
use tokio::task::JoinSet;

use crate::plain::plain;

/// The state that messages run on: what blocks have. On what waits for a block, our own transaction
/// would speak against its payment.
const STATE: BlockId = BlockId::Number(BlockNumberOrTag::Latest);

/// Why the chain's RPC gave no answer. Never holds the RPC's address, which may hold a key.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RpcError {
    /// Nothing came within this time.
    #[error("no answer within {0:?}")]
    Timeout(Duration),
    /// The node answered with an error of its own.
    #[error("the node answered with error {code}: {message}")]
    #[non_exhaustive]
    Answer {
        /// The error's code, of JSON-RPC.
        code: i64,
        /// The node's words: of one line, at most 300 characters, without addresses.
        message: String,
        /// What a contract's revert said, in the ABI's encoding.
        revert: Option<Bytes>,
    },
    /// The server before the node answered with this HTTP status.
    #[error("the RPC answered with HTTP status {0}")]
    Status(u16),
    /// An answer came that is none.
    #[error("the RPC's answer cannot be read")]
    Unreadable,
    /// There is no connection, as far as known for this reason.
    #[error("no connection to the RPC{}", reason(.0))]
    NoConnection(Option<ErrorKind>),
}

impl RpcError {
    /// Whether the node answered, with an error.
    pub(crate) fn is_answer(&self) -> bool {
        matches!(self, Self::Answer { .. })
    }

    /// Whether the node said that it knows no such method or parameters.
    pub(crate) fn is_not_understood(&self) -> bool {
        matches!(self, Self::Answer { code: -32602 | -32601, .. })
    }
}

impl From<TransportError> for RpcError {
    /// Keeps the kind of it alone: the words of transports name the address that they connect to.
    fn from(error: TransportError) -> Self {
        let kind = match error {
            AlloyError::ErrorResp(payload) => {
                let (code, message) = (payload.code, plain(&payload.message));
                return Self::Answer { code, message, revert: payload.as_revert_data() };
            }
            AlloyError::NullResp | AlloyError::DeserError { .. } => return Self::Unreadable,
            AlloyError::Transport(kind) => kind,
            _ => return Self::NoConnection(None),
        };
        match kind.as_http_error() {
            Some(error) => Self::Status(error.status),
            None => Self::NoConnection(io_error(&kind)),
        }
    }
}

/// The system's own error beneath another, which tells no more than its kind.
fn io_error(error: &(dyn Error + 'static)) -> Option<ErrorKind> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(error) = error.downcast_ref::<std::io::Error>() {
            return Some(error.kind());
        }
        next = error.source();
    }
    None
}

fn reason(kind: &Option<ErrorKind>) -> String {
    kind.map(|kind| format!(": {kind}")).unwrap_or_default()
}

/// A message that ran and did not succeed.
#[derive(Debug)]
pub(crate) struct Reverted {
    /// In words, as far as the contract or the node gave any.
    pub(crate) reason: String,
    /// Which of the contract's errors it was.
    pub(crate) selector: Option<[u8; 4]>,
}

impl Reverted {
    pub(crate) fn new(reason: impl AsRef<str>) -> Self {
        Self { reason: plain(reason.as_ref()), selector: None }
    }
}

/// A transaction, as far as it tells what was called.
#[derive(Debug, Deserialize)]
pub(crate) struct Called {
    pub(crate) to: Option<Address>,
    pub(crate) input: Bytes,
}

#[derive(Clone, Debug)]
pub(crate) struct Rpc {
    provider: DynProvider,
    timeout: Duration,
}

impl Rpc {
    pub(crate) fn new(provider: DynProvider, timeout: Duration) -> Self {
        Self { provider, timeout }
    }

    async fn ask<T>(
        &self,
        question: impl IntoFuture<Output = TransportResult<T>>,
    ) -> Result<T, RpcError> {
        match tokio::time::timeout(self.timeout, question.into_future()).await {
            Ok(answer) => Ok(answer?),
            Err(_) => Err(RpcError::Timeout(self.timeout)),
        }
    }

    pub(crate) async fn chain_id(&self) -> Result<u64, RpcError> {
        self.ask(self.provider.get_chain_id()).await
    }

    pub(crate) async fn block_number(&self) -> Result<u64, RpcError> {
        self.ask(self.provider.get_block_number()).await
    }

    /// The timestamp of a block, in seconds since 1970; `None` where there is no such block.
    pub(crate) async fn timestamp(&self, block: BlockNumberOrTag) -> Result<Option<u64>, RpcError> {
        let block = self.provider.get_block_by_number(block);
        Ok(self.ask(block).await?.map(|block| block.header.timestamp))
    }

    pub(crate) async fn balance(&self, account: Address) -> Result<U256, RpcError> {
        self.ask(self.provider.get_balance(account)).await
    }

    pub(crate) async fn has_code(&self, address: Address) -> Result<bool, RpcError> {
        Ok(!self.ask(self.provider.get_code_at(address)).await?.is_empty())
    }

    pub(crate) async fn fees(&self) -> Result<Eip1559Estimation, RpcError> {
        let estimator = Eip1559Estimator::new(estimate);
        self.ask(self.provider.estimate_eip1559_fees_with(estimator)).await
    }

    /// Transactions of an account that are in blocks, so the nonce of the next.
    pub(crate) async fn nonce(&self, account: Address) -> Result<u64, RpcError> {
        self.ask(self.provider.get_transaction_count(account)).await
    }

    /// The same, with those that wait for a block.
    pub(crate) async fn pending_nonce(&self, account: Address) -> Result<u64, RpcError> {
        self.ask(self.provider.get_transaction_count(account).pending()).await
    }

    pub(crate) async fn send(&self, transaction: &[u8]) -> Result<(), RpcError> {
        // Its own way to await a receipt is not used: see the sender.
        self.ask(self.provider.send_raw_transaction(transaction)).await.map(drop)
    }

    /// The receipt of a transaction that a block has. Some nodes give receipts before there is a
    /// block; those prove nothing.
    pub(crate) async fn receipt(&self, hash: B256) -> Result<Option<TransactionReceipt>, RpcError> {
        let receipt = self.ask(self.provider.get_transaction_receipt(hash)).await?;
        Ok(receipt.filter(|receipt| {
            receipt.transaction_hash == hash
                && receipt.block_number.is_some()
                && receipt.block_hash.is_some()
        }))
    }

    /// The receipts that there are, asked for at the same time, and whether every question was
    /// answered.
    pub(crate) async fn receipts(
        &self,
        hashes: impl IntoIterator<Item = B256>,
    ) -> (Vec<TransactionReceipt>, bool) {
        let mut questions = JoinSet::new();
        for hash in hashes {
            let rpc = self.clone();
            questions.spawn(async move { rpc.receipt(hash).await });
        }
        let (mut receipts, mut answered) = (Vec::with_capacity(questions.len()), true);
        while let Some(answer) = questions.join_next().await {
            match answer {
                Ok(Ok(receipt)) => receipts.extend(receipt),
                Ok(Err(error)) => {
                    tracing::debug!(%error, "no answer about a receipt");
                    answered = false;
                }
                Err(_) => answered = false,
            }
        }
        (receipts, answered)
    }

    pub(crate) async fn logs(&self, filter: &Filter) -> Result<Vec<Log>, RpcError> {
        self.ask(self.provider.get_logs(filter)).await
    }

    /// What a transaction called; `None` where the node does not know it.
    pub(crate) async fn transaction(&self, hash: B256) -> Result<Option<Called>, RpcError> {
        // Read by hand: some chains have kinds of transactions that alloy does not know.
        self.ask(self.provider.client().request("eth_getTransactionByHash", (hash,))).await
    }

    /// Reads a contract. The inner error says that it has no such function.
    pub(crate) async fn view<C: SolCall>(
        &self,
        contract: Address,
        call: &C,
    ) -> Result<Result<C::Return, Reverted>, RpcError> {
        self.view_at(STATE, contract, call).await
    }

    /// As [`view`](Self::view), on the state that a block left. Not every node has that of blocks
    /// that are old.
    pub(crate) async fn view_at<C: SolCall>(
        &self,
        state: BlockId,
        contract: Address,
        call: &C,
    ) -> Result<Result<C::Return, Reverted>, RpcError> {
        let message = TransactionRequest::default()
            .to(contract)
            .input(TransactionInput::both(call.abi_encode().into()));
        let output = match ran(self.ask(self.provider.call(message).block(state)).await)? {
            Ok(output) => output,
            Err(reverted) => return Ok(Err(reverted)),
        };
        Ok(C::abi_decode_returns(&output)
            .map_err(|error| Reverted::new(format!("not what the function returns: {error}"))))
    }

    /// Runs a message with so much gas, changing nothing.
    pub(crate) async fn simulate(
        &self,
        message: Message,
    ) -> Result<Result<(), Reverted>, RpcError> {
        Ok(self.output(message).await?.map(drop))
    }

    /// As [`simulate`](Self::simulate), and what it returns.
    pub(crate) async fn output(
        &self,
        message: Message,
    ) -> Result<Result<Bytes, Reverted>, RpcError> {
        ran(self.ask(self.provider.call(message.request()).block(STATE)).await)
    }

    /// Runs a message on a state with these changes.
    pub(crate) async fn call_on(
        &self,
        message: TransactionRequest,
        changes: StateOverride,
    ) -> Result<Bytes, RpcError> {
        self.ask(self.provider.call(message).overrides(changes).block(STATE)).await
    }

    /// Runs a message and finds how much gas it needs, at most what it brings.
    pub(crate) async fn estimate_gas(
        &self,
        message: Message,
    ) -> Result<Result<u64, Reverted>, RpcError> {
        ran(self.ask(self.provider.estimate_gas(message.request()).block(STATE)).await)
    }
}

/// A message from an account to a contract.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) from: Address,
    pub(crate) to: Address,
    /// In wei.
    pub(crate) value: U256,
    pub(crate) input: Bytes,
    pub(crate) gas: u64,
}

impl Message {
    fn request(self) -> TransactionRequest {
        let request = TransactionRequest::default()
            .from(self.from)
            .to(self.to)
            .gas_limit(self.gas)
            // Some nodes know one name of the field only.
            .input(TransactionInput::both(self.input));
        if self.value.is_zero() { request } else { request.value(self.value) }
    }
}

/// Twice the base fee, and the median of the tips that latest blocks took. As alloy's own estimate,
/// for which a node's numbers can be too large.
fn estimate(base_fee: u128, rewards: &[Vec<u128>]) -> Eip1559Estimation {
    let mut tips: Vec<u128> =
        rewards.iter().filter_map(|block| block.first()).copied().filter(|tip| *tip > 0).collect();
    tips.sort_unstable();
    let tip = tips.get(tips.len() / 2).copied().unwrap_or(1);
    Eip1559Estimation {
        max_fee_per_gas: base_fee.saturating_mul(2).saturating_add(tip),
        max_priority_fee_per_gas: tip,
    }
}

/// Tells "it ran and failed", which is an answer, from "it was not run".
pub(crate) fn ran<T>(answer: Result<T, RpcError>) -> Result<Result<T, Reverted>, RpcError> {
    let error = match answer {
        Ok(value) => return Ok(Ok(value)),
        Err(error) => error,
    };
    let RpcError::Answer { code, message, revert } = &error else { return Err(error) };
    if let Some(data) = revert {
        return Ok(Err(reverted(data, message)));
    }
    // Nodes differ in codes and words for an execution that fails without data.
    let words = message.to_ascii_lowercase();
    let failed = *code == 3
        || ["revert", "out of gas", "gas required exceeds", "invalid opcode", "invalid jump"]
            .iter()
            .any(|sign| words.contains(sign));
    if failed {
        return Ok(Err(Reverted::new(message)));
    }
    Err(error)
}

/// What a contract's revert says.
pub(crate) fn reverted(data: &[u8], otherwise: &str) -> Reverted {
    let selector = data.get(..4).and_then(|selector| selector.try_into().ok());
    Reverted { selector, ..Reverted::new(revert_reason(data, otherwise)) }
}

fn revert_reason(data: &[u8], otherwise: &str) -> String {
    match Revert::abi_decode(data) {
        Ok(revert) => revert.reason,
        Err(_) if data.is_empty() => otherwise.to_owned(),
        Err(_) => {
            let selector: Vec<u8> = data.iter().copied().take(4).collect();
            format!("error {}", hex::encode_prefixed(selector))
        }
    }
}
