//! What becomes of a handler's answer, written once for every framework.

use bytes::Bytes;
use http::header::{
    ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, DATE, SERVER, TE, TRAILER,
    TRANSFER_ENCODING, UPGRADE, VARY,
};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, response};

use super::Body;
use super::names::named;
use super::read::{Read, read_ahead, read_whole};
use crate::engine::VARY_ON;
use crate::{Delivery, Reply, StoredAnswer, Ticket};

/// Brings a handler's answer to its client: settles as the route says, and adds the receipt.
///
/// Where the route settles after serving, a successful answer is held back until that is done, up to
/// [`held_back`](crate::PaywallBuilder::held_back) bytes; a longer one, or a stream of events, is
/// answered 500 in its stead, uncharged. Where the route meters streams, the answer leaves at once and
/// is settled when it has ended or its client has gone.
///
/// # Cancel safety
/// As [`Ticket::finish`].
pub async fn finish<R>(ticket: Box<Ticket>, answer: Response<R>) -> Response<Body<R>>
where
    R: http_body::Body<Data = Bytes>,
{
    let (head, body) = answer.into_parts();
    let status = head.status.as_u16();
    let body = match ticket.delivery(status) {
        Delivery::AtOnce => Ok(Body::own(body)),
        Delivery::Streamed => return streamed(Response::from_parts(head, body), ticket),
        Delivery::Refused => Err(Reply::handed_over()),
        Delivery::HeldBack { limit } if is_event_stream(&head.headers) => {
            Err(Reply::too_long(limit))
        }
        Delivery::HeldBack { limit } if ticket.keeps().is_none() => {
            match read_whole(body, limit).await {
                Read::Whole(data, trailers) => Ok(Body::read(data, trailers)),
                Read::TooLong(()) => Err(Reply::too_long(limit)),
                Read::Broken => Err(Reply::broken()),
            }
        }
        // Rarer, and too much to be carried along by every answer.
        Delivery::HeldBack { limit } => {
            return Box::pin(kept(head, body, ticket, limit, true)).await;
        }
        // It would be read ahead for as long as it goes on.
        Delivery::Kept { .. } if is_event_stream(&head.headers) => Ok(Body::own(body)),
        Delivery::Kept { limit } => return Box::pin(kept(head, body, ticket, limit, false)).await,
    };
    let end = ticket.finish(if body.is_ok() { status } else { 500 }).await;
    finished(body.map_or_else(rejected, |body| Response::from_parts(head, body)), end)
}

/// An answer that is kept where it is small enough. One that is longer than may be is passed on,
/// or, where it must be held back, refused.
async fn kept<R>(
    head: response::Parts,
    body: R,
    ticket: Box<Ticket>,
    limit: usize,
    held_back: bool,
) -> Response<Body<R>>
where
    R: http_body::Body<Data = Bytes>,
{
    let status = head.status.as_u16();
    let (body, end) = match read_ahead(body, limit).await {
        Read::Whole(data, trailers) => {
            let keeps = ticket.keeps().filter(|_| trailers.is_none());
            let stored = keeps.and_then(|limit| stored(status, &head.headers, &data, limit));
            let end = match stored {
                Some(stored) => ticket.finish_with(stored).await,
                None => ticket.finish(status).await,
            };
            (Ok(Body::read(data, trailers)), end)
        }
        Read::TooLong(_) if held_back => (Err(Reply::too_long(limit)), ticket.finish(500).await),
        Read::TooLong(begun) => (Ok(Body::begun(begun)), ticket.finish(status).await),
        Read::Broken => (Err(Reply::broken()), ticket.finish(500).await),
    };
    finished(body.map_or_else(rejected, |body| Response::from_parts(head, body)), end)
}

/// The paywall's own answer.
pub fn rejected<R>(reply: Reply) -> Response<Body<R>> {
    let Reply { status, headers, body } = reply;
    let mut response = Response::new(Body::whole(body));
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().reserve(headers.len());
    for (name, value) in headers {
        if let Ok(value) = HeaderValue::from_maybe_shared(value) {
            response.headers_mut().insert(named(name), value);
        }
    }
    response
}

/// The answer of a price that stands behind another, for which the request is paid already: the
/// seller's mistake, which is logged. It asks for nothing, or payers would pay twice, and is no success,
/// or the other price would charge for it.
pub fn priced_twice<R>(route: Option<&str>) -> Response<Body<R>> {
    tracing::error!(route, "a price stands behind another price: leave out one of the two");
    let mut answer = Response::new(Body::whole(Bytes::new()));
    *answer.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    answer
}

