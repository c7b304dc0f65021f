use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use x402_evm::Domain;
use x402_ledger::dynamic::DynPayments;
use x402_ledger::{MemoryStore, Payments};
use x402_types::Network;

use crate::approve::Given;
use crate::attribution::BuilderCodes;
use crate::chain::{Chain, Deployed, Served, Token};
use crate::facilitator::EvmFacilitator;
use crate::rpc::Rpc;
use crate::sender::{Pace, Sender};
use crate::settlements::Settlements;
use crate::turns::Turns;

/// Lines of the books that are kept where no store is given.
const BOOKS: usize = 10_000;
/// Payments that are remembered at a time.
const REMEMBERED: usize = 1 << 17;
/// Blocks over which the pace of a chain is measured.
const MEASURED_BLOCKS: u64 = 50;
/// The pace of a chain that is too young to tell.
const UNKNOWN_BLOCK_TIME: Duration = Duration::from_secs(2);

/// Longer times are taken for mistakes.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// What a facilitator is made of. See [`EvmFacilitator::builder`].
#[must_use = "nothing runs before `build`"]
pub struct FacilitatorBuilder {
    chains: Vec<Chain>,
    payments: Arc<dyn DynPayments>,
    remembered: usize,
    builder_codes: Option<BuilderCodes>,
}

/// Everything that is wrong with a facilitator's configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildError {
    problems: Vec<String>,
}

impl FacilitatorBuilder {
    pub(crate) fn new() -> Self {
        Self {
            chains: Vec::new(),
            payments: Arc::new(MemoryStore::with_capacity(BOOKS)),
            remembered: REMEMBERED,
            builder_codes: None,
        }
    }

    /// Settles on this chain too.
    pub fn chain(mut self, chain: Chain) -> Self {
        self.chains.push(chain);
        self
    }

    /// Where the books are kept: a line per settlement, written before anything is sent. By default
    /// in memory. With a store that outlives the process, a settlement that a crash interrupted is
    /// taken up where it was when it is asked for again.
    pub fn payments(mut self, store: impl Payments) -> Self {
        self.payments = Arc::new(store);
        self
    }

    /// How many payments are remembered at a time, so that asking again for one of them gives its
    /// answer again; 131,072 by default. More are refused with
    /// [`Unavailable::Busy`](crate::Unavailable) rather than forget a live one.
    pub fn remembered_payments(mut self, payments: usize) -> Self {
        self.remembered = payments;
        self
    }

    /// Writes behind the calldata of each settlement who took part in it (the extension
    /// `builder-code`, ERC-8021): these codes, and those that came with the payment. Off by default.
    /// See [`BuilderCodes`].
    pub fn builder_codes(mut self, codes: BuilderCodes) -> Self {
        self.builder_codes = Some(codes);
        self
    }

    /// Checks everything, asking every chain, and starts the signers' tasks.
    ///
    /// # Errors
    /// [`BuildError`] with all that is wrong, not just the first of it.
    pub async fn build(self) -> Result<EvmFacilitator, BuildError> {
        let mut problems = Vec::new();
        if self.chains.is_empty() {
            problems.push("no chain: add one with `.chain(...)`".to_owned());
        }
        let mut chains = BTreeMap::new();
        for chain in self.chains {
            let network = chain.network.clone();
            if chains.contains_key(&network) {
                problems.push(format!("{network} is configured twice"));
            }
            if let Some(served) = start(chain, &mut problems).await {
                chains.insert(network, Arc::new(served));
            }
        }
        if problems.is_empty() {
            let settlements = Settlements::new(self.remembered);
            Ok(EvmFacilitator::new(chains, self.payments, settlements, self.builder_codes))
        } else {
            Err(BuildError { problems })
        }
    }
}

