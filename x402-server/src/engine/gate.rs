use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use tracing::Instrument;

use super::answers::Why;
use super::head::RequestHead;
use super::observed::{Awaited, Seen, span_of};
use super::offered::Offered;
use super::paid::{Lapsed, Paid};
use super::payment::Payment;
use super::purchase::Purchase;
use super::reply::Reply;
use super::sent::{Sent, Speaks, Unreadable};
use super::shared::{Offer, Rules, Shared};
use super::stored::StoredAnswer;
use super::ticket::Ticket;
use super::undecided::{Ask, Undecided};
use crate::page;

/// The price of a route: what stands between a request and its handler.
///
/// Cloning shares it.
#[derive(Clone)]
pub struct Gate {
    shared: Arc<Shared>,
    pricing: Pricing,
}

#[derive(Clone)]
pub(super) enum Pricing {
    /// The same for every request.
    Fixed(Offered),
    /// Asked for with every request.
    Asked(Arc<dyn Ask>),
}

/// What is to be done with a request.
#[derive(Debug)]
#[must_use]
pub enum Admission {
    /// Serve it: it costs nothing. It is `OPTIONS`, a question about the resource: answer it
    /// without a body, a cookie or the connection, or a handler of every method gives its content away.
    Free,
    /// Serve it: a price function or a hook gives it away. Its answer is for this client alone. The
    /// payment is the one that came with it, where that was found good before.
    GivenAway(Option<Payment>),
    /// Answer this in the handler's stead.
    Reject(Reply),
    /// Answer this: the same named payment was answered so before.
    Again(Arc<StoredAnswer>),
    /// Serve it, then call [`Ticket::finish`] or [`Ticket::finish_with`].
    Admit(Box<Ticket>),
}

/// What can be said of a request without waiting.
#[must_use]
pub enum FirstLook {
    /// It is decided on.
    Done(Admission),
    /// There is somebody to be asked.
    Ask(Question),
}

/// What is to be found out before a request is decided on. Dropped, it charges nothing.
#[must_use]
pub struct Question(Pin<Box<dyn Future<Output = Admission> + Send>>);

/// What a request is decided on by.
pub(super) trait Matter: Send + 'static {
    fn shared(&self) -> &Shared;
    fn seen(&self) -> &Seen;
    fn admit(self: Box<Self>) -> impl Future<Output = Admission> + Send;
}

impl fmt::Debug for FirstLook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done(admission) => f.debug_tuple("Done").field(admission).finish(),
            Self::Ask(question) => f.debug_tuple("Ask").field(question).finish(),
        }
    }
}

impl fmt::Debug for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Question").finish_non_exhaustive()
    }
}

impl Question {
    fn on(matter: impl Matter) -> Self {
        // Apart: it is large, and what waits for it is to stay small.
        Self(Box::pin(find_out(Box::new(matter))))
    }

    /// Finds it out.
    ///
    /// # Cancel safety
    /// As [`Gate::admit`].
    pub async fn admit(self) -> Admission {
        self.0.await
    }
}

async fn find_out<M: Matter>(matter: Box<M>) -> Admission {
    let awaited = Awaited::new(matter.seen().clone());
    let receipts = matter.shared().offer_receipts.clone();
    let admission = matter.admit().instrument(awaited.span().clone()).await;
    let admission = match (receipts, admission) {
        (Some(receipts), Admission::Reject(reply)) => {
            // Rarer, and large.
            Admission::Reject(Box::pin(receipts.with_offers(reply)).await)
        }
        (_, admission) => admission,
    };
    awaited.let_go();
    admission
}

impl Gate {
    pub(crate) fn fixed(shared: Arc<Shared>, offered: Offered) -> Self {
        Self { shared, pricing: Pricing::Fixed(offered) }
    }

    pub(crate) fn asked(shared: Arc<Shared>, ask: Arc<dyn Ask>) -> Self {
        Self { shared, pricing: Pricing::Asked(ask) }
    }

