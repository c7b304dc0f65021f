//! Answers on their way between actix-web and the paywall, which has its own version of `http`.

use std::cell::RefCell;
use std::collections::VecDeque;

use actix_web::HttpResponse;
use actix_web::body::{BodySize, MessageBody};
use actix_web::http::{StatusCode, header as actix};
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, TRAILER};
use x402_server::layer::{self, Body};
use x402_server::{Reply, StoredAnswer, Ticket};

use crate::body::{OfHandler, PaidBody};
use crate::names::named;

/// On what terms a request is served.
pub(crate) enum Terms {
    Paid(Box<Ticket>),
    GivenAway,
    Free,
}

impl Terms {
    /// Brings the handler's answer to its client.
    pub(crate) async fn bring<B>(self, answer: HttpResponse<B>) -> HttpResponse<PaidBody<B>>
    where
        B: MessageBody + 'static,
    {
        match self {
            Self::Paid(ticket) => finish(ticket, answer).await,
            Self::GivenAway => given_away(answer),
            Self::Free => bodiless(answer),
        }
    }
}

/// Brings a handler's answer to its client, and settles.
async fn finish<B>(ticket: Box<Ticket>, answer: HttpResponse<B>) -> HttpResponse<PaidBody<B>>
where
    B: MessageBody + 'static,
{
    let (parts, answer) = Parts::of(answer);
    parts.back(layer::finish(ticket, answer).await)
}

/// The answer to what costs nothing.
pub(crate) fn bodiless<B: MessageBody>(answer: HttpResponse<B>) -> HttpResponse<PaidBody<B>> {
    let (parts, answer) = Parts::of(answer);
    parts.back(layer::bodiless(answer))
}

/// What was not charged, or is not for others to have.
pub(crate) fn given_away<B: MessageBody>(answer: HttpResponse<B>) -> HttpResponse<PaidBody<B>> {
    let (parts, answer) = Parts::of(answer);
    parts.back(layer::given_away(answer))
}

/// The paywall's own answer.
pub(crate) fn rejected<B: MessageBody>(mut reply: Reply) -> HttpResponse<PaidBody<B>> {
    let headers = std::mem::take(&mut reply.headers);
    let mut answer = of_paywall(layer::rejected(reply));
    answer.headers_mut().reserve(headers.len());
    for (name, value) in headers {
        if let Some(value) = converted(value) {
            answer.headers_mut().insert(named(name), value);
        }
    }
    answer
}

/// Values that a worker remembers: those that all answers have, and the terms of some routes.
const REMEMBERED: usize = 16;

thread_local! {
    /// The values that came last: to look at each of their bytes again is a third of what the terms of a
    /// route cost. Those of a route are the same bytes, in the same place.
    static KNOWN: RefCell<VecDeque<(Bytes, actix::HeaderValue)>> = const { RefCell::new(VecDeque::new()) };
}

fn converted(value: Bytes) -> Option<actix::HeaderValue> {
    KNOWN.with_borrow_mut(|known| {
        // Held here, the place is nobody else's.
        let same = |(it, _): &&(Bytes, _)| it.as_ptr() == value.as_ptr() && it.len() == value.len();
        if let Some((_, header)) = known.iter().find(same) {
            return Some(header.clone());
        }
        let header = actix::HeaderValue::from_maybe_shared(value.clone()).ok()?;
        known.truncate(REMEMBERED - 1);
        known.push_front((value, header.clone()));
        Some(header)
    })
}

/// The answer of a price that stands behind another.
pub(crate) fn priced_twice<B: MessageBody>(route: Option<&str>) -> HttpResponse<PaidBody<B>> {
    of_paywall(layer::priced_twice(route))
}

/// The answer that was kept.
pub(crate) fn again<B: MessageBody>(stored: &StoredAnswer) -> HttpResponse<PaidBody<B>> {
    of_paywall(layer::again(stored))
}

/// What of a handler's answer the paywall has no use for: extensions, flags of the connection, the
/// error that it was made of.
struct Parts {
    rest: HttpResponse<()>,
    size: BodySize,
    had_length: bool,
}

/// Marks the handler's own answer.
#[derive(Clone, Copy)]
struct Own;

impl Parts {
    fn of<B: MessageBody>(answer: HttpResponse<B>) -> (Self, http::Response<OfHandler<B>>) {
        let size = answer.body().size();
        let (mut rest, body) = answer.into_parts();
        let headers = std::mem::replace(rest.headers_mut(), actix::HeaderMap::new());
        let mut answer = http::Response::new(OfHandler::new(body));
        *answer.status_mut() = http::StatusCode::from_u16(rest.status().as_u16())
            .unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
        *answer.headers_mut() = to_paywall(headers);
        answer.extensions_mut().insert(Own);
        let had_length = answer.headers().contains_key(CONTENT_LENGTH);
        (Self { rest, size, had_length }, answer)
    }

    fn back<B: MessageBody>(
        self,
        answer: http::Response<Body<OfHandler<B>>>,
    ) -> HttpResponse<PaidBody<B>> {
        if answer.extensions().get::<Own>().is_none() {
            return of_paywall(answer);
        }
        let Self { mut rest, size, had_length } = self;
        let (head, body) = answer.into_parts();
        if had_length && !head.headers.contains_key(CONTENT_LENGTH) {
            // A length that is told by the handler goes with an end that is told by nobody.
            rest.head_mut().no_chunking(false);
        }
        *rest.headers_mut() = to_actix(head.headers);
        rest.set_body(PaidBody::new(body, Some(size)))
    }
}

fn of_paywall<B: MessageBody>(
    answer: http::Response<Body<OfHandler<B>>>,
) -> HttpResponse<PaidBody<B>> {
    let (head, body) = answer.into_parts();
    let status = StatusCode::from_u16(head.status.as_u16());
    let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut answer = HttpResponse::with_body(status, PaidBody::new(body, None));
    *answer.headers_mut() = to_actix(head.headers);
    answer
}

fn to_paywall(headers: actix::HeaderMap) -> http::HeaderMap {
    let mut converted = http::HeaderMap::with_capacity(headers.len());
    for (name, value) in headers {
        let name = http::HeaderName::from_bytes(name.as_str().as_bytes());
        let bytes = http::HeaderValue::from_bytes(value.as_bytes());
        let (Ok(name), Ok(mut bytes)) = (name, bytes) else { continue };
        bytes.set_sensitive(value.is_sensitive());
        if converted.try_append(name, bytes).is_err() {
            tracing::error!("an answer has more headers than can be counted");
            break;
        }
    }
    converted
}

fn to_actix(headers: http::HeaderMap) -> actix::HeaderMap {
    let mut converted = actix::HeaderMap::with_capacity(headers.len());
    let mut last = None;
    for (name, value) in headers {
        // Further values of a name come without it.
        if let Some(name) = name {
            last = actix::HeaderName::from_bytes(name.as_str().as_bytes()).ok();
        }
        let Some(name) = &last else { continue };
        if name.as_str() == TRAILER && announces_receipt(&value) {
            continue;
        }
        if let Ok(mut bytes) = actix::HeaderValue::from_bytes(value.as_bytes()) {
            bytes.set_sensitive(value.is_sensitive());
            converted.append(name.clone(), bytes);
        }
    }
    converted
}

/// Whether this promises a receipt after the body, where actix-web lets none through.
fn announces_receipt(trailer: &http::HeaderValue) -> bool {
    let receipts = [x402_types::header::PAYMENT_RESPONSE, x402_types::header::X_PAYMENT_RESPONSE];
    receipts.iter().any(|name| trailer.as_bytes().eq_ignore_ascii_case(name.as_bytes()))
}