/// The answer that was kept.
pub fn again<R>(stored: &StoredAnswer) -> Response<Body<R>> {
    let mut answer = Response::new(Body::whole(stored.body.clone()));
    *answer.status_mut() =
        StatusCode::from_u16(stored.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in &stored.headers {
        if let (Ok(name), Ok(value)) =
            (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_bytes(value))
        {
            answer.headers_mut().append(name, value);
        }
    }
    keep_from_caches(answer.headers_mut());
    answer
}

/// The answer to what costs nothing, which is a question about the resource and not for it: a
/// handler of every method must not give its content away, nor a session, nor the connection.
pub fn bodiless<R>(answer: Response<R>) -> Response<Body<R>> {
    let mut answer = answer.map(|_| Body::whole(Bytes::new()));
    let headers = answer.headers_mut();
    while let Some(name) = headers.keys().find(|name| !tells_of_resource(name)).cloned() {
        headers.remove(name);
    }
    if answer.status() == StatusCode::SWITCHING_PROTOCOLS {
        tracing::warn!("a connection would have been handed over for OPTIONS, which costs nothing");
        *answer.status_mut() = StatusCode::BAD_REQUEST;
    }
    answer
}

/// Whether a header tells what may be asked, and how, and nothing of what is sold.
fn tells_of_resource(name: &HeaderName) -> bool {
    let begins = ["accept-", "access-control-", "cross-origin-"];
    [ALLOW, CACHE_CONTROL, DATE, SERVER, VARY].contains(name)
        || *name == "dav"
        || begins.iter().any(|begin| name.as_str().starts_with(begin))
}

/// The answer to what costs nothing where there is nobody but the content to give it.
pub fn free<R>() -> Response<Body<R>> {
    let mut answer = Response::new(Body::whole(Bytes::new()));
    *answer.status_mut() = StatusCode::NO_CONTENT;
    answer
}

/// What a route gives away, as it came.
pub fn given_away<R>(answer: Response<R>) -> Response<Body<R>> {
    let mut answer = answer.map(Body::own);
    keep_from_caches(answer.headers_mut());
    answer
}

/// The handler's answer with the receipt, or what is answered in its stead.
fn finished<R>(
    mut answer: Response<Body<R>>,
    end: Result<Vec<(&'static str, String)>, Reply>,
) -> Response<Body<R>> {
    let receipt = match end {
        Ok(receipt) => receipt,
        Err(reply) => return rejected(reply),
    };
    keep_from_caches(answer.headers_mut());
    for (name, value) in receipt {
        if let Ok(value) = HeaderValue::from_maybe_shared(Bytes::from(value)) {
            answer.headers_mut().insert(named(name), value);
        }
    }
    answer
}

fn streamed<R>(answer: Response<R>, ticket: Box<Ticket>) -> Response<Body<R>> {
    let status = answer.status().as_u16();
    let receipt_in = HeaderValue::from_static(ticket.response_header());
    let mut answer = answer.map(|body| Body::streamed(body, ticket, status));
    let headers = answer.headers_mut();
    keep_from_caches(headers);
    // With a length told, the end would be reached before the receipt.
    headers.remove(CONTENT_LENGTH);
    headers.append(TRAILER, receipt_in);
    answer
}

/// The answer as it is kept, where it is small enough.
fn stored(status: u16, headers: &HeaderMap, body: &Bytes, limit: usize) -> Option<StoredAnswer> {
    let stored = StoredAnswer { status, headers: kept_headers(headers), body: body.clone() };
    (stored.size() <= limit).then_some(stored)
}

/// All but those of one connection.
fn kept_headers(headers: &HeaderMap) -> Vec<(String, Vec<u8>)> {
    let of_connection = [CONNECTION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE];
    headers
        .iter()
        .filter(|(name, _)| !of_connection.contains(name) && *name != "keep-alive")
        .map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()))
        .collect()
}

/// A stream of events has no end that could be waited for.
fn is_event_stream(headers: &HeaderMap) -> bool {
    let content_type = headers.get(CONTENT_TYPE).map_or(&[][..], HeaderValue::as_bytes);
    let name = b"text/event-stream";
    content_type.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name))
}

/// What one may have for a payment, no shared cache may give to another, be it content or an error.
fn keep_from_caches(headers: &mut HeaderMap) {
    while let Some(name) = headers.keys().find(|name| is_for_shared_caches(name)).cloned() {
        headers.remove(name);
    }
    headers.append(VARY, HeaderValue::from_static(VARY_ON));
    if !headers.contains_key(CACHE_CONTROL) {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("private"));
        return;
    }
    let said = headers.get_all(CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok());
    let directives = said.flat_map(|text| text.split(',')).map(str::trim);
    let mut kept: Vec<&str> = directives.filter(|word| !word.is_empty() && !shares(word)).collect();
    if !kept.iter().any(|word| is(word, "no-store") || is(word, "private")) {
        kept.insert(0, "private");
    }
    let kept = HeaderValue::from_str(&kept.join(", "));
    headers.insert(CACHE_CONTROL, kept.unwrap_or(HeaderValue::from_static("private")));
}

/// Whether a header is for the caches of a network or a proxy, which then pass over `Cache-Control`.
/// Those that [RFC 9213](https://www.rfc-editor.org/rfc/rfc9213) speaks of are named alike.
fn is_for_shared_caches(name: &HeaderName) -> bool {
    let others = ["surrogate-control", "edge-control", "x-accel-expires"];
    name.as_str().ends_with("-cache-control") || others.contains(&name.as_str())
}

fn shares(directive: &str) -> bool {
    let name = directive.split('=').next().unwrap_or("").trim_end();
    is(name, "public") || is(name, "s-maxage")
}

fn is(word: &str, name: &str) -> bool {
    word.eq_ignore_ascii_case(name)
}
