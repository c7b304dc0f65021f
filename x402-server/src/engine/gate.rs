use std::fmt;
use std::sync::Arc;

use x402_ledger::PaymentKey;
use x402_types::facilitator::Request;
use x402_types::scheme::{CheckedPayment, Refusal};
use x402_types::{ErrorReason, Fault, JsonError, PaymentFlow, ResourceInfo};

use super::answers::Why;
use super::challenge::Challenge;
use super::claim::Hold;
use super::head::RequestHead;
use super::reply::Reply;
use super::seen_through::Panicked;
use super::sent::{Sent, Speaks, Unreadable};
use super::settlement::{self, Outcome, Settlement};
use super::shared::{Offer, Shared, seconds_since_1970};
use super::ticket::{Payment, Ticket};
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

/// An address longer than this is told without its query.
const URL_LIMIT: usize = 2048;
/// Seconds after a payment's end during which it may still be owed: what was settled at the last
/// moment is served, and not asked to be paid again.
const GRACE: u64 = 300;

impl Gate {
    pub(crate) fn new(
        shared: Arc<Shared>,
        resource: ResourceInfo,
        offers: Vec<Offer>,
        flow: PaymentFlow,
    ) -> Result<Self, JsonError> {
        let accepts = offers.iter().map(|offer| offer.requirements.clone()).collect();
        let challenge = Challenge::new(resource, accepts, shared.rules.accept_v1)?;
        Ok(Self { inner: Arc::new(Inner { shared, offers, flow, challenge }) })
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
        let url = self.url(head);
        match sent {
            Err(why) => {
                let reply = why.reply(&self.inner.challenge, &url);
                FirstLook::Done(Admission::Reject(reply))
            }
            Ok(sent) => {
                let purchase = format!("{} {url}", purchase_method(head.method()));
                FirstLook::Paid(Box::new(Paid { gate: self.clone(), sent, url, purchase }))
            }
        }
    }

    fn url<H: RequestHead + ?Sized>(&self, head: &H) -> String {
        let site = self.inner.shared.rules.public_url.as_str();
        match head.query() {
            Some(query) if site.len() + head.path().len() + query.len() < URL_LIMIT => {
                [site, head.path(), "?", query].concat()
            }
            _ => [site, head.path()].concat(),
        }
    }

