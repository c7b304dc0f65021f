mod build;
mod into_network;

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use x402_ledger::dynamic::{DynClaims, DynPayments};
use x402_ledger::{Claims, MemoryStore, Payments};
use x402_types::facilitator::Facilitator;
use x402_types::scheme::Check;
use x402_types::{Asset, Network, NetworkError, PaymentFlow, header};

use super::{Mistake, Paywall};
use crate::engine::{AnswerLimits, DynHooks, Hooks, Several};
use crate::offer_receipts::OfferReceipts;

pub use into_network::IntoNetwork;

/// Settings of a paywall. Nothing is checked before [`build`](Self::build), which then tells every
/// mistake at once.
///
/// `P` is the paywall of a framework.
#[must_use]
pub struct PaywallBuilder<P = Paywall> {
    networks: Vec<Result<Network, NetworkError>>,
    assets: Vec<Asset>,
    pay_to: Option<String>,
    facilitator: Option<Result<Arc<dyn Facilitator>, Mistake>>,
    public_url: Option<String>,
    claims: Arc<dyn DynClaims>,
    payments: Arc<dyn DynPayments>,
    hooks: Option<Arc<dyn DynHooks>>,
    offer_receipts: Option<Arc<OfferReceipts>>,
    page: bool,
    accept_v1: bool,
    check: Check,
    flow: PaymentFlow,
    max_timeout_seconds: u64,
    header_limit: usize,
    held_back: usize,
    verify_timeout: Duration,
    settle_timeout: Duration,
    calls_at_once: usize,
    answers: AnswerLimits,
    quote_key: Option<[u8; 32]>,
    paywall: PhantomData<fn() -> P>,
}

impl<P: From<Paywall>> PaywallBuilder<P> {
    /// Nothing set.
    pub fn new() -> Self {
        let store = Arc::new(MemoryStore::new());
        Self {
            networks: Vec::new(),
            assets: Vec::new(),
            pay_to: None,
            facilitator: None,
            public_url: None,
            claims: store.clone(),
            payments: store,
            hooks: None,
            offer_receipts: None,
            page: true,
            accept_v1: false,
            check: Check::Signature,
            flow: PaymentFlow::Authorization,
            max_timeout_seconds: 300,
            header_limit: header::PAYMENT_LIMIT,
            held_back: 4 << 20,
            verify_timeout: Duration::from_secs(15),
            settle_timeout: Duration::from_secs(90),
            calls_at_once: 1024,
            answers: AnswerLimits { each: 1 << 20, all: 256 << 20 },
            quote_key: None,
            paywall: PhantomData,
        }
    }

    /// The essentials from the environment: `X402_NETWORK` (several by commas), `X402_PAY_TO`,
    /// `X402_FACILITATOR` and `X402_PUBLIC_URL`. What is not there is left to be set, and missed by
    /// [`build`](Self::build).
    #[cfg(feature = "http-facilitator")]
    pub fn from_env() -> Self {
        Self::from_vars(|name| std::env::var(name).ok())
    }

    /// [`from_env`](Self::from_env), with the variables of another source.
    #[cfg(feature = "http-facilitator")]
    pub fn from_vars(var: impl Fn(&str) -> Option<String>) -> Self {
        let var = |name| var(name).filter(|value| !value.trim().is_empty());
        let networks = var("X402_NETWORK").unwrap_or_default();
        let networks = networks.split(',').map(str::trim).filter(|name| !name.is_empty());
        let mut builder = networks.fold(Self::new(), Self::network);
        builder.pay_to = var("X402_PAY_TO");
        builder.public_url = var("X402_PUBLIC_URL");
        match var("X402_FACILITATOR") {
            Some(url) => builder.facilitator(url.trim()),
            None => builder,
        }
    }

    /// A network to be paid on, as CAIP-2 (`eip155:8453`) or by name (`base`). Several are fine:
    /// the payer chooses.
    pub fn network(mut self, network: impl IntoNetwork) -> Self {
        self.networks.push(network.into_network());
        self
    }

    /// A token to be paid in that is not in the table of known ones, or not its network's default.
    /// For networks of which no token is named, the default is taken; where one is, those that are
    /// named are all that is taken: `.asset(usdc).asset(eurc)` for both.
    ///
    /// Prices in dollars are for tokens that are [`pegged`](Asset::pegged) to it. Others are named by
    /// the prices that are in them, as in `0.009 EURC`.
    pub fn asset(mut self, asset: Asset) -> Self {
        self.assets.push(asset);
        self
    }

    /// The address that is paid.
    pub fn pay_to(mut self, address: impl fmt::Display) -> Self {
        self.pay_to = Some(address.to_string());
        self
    }

    /// The facilitator at this address.
    #[cfg(feature = "http-facilitator")]
    pub fn facilitator(mut self, url: &str) -> Self {
        let facilitator = crate::facilitator::HttpFacilitator::new(url);
        self.facilitator = Some(match facilitator {
            Ok(facilitator) => Ok(Arc::new(facilitator)),
            Err(error) => Err(error.into()),
        });
        self
    }

    /// A facilitator as a value: one within the process, one of one's own making, or one over HTTP
    /// that wants a token, by `HttpFacilitator::new(url)?.bearer(token)?`.
    pub fn with_facilitator(mut self, facilitator: impl Facilitator) -> Self {
        self.facilitator = Some(Ok(Arc::new(facilitator)));
        self
    }

    /// Where the site is reached from outside: scheme, host and, where there is one, prefix. It is
    /// never taken from the `Host` header, which anybody can write.
    pub fn public_url(mut self, url: impl Into<String>) -> Self {
        self.public_url = Some(url.into());
        self
    }

