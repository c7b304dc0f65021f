use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use alloy_primitives::Address;
use alloy_provider::{DynProvider, Provider};
use tokio::sync::Semaphore;
use tokio::time::Instant;
use x402_evm::{Domain, LocalSigner};
use x402_types::{Asset, Network, TransferMethod};

use crate::approve::Given;
use crate::rpc::Rpc;
use crate::sender::Sender;
use crate::turns::Turns;

/// A chain to settle on: how it is reached, who pays for gas, and within which limits.
///
/// ```
/// # use std::time::Duration;
/// use x402_evm::LocalSigner;
/// use x402_facilitator::Chain;
/// use x402_types::Network;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let provider = x402_devnet::Devnet::new().provider();
/// let chain = Chain::new(Network::BASE_SEPOLIA, provider)
///     .signer(LocalSigner::random()?)
///     .gas_limit_cap(150_000)
///     .settle_deadline(Duration::from_secs(20));
/// # Ok(())
/// # }
/// ```
pub struct Chain {
    pub(crate) network: Network,
    pub(crate) provider: DynProvider,
    pub(crate) signers: Vec<LocalSigner>,
    pub(crate) assets: Vec<Asset>,
    pub(crate) wallet_factories: HashSet<Address>,
    pub(crate) sponsored_wei: Option<u128>,
    pub(crate) block_time: Option<Duration>,
    pub(crate) limits: Limits,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) gas_limit_cap: u64,
    pub(crate) deployment_gas_cap: u64,
    pub(crate) max_fee_per_gas: u128,
    pub(crate) settle_deadline: Duration,
    pub(crate) rpc_timeout: Duration,
    pub(crate) max_in_flight: usize,
}

impl Chain {
    /// A chain that is reached through this provider: any transport of alloy's, with its layers for
    /// retries or several nodes. Fillers and wallets of the provider are not used.
    pub fn new(network: Network, provider: impl Provider + 'static) -> Self {
        Self {
            network,
            provider: provider.erased(),
            signers: Vec::new(),
            assets: Vec::new(),
            wallet_factories: HashSet::new(),
            sponsored_wei: None,
            block_time: None,
            limits: Limits {
                gas_limit_cap: 250_000,
                deployment_gas_cap: 750_000,
                max_fee_per_gas: 100_000_000_000,
                settle_deadline: Duration::from_secs(25),
                rpc_timeout: Duration::from_secs(5),
                max_in_flight: 512,
            },
        }
    }

    /// An account that sends settlements and pays for their gas. At least one is needed; of several
    /// the least busy one is taken.
    ///
    /// Nobody else may send transactions from it while the facilitator runs.
    #[must_use]
    pub fn signer(mut self, signer: LocalSigner) -> Self {
        self.signers.push(signer);
        self
    }

    /// A token that payments may be in. Without any, those of the pinned table on this network; with
    /// one, only those that are named. Any of them can be paid by Permit2, and by EIP-3009 those that
    /// say so.
    ///
    /// A token's code runs at this facilitator's expense: name none that you do not trust.
    #[must_use]
    pub fn asset(mut self, asset: Asset) -> Self {
        self.assets.push(asset);
        self
    }

    /// A contract that may deploy payers' wallets (ERC-6492). A signature that names any other is
    /// refused with `eip6492_factory_not_allowed`.
    ///
    /// Where a payment's wallet is not there yet, its deployment and the payment are simulated together,
    /// for which the RPC must know the state overrides of `eth_call`: else the payment is refused with
    /// `invalid_exact_evm_payload_undeployed_smart_wallet`. Settling it deploys the wallet first, in a
    /// transaction of its own.
    ///
    /// The payer says what the factory is called with, a signer makes the call and pays for it: name
    /// none that does anything but deploy wallets, least of all one that calls what it is told to.
    #[must_use]
    pub fn allow_wallet_factory(mut self, factory: Address) -> Self {
        self.wallet_factories.insert(factory);
        self
    }

    /// Settles payments by Permit2 whose payer gave no allowance yet, but sent a signed `approve` along
    /// (`erc20ApprovalGasSponsoring`): it is brought to the chain before the payment. Off by default.
    ///
    /// A payer without gas for it gets what it lacks first, at most `max_wei`. Nothing makes the payer
    /// use that for its approval: it may be lost. It is given once to a payer, until its approval is
    /// seen on chain, which is forgotten when the process ends. Keep it small: 70,000 gas at 1 gwei
    /// are 70,000,000,000,000 wei, and with 0 payers bring their own.
    #[must_use]
    pub fn sponsor_approvals(mut self, max_wei: u128) -> Self {
        self.sponsored_wei = Some(max_wei);
        self
    }

