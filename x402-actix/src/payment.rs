use std::fmt;
use std::future::{Ready, ready};
use std::ops::Deref;

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::{FromRequest, HttpMessage, HttpRequest, HttpResponse, ResponseError};

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

impl fmt::Display for NotPaid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "the handler takes a Payment, and there is none. Where its route has no price, add \
             .wrap(paywall.price(..)?) or #[paid(..)]; where the request was given away, or is \
             OPTIONS, take Option<Payment>",
        )
    }
}

impl std::error::Error for NotPaid {}

impl ResponseError for NotPaid {
    fn status_code(&self) -> StatusCode {
        StatusCode::INTERNAL_SERVER_ERROR
    }

    fn error_response(&self) -> HttpResponse {
        tracing::error!("{self}");
        HttpResponse::new(self.status_code())
    }
}

impl FromRequest for Payment {
    type Error = NotPaid;
    type Future = Ready<Result<Self, NotPaid>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(request.extensions().get().cloned().map(Self).ok_or(NotPaid))
    }
}
