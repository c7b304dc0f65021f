use std::sync::Arc;

use x402_types::{Amount, ErrorReason, SettleResponse};

use super::dynamic::{DynHooks, Hook};
use super::{Canceled, Entry, Recovery, Settling};
use crate::engine::payment::Payment;
use crate::engine::request_info::RequestInfo;

/// Hooks that are asked one after another: what the first says counts, where it decides anything.
pub(crate) struct Several(pub(crate) Arc<dyn DynHooks>, pub(crate) Arc<dyn DynHooks>);

macro_rules! first_that_decides {
    ($self:ident, $undecided:path, $hook:ident($($argument:ident),*)) => {
        Box::pin(async move {
            match $self.0.$hook($($argument),*).await {
                $undecided => $self.1.$hook($($argument),*).await,
                decided => decided,
            }
        })
    };
}

macro_rules! each {
    ($self:ident, $hook:ident($($argument:ident),*)) => {
        Box::pin(async move {
            $self.0.$hook($($argument),*).await;
            $self.1.$hook($($argument),*).await;
        })
    };
}

impl DynHooks for Several {
    fn on_request<'a>(&'a self, request: &'a RequestInfo) -> Hook<'a, Entry> {
        first_that_decides!(self, Entry::GoOn, on_request(request))
    }

    fn before_verify<'a>(&'a self, payment: &'a Payment) -> Hook<'a, Entry> {
        first_that_decides!(self, Entry::GoOn, before_verify(payment))
    }

    fn after_verify<'a>(&'a self, payment: &'a Payment) -> Hook<'a, Entry> {
        first_that_decides!(self, Entry::GoOn, after_verify(payment))
    }

    fn on_verify_failure<'a>(&'a self, p: &'a Payment, r: &'a ErrorReason) -> Hook<'a, Recovery> {
        first_that_decides!(self, Recovery::Stand, on_verify_failure(p, r))
    }

    fn before_settle<'a>(&'a self, payment: &'a Payment, amount: Amount) -> Hook<'a, Settling> {
        first_that_decides!(self, Settling::GoOn, before_settle(payment, amount))
    }

    fn after_settle<'a>(&'a self, payment: &'a Payment, r: &'a SettleResponse) -> Hook<'a, ()> {
        each!(self, after_settle(payment, r))
    }

    fn on_settle_failure<'a>(&'a self, p: &'a Payment, r: &'a ErrorReason) -> Hook<'a, Recovery> {
        first_that_decides!(self, Recovery::Stand, on_settle_failure(p, r))
    }

    fn on_unresolved<'a>(&'a self, p: &'a Payment, transaction: Option<&'a str>) -> Hook<'a, ()> {
        each!(self, on_unresolved(p, transaction))
    }

    fn on_cancel<'a>(&'a self, payment: &'a Payment, why: Canceled) -> Hook<'a, ()> {
        each!(self, on_cancel(payment, why))
    }
}
