use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, OnceLock, Weak};

use x402_types::extensions::check_echo;
use x402_types::{
    JsonError, PaymentFlow, PaymentRequired, PaymentRequirements, RawObject, ResourceInfo, Verbatim,
};

use super::answers::Why;
use super::challenge::Challenge;
use super::head::RequestHead;
use super::observed::{Awaited, Seen, Tally};
use super::purchase::Purchase;
use super::reply::Reply;
use super::sent::Sent;
use super::shared::{Offer, Shared};
use crate::foreign::excerpt;

/// What is asked of whoever wants a route: the offers, and the terms that tell of them. Cheap to
/// clone.
#[derive(Clone)]
pub(crate) struct Offered {
    inner: Arc<Inner>,
    /// What is told to payers, where that is not what still does.
    tells: Option<Arc<Inner>>,
}

struct Inner {
    shared: Arc<Shared>,
    offers: Vec<Arc<Offer>>,
    flow: PaymentFlow,
    /// Whether payments may have a name, and whether they must.
    identifier: Option<bool>,
    told: Told,
    /// What is told to requests with these methods instead.
    told_by_method: Vec<(&'static str, Told)>,
    /// The method and the path's pattern, where they were said.
    found_at: Option<String>,
    /// What is counted of the route: the one that was said, or else the first that came.
    tally: OnceLock<Arc<Tally>>,
}

/// [`Offered`], as long as there is a gate with it.
#[derive(Clone, Debug)]
pub(crate) struct WeakOffered(Weak<Inner>);

impl WeakOffered {
    pub(crate) fn upgrade(&self) -> Option<Offered> {
        self.0.upgrade().map(|inner| Offered { inner, tells: None })
    }

    pub(crate) fn is_gone(&self) -> bool {
        self.0.strong_count() == 0
    }
}

/// A route that is sold.
pub(crate) struct Route {
    pub(crate) resource: ResourceInfo,
    pub(crate) offers: Vec<Offer>,
    pub(crate) flow: PaymentFlow,
    /// Whether payments may have a name, and whether they must.
    pub(crate) identifier: Option<bool>,
    /// What is declared to payers besides the terms, by extension.
    pub(crate) extensions: BTreeMap<String, RawObject>,
    /// The extension of this key that is declared besides to requests with these methods.
    pub(crate) by_method: (&'static str, Vec<(&'static str, RawObject)>),
    /// The offers as they are told, where that is not how they are checked.
    pub(crate) told: Option<Vec<Verbatim<PaymentRequirements>>>,
    /// The method and the path's pattern, where they were said.
    pub(crate) found_at: Option<String>,
}

/// What is told to payers.
struct Told {
    /// By extension.
    extensions: RawObject,
    challenge: Challenge,
}

impl Told {
    fn new(
        shared: &Shared,
        route: &Route,
        extensions: &BTreeMap<String, RawObject>,
    ) -> Result<Self, JsonError> {
        let declared = RawObject::new(extensions)?;
        let told = (!extensions.is_empty()).then(|| declared.clone());
        let (resource, accept_v1) = (route.resource.clone(), shared.rules.accept_v1);
        let as_checked = || route.offers.iter().map(|offer| offer.requirements.clone()).collect();
        let accepts = route.told.clone().unwrap_or_else(as_checked);
        let challenge = Challenge::new(resource, accepts, &route.offers, told, accept_v1)?;
        Ok(Self { extensions: declared, challenge })
    }
}

impl Offered {
    pub(crate) fn new(shared: Arc<Shared>, route: Route) -> Result<Self, JsonError> {
        let told = Told::new(&shared, &route, &route.extensions)?;
        let (key, by_method) = &route.by_method;
        let mut told_by_method = Vec::new();
        for (method, declaration) in by_method {
            let mut extensions = route.extensions.clone();
            extensions.insert((*key).to_owned(), declaration.clone());
            told_by_method.push((*method, Told::new(&shared, &route, &extensions)?));
        }
        let Route { offers, flow, identifier, found_at, .. } = route;
        let offers = offers.into_iter().map(Arc::new).collect();
        let tally = OnceLock::new();
        let inner =
            Inner { shared, offers, flow, identifier, told, told_by_method, found_at, tally };
        Ok(Self { inner: Arc::new(inner), tells: None })
    }

    /// The same, told to payers as this is: what was asked before is not asked of others.
    pub(super) fn telling(self, now: &Self) -> Self {
        Self { tells: Some(Arc::clone(now.tells.as_ref().unwrap_or(&now.inner))), ..self }
    }

