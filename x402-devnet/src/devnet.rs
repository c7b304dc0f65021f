//! The handle of a development chain.

use std::{io, sync::Arc, time::Duration};

use alloy_network::Ethereum;
use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_provider::RootProvider;
use alloy_rpc_client::RpcClient;
use alloy_sol_types::SolCall;
use tokio::net::ToSocketAddrs;

use crate::{
    DEV_ACCOUNTS, DevAccount, DevnetBuilder, DevnetTransport, Server,
    chain::call_error::{CallError, revert_reason},
    node::Node,
    token::{DevUsdc, USDC},
    wallet::{DevWalletFactory, WALLET_FACTORY, WalletError},
};

/// How often a provider of [`Devnet::provider`] asks for news.
const POLL: Duration = Duration::from_millis(20);

/// A development chain in this process. Clones are handles of the same chain, which ends with the
/// last of them.
///
/// It keeps everything in memory, is final at once, and knows no peers. Blocks are mined as
/// transactions arrive, unless the [builder](Self::builder) was told otherwise.
#[derive(Debug, Clone)]
pub struct Devnet {
    node: Arc<Node>,
}

/// The development token did not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// The token reverted, for this reason if it gave one.
    #[error("the token reverted: {}", .0.as_deref().unwrap_or("it gave no reason"))]
    Reverted(Option<String>),
    /// Something else than the development token stands at its address.
    #[error("no development token answers at {USDC}: {0}")]
    NotTheToken(String),
}

/// A time that the chain cannot go to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the next block cannot be at {asked}: the one before it is at {parent}")]
#[non_exhaustive]
pub struct TimeError {
    /// The timestamp that was asked for, in seconds since 1970.
    pub asked: u64,
    /// The timestamp of the latest block.
    pub parent: u64,
}

/// Code that no account can have: it begins as an EIP-7702 delegation and is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the code begins as an EIP-7702 delegation, but is none")]
#[non_exhaustive]
pub struct CodeError;

impl Default for Devnet {
    fn default() -> Self {
        Self::new()
    }
}

impl Devnet {
    /// Starts a chain of instant blocks with chain id 84532.
    #[must_use]
    pub fn new() -> Self {
        Self::start(DevnetBuilder::default().node())
    }

    /// Settings for another chain than [`new`](Self::new) starts.
    pub fn builder() -> DevnetBuilder {
        DevnetBuilder::default()
    }

    pub(crate) fn start(node: Arc<Node>) -> Self {
        Self { node }
    }

    /// The chain id.
    #[must_use]
    pub fn chain_id(&self) -> u64 {
        self.node.lock().config.chain_id
    }

