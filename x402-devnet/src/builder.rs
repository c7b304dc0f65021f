//! The settings of a development chain.

use std::{sync::Arc, time::Duration};

use tokio::runtime::Handle;

use crate::{
    Devnet,
    chain::{Chain, Config},
    node::Node,
};

const BASE_SEPOLIA: u64 = 84_532;
const BLOCK_GAS: u64 = 30_000_000;

/// In wei; about what Base asks for.
const BASE_FEE: u64 = 5_000_000;

/// Settings of a [`Devnet`], from [`Devnet::builder`].
#[derive(Debug, Clone)]
#[must_use = "nothing runs before `build`"]
pub struct DevnetBuilder {
    chain_id: u64,
    base_fee: u64,
    mining: Mining,
}

#[derive(Debug, Clone, Copy)]
enum Mining {
    Instant,
    Manual,
    Interval(Duration),
}

/// A development chain that cannot be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// A block interval was asked for outside of a tokio runtime, where nothing can mine.
    #[error("a block interval needs a tokio runtime to mine in: build inside of one")]
    NoRuntime,
    /// The block interval is zero.
    #[error("the block interval is zero: leave it out for instant blocks")]
    ZeroInterval,
}

impl Default for DevnetBuilder {
    fn default() -> Self {
        Self { chain_id: BASE_SEPOLIA, base_fee: BASE_FEE, mining: Mining::Instant }
    }
}

impl DevnetBuilder {
    /// The chain id; 84532, Base Sepolia's, by default.
    pub fn chain_id(mut self, chain_id: u64) -> Self {
        self.chain_id = chain_id;
        self
    }

    /// The base fee of every block, in wei per gas; 5,000,000 by default. It does not follow
    /// demand, so that costs can be predicted.
    pub fn base_fee(mut self, wei: u64) -> Self {
        self.base_fee = wei;
        self
    }

    /// Mines a block per interval, by a task of the runtime that [`build`](Self::build) is called
    /// in. By default a transaction is mined as it arrives.
    pub fn block_interval(mut self, interval: Duration) -> Self {
        self.mining = Mining::Interval(interval);
        self
    }

    /// Mines only on [`Devnet::mine`] and `evm_mine`.
    pub fn manual_mining(mut self) -> Self {
        self.mining = Mining::Manual;
        self
    }

    /// Starts the chain.
    ///
    /// # Errors
    ///
    /// A block interval is zero, or is asked for outside of a tokio runtime.
    pub fn build(self) -> Result<Devnet, BuildError> {
        let Mining::Interval(interval) = self.mining else { return Ok(Devnet::start(self.node())) };
        if interval.is_zero() {
            return Err(BuildError::ZeroInterval);
        }
        let runtime = Handle::try_current().map_err(|_| BuildError::NoRuntime)?;
        let node = self.node();
        node.mine_every(interval, &runtime);
        Ok(Devnet::start(node))
    }

    pub(crate) fn node(&self) -> Arc<Node> {
        let config = Config {
            chain_id: self.chain_id,
            gas_limit: BLOCK_GAS,
            instant: matches!(self.mining, Mining::Instant),
        };
        Arc::new(Node::new(Chain::new(config, self.base_fee)))
    }
}