async fn start(chain: Chain, problems: &mut Vec<String>) -> Option<Served> {
    let network = &chain.network;
    let Some(chain_id) = network.chain_id() else {
        problems.push(format!("{network} is not an EVM chain"));
        return None;
    };
    let before = problems.len();
    let limits = chain.limits;
    if chain.signers.is_empty() {
        problems.push(format!("{network} has no signer: add one with `.signer(...)`"));
    }
    for (at, signer) in chain.signers.iter().enumerate() {
        if chain.signers.iter().take(at).any(|other| other.address() == signer.address()) {
            problems.push(format!("the signer {} is given twice on {network}", signer.address()));
        }
    }
    for (wrong, what) in [
        (
            limits.gas_limit_cap < 21_000,
            "gas_limit_cap is below 21,000, what any transaction needs",
        ),
        (
            limits.deployment_gas_cap < 21_000,
            "deployment_gas_cap is below 21,000, what any transaction needs",
        ),
        (limits.max_fee_per_gas == 0, "max_fee_per_gas is zero"),
        (limits.settle_deadline.is_zero(), "settle_deadline is zero"),
        (limits.rpc_timeout.is_zero(), "rpc_timeout is zero"),
        (limits.max_in_flight == 0, "max_in_flight is zero"),
        (limits.max_in_flight > Semaphore::MAX_PERMITS, "max_in_flight is too large"),
        (chain.block_time.is_some_and(|time| time.is_zero()), "block_time is zero"),
        (limits.settle_deadline > DAY, "settle_deadline is beyond a day"),
        (limits.rpc_timeout > DAY, "rpc_timeout is beyond a day"),
        (chain.block_time.is_some_and(|time| time > DAY), "block_time is beyond a day"),
    ] {
        if wrong {
            problems.push(format!("{network}: {what}"));
        }
    }
    let assets = tokens(&chain, problems);
    let rpc = Rpc::new(chain.provider.clone(), limits.rpc_timeout);
    match rpc.chain_id().await {
        Ok(id) if id == chain_id => {}
        Ok(id) => {
            problems.push(format!("the RPC of {network} is that of eip155:{id}"));
            return None;
        }
        Err(error) => {
            problems.push(format!("the RPC of {network} cannot be asked: {error}"));
            return None;
        }
    }
    let deployed = Deployed::default();
    for address in assets.keys() {
        match rpc.has_code(*address).await {
            Ok(true) => deployed.saw(*address),
            Ok(false) => problems.push(format!("there is no contract at {address} on {network}")),
            Err(error) => problems.push(format!("the RPC of {network} cannot be asked: {error}")),
        }
    }
    let block_time = match chain.block_time {
        Some(block_time) => block_time,
        None => match measure(&rpc).await {
            Ok(block_time) => block_time,
            Err(error) => {
                problems.push(format!("the pace of {network} cannot be learnt: {error}"));
                return None;
            }
        },
    };
    if problems.len() > before {
        return None;
    }
    let pace = Pace::new(block_time);
    let senders = chain.signers.into_iter().map(|signer| {
        Sender::start(signer, chain_id, chain.network.clone(), rpc.clone(), pace, limits)
    });
    Some(Served {
        senders: senders.collect(),
        assets,
        deployed,
        wallet_factories: chain.wallet_factories,
        sponsored_wei: chain.sponsored_wei,
        given: Given::default(),
        turns: Turns::default(),
        rpc,
        block_time,
        limits,
        verifications: Semaphore::new(limits.max_in_flight),
        settlements: Arc::new(Semaphore::new(limits.max_in_flight)),
        network: chain.network,
    })
}

fn tokens(chain: &Chain, problems: &mut Vec<String>) -> HashMap<alloy_primitives::Address, Token> {
    let network = &chain.network;
    let mut tokens = HashMap::new();
    for asset in chain.accepted_assets() {
        let symbol = &asset.symbol;
        if asset.network != *network {
            problems.push(format!("{symbol} is on {}, not on {network}", asset.network));
        } else if let Some(domain) = Domain::of(&asset) {
            tokens.insert(
                domain.verifying_contract,
                Token { domain, transfer_method: asset.transfer_method },
            );
        } else {
            problems.push(format!("{symbol} on {network} has no sound address: {}", asset.address));
        }
    }
    if tokens.is_empty() && chain.assets.is_empty() {
        problems.push(format!("no token of {network} is known: add one with `.asset(...)`"));
    }
    tokens
}

/// The time that the latest blocks took on average.
async fn measure(rpc: &Rpc) -> Result<Duration, crate::RpcError> {
    let newest = rpc.block_number().await?;
    // The first block may be years older than the second.
    let oldest = newest.saturating_sub(MEASURED_BLOCKS).max(1);
    let Some(blocks) = newest.checked_sub(oldest).filter(|blocks| *blocks > 0) else {
        return Ok(UNKNOWN_BLOCK_TIME);
    };
    let (Some(from), Some(to)) =
        (rpc.timestamp(oldest.into()).await?, rpc.timestamp(newest.into()).await?)
    else {
        return Ok(UNKNOWN_BLOCK_TIME);
    };
    let millis = to.saturating_sub(from).saturating_mul(1000) / blocks;
    Ok(Duration::from_millis(millis).clamp(Duration::from_millis(50), Duration::from_secs(15)))
}

impl BuildError {
    /// What is wrong, a sentence each.
    pub fn problems(&self) -> &[String] {
        &self.problems
    }
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the facilitator cannot start")?;
        for problem in &self.problems {
            write!(f, "\n- {problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for BuildError {}

impl fmt::Debug for FacilitatorBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FacilitatorBuilder").field("chains", &self.chains).finish_non_exhaustive()
    }
}

/// For [`EvmFacilitator`]: its chains by network.
pub(crate) type Chains = BTreeMap<Network, Arc<Served>>;
