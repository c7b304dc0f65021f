use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use x402_types::extensions::check_echo;
use x402_types::{JsonError, PaymentFlow, RawObject, ResourceInfo};

use super::admission::Paid;
use super::answers::Why;
use super::challenge::Challenge;
use super::head::RequestHead;
use super::purchase::Purchase;
use super::reply::Reply;
use super::sent::{Sent, Speaks, Unreadable};
use super::shared::{Offer, Shared};
use super::stored::StoredAnswer;
use super::ticket::Ticket;
use crate::foreign::excerpt;

/// The price of a route: what stands between a request and its handler.
///
/// Cloning shares it.
#[derive(Clone)]
pub struct Gate {
    inner: Arc<Inner>,
}

struct Inner {
    shared: Arc<Shared>,
    offers: Vec<Offer>,
    flow: PaymentFlow,
    /// Whether payments may have a name, and whether they must.
    identifier: Option<bool>,
    told: Told,
    /// What is told to requests with these methods instead.
    told_by_method: Vec<(&'static str, Told)>,
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
        let challenge = Challenge::new(resource, &route.offers, told, accept_v1)?;
        Ok(Self { extensions: declared, challenge })
    }
}

/// What is to be done with a request.
#[derive(Debug)]
#[must_use]
pub enum Admission {
    /// Serve it: it costs nothing. It is `OPTIONS`, a question about the resource: answer it
    /// without a body, or a handler of every method gives its content away.
    Free,
    /// Answer this in the handler's stead.
    Reject(Reply),
    /// Answer this: the same named payment was answered so before.
    Again(Arc<StoredAnswer>),
    /// Serve it, then call [`Ticket::finish`] or [`Ticket::finish_with`].
    Admit(Box<Ticket>),
}

pub(crate) enum FirstLook {
    Done(Admission),
    Paid(Box<Paid>),
}

impl Gate {
    pub(crate) fn new(shared: Arc<Shared>, route: Route) -> Result<Self, JsonError> {
        let told = Told::new(&shared, &route, &route.extensions)?;
        let (key, by_method) = &route.by_method;
        let mut told_by_method = Vec::new();
        for (method, declaration) in by_method {
            let mut extensions = route.extensions.clone();
            extensions.insert((*key).to_owned(), declaration.clone());
            told_by_method.push((*method, Told::new(&shared, &route, &extensions)?));
        }
        let Route { offers, flow, identifier, .. } = route;
        let inner = Inner { shared, offers, flow, identifier, told, told_by_method };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Decides on a request. A request without a payment is answered without waiting on anything.
    ///
    /// `OPTIONS` is free; every other method costs the same, `HEAD` as `GET`.
    ///
    /// # Cancel safety
    /// Dropped before it is ready, it charges nothing, and the payment can be used again.
    pub fn admit<H: RequestHead + ?Sized>(
        &self,
        head: &H,
    ) -> impl Future<Output = Admission> + Send + 'static {
        let first_look = self.first_look(head);
        async move {
            match first_look {
                FirstLook::Done(admission) => admission,
                FirstLook::Paid(paid) => paid.admit().await,
            }
        }
    }

    /// The part of [`admit`](Self::admit) that needs no waiting.
    pub(crate) fn first_look<H: RequestHead + ?Sized>(&self, head: &H) -> FirstLook {
        if head.method() == "OPTIONS" {
            return FirstLook::Done(Admission::Free);
        }
        let v2 = head.header_values("payment-signature");
        let alias = head.header_values("x-payment-signature");
        let v1 = head.header_values("x-payment");
        let mut values =
            v2.chain(alias).map(|v| (Speaks::V2, v)).chain(v1.map(|v| (Speaks::V1, v)));
        let (first, second) = (values.next(), values.next());
        let rules = &self.inner.shared.rules;
        let sent = match (first, second) {
            (_, Some(_)) => Err(Why::Ambiguous),
            (None, None) => Err(Why::Unpaid),
            (Some((Speaks::V1, _)), None) if !rules.accept_v1 => Err(Why::Unpaid),
            (Some((speaks, value)), None) => {
                Sent::read(speaks, value, rules.header_limit).map_err(|error| match error {
                    Unreadable::Version(version) => Why::Version(version),
                    Unreadable::Malformed(error) => Why::Malformed(error.to_string()),
                })
            }
        };
        let purchase = Purchase::new(&rules.public_url, head);
        let checked = sent
            .and_then(|sent| Paid::check(self, sent, &purchase))
            .and_then(|paid| paid.name(head));
        match checked {
            Ok(paid) => FirstLook::Paid(Box::new(paid)),
            Err(why) => FirstLook::Done(Admission::Reject(self.answer(why, &purchase))),
        }
    }

    pub(super) fn answer(&self, why: Why, purchase: &Purchase) -> Reply {
        why.reply(&self.told(purchase).challenge, purchase.url())
    }

    fn told(&self, purchase: &Purchase) -> &Told {
        let mut by_method = self.inner.told_by_method.iter();
        let own = by_method.find(|(method, _)| *method == purchase.method());
        own.map_or(&self.inner.told, |(_, told)| told)
    }

    /// Whether payments may have a name, and whether they must.
    pub(super) fn identifier(&self) -> Option<bool> {
        self.inner.identifier
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.inner.shared
    }

    pub(super) fn offers(&self) -> &[Offer] {
        &self.inner.offers
    }

    /// Whether a payer left standing what was declared to it.
    pub(super) fn check_echo(&self, sent: &Sent, purchase: &Purchase) -> Result<(), Why> {
        let Some(echoed) = sent.extensions() else { return Ok(()) };
        check_echo(&self.told(purchase).extensions, Some(echoed)).map_err(|mismatch| {
            tracing::debug!(key = excerpt(&mismatch.key, 64), "an extension is not echoed");
            Why::Refused(mismatch.reason())
        })
    }

    pub(super) fn flow(&self) -> PaymentFlow {
        self.inner.flow
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let offers = self.inner.offers.iter().map(|offer| offer.requirements.to_string());
        f.debug_struct("Gate")
            .field("offers", &offers.collect::<Vec<_>>())
            .field("flow", &self.inner.flow)
            .finish_non_exhaustive()
    }
}
