use std::convert::Infallible;
use std::ops::Deref;

use axum_core::extract::{FromRequestParts, OptionalFromRequestParts};
use axum_core::response::{IntoResponse, Response};
use http::StatusCode;
use http::request::Parts;

/// The payment that a request is served on: who pays, how much, in what, where, and the receipt
/// where it is settled already.
///
/// An extractor for handlers behind a [`PriceLayer`](crate::PriceLayer) or with
/// [`#[paid]`](macro@crate::paid). Elsewhere, and where the request costs nothing, because a price
/// function or a hook gives it away or it is `OPTIONS`, `Option<Payment>` is `None` and `Payment`
/// answers 500, so that a handler which counts on being paid is never run unpaid. Where a hook gives
/// it away after the payment was found good, as an [`Allowance`](crate::Allowance) does, the payment is
/// there and [says so](x402_server::Payment::is_given_away).
#[derive(Clone, Debug)]
pub struct Payment(x402_server::Payment);

impl Deref for Payment {
    type Target = x402_server::Payment;

    fn deref(&self) -> &x402_server::Payment {
        &self.0
    }
}

/// The handler wants to be paid, but its route has no price, or the request costs nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotPaid;

impl std::fmt::Display for NotPaid {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(
            "the handler takes a Payment, and there is none. Where its route has no price, add \
             .layer(paywall.price(..)?) or #[paid(..)]; where the request was given away, or is \
             OPTIONS, take Option<Payment>",
        )
    }
}

impl std::error::Error for NotPaid {}

impl IntoResponse for NotPaid {
    fn into_response(self) -> Response {
        tracing::error!("{self}");
        StatusCode::INTERNAL_SERVER_ERROR.into_response()
    }
}

impl<S: Sync> FromRequestParts<S> for Payment {
    type Rejection = NotPaid;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, NotPaid> {
        parts.extensions.get().cloned().map(Self).ok_or(NotPaid)
    }
}

impl<S: Sync> OptionalFromRequestParts<S> for Payment {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Infallible> {
        Ok(parts.extensions.get().cloned().map(Self))
    }
}
