use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::Instant;

use metrics::{
    Counter, Gauge, Histogram, SharedString, Unit, counter, describe_counter, describe_gauge,
    describe_histogram, gauge, histogram,
};
use x402_types::{Amount, PaymentRequirements};

use super::Fate;

/// What is counted of a paywall. The recorder is that of the first request: one that is installed
/// later hears nothing.
#[derive(Debug, Default)]
pub(crate) struct Tallies {
    routes: RwLock<HashMap<Arc<str>, Arc<Tally>>>,
    open: OnceLock<Open>,
}

/// What goes up and down.
struct Open {
    claims: Gauge,
    unresolved: Gauge,
}

/// What is counted of a route.
pub(crate) struct Tally {
    route: Arc<str>,
    requests: [Counter; Fate::ALL.len()],
    verify: Histogram,
    settle: Histogram,
    whole: Histogram,
    /// By network, token and scheme: as many as the route has offers.
    sold: RwLock<Vec<Sold>>,
}

struct Sold {
    network: Box<str>,
    asset: Box<str>,
    scheme: Box<str>,
    payments: Counter,
    revenue: Counter,
    /// What was added to the revenue, which must not begin at zero again.
    total: AtomicU64,
}

/// The label of requests of which no route is known, or one too many.
const OTHER: &str = "other";
/// Routes that are told apart.
const MOST_ROUTES: usize = 1000;

impl Tallies {
    /// What is counted of this route.
    pub(crate) fn of(&self, route: Option<&str>) -> Arc<Tally> {
        let route = route.unwrap_or(OTHER);
        let routes = self.routes.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(tally) = routes.get(route) {
            return Arc::clone(tally);
        }
        drop(routes);
        self.open();
        let mut routes = self.routes.write().unwrap_or_else(PoisonError::into_inner);
        let full = routes.len() >= MOST_ROUTES && !routes.contains_key(route);
        let route: Arc<str> = if full { OTHER } else { route }.into();
        let tally = routes.entry(route).or_insert_with_key(|route| Arc::new(Tally::new(route)));
        Arc::clone(tally)
    }

    fn open(&self) -> &Open {
        self.open.get_or_init(|| {
            describe();
            Open {
                claims: gauge!("x402_claims_held"),
                unresolved: gauge!("x402_settlements_unresolved"),
            }
        })
    }

    /// One more claim is held, until this is dropped.
    pub(crate) fn held(&self) -> Held {
        let claims = self.open().claims.clone();
        claims.increment(1);
        Held(claims)
    }

    /// The outcome of one more settlement is not known, until this is dropped.
    pub(crate) fn unresolved(&self) -> Unresolved {
        let unresolved = self.open().unresolved.clone();
        unresolved.increment(1);
        Unresolved(unresolved)
    }
}

impl Tally {
    fn new(route: &Arc<str>) -> Self {
        let label = || SharedString::from(Arc::clone(route));
        Self {
            route: Arc::clone(route),
            requests: Fate::ALL.map(|fate| {
                counter!("x402_requests_total", "route" => label(), "outcome" => fate.as_str())
            }),
            verify: histogram!("x402_verify_duration_seconds", "route" => label()),
            settle: histogram!("x402_settle_duration_seconds", "route" => label()),
            whole: histogram!("x402_request_duration_seconds", "route" => label()),
            sold: RwLock::default(),
        }
    }

    /// Whether this is what is counted of this route.
    pub(crate) fn is_of(&self, route: Option<&str>) -> bool {
        *self.route == *route.unwrap_or(OTHER)
    }

    pub(super) fn request(&self, fate: Fate) {
        if let Some(requests) = self.requests.get(fate as usize) {
            requests.increment(1);
        }
    }

    pub(super) fn refusal(&self, reason: &'static str) {
        let route = SharedString::from(Arc::clone(&self.route));
        counter!("x402_refusals_total", "route" => route, "reason" => reason).increment(1);
    }

    pub(crate) fn verified(&self, since: Instant) {
        self.verify.record(since.elapsed());
    }