    pub(crate) fn answer(&self, why: Why, url: &str) -> Reply {
        why.reply(&self.inner.challenge, url)
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.inner.shared
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

/// `HEAD` buys what `GET` buys.
fn purchase_method(method: &str) -> &str {
    if method == "HEAD" { "GET" } else { method }
}

pub(crate) enum FirstLook {
    Done(Admission),
    Paid(Box<Paid>),
}

/// A request with a payment that could be read.
pub(crate) struct Paid {
    gate: Gate,
    sent: Sent,
    url: String,
    purchase: String,
}

impl Paid {
    pub(crate) async fn admit(self) -> Admission {
        let (gate, url) = (self.gate.clone(), self.url.clone());
        match self.try_admit().await {
            Ok(ticket) => Admission::Admit(Box::new(ticket)),
            Err(why) => Admission::Reject(gate.answer(why, &url)),
        }
    }

    async fn try_admit(self) -> Result<Ticket, Why> {
        let Self { gate, sent, url, purchase } = self;
        let inner = Arc::clone(&gate.inner);
        let shared = Arc::clone(&inner.shared);

        let offer = sent.find_offer(&inner.offers).ok_or(Why::NoSuchOffer)?;
        if sent.resource().is_some_and(|resource| !same_resource(resource, &url)) {
            return Err(Why::OtherResource);
        }
        let now = seconds_since_1970();
        let check = |at| offer.terms.check(sent.payload(), at, shared.rules.check);
        let (checked, lapsed) = match check(now) {
            Ok(checked) => (checked, None),
            Err(refusal) if has_ended(&refusal) => match check(now.saturating_sub(GRACE)) {
                Ok(checked) => (checked, Some(refusal)),
                Err(_) => return Err(why_not(refusal)),
            },
            Err(refusal) => return Err(why_not(refusal)),
        };
        let response_header = sent.response_header();
        let requirements = &offer.requirements;
        let CheckedPayment { payer, nonce, amount, valid_before } = checked;
        let key =
            PaymentKey::new(requirements.network.clone(), &requirements.asset, &payer, &nonce);
        let payment = Payment {
            payer,
            amount,
            asset: Arc::clone(&offer.asset),
            pay_to: requirements.pay_to.clone(),
            scheme: requirements.scheme.clone(),
            receipt: None,
        };

        let forgotten = valid_before.saturating_add(GRACE);
        let hold = Hold::claim(Arc::clone(&shared), key, purchase.clone(), forgotten, now).await?;
        if let Some(receipt) = hold.paid() {
            let payment = Payment { receipt: Some(receipt.clone()), ..payment };
            return Ok(Ticket::new(gate, payment, hold, None, url, response_header));
        }
        if let Some(refusal) = lapsed {
            hold.give_back().await;
            return Err(why_not(refusal));
        }

        let request = sent.into_request(offer, &url).ok_or(Why::Internal)?;
        let upfront = inner.flow == PaymentFlow::Upfront;
        if !upfront && let Err(why) = verify(&shared, &request, &payment).await {
            hold.give_back().await;
            return Err(why);
        }
        let settlement = Box::new(Settlement {
            request,
            purchase,
            valid_before,
            payment: payment.clone(),
            verified: !upfront,
            response_header,
        });
        if !upfront {
            return Ok(Ticket::new(gate, payment, hold, Some(settlement), url, response_header));
        }
        match settlement::start(shared, hold, settlement).await {
            Ok(Outcome::Settled(settled)) => {
                let (receipt, hold) = *settled;
                let payment = Payment { receipt: Some(receipt), ..payment };
                Ok(Ticket::new(gate, payment, hold, None, url, response_header))
            }
            Ok(Outcome::Not(why)) => Err(why),
            Err(Panicked) => Err(Why::SettlementUnknown),
        }
    }
}

/// Whether time is all that is wrong with a payment.
fn has_ended(refusal: &Refusal) -> bool {
    matches!(
        refusal.reason,
        ErrorReason::InvalidExactEvmPayloadAuthorizationValidBefore
            | ErrorReason::Permit2DeadlineExpired
    )
}

fn why_not(refusal: Refusal) -> Why {
    tracing::debug!(reason = %refusal.reason, detail = refusal.detail, "payment refused");
    match refusal.reason.fault() {
        Fault::Malformed => Why::Malformed(refusal.detail),
        _ => Why::Refused(refusal.reason),
    }
}

/// Asks the facilitator, and believes it only as far as it agrees with what we have read ourselves.
async fn verify(shared: &Shared, request: &Request, payment: &Payment) -> Result<(), Why> {
    let asked = shared.facilitator.verify(request);
    let response = match tokio::time::timeout(shared.rules.verify_timeout, asked).await {
        Ok(Ok(response)) => response,
        Ok(Err(error)) => {
            tracing::error!(%error, "the facilitator did not verify; nothing is served");
            return Err(Why::FacilitatorFailed);
        }
        Err(_) => {
            tracing::error!("the facilitator did not verify in time; nothing is served");
            return Err(Why::FacilitatorFailed);
        }
    };
    if !response.is_valid {
        let Some(reason) = response.invalid_reason else { return Err(Why::FacilitatorFailed) };
        let message = response.invalid_message.map(|message| excerpt(&message, 256));
        let said = excerpt(reason.as_str(), 128);
        match reason.fault() {
            Fault::Seller => {
                tracing::error!(reason = said, message, "the facilitator refused our own terms");
            }
            _ => tracing::info!(reason = said, message, "the facilitator refused"),
        }
        return Err(Why::Refused(reason));
    }
    match &response.payer {
        Some(payer) if !payment.is_payer(payer) => {
            tracing::error!(payer, "the facilitator verified another payer's payment");
            Err(Why::FacilitatorFailed)
        }
        _ => Ok(()),
    }
}

/// Whether a payer that names `theirs` means the resource at `ours`. The query may be left out:
/// it is nobody's business but the seller's.
fn same_resource(theirs: &str, ours: &str) -> bool {
    let without_query = |url: &str| url.split(['?', '#']).next().unwrap_or("").to_owned();
    theirs == ours || (!theirs.contains('?') && without_query(theirs) == without_query(ours))
}
