mod dynamic;
mod several;

use x402_types::{Amount, ErrorReason, SettleResponse};

pub(crate) use dynamic::DynHooks;
pub(crate) use several::Several;

use super::payment::Payment;
use super::refused::Refused;
use super::request_info::RequestInfo;

/// What a seller does at each step of a payment. All of it is optional, and what each step may
/// change is what its answer can say: none can make a settlement that is not known one that failed,
/// or charge more than was signed.
///
/// A hook that decides is waited for. Those that are told how it ended (`after_settle`, `on_unresolved`,
/// `on_cancel`) are not, but by [`drain`](crate::Paywall::drain).
///
/// A hook that panics refuses, where it can, and is otherwise passed over. Of several, each step is
/// told to all in their order, until one decides: what comes after goes on as it says.
///
/// ```
/// use x402_server::{Entry, Hooks, RequestInfo};
///
/// /// Serves the house's own programs for nothing.
/// struct House;
///
/// impl Hooks for House {
///     async fn on_request(&self, request: &RequestInfo) -> Entry {
///         match request.header("x-api-key") {
///             Some("the house's own") => Entry::GiveAway, // compare in constant time in earnest
///             _ => Entry::GoOn,
///         }
///     }
/// }
/// ```
pub trait Hooks: Send + Sync + 'static {
    /// A request has come to a route that has a price. Nothing of it has been checked.
    fn on_request(&self, request: &RequestInfo) -> impl Future<Output = Entry> + Send {
        let _ = request;
        async { Entry::GoOn }
    }

    /// Its payment is sound, as far as that can be told offline. It is not claimed yet. Not called for
    /// one that has ended, or is for a price that stands no more: it can only be owed something.
    fn before_verify(&self, payment: &Payment) -> impl Future<Output = Entry> + Send {
        let _ = payment;
        async { Entry::GoOn }
    }

    /// The facilitator found it good. Given away from here on, the request keeps it: its handler can
    /// tell [whose it is](Payment::payer), and [that](Payment::is_given_away). Not called where a route settles before it serves, nor for a
    /// payment that was settled by an earlier request.
    fn after_verify(&self, payment: &Payment) -> impl Future<Output = Entry> + Send {
        let _ = payment;
        async { Entry::GoOn }
    }

    /// The facilitator refused it, for this reason.
    fn on_verify_failure(
        &self,
        payment: &Payment,
        reason: &ErrorReason,
    ) -> impl Future<Output = Recovery> + Send {
        let _ = (payment, reason);
        async { Recovery::Stand }
    }

    /// So much is about to be settled, in atomic units. On a route that settles after serving, the
    /// handler has answered with success, and its answer waits. Where it streams it is delivered by then:
    /// to withhold a settlement is to give it away, and the payment buys nothing more either way.
    fn before_settle(
        &self,
        payment: &Payment,
        amount: Amount,
    ) -> impl Future<Output = Settling> + Send {
        let _ = (payment, amount);
        async { Settling::GoOn }
    }

    /// It is settled.
    fn after_settle(
        &self,
        payment: &Payment,
        receipt: &SettleResponse,
    ) -> impl Future<Output = ()> + Send {
        let _ = (payment, receipt);
        async {}
    }

    /// Settlement failed, and that is certain: no money moved.
    fn on_settle_failure(
        &self,
        payment: &Payment,
        reason: &ErrorReason,
    ) -> impl Future<Output = Recovery> + Send {
        let _ = (payment, reason);
        async { Recovery::Stand }
    }

    /// It is not known whether it is settled. It stays claimed and is asked about again; there is
    /// nothing to decide.
    fn on_unresolved(
        &self,
        payment: &Payment,
        transaction: Option<&str>,
    ) -> impl Future<Output = ()> + Send {
        let _ = (payment, transaction);
        async {}
    }

    /// A payment that was admitted comes to nothing: it was not settled, and can be used again; or
    /// it was settled before, and is owed.
    fn on_cancel(&self, payment: &Payment, why: Canceled) -> impl Future<Output = ()> + Send {
        let _ = (payment, why);
        async {}
    }
}

/// What becomes of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// It is paid for.
    GoOn,
    /// It is served for nothing. A payment that came with it is not touched; the handler is shown it
    /// only if it had been [found good](Hooks::after_verify).
    GiveAway,
    /// It is not served.
    Refuse(Refused),
}

/// What becomes of a payment that is to be settled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settling {
    /// It is settled.
    GoOn,
    /// It is not, and what was to be paid for is served all the same.
    GiveAway,
    /// It is not, and nothing is served.
    Withhold(Refused),
}

/// What becomes of a request whose payment failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recovery {
    /// It is refused.
    Stand,
    /// It is served all the same, at the seller's expense.
    GiveAway,
}

/// Why a payment that was admitted came to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Canceled {
    /// The handler did not answer with success.
    Answered {
        /// The HTTP status.
        status: u16,
    },
    /// The handler panicked, or the client went away.
    Dropped,
}