    pub(crate) fn settled(&self, since: Instant) {
        self.settle.record(since.elapsed());
    }

    pub(super) fn whole(&self, since: Instant) {
        self.whole.record(since.elapsed());
    }

    /// So much was settled on these terms.
    pub(crate) fn earns(&self, terms: &PaymentRequirements, amount: Amount) {
        let sold = self.sold.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(sold) = sold.iter().find(|sold| sold.is_of(terms)) {
            return sold.earns(amount);
        }
        drop(sold);
        let mut sold = self.sold.write().unwrap_or_else(PoisonError::into_inner);
        match sold.iter().find(|sold| sold.is_of(terms)) {
            Some(sold) => sold.earns(amount),
            None => {
                let new = Sold::new(&self.route, terms);
                new.earns(amount);
                sold.push(new);
            }
        }
    }
}

impl Sold {
    fn new(route: &Arc<str>, terms: &PaymentRequirements) -> Self {
        let PaymentRequirements { network, asset, scheme, .. } = terms;
        let labels = || {
            [
                ("route", SharedString::from(Arc::clone(route))),
                ("network", SharedString::from(network.to_string())),
                ("asset", SharedString::from(asset.clone())),
                ("scheme", SharedString::from(scheme.clone())),
            ]
        };
        Self {
            network: network.as_str().into(),
            asset: asset.as_str().into(),
            scheme: scheme.as_str().into(),
            payments: counter!("x402_payments_total", &labels()),
            revenue: counter!("x402_revenue_atomic_units_total", &labels()),
            total: AtomicU64::new(0),
        }
    }

    fn is_of(&self, terms: &PaymentRequirements) -> bool {
        *self.network == *terms.network.as_str()
            && *self.asset == *terms.asset
            && *self.scheme == *terms.scheme
    }

    fn earns(&self, amount: Amount) {
        self.payments.increment(1);
        let amount = amount.units().saturating_to::<u64>();
        let add = |total: u64| Some(total.saturating_add(amount));
        let before = self.total.fetch_update(Relaxed, Relaxed, add).unwrap_or_else(|total| total);
        self.revenue.increment(amount.min(u64::MAX - before));
    }
}

/// A claim that is held, in the gauge.
#[derive(Debug)]
pub(crate) struct Held(Gauge);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.decrement(1);
    }
}

/// A settlement whose outcome is not known, in the gauge.
#[derive(Debug)]
pub(crate) struct Unresolved(Gauge);

impl Drop for Unresolved {
    fn drop(&mut self) {
        self.0.decrement(1);
    }
}

fn describe() {
    describe_counter!(
        "x402_requests_total",
        Unit::Count,
        "Requests to routes that have a price, by what became of them"
    );
    describe_counter!(
        "x402_refusals_total",
        Unit::Count,
        "Requests that were refused, by the reason"
    );
    describe_counter!("x402_payments_total", Unit::Count, "Payments that were settled");
    describe_counter!(
        "x402_revenue_atomic_units_total",
        Unit::Count,
        "What was settled, in atomic units of the asset; stays at 2^64 - 1 once it is there"
    );
    describe_histogram!(
        "x402_verify_duration_seconds",
        Unit::Seconds,
        "How long the facilitator took to verify"
    );
    describe_histogram!(
        "x402_settle_duration_seconds",
        Unit::Seconds,
        "How long the facilitator took to settle, each time it was asked"
    );
    describe_histogram!(
        "x402_request_duration_seconds",
        Unit::Seconds,
        "How long paid requests took, from the payment's check to the end of the settlement"
    );
    describe_gauge!(
        "x402_settlements_unresolved",
        Unit::Count,
        "Settlements whose outcome is not known and is asked for"
    );
    describe_gauge!("x402_claims_held", Unit::Count, "Payments that are in use at this moment");
}

impl fmt::Debug for Open {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Open").finish_non_exhaustive()
    }
}

impl fmt::Debug for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tally").field("route", &self.route).finish_non_exhaustive()
    }
}
