use std::collections::BTreeMap;
use std::sync::Arc;

use x402_types::{PaymentFlow, PaymentRequirements, ResourceInfo};

use super::Price;
use crate::engine::{Offered, Route};
use crate::paywall::Paywall;
use crate::paywall::about::About;
use crate::paywall::way::{Scheme, Way};

impl Price {
    /// The offer with these terms, in whatever way the paywall could have made it; `None` where it
    /// could not. Nothing is sold at it: it tells what a payment met that may be owed.
    pub(in crate::paywall) fn owed(
        paywall: &Paywall,
        accepted: &PaymentRequirements,
    ) -> Option<Offered> {
        let way = |of: &crate::paywall::Accepted, scheme| Way {
            accepted: of.clone(),
            amount: accepted.amount,
            scheme,
            streaming: false,
            by_symbol: true,
        };
        let schemes = [Scheme::Exact, Scheme::ExactByPermit2, Scheme::Upto];
        let assets = paywall.inner.assets.iter();
        let ways = assets.flat_map(|asset| schemes.map(|scheme| way(asset, scheme)));
        let price = Self {
            paywall: paywall.clone(),
            ways: ways.filter(|way| way.is_taken_by(accepted)).collect(),
            wrong: Vec::new(),
            about: About::default(),
            // The default is not told, and so no part of the terms.
            flow: Some(PaymentFlow::Authorization),
            max_timeout_seconds: accepted.max_timeout_seconds,
            extensions: BTreeMap::new(),
            // What is owed under a name is owed to who knows it.
            identifier: Some(false),
        };
        let offers = price.offers(paywall.supported().as_deref(), &mut Vec::new());
        if offers.is_empty() {
            return None;
        }
        let route = Route {
            resource: ResourceInfo::default(),
            offers,
            flow: PaymentFlow::Authorization,
            identifier: price.identifier,
            extensions: BTreeMap::new(),
            by_method: ("", Vec::new()),
            told: None,
            found_at: None,
        };
        Offered::new(Arc::clone(&paywall.inner.shared), route).ok()
    }
}