    /// Where claims and the books are kept. In memory unless said otherwise, which does for one
    /// process.
    pub fn store<S: Claims + Payments>(mut self, store: S) -> Self {
        let store = Arc::new(store);
        self.claims = store.clone();
        self.payments = store;
        self
    }

    /// What is done at each step of a payment, on all routes. Several are told each step in their
    /// order, until one decides.
    pub fn hooks(mut self, hooks: impl Hooks) -> Self {
        let hooks: Arc<dyn DynHooks> = Arc::new(hooks);
        self.hooks = Some(match self.hooks {
            Some(first) => Arc::new(Several(first, hooks)),
            None => hooks,
        });
        self
    }

    /// Signs the offers of every 402 and a receipt for every payment (the extension `offer-receipt`).
    /// Off unless this is said.
    pub fn offer_receipts(mut self, signed_by: OfferReceipts) -> Self {
        self.offer_receipts = Some(Arc::new(signed_by));
        self
    }

    /// Answers people's browsers as programs are answered. Unless this is said, a browser that
    /// navigates to a route with a price gets its terms as a page, where a wallet in the browser can
    /// pay.
    pub fn without_page(mut self) -> Self {
        self.page = false;
        self
    }

    /// Sells to clients of version 1 too.
    pub fn accept_v1(mut self) -> Self {
        self.accept_v1 = true;
        self
    }

    /// Does not check signatures before the facilitator is asked. Saves one recovery (some 70 µs)
    /// for each payment; in exchange anybody can make the facilitator work, and can hold the claim
    /// on another's payment for as long as the facilitator takes to refuse it.
    pub fn leave_signatures_to_the_facilitator(mut self) -> Self {
        self.check = Check::WithoutSignature;
        self
    }

    /// Sells to smart wallets too, whose signatures only their chain can tell: of a signature nothing
    /// but its shape is checked before the facilitator is asked. A wallet's owner signs for it just
    /// as for itself, so this goes for all payments: as with
    /// [`leave_signatures_to_the_facilitator`](Self::leave_signatures_to_the_facilitator), anybody
    /// can make the facilitator work, and can hold the claim on another's payment meanwhile.
    pub fn accept_smart_wallets(mut self) -> Self {
        if self.check == Check::Signature {
            self.check = Check::SmartWallets;
        }
        self
    }

    /// Settles before the handler runs, on every route that does not say otherwise.
    pub fn upfront(mut self) -> Self {
        self.flow = PaymentFlow::Upfront;
        self
    }

    /// Seconds that a payer has, from the terms to the settlement. 300 unless said otherwise.
    pub fn max_timeout_seconds(mut self, seconds: u64) -> Self {
        self.max_timeout_seconds = seconds.max(1);
        self
    }

    /// Bytes that a payment header may have. 16 KiB unless said otherwise.
    pub fn header_limit(mut self, bytes: usize) -> Self {
        self.header_limit = bytes;
        self
    }

    /// Bytes of an answer that are held back until it is settled, where that is done after serving.
    /// 4 MiB unless said otherwise. What is longer, or a stream of events, is answered 500 and not
    /// charged: it wants a price with [`upfront`](crate::Price::upfront), or one with
    /// [`streaming`](crate::Price::streaming).
    pub fn held_back(mut self, bytes: usize) -> Self {
        self.held_back = bytes;
        self
    }

    /// How long the facilitator may take to verify (15 seconds unless said otherwise), and to
    /// settle (90 seconds). A settlement that takes longer has an unknown outcome.
    pub fn timeouts(mut self, verify: Duration, settle: Duration) -> Self {
        self.verify_timeout = verify;
        self.settle_timeout = settle;
        self
    }

    /// For how many payments the facilitator is asked at one time, to verify or to settle. 1024 unless
    /// said otherwise. Beyond that a payment is answered 503, uncharged, and can be sent again; one that
    /// was verified before waits its turn to be settled, for as long as a settlement may take. So
    /// neither a flood of payments nor a facilitator that is slow heaps up requests without end.
    pub fn calls_at_once(mut self, calls: usize) -> Self {
        self.calls_at_once = calls.clamp(1, Semaphore::MAX_PERMITS);
        self
    }

    /// Bytes that an answer to a [named](crate::Price::payment_identifier) payment may have to be
    /// kept (1 MiB unless said otherwise), and that all that is kept for named payments may have
    /// (256 MiB). Room for the largest answer is set aside while a payment that was verified is
    /// served. Where there is none, named payments are refused, uncharged; what is settled by then is
    /// served, and its answer not kept. Nothing is forgotten before its time.
    pub fn stored_answers(mut self, each: usize, all: usize) -> Self {
        self.answers = AnswerLimits { each, all };
        self
    }

    /// The secret that quotes of [dynamic prices](Paywall::price_by) are sealed with. Servers that
    /// sell the same things need the same, and the same public address. Drawn by lot unless said
    /// otherwise, which does for one process.
    ///
    /// All prices of one site under one key that requests for the same method and path can come to
    /// share their quotes, on all its servers, unless their [`route`](crate::DynamicPrice::route) or
    /// [`name`](crate::DynamicPrice::name) tells them apart.
    pub fn quote_key(mut self, key: [u8; 32]) -> Self {
        self.quote_key = Some(key);
        self
    }
}

impl<P: From<Paywall>> Default for PaywallBuilder<P> {
    fn default() -> Self {
        Self::new()
    }
}

impl<P> fmt::Debug for PaywallBuilder<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PaywallBuilder")
            .field("networks", &self.networks)
            .field("pay_to", &self.pay_to)
            .field("public_url", &self.public_url)
            .finish_non_exhaustive()
    }
}
