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
    /// What is declared to payers besides the terms, by extension.
    extensions: RawObject,
    challenge: Challenge,
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
    /// Serve it, then call [`Ticket::finish`].
    Admit(Box<Ticket>),
}

pub(crate) enum FirstLook {
    Done(Admission),
    Paid(Box<Paid>),
}

impl Gate {
    pub(crate) fn new(
        shared: Arc<Shared>,
        resource: ResourceInfo,
        offers: Vec<Offer>,
        flow: PaymentFlow,
        extensions: &BTreeMap<String, RawObject>,
    ) -> Result<Self, JsonError> {
        let declared = RawObject::new(extensions)?;
        let told = (!extensions.is_empty()).then(|| declared.clone());
        let challenge = Challenge::new(resource, &offers, told, shared.rules.accept_v1)?;
        let inner = Inner { shared, offers, flow, extensions: declared, challenge };
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
        match sent {
            Err(why) => FirstLook::Done(Admission::Reject(self.answer(why, purchase.url()))),
            Ok(sent) => match Paid::check(self, sent, &purchase) {
                Ok(paid) => FirstLook::Paid(Box::new(paid)),
                Err(why) => FirstLook::Done(Admission::Reject(self.answer(why, purchase.url()))),
            },
        }
    }

    pub(crate) fn answer(&self, why: Why, url: &str) -> Reply {
        why.reply(&self.inner.challenge, url)
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.inner.shared
    }

    pub(super) fn offers(&self) -> &[Offer] {
        &self.inner.offers
    }

    /// Whether a payer left standing what was declared to it.
    pub(super) fn check_echo(&self, sent: &Sent) -> Result<(), Why> {
        let Some(echoed) = sent.extensions() else { return Ok(()) };
        check_echo(&self.inner.extensions, Some(echoed)).map_err(|mismatch| {
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
