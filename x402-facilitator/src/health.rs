use std::time::Duration;

use alloy_primitives::U256;
use serde::Serialize;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::RpcError;
use crate::builder::Chains;
use crate::chain::Served;
use crate::sender::Sender;

/// Whether a facilitator can do its work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Health {
    /// Whether every chain can be reached and has a signer that can pay for gas.
    pub healthy: bool,
    /// Every chain.
    pub chains: Vec<ChainHealth>,
}

/// Whether a chain can be settled on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ChainHealth {
    /// The chain.
    pub network: String,
    /// Its latest block; `None` where its RPC does not answer.
    pub block_number: Option<u64>,
    /// Who pays for gas there. Empty where its RPC does not answer.
    pub signers: Vec<SignerHealth>,
}

/// Whether a signer can pay for gas.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct SignerHealth {
    /// Its account.
    pub address: String,
    /// What it holds, in wei, as a decimal number.
    pub balance: String,
    /// Whether that does not pay for ten settlements at present fees.
    pub low: bool,
    /// Settlements that it has under way.
    pub in_flight: usize,
}

/// Settlements that a signer should be able to pay for.
const LOW: u64 = 10;
/// How long an answer holds: whoever may ask, the RPC is not to be flooded.
const FRESH: Duration = Duration::from_secs(5);

#[derive(Debug, Default)]
pub(crate) struct HealthCheck {
    latest: Mutex<Option<(Instant, Health)>>,
}

impl HealthCheck {
    pub(crate) async fn check(&self, chains: &Chains) -> Health {
        // Held while the RPC is asked: whoever comes meanwhile waits for that answer.
        let mut latest = self.latest.lock().await;
        if let Some((at, health)) = &*latest
            && at.elapsed() < FRESH
        {
            return health.clone();
        }
        let mut healths = Vec::with_capacity(chains.len());
        for chain in chains.values() {
            healths.push(of_chain(chain).await);
        }
        let healthy = healths.iter().all(ChainHealth::is_healthy);
        let health = Health { healthy, chains: healths };
        *latest = Some((Instant::now(), health.clone()));
        health
    }
}

impl ChainHealth {
    fn is_healthy(&self) -> bool {
        self.block_number.is_some() && self.signers.iter().any(|signer| !signer.low)
    }
}

async fn of_chain(chain: &Served) -> ChainHealth {
    let network = chain.network.to_string();
    match ask(chain).await {
        Ok((block_number, signers)) => {
            ChainHealth { network, block_number: Some(block_number), signers }
        }
        Err(error) => {
            tracing::warn!(network, %error, "chain not reachable");
            ChainHealth { network, block_number: None, signers: Vec::new() }
        }
    }
}

async fn ask(chain: &Served) -> Result<(u64, Vec<SignerHealth>), RpcError> {
    let (block_number, fees) = tokio::try_join!(chain.rpc.block_number(), chain.rpc.fees())?;
    let fee = fees.max_fee_per_gas.min(chain.limits.max_fee_per_gas);
    let settlement = U256::from(chain.limits.gas_limit_cap).saturating_mul(U256::from(fee));
    let needed = settlement.saturating_mul(U256::from(LOW));
    let mut signers = Vec::with_capacity(chain.senders.len());
    for sender in &chain.senders {
        let balance = chain.rpc.balance(sender.address()).await?;
        signers.push(of_signer(sender, balance, needed));
    }
    Ok((block_number, signers))
}

fn of_signer(sender: &Sender, balance: U256, needed: U256) -> SignerHealth {
    SignerHealth {
        address: sender.address().to_string(),
        balance: balance.to_string(),
        low: balance < needed,
        in_flight: sender.load(),
    }
}