    /// The ten prefunded accounts, [`DEV_ACCOUNTS`].
    #[must_use]
    pub fn accounts(&self) -> &'static [DevAccount; 10] {
        &DEV_ACCOUNTS
    }

    /// The address of the token, [`USDC`].
    #[must_use]
    pub fn usdc(&self) -> Address {
        USDC
    }

    /// An alloy transport to the chain without a socket. Requests are answered in place, in the
    /// task that asks.
    #[must_use]
    pub fn transport(&self) -> DevnetTransport {
        DevnetTransport::new(Arc::clone(&self.node))
    }

    /// An alloy client over [`transport`](Self::transport).
    #[must_use]
    pub fn client(&self) -> RpcClient {
        RpcClient::new(self.transport(), true).with_poll_interval(POLL)
    }

    /// An alloy provider over [`transport`](Self::transport), without fillers. For one that signs,
    /// give [`client`](Self::client) to alloy's `ProviderBuilder`.
    #[must_use]
    pub fn provider(&self) -> RootProvider<Ethereum> {
        RootProvider::new(self.client())
    }

    /// Serves JSON-RPC over HTTP until the [`Server`] is dropped: `POST` of a request or a batch,
    /// open to browsers of every origin. Port 0 takes any free port.
    ///
    /// Whoever reaches the port controls the chain, so listen on a loopback address.
    ///
    /// # Errors
    ///
    /// The address cannot be listened on.
    pub async fn serve(&self, addr: impl ToSocketAddrs) -> io::Result<Server> {
        Server::start(Arc::clone(&self.node), addr).await
    }

    /// Gives an account tokens, in atomic units (six decimals), at once and without a block.
    ///
    /// For a block with a `Transfer` log, send a transaction that calls the token's `mint`.
    ///
    /// # Errors
    ///
    /// The supply would exceed 256 bits, the address is zero, or the token's code was replaced.
    pub fn mint(&self, to: Address, amount: U256) -> Result<(), TokenError> {
        let call = DevUsdc::mintCall { to, amount };
        self.node.lock().apply(USDC, call.abi_encode().into()).map_err(token_error)
    }

    /// An account's tokens, in atomic units (six decimals).
    ///
    /// # Errors
    ///
    /// The token's code was replaced.
    pub fn token_balance(&self, account: Address) -> Result<U256, TokenError> {
        let call = DevUsdc::balanceOfCall { account };
        let output = self.node.lock().view(USDC, call.abi_encode().into()).map_err(token_error)?;
        DevUsdc::balanceOfCall::abi_decode_returns(&output)
            .map_err(|error| TokenError::NotTheToken(error.to_string()))
    }

    /// Deploys the owner's [`DevWallet`](crate::DevWallet) for this salt, at once and without a
    /// block, and gives its address. One that stands already stays as it is.
    ///
    /// For a deployment in a block, send a transaction that calls the factory's `deploy`.
    ///
    /// # Errors
    ///
    /// The owner is the zero address, or the factory's code was replaced.
    pub fn deploy_wallet(&self, owner: Address, salt: B256) -> Result<Address, WalletError> {
        if owner.is_zero() {
            return Err(WalletError::ZeroOwner);
        }
        let wallet = self.wallet_address(owner, salt)?;
        let call = DevWalletFactory::deployCall { owner, salt };
        let deployed = self.node.lock().apply(WALLET_FACTORY, call.abi_encode().into());
        deployed.map_err(|error| WalletError::NotTheFactory(error.to_string()))?;
        Ok(wallet)
    }

    /// Where the owner's wallet for this salt stands, or will.
    ///
    /// # Errors
    ///
    /// The factory's code was replaced.
    pub fn wallet_address(&self, owner: Address, salt: B256) -> Result<Address, WalletError> {
        let call = DevWalletFactory::addressOfCall { owner, salt };
        let output = self
            .node
            .lock()
            .view(WALLET_FACTORY, call.abi_encode().into())
            .map_err(|error| WalletError::NotTheFactory(error.to_string()))?;
        DevWalletFactory::addressOfCall::abi_decode_returns(&output)
            .map_err(|error| WalletError::NotTheFactory(error.to_string()))
    }

    /// An account's ether, in wei.
    #[must_use]
    pub fn balance(&self, account: Address) -> U256 {
        self.node.lock().state.info(account).balance
    }

    /// Gives an account this much ether, in wei.
    pub fn set_balance(&self, account: Address, wei: U256) {
        self.node.lock().state.set_balance(account, wei);
    }

    /// Puts runtime code at an address; its storage stays.
    ///
    /// # Errors
    ///
    /// The code begins as an EIP-7702 delegation and is none.
    pub fn set_code(&self, address: Address, code: Bytes) -> Result<(), CodeError> {
        self.node.lock().set_code(address, code).map_err(|_| CodeError)
    }

    /// Sets a storage slot.
    pub fn set_storage_at(&self, address: Address, slot: U256, value: B256) {
        self.node.lock().state.set_slot(address, slot, value.into());
    }

    /// The number of the latest block.
    #[must_use]
    pub fn block_number(&self) -> u64 {
        self.node.lock().blocks.height()
    }

    /// Mines a block of all that is ready, perhaps of nothing. Gives its number.
    pub fn mine(&self) -> u64 {
        self.node.lock().mine()
    }

    /// Whether a transaction is mined as it arrives. Switched on, it mines what is ready.
    pub fn set_instant(&self, instant: bool) {
        let mut chain = self.node.lock();
        chain.config.instant = instant;
        chain.catch_up();
    }

    /// How many transactions wait for a block.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.node.lock().pool.len()
    }

    /// Drops a waiting transaction, as a node does that restarts. `false` where none of this hash
    /// waits.
    pub fn drop_transaction(&self, hash: B256) -> bool {
        self.node.lock().pool.remove_hash(&hash)
    }

    /// The base fee of the next blocks, in wei per gas. Transactions that offer less wait.
    pub fn set_base_fee(&self, wei: u64) {
        let mut chain = self.node.lock();
        chain.base_fee = wei;
        chain.catch_up();
    }

    /// The timestamp of a block mined now, in seconds since 1970.
    #[must_use]
    pub fn timestamp(&self) -> u64 {
        let chain = self.node.lock();
        chain.clock.peek(chain.blocks.head().timestamp())
    }

    /// Moves the chain's clock ahead, by whole seconds.
    pub fn increase_time(&self, by: Duration) {
        self.node.lock().clock.advance(by.as_secs());
    }

    /// The next block carries exactly this timestamp, in seconds since 1970, and the clock runs on
    /// from there.
    ///
    /// # Errors
    ///
    /// The latest block is later than that.
    pub fn set_next_block_timestamp(&self, timestamp: u64) -> Result<(), TimeError> {
        self.node
            .lock()
            .set_next_timestamp(timestamp)
            .map_err(|parent| TimeError { asked: timestamp, parent })
    }

    /// Remembers the whole chain: blocks, state, waiting transactions and clock.
    #[must_use = "the identifier is what `revert` takes"]
    pub fn snapshot(&self) -> u64 {
        self.node.lock().snapshot()
    }

    /// Goes back to a snapshot, as a deep reorganisation would. It is used up by that, as are all
    /// taken after it. `false` where there is none of this identifier.
    pub fn revert(&self, snapshot: u64) -> bool {
        self.node.lock().revert(snapshot)
    }
}

fn token_error(error: CallError) -> TokenError {
    match error {
        CallError::Reverted(data) => TokenError::Reverted(revert_reason(&data)),
        other => TokenError::NotTheToken(other.to_string()),
    }
}