    pub(super) fn answer(&self, why: Why, purchase: &Purchase) -> Reply {
        why.reply(&self.told(purchase).challenge, purchase.url())
    }

    /// The answer to a request that is not served, which is seen.
    pub(super) fn turn_away(&self, why: Why, purchase: &Purchase, seen: &Seen) -> Reply {
        seen.is_turned_away(&why);
        let reply = self.answer(why, purchase);
        seen.is_answered(reply.status);
        reply
    }

    /// The same, where the request had been awaited.
    pub(super) fn turn_away_awaited(
        &self,
        why: Why,
        purchase: &Purchase,
        awaited: Option<Awaited>,
    ) -> Reply {
        match awaited {
            Some(awaited) => {
                let reply = self.turn_away(why, purchase, &awaited);
                awaited.let_go();
                reply
            }
            None => self.answer(why, purchase),
        }
    }

    /// What is counted of the route that a request was for.
    pub(super) fn tally<H: RequestHead + ?Sized>(&self, head: &H) -> Arc<Tally> {
        let Inner { shared, found_at, tally, .. } = &*self.inner;
        if let Some(route) = found_at {
            return Arc::clone(tally.get_or_init(|| shared.tallies.of(Some(route))));
        }
        let route = head.route();
        let first = tally.get_or_init(|| shared.tallies.of(route.as_deref()));
        match first.is_of(route.as_deref()) {
            true => Arc::clone(first),
            false => shared.tallies.of(route.as_deref()),
        }
    }

    /// The method and the path's pattern, where they were said.
    pub(crate) fn found_at(&self) -> Option<&str> {
        self.inner.found_at.as_deref()
    }

    /// What is told to a request with this method and address.
    pub(crate) fn terms(&self, method: &str, url: &str) -> PaymentRequired {
        self.told_to(method).challenge.terms(url)
    }

    pub(crate) fn downgrade(&self) -> WeakOffered {
        WeakOffered(Arc::downgrade(&self.inner))
    }

    /// The answer to a person without a payment: the terms as a page.
    pub(super) fn page(&self, purchase: &Purchase, seen: &Seen) -> Reply {
        let reply = self.turn_away(Why::Unpaid, purchase, seen);
        match reply.status {
            402 => reply.with_page(&self.told(purchase).challenge.terms(purchase.url())),
            _ => reply,
        }
    }

    fn told(&self, purchase: &Purchase) -> &Told {
        self.told_to(purchase.method())
    }

    fn told_to(&self, method: &str) -> &Told {
        let tells = self.tells.as_ref().unwrap_or(&self.inner);
        let mut by_method = tells.told_by_method.iter();
        let own = by_method.find(|(known, _)| *known == method);
        own.map_or(&tells.told, |(_, told)| told)
    }

    /// Whether payments may have a name, and whether they must.
    pub(super) fn identifier(&self) -> Option<bool> {
        self.inner.identifier
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.inner.shared
    }

    /// Whether a payment by these terms pays one of the offers.
    #[cfg(feature = "price-list")]
    pub(crate) fn has(&self, accepted: &Verbatim<PaymentRequirements>) -> bool {
        super::sent::find_accepted(accepted, self.offers()).is_some()
    }

    /// Whether these are the terms of an offer to the letter.
    #[cfg(feature = "price-list")]
    pub(crate) fn has_to_the_letter(&self, accepted: &Verbatim<PaymentRequirements>) -> bool {
        super::sent::to_the_letter(accepted, self.offers()).is_some()
    }

    pub(crate) fn offers(&self) -> &[Arc<Offer>] {
        &self.inner.offers
    }

    pub(super) fn flow(&self) -> PaymentFlow {
        self.inner.flow
    }

    /// Whether a payer left standing what was declared to it.
    pub(super) fn check_echo(&self, sent: &Sent, purchase: &Purchase) -> Result<(), Why> {
        let Some(echoed) = sent.extensions() else { return Ok(()) };
        check_echo(&self.told(purchase).extensions, Some(echoed)).map_err(|mismatch| {
            tracing::debug!(key = excerpt(&mismatch.key, 64), "an extension is not echoed");
            Why::Refused(mismatch.reason())
        })
    }
}

impl fmt::Debug for Offered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let offers = self.inner.offers.iter().map(|offer| offer.requirements.to_string());
        f.debug_struct("Offered")
            .field("offers", &offers.collect::<Vec<_>>())
            .field("flow", &self.inner.flow)
            .finish_non_exhaustive()
    }
}
