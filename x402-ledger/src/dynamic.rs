//! Object-safe twins of the store traits, for those who hold a store of any kind.

use std::pin::Pin;

use crate::{ClaimState, Claimed, Claims, Payment, PaymentKey, Payments, Status, StoreError};

/// A store's answer under way.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// [`Claims`], object-safe.
pub trait DynClaims: Send + Sync + 'static {
    /// [`Claims::claim`]
    fn claim<'a>(
        &'a self,
        key: &'a PaymentKey,
        purchase: &'a str,
        expires: u64,
        now: u64,
    ) -> Answer<'a, Claimed>;
    /// [`Claims::advance`]
    fn advance<'a>(&'a self, key: &'a PaymentKey, state: ClaimState) -> Answer<'a, ()>;
    /// [`Claims::release`]
    fn release<'a>(&'a self, key: &'a PaymentKey) -> Answer<'a, ()>;
}

impl<T: Claims> DynClaims for T {
    fn claim<'a>(
        &'a self,
        key: &'a PaymentKey,
        purchase: &'a str,
        expires: u64,
        now: u64,
    ) -> Answer<'a, Claimed> {
        Box::pin(Claims::claim(self, key, purchase, expires, now))
    }

    fn advance<'a>(&'a self, key: &'a PaymentKey, state: ClaimState) -> Answer<'a, ()> {
        Box::pin(Claims::advance(self, key, state))
    }

    fn release<'a>(&'a self, key: &'a PaymentKey) -> Answer<'a, ()> {
        Box::pin(Claims::release(self, key))
    }
}

/// [`Payments`], object-safe.
pub trait DynPayments: Send + Sync + 'static {
    /// [`Payments::record`]
    fn record(&self, payment: Payment) -> Answer<'_, ()>;
    /// [`Payments::complete`]
    fn complete<'a>(
        &'a self,
        key: &'a PaymentKey,
        status: Status,
        transaction: Option<String>,
        at: i64,
    ) -> Answer<'a, ()>;
    /// [`Payments::payment`]
    fn payment<'a>(&'a self, key: &'a PaymentKey) -> Answer<'a, Option<Payment>>;
    /// [`Payments::recent`]
    fn recent(&self, limit: usize) -> Answer<'_, Vec<Payment>>;
}

impl<T: Payments> DynPayments for T {
    fn record(&self, payment: Payment) -> Answer<'_, ()> {
        Box::pin(Payments::record(self, payment))
    }

    fn complete<'a>(
        &'a self,
        key: &'a PaymentKey,
        status: Status,
        transaction: Option<String>,
        at: i64,
    ) -> Answer<'a, ()> {
        Box::pin(Payments::complete(self, key, status, transaction, at))
    }

    fn payment<'a>(&'a self, key: &'a PaymentKey) -> Answer<'a, Option<Payment>> {
        Box::pin(Payments::payment(self, key))
    }

    fn recent(&self, limit: usize) -> Answer<'_, Vec<Payment>> {
        Box::pin(Payments::recent(self, limit))
    }
}
