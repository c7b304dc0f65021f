use std::pin::Pin;
use std::sync::Arc;

use x402_types::{PaymentRequirements, Verbatim};

use super::answers::Why;
use super::gate::{Admission, Pricing};
use super::head::RequestHead;
use super::hooks::Entry;
use super::observed::{Fate, HOOKED, Seen};
use super::offered::Offered;
use super::purchase::Purchase;
use super::refused::Refused;
use super::request_info::RequestInfo;
use super::sent::Sent;
use super::shared::Shared;

/// Tells what a request costs.
pub(crate) trait Ask: Send + Sync + 'static {
    /// `accepted` are the terms that a payment which came with the request says that it met.
    fn ask(&self, request: &RequestInfo, accepted: Option<Verbatim<PaymentRequirements>>)
    -> Asking;
}

pub(crate) type Asking = Pin<Box<dyn Future<Output = Asked> + Send + 'static>>;

/// What a request costs.
pub(crate) enum Asked {
    Nothing,
    /// It is not sold.
    Refused(Refused),
    /// Nobody knows, and it is not the payer's fault.
    Failed,
    /// So much. What was asked before still does.
    At {
        now: Offered,
        before: Option<Before>,
    },
}

/// What was asked before.
pub(crate) struct Before {
    pub(crate) offered: Offered,
    /// Whether it does no more. What was settled at it is owed all the same.
    pub(crate) lapsed: bool,
}

/// A request of which something must be asked before anything can be said to it.
pub(crate) struct Undecided {
    shared: Arc<Shared>,
    pricing: Pricing,
    request: RequestInfo,
    sent: Result<Sent, Why>,
    purchase: Purchase,
    seen: Seen,
}

impl Undecided {
    pub(super) fn new<H: RequestHead + ?Sized>(
        shared: &Arc<Shared>,
        pricing: Pricing,
        head: &H,
        sent: Result<Sent, Why>,
        purchase: Purchase,
        seen: Seen,
    ) -> Self {
        let (shared, request) = (Arc::clone(shared), RequestInfo::of(head));
        Self { shared, pricing, request, sent, purchase, seen }
    }

    pub(super) fn seen(&self) -> &Seen {
        &self.seen
    }

    pub(super) async fn admit(self: Box<Self>) -> Admission {
        if let Some(hooks) = &self.shared.hooks {
            match hooks.on_request(&self.request).await {
                Entry::GoOn => {}
                Entry::GiveAway => return given_away(&self.seen),
                Entry::Refuse(refused) => return refuse(&refused, &self.seen),
            }
        }
        let Self { pricing, request, sent, purchase, seen, .. } = *self;
        let (now, before) = match pricing {
            Pricing::Fixed(offered) => (offered, None),
            Pricing::Asked(ask) => {
                let accepted = sent.as_ref().ok().and_then(Sent::accepted);
                match ask.ask(&request, accepted).await {
                    Asked::Nothing => return given_away(&seen),
                    Asked::Refused(refused) => return refuse(&refused, &seen),
                    Asked::Failed => return fail(&seen),
                    Asked::At { now, before } => (now, before),
                }
            }
        };
        // What was asked a moment ago is looked at first only where it alone will do.
        let (offered, lapsed) = match (&sent, before) {
            (Ok(sent), Some(before)) if sent.find_offer(now.offers()).is_none() => {
                (before.offered.telling(&now), before.lapsed)
            }
            _ => (now, false),
        };
        let seen = seen.on(offered.tally(&request));
        match offered.look(sent, &purchase, &request, &seen) {
            Ok(paid) if lapsed => Box::new(paid.at_a_lapsed_price()).admit().await,
            Ok(paid) => Box::new(paid).admit().await,
            Err(reply) => Admission::Reject(reply),
        }
    }
}

fn given_away(seen: &Seen) -> Admission {
    seen.ends(Fate::GivenAway);
    Admission::GivenAway
}

fn refuse(refused: &Refused, seen: &Seen) -> Admission {
    let reply = refused.reply();
    seen.is_refused(HOOKED);
    seen.is_answered(reply.status);
    Admission::Reject(reply)
}

fn fail(seen: &Seen) -> Admission {
    let reply = Why::internal();
    seen.is_turned_away(&Why::Internal);
    seen.is_answered(reply.status);
    Admission::Reject(reply)
}