    /// Decides on a request. Where the price is fixed and there are neither
    /// [`Hooks`](crate::Hooks) nor [signed offers](crate::OfferReceipts), a request without a payment
    /// is answered without waiting on anything.
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
                FirstLook::Ask(question) => question.admit().await,
            }
        }
    }

    /// The part of [`admit`](Self::admit) that needs no waiting.
    pub fn first_look<H: RequestHead + ?Sized>(&self, head: &H) -> FirstLook {
        if head.method() == "OPTIONS" {
            return FirstLook::Done(Admission::Free);
        }
        let span = span_of(head);
        let _entered = span.enter();
        let offers = match &self.pricing {
            Pricing::Fixed(offered) => offered.offers(),
            Pricing::Asked(_) => &[],
        };
        let sent = read(&self.shared.rules, head, offers);
        let purchase = Purchase::new(&self.shared.rules.public_url, head);
        let asks_nobody = self.shared.hooks.is_none() && self.shared.offer_receipts.is_none();
        match &self.pricing {
            Pricing::Fixed(offered) if asks_nobody => {
                let seen = Seen::new(offered.tally(head), span.clone(), sent.is_ok());
                seen.is_found_at(head, offered.found_at());
                match offered.look(sent, &purchase, head, &seen, None) {
                    Ok(paid) => FirstLook::Ask(Question::on(paid)),
                    Err(reply) => FirstLook::Done(Admission::Reject(reply)),
                }
            }
            pricing => {
                let (tally, said) = match pricing {
                    Pricing::Fixed(offered) => (offered.tally(head), offered.found_at()),
                    Pricing::Asked(ask) => {
                        let route = head.route();
                        (
                            self.shared.tallies.of(ask.found_at().or(route.as_deref())),
                            ask.found_at(),
                        )
                    }
                };
                let seen = Seen::new(tally, span.clone(), sent.is_ok());
                seen.is_found_at(head, said);
                let (shared, pricing) = (&self.shared, pricing.clone());
                let undecided = Undecided::new(shared, pricing, head, sent, purchase, seen);
                FirstLook::Ask(Question::on(undecided))
            }
        }
    }
}

/// Reads the payment of a request.
fn read<H: RequestHead + ?Sized>(
    rules: &Rules,
    head: &H,
    offers: &[Arc<Offer>],
) -> Result<Sent, Why> {
    let v2 = head.header_values("payment-signature");
    let alias = head.header_values("x-payment-signature");
    let v1 = head.header_values("x-payment");
    let mut values = v2.chain(alias).map(|v| (Speaks::V2, v)).chain(v1.map(|v| (Speaks::V1, v)));
    match (values.next(), values.next()) {
        (_, Some(_)) => Err(Why::Ambiguous),
        (None, None) => Err(Why::Unpaid),
        (Some((Speaks::V1, _)), None) if !rules.accept_v1 => Err(Why::Unpaid),
        (Some((speaks, value)), None) => Sent::read(speaks, value, rules.header_limit, offers)
            .map_err(|error| match error {
                Unreadable::Version(version) => Why::Version(version),
                Unreadable::Malformed(error) => Why::Malformed(error.to_string()),
            }),
    }
}

impl Offered {
    /// Checks what a request has brought against what is asked, offline.
    pub(super) fn look<H: RequestHead + ?Sized>(
        &self,
        sent: Result<Sent, Why>,
        purchase: &Purchase,
        head: &H,
        seen: &Seen,
        lapsed: Option<Lapsed>,
    ) -> Result<Paid, Reply> {
        let checked = sent.and_then(|it| Paid::check(self, it, purchase, seen, lapsed));
        checked.and_then(|it| it.name(head)).map_err(|why| match why {
            Why::Unpaid if self.shared().rules.page && is_person(head) => self.page(purchase, seen),
            why => self.turn_away(why, purchase, seen),
        })
    }
}

/// Whether a person's browser asks.
fn is_person<H: RequestHead + ?Sized>(head: &H) -> bool {
    matches!(head.method(), "GET" | "HEAD")
        && page::is_wanted(head.header_values("accept"), head.header_values("user-agent"))
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.pricing {
            Pricing::Fixed(offered) => f.debug_tuple("Gate").field(offered).finish(),
            Pricing::Asked(_) => f.debug_struct("Gate").finish_non_exhaustive(),
        }
    }
}
