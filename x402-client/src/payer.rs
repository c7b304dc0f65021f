use std::fmt;
use std::sync::Arc;

use x402_ledger::dynamic::DynPayments;
use x402_types::scheme::ClientScheme;
use x402_types::{Asset, Network};

use crate::outstanding::Outstanding;
use crate::{Limit, PayerBuilder};

/// Pays for what answers 402, within its owner's limits.
///
/// Cloning shares it: clones know of each other's payments.
#[derive(Clone)]
pub struct Payer {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) schemes: Vec<Box<dyn ClientScheme>>,
    pub(crate) limit: Limit,
    /// `None`: any on which a trusted token is asked for.
    pub(crate) networks: Option<Vec<Network>>,
    pub(crate) assets: Vec<Asset>,
    pub(crate) ledger: Arc<dyn DynPayments>,
    pub(crate) outstanding: Outstanding,
    pub(crate) allow_plain_http: bool,
    pub(crate) keep_resource_query: bool,
    pub(crate) clock: Clock,
}

/// Seconds since 1970.
pub(crate) type Clock = Box<dyn Fn() -> u64 + Send + Sync>;

impl Payer {
    /// A payer that is yet to be told whose money it spends.
    pub fn builder() -> PayerBuilder {
        PayerBuilder::new()
    }

    /// Seconds since 1970.
    pub(crate) fn now(&self) -> u64 {
        (self.inner.clock)()
    }

    /// Milliseconds since 1970, as the books have them.
    pub(crate) fn now_in_books(&self) -> i64 {
        i64::try_from(self.now().saturating_mul(1000)).unwrap_or(i64::MAX)
    }
}

impl fmt::Debug for Payer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let payers: Vec<_> = self.inner.schemes.iter().map(|scheme| scheme.payer()).collect();
        f.debug_struct("Payer")
            .field("payers", &payers)
            .field("limit", &self.inner.limit)
            .field("networks", &self.inner.networks)
            .finish_non_exhaustive()
    }
}
