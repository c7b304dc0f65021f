use std::pin::Pin;
use std::sync::Arc;

use x402_types::{PaymentRequirements, Verbatim};

use super::answers::Why;
use super::gate::{Admission, Matter, Pricing};
use super::head::RequestHead;
use super::hooks::Entry;
use super::observed::{Fate, HOOKED, Seen};
use super::offered::Offered;
use super::paid::{Lapsed, Paid};
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

    /// The offer that a payment met which says that it met these terms, for this request, though
    /// nothing is asked now or something else: what was settled at it may be owed. Nothing else is
    /// sold at it.
    fn owed(&self, request: &RequestInfo, accepted: &PaymentRequirements) -> Option<Offered>;

    /// The method and the path's pattern, where they were said for all that is asked.
    fn found_at(&self) -> Option<&str> {
        None
    }
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
}

impl Matter for Undecided {
    fn shared(&self) -> &Shared {
        &self.shared
    }

    fn seen(&self) -> &Seen {
        &self.seen
    }

    async fn admit(self: Box<Self>) -> Admission {
        if let Some(hooks) = &self.shared.hooks {
            match hooks.on_request(&self.request).await {
                Entry::GoOn => {}
                Entry::GiveAway => return given_away(&self.seen),
                Entry::Refuse(refused) => return refuse(&refused, &self.seen),
            }
        }
        let Self { pricing, request, sent, purchase, seen, .. } = *self;
        let accepted = sent.as_ref().ok().and_then(Sent::accepted);
        let (now, before) = match &pricing {
            Pricing::Fixed(offered) => (offered.clone(), None),
            Pricing::Asked(ask) => match ask.ask(&request, accepted.clone()).await {
                Asked::Nothing => return given_away(&seen),
                Asked::At { now, before } => (now, before),
                unsold @ (Asked::Refused(_) | Asked::Failed) => {
                    let refused = match unsold {
                        Asked::Refused(refused) => Some(refused),
                        _ => None,
                    };
                    let owed = accepted.and_then(|accepted| ask.owed(&request, &accepted));
                    let paid = owed.zip(sent.ok()).and_then(|(offered, sent)| {
                        let lapsed = Some(Lapsed::Unsold(refused.clone()));
                        let paid = Paid::check(&offered, sent, &purchase, &seen, lapsed).ok()?;
                        paid.name(&request).ok()
                    });
                    return match (paid, refused) {
                        (Some(paid), _) => Box::pin(Box::new(paid).admit()).await,
                        (None, Some(refused)) => refuse(&refused, &seen),
                        (None, None) => fail(&seen),
                    };
                }
            },
        };
        // What was asked before is looked at first only where it alone will do.
        let (offered, lapsed) = match &sent {
            Ok(sent) if sent.find_offer(now.offers()).is_none() => {
                let will_do = |it: &Before| sent.find_offer(it.offered.offers()).is_some();
                let owed = || match (&pricing, &accepted) {
                    (Pricing::Asked(ask), Some(accepted)) => {
                        let offered = ask.owed(&request, accepted)?;
                        Some(Before { offered, lapsed: true })
                    }
                    _ => None,
                };
                match before.filter(will_do).or_else(owed) {
                    Some(before) => {
                        (before.offered.telling(&now), before.lapsed.then_some(Lapsed::Price))
                    }
                    None => (now, None),
                }
            }
            _ => (now, None),
        };
        let seen = seen.on(offered.tally(&request));
        match offered.look(sent, &purchase, &request, &seen, lapsed) {
            Ok(paid) => Box::pin(Box::new(paid).admit()).await,
            Err(reply) => Admission::Reject(reply),
        }
    }
}

fn given_away(seen: &Seen) -> Admission {
    seen.ends(Fate::GivenAway);
    Admission::GivenAway(None)
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
