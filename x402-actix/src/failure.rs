//! What becomes of an error that comes in an answer's place. It stays an error, for whatever stands
//! further out and knows what to do with it.

use std::fmt;
use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::{Error, HttpResponse, ResponseError};
use x402_server::{Reply, StoredAnswer, Ticket};

use crate::answer::{again, bodiless, given_away, rejected};

/// An error from within a route with a price. It is charged as its status says, so hardly ever.
pub(crate) async fn failed(ticket: Box<Ticket>, mut error: Error) -> Error {
    // Some errors can be made an answer only once, which is not for us to do.
    let status = error.as_response_error().status_code().as_u16();
    let receipt = match ticket.finish(status).await {
        Ok(receipt) => receipt,
        Err(reply) => return Turned::Reply(reply).into(),
    };
    let receipt = receipt.into_iter().filter_map(|(name, value)| {
        Some((HeaderName::from_static(name), HeaderValue::from_str(&value).ok()?))
    });
    let receipt: Vec<_> = receipt.collect();
    error.add_response_mapper(move |answer| {
        let mut answer = given_away(answer).map_into_boxed_body();
        for (name, value) in &receipt {
            answer.headers_mut().insert(name.clone(), value.clone());
        }
        answer
    });
    error
}

/// An error in the place of an answer to what costs nothing.
pub(crate) fn failed_for_free(mut error: Error) -> Error {
    error.add_response_mapper(|answer| bodiless(answer).map_into_boxed_body());
    error
}

/// An error in the place of an answer that is given away.
pub(crate) fn failed_as_given(mut error: Error) -> Error {
    error.add_response_mapper(|answer| given_away(answer).map_into_boxed_body());
    error
}

/// An answer of the paywall's own where the framework takes nothing but an error.
#[derive(Debug)]
pub(crate) enum Turned {
    /// It is refused, or a payment is asked for.
    Reply(Reply),
    /// The same named payment was answered so before.
    Again(Arc<StoredAnswer>),
    /// It asks about the resource, and there is nobody but the content to answer.
    Free,
    /// The site is not set up to sell.
    NotSetUp,
}

impl fmt::Display for Turned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let status = self.status_code().as_u16();
        match self {
            Self::Reply(reply) if reply.is_challenge() => f.write_str("a payment is asked for"),
            Self::Reply(_) => write!(f, "the paywall answers {status}"),
            Self::Again(_) => f.write_str("the answer that was paid for is given again"),
            Self::Free => f.write_str("it costs nothing, and is nothing"),
            Self::NotSetUp => f.write_str("the route is to be paid for, and has no sound price"),
        }
    }
}

impl std::error::Error for Turned {}

impl ResponseError for Turned {
    fn status_code(&self) -> StatusCode {
        let status = match self {
            Self::Reply(reply) => reply.status,
            Self::Again(stored) => stored.status,
            Self::Free => 204,
            Self::NotSetUp => 500,
        };
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        match self {
            Self::Reply(reply) => rejected::<()>(reply.clone()).map_into_boxed_body(),
            Self::Again(stored) => again::<()>(stored).map_into_boxed_body(),
            Self::Free | Self::NotSetUp => HttpResponse::new(self.status_code()),
        }
    }
}
