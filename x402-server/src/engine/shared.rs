use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;
use x402_ledger::dynamic::{DynClaims, DynPayments};
use x402_types::facilitator::Facilitator;
use x402_types::scheme::{Check, Terms};
use x402_types::{Asset, PaymentRequirements, Verbatim};

use super::hooks::DynHooks;
use super::identifiers::Identifiers;
use super::observed::Tallies;
use super::seen_through::SeenThrough;
use crate::offer_receipts::OfferReceipts;

/// What all routes of a paywall have in common.
pub(crate) struct Shared {
    pub(crate) facilitator: Arc<dyn Facilitator>,
    pub(crate) claims: Arc<dyn DynClaims>,
    pub(crate) payments: Arc<dyn DynPayments>,
    /// Payments that their payers gave a name.
    pub(crate) identifiers: Identifiers,
    /// Where work is seen through that has no runtime of its own any more: the one on which the
    /// paywall was made.
    pub(crate) runtime: Option<Handle>,
    /// Settlements under way.
    pub(crate) settlements: TaskTracker,
    /// Turns to ask the facilitator for anything.
    pub(crate) calls: Semaphore,
    /// Turns to ask for outcomes that are not known, however many there are of these.
    pub(crate) turns: Semaphore,
    pub(crate) hooks: Option<Arc<dyn DynHooks>>,
    /// Who signs offers and receipts, if anybody does.
    pub(crate) offer_receipts: Option<Arc<OfferReceipts>>,
    /// What is counted.
    pub(crate) tallies: Tallies,
    pub(crate) rules: Rules,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("rules", &self.rules).finish_non_exhaustive()
    }
}

impl Shared {
    /// Does what nobody waits for: `drain` does.
    pub(super) fn leave(self: &Arc<Self>, work: impl Future<Output = ()> + Send + 'static) {
        let work = self.settlements.track_future(work);
        drop(SeenThrough::new(Arc::clone(self), work));
    }
}

/// Outcomes that are asked for at one time.
pub(crate) const TURNS: usize = 32;

/// Settings of a paywall that the engine goes by.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    /// Scheme, host and prefix of the site, without a slash at the end.
    pub(crate) public_url: String,
    pub(crate) accept_v1: bool,
    pub(crate) check: Check,
    /// Whether people are shown a page.
    pub(crate) page: bool,
    /// Bytes of a payment header.
    pub(crate) header_limit: usize,
    /// Bytes of an answer that are held back until it is settled.
    pub(crate) held_back: usize,
    pub(crate) verify_timeout: Duration,
    pub(crate) settle_timeout: Duration,
}

/// A way to pay for a route.
pub(crate) struct Offer {
    pub(crate) requirements: Verbatim<PaymentRequirements>,
    pub(crate) terms: Box<dyn Terms>,
    pub(crate) asset: Arc<Asset>,
    /// Whether less than the whole amount may be settled.
    pub(crate) metered: bool,
    /// Whether that is known only when the answer has streamed.
    pub(crate) streaming: bool,
    /// Whether clients of version 1 can pay so: they know only `exact` by EIP-3009.
    pub(crate) in_v1: bool,
}

impl fmt::Debug for Offer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.requirements.fmt(f)
    }
}

pub(crate) fn seconds_since_1970() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
