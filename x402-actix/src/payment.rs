use std::fmt;
use std::ops::Deref;
use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::{FromRequest, HttpMessage, HttpRequest, HttpResponse, ResponseError};

use crate::attribute::Admitting;

/// The payment that a request is served on: who pays, how much, in what, where, and the receipt
/// where it is settled already.
///
/// An extractor for handlers behind a [`PriceLayer`](crate::PriceLayer). Elsewhere
/// `Option<Payment>` is `None` and `Payment` answers 500, so that a handler which counts on being
/// paid is never run unpaid.
#[derive(Clone, Debug)]
pub struct Payment(x402_server::Payment);

impl Deref for Payment {
    type Target = x402_server::Payment;

    fn deref(&self) -> &x402_server::Payment {
        &self.0
    }
}

/// The handler wants to be paid, but its route has no price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotPaid;

impl fmt::Display for NotPaid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the handler takes a Payment, but its route has no price: add .wrap(paywall.price(..)?) or #[paid(..)]")
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
    type Future = PaymentFuture;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> PaymentFuture {
        PaymentFuture { request: request.clone() }
    }
}

/// Ready with the [`Payment`] of a request: at once, or when `#[paid]` has admitted the request.
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct PaymentFuture {
    request: HttpRequest,
}

impl Future for PaymentFuture {
    type Output = Result<Payment, NotPaid>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let extensions = self.request.extensions();
        if let Some(payment) = extensions.get::<x402_server::Payment>() {
            return Poll::Ready(Ok(Payment(payment.clone())));
        }
        match extensions.get::<Admitting>() {
            Some(admitting) if admitting.is_under_way(cx) => Poll::Pending,
            _ => Poll::Ready(Err(NotPaid)),
        }
    }
}
