//! What an operator can see of requests: counters and latencies through the [`metrics`] facade, spans
//! through [`tracing`]. `OBSERVABILITY.md` lists them all.
//!
//! Where nobody listens, this costs an atomic load here and there. What is paid for is counted on
//! handles that are kept; only what is refused is looked up by its reason.

mod spans;
mod tally;

use std::ops::Deref;
use std::sync::Arc;
use std::time::Instant;

use tracing::Span;
use x402_types::ErrorReason;

use super::answers::Why;
use super::head::RequestHead;
use super::payment::Payment;

pub(super) use spans::{resolving, settling, verifying};
pub(crate) use tally::Tallies;
pub(super) use tally::{Held, Tally, Unresolved};

/// What became of a request to a route that has a price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Unpaid,
    Refused,
    Paid,
    /// It might have been paid, and was not served.
    Unserved,
    GivenAway,
    Again,
}

impl Fate {
    const ALL: [Self; 6] =
        [Self::Unpaid, Self::Refused, Self::Paid, Self::Unserved, Self::GivenAway, Self::Again];

    fn as_str(self) -> &'static str {
        match self {
            Self::Unpaid => "unpaid",
            Self::Refused => "refused",
            Self::Paid => "paid",
            Self::Unserved => "unserved",
            Self::GivenAway => "given_away",
            Self::Again => "again",
        }
    }
}

/// A request as it is seen. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) tally: Arc<Tally>,
    /// When its payment began to be looked at, where it has one.
    started: Option<Instant>,
    span: Span,
}

impl Seen {
    pub(super) fn new(tally: Arc<Tally>, span: Span, has_payment: bool) -> Self {
        Self { tally, started: has_payment.then(Instant::now), span }
    }

    /// The same request, known now to be for another route.
    pub(super) fn on(self, tally: Arc<Tally>) -> Self {
        Self { tally, ..self }
    }

    pub(super) fn span(&self) -> &Span {
        &self.span
    }

    /// Where it is found: as the framework says, or else the price.
    pub(super) fn is_found_at<H: RequestHead + ?Sized>(&self, head: &H, said: Option<&str>) {
        if self.span.is_disabled() {
            return;
        }
        let route = head.route();
        let said = said.and_then(|said| said.split_once(' ')).map(|(_, path)| path);
        if let Some(route) = route.as_deref().or(said) {
            self.span.record("http.route", route);
        }
    }

    /// Its payment meets an offer.
    pub(super) fn offers(&self, payment: &Payment) {
        spans::tell(&self.span, payment, payment.amount());
    }

    pub(super) fn ends(&self, fate: Fate) {
        self.tally.request(fate);
        self.span.record("x402.outcome", fate.as_str());
        if let (Fate::Paid, Some(started)) = (fate, self.started) {
            self.tally.whole(started);
        }
    }

    /// It is answered in the handler's stead.
    pub(super) fn is_turned_away(&self, why: &Why) {
        if matches!(why, Why::Unpaid) {
            return self.ends(Fate::Unpaid);
        }
        self.is_refused(reason(why));
    }

    /// It is refused for one of a few reasons.
    pub(super) fn is_refused(&self, reason: &'static str) {
        self.ends(Fate::Refused);
        self.tally.refusal(reason);
        self.span.record("error.type", reason);
    }

    pub(super) fn is_answered(&self, status: u16) {
        self.span.record("http.response.status_code", status);
    }
}

/// A request that waits for its end. Dropped before that is told, it was not served.
#[derive(Debug)]
pub(super) struct Awaited {
    seen: Seen,
    open: bool,
}

impl Awaited {
    pub(super) fn new(seen: Seen) -> Self {
        Self { seen, open: true }
    }

    pub(super) fn ends(mut self, fate: Fate) {
        self.open = false;
        self.seen.ends(fate);
    }

    /// Someone else tells its end.
    pub(super) fn let_go(mut self) {
        self.open = false;
    }
}

impl Deref for Awaited {
    type Target = Seen;

    fn deref(&self) -> &Seen {
        &self.seen
    }
}

impl Drop for Awaited {
    fn drop(&mut self) {
        if self.open {
            self.seen.ends(Fate::Unserved);
        }
    }
}

/// The span of a request to a route that has a price.
pub(super) fn span_of<H: RequestHead + ?Sized>(head: &H) -> Span {
    spans::paywall(head)
}

/// What a refusal is called. These are few, whatever a facilitator says.
pub(super) fn reason(why: &Why) -> &'static str {
    use x402_ledger::ClaimState;
    match why {
        Why::Unpaid => "unpaid",
        Why::Ambiguous => "ambiguous_payment",
        Why::Malformed(_) => "invalid_payload",
        Why::Version(_) => "unsupported_version",
        Why::NoSuchOffer => "no_such_offer",
        Why::OtherResource => "other_resource",
        Why::Refused(reason) | Why::SettlementFailed { reason, .. } => known(reason),
        Why::Taken(ClaimState::InFlight) => "payment_in_progress",
        Why::Taken(ClaimState::Unresolved) | Why::SettlementPending { .. } => "settlement_pending",
        Why::Taken(ClaimState::Owed(_)) => "payment_for_other_resource",
        Why::Taken(ClaimState::Used) => "payment_already_used",
        Why::Unnamed => "payment_identifier_required",
        Why::Misnamed => "invalid_payment_identifier",
        Why::Renamed => "payment_identifier_conflict",
        Why::StoreFailed => "payments_unavailable",
        Why::Busy => "too_many_payments",
        Why::FacilitatorFailed => "facilitator_unavailable",
        Why::Internal => "internal_error",
        Why::SettlementUnknown => "settlement_unknown",
        Why::Hooked(_) => HOOKED,
    }
}

/// A seller's hook or price function refused.
pub(super) const HOOKED: &str = "seller";

/// A reason that is known by name; all others are one.
pub(super) fn known(reason: &ErrorReason) -> &'static str {
    let known = ErrorReason::KNOWN.iter().find(|known| *known == reason);
    known.map_or("other", ErrorReason::as_str)
}