    /// How long the chain takes for a block. By default learnt from its latest blocks.
    #[must_use]
    pub fn block_time(mut self, block_time: Duration) -> Self {
        self.block_time = Some(block_time);
        self
    }

    /// The most gas that a settlement may use; 250,000 by default.
    #[must_use]
    pub fn gas_limit_cap(mut self, gas: u64) -> Self {
        self.limits.gas_limit_cap = gas;
        self
    }

    /// The most gas that the deployment of a payer's wallet may use; 750,000 by default. See
    /// [`allow_wallet_factory`](Self::allow_wallet_factory).
    #[must_use]
    pub fn deployment_gas_cap(mut self, gas: u64) -> Self {
        self.limits.deployment_gas_cap = gas;
        self
    }

    /// The most that a settlement may offer, in wei per gas; 100 gwei by default. Where the chain
    /// asks for more, settlements are refused with [`Unavailable::FeesTooHigh`](crate::Unavailable).
    #[must_use]
    pub fn max_fee_per_gas(mut self, wei: u128) -> Self {
        self.limits.max_fee_per_gas = wei;
        self
    }

    /// How long a settlement is waited for before the answer is `settlement_pending`; 25 seconds by
    /// default. Keep it shorter than the callers' timeout.
    #[must_use]
    pub fn settle_deadline(mut self, deadline: Duration) -> Self {
        self.limits.settle_deadline = deadline;
        self
    }

    /// How long the RPC may take for one answer; 5 seconds by default.
    #[must_use]
    pub fn rpc_timeout(mut self, timeout: Duration) -> Self {
        self.limits.rpc_timeout = timeout;
        self
    }

    /// How many settlements may be under way at a time, and how many verifications; 512 by default.
    /// What comes above is refused with [`Unavailable::Busy`](crate::Unavailable).
    #[must_use]
    pub fn max_in_flight(mut self, payments: usize) -> Self {
        self.limits.max_in_flight = payments;
        self
    }

    /// The tokens that payments may be in.
    pub(crate) fn accepted_assets(&self) -> Vec<Asset> {
        if self.assets.is_empty() {
            let known = Asset::known().iter().filter(|asset| asset.network == self.network);
            known.cloned().collect()
        } else {
            self.assets.clone()
        }
    }
}

impl fmt::Debug for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chain")
            .field("network", &self.network)
            .field("signers", &self.signers)
            .field("assets", &self.assets)
            .field("wallet_factories", &self.wallet_factories)
            .field("sponsored_wei", &self.sponsored_wei)
            .field("block_time", &self.block_time)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// A chain at work.
#[derive(Debug)]
pub(crate) struct Served {
    pub(crate) network: Network,
    pub(crate) rpc: Rpc,
    pub(crate) assets: HashMap<Address, Token>,
    pub(crate) deployed: Deployed,
    pub(crate) wallet_factories: HashSet<Address>,
    /// The most that a payer is given for gas, where approvals are sponsored.
    pub(crate) sponsored_wei: Option<u128>,
    pub(crate) given: Given,
    /// The payers for whom something is done before they pay.
    pub(crate) turns: Turns,
    pub(crate) senders: Vec<Sender>,
    pub(crate) block_time: Duration,
    pub(crate) limits: Limits,
    pub(crate) verifications: Semaphore,
    pub(crate) settlements: Arc<Semaphore>,
}

/// A token that payments may be in.
#[derive(Debug)]
pub(crate) struct Token {
    pub(crate) domain: Domain,
    /// How its owner says that it moves.
    pub(crate) transfer_method: TransferMethod,
}

/// The contracts of which it is taken for granted that there is code, and until when.
#[derive(Debug, Default)]
pub(crate) struct Deployed {
    until: Mutex<HashMap<Address, Instant>>,
}

/// Code rarely goes away, but a chain can be reset beneath us.
const DEPLOYED_FOR: Duration = Duration::from_secs(15 * 60);

impl Deployed {
    pub(crate) fn has(&self, contract: Address) -> bool {
        self.until().get(&contract).is_some_and(|until| Instant::now() < *until)
    }

    /// For contracts that are named here, never for any that a payment names.
    pub(crate) fn saw(&self, contract: Address) {
        self.until().insert(contract, Instant::now() + DEPLOYED_FOR);
    }

    fn until(&self) -> MutexGuard<'_, HashMap<Address, Instant>> {
        self.until.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Served {
    /// The signer that offers name where one must be named, and that simulations run from where
    /// all are alike.
    pub(crate) fn first_signer(&self) -> Address {
        self.senders.first().map(Sender::address).unwrap_or_default()
    }

    /// The signers, least busy first.
    pub(crate) fn senders_by_load(&self) -> Vec<&Sender> {
        let mut senders: Vec<&Sender> = self.senders.iter().collect();
        senders.sort_by_key(|sender| sender.load());
        senders
    }
}
