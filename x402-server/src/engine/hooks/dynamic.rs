use std::pin::{Pin, pin};

use x402_types::{Amount, ErrorReason, SettleResponse};

use super::{Canceled, Entry, Hooks, Recovery, Settling};
use crate::engine::caught::caught as polled;
use crate::engine::payment::Payment;
use crate::engine::refused::Refused;
use crate::engine::request_info::RequestInfo;

pub(super) type Hook<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// [`Hooks`] of any type. Panics are caught.
pub(crate) trait DynHooks: Send + Sync {
    fn on_request<'a>(&'a self, request: &'a RequestInfo) -> Hook<'a, Entry>;
    fn before_verify<'a>(&'a self, payment: &'a Payment) -> Hook<'a, Entry>;
    fn after_verify<'a>(&'a self, payment: &'a Payment) -> Hook<'a, Entry>;
    fn on_verify_failure<'a>(&'a self, p: &'a Payment, r: &'a ErrorReason) -> Hook<'a, Recovery>;
    fn before_settle<'a>(&'a self, payment: &'a Payment, amount: Amount) -> Hook<'a, Settling>;
    fn after_settle<'a>(&'a self, payment: &'a Payment, r: &'a SettleResponse) -> Hook<'a, ()>;
    fn on_settle_failure<'a>(&'a self, p: &'a Payment, r: &'a ErrorReason) -> Hook<'a, Recovery>;
    fn on_unresolved<'a>(&'a self, p: &'a Payment, transaction: Option<&'a str>) -> Hook<'a, ()>;
    fn on_cancel<'a>(&'a self, payment: &'a Payment, why: Canceled) -> Hook<'a, ()>;
}

impl<T: Hooks> DynHooks for T {
    fn on_request<'a>(&'a self, request: &'a RequestInfo) -> Hook<'a, Entry> {
        caught(async move { Hooks::on_request(self, request).await }, || Entry::Refuse(broken()))
    }

    fn before_verify<'a>(&'a self, payment: &'a Payment) -> Hook<'a, Entry> {
        caught(async move { Hooks::before_verify(self, payment).await }, || Entry::Refuse(broken()))
    }

    fn after_verify<'a>(&'a self, payment: &'a Payment) -> Hook<'a, Entry> {
        caught(async move { Hooks::after_verify(self, payment).await }, || Entry::Refuse(broken()))
    }

    fn on_verify_failure<'a>(&'a self, p: &'a Payment, r: &'a ErrorReason) -> Hook<'a, Recovery> {
        caught(async move { Hooks::on_verify_failure(self, p, r).await }, || Recovery::Stand)
    }

    fn before_settle<'a>(&'a self, payment: &'a Payment, amount: Amount) -> Hook<'a, Settling> {
        caught(async move { Hooks::before_settle(self, payment, amount).await }, || {
            Settling::Withhold(broken())
        })
    }

    fn after_settle<'a>(&'a self, payment: &'a Payment, r: &'a SettleResponse) -> Hook<'a, ()> {
        caught(async move { Hooks::after_settle(self, payment, r).await }, || ())
    }

    fn on_settle_failure<'a>(&'a self, p: &'a Payment, r: &'a ErrorReason) -> Hook<'a, Recovery> {
        caught(async move { Hooks::on_settle_failure(self, p, r).await }, || Recovery::Stand)
    }

    fn on_unresolved<'a>(&'a self, p: &'a Payment, transaction: Option<&'a str>) -> Hook<'a, ()> {
        caught(async move { Hooks::on_unresolved(self, p, transaction).await }, || ())
    }

    fn on_cancel<'a>(&'a self, payment: &'a Payment, why: Canceled) -> Hook<'a, ()> {
        caught(async move { Hooks::on_cancel(self, payment, why).await }, || ())
    }
}

fn broken() -> Refused {
    Refused::new(500, "internal_error", "The payment could not be processed. Nothing was charged.")
}

/// What a hook answers, or this where it panics: while it is called, or while it is waited for.
fn caught<'a, T>(
    hook: impl Future<Output = T> + Send + 'a,
    otherwise: impl FnOnce() -> T + Send + 'a,
) -> Hook<'a, T> {
    Box::pin(async move {
        polled(pin!(hook)).await.unwrap_or_else(|_| {
            tracing::error!("a hook panicked");
            otherwise()
        })
    })
}
