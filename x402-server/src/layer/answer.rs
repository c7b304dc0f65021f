//! What becomes of a handler's answer, written once for every framework.

use bytes::Bytes;
use http::header::{
    CACHE_CONTROL, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, TE, TRAILER, TRANSFER_ENCODING,
    UPGRADE, VARY,
};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, response};

use super::Body;
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
    let status = answer.status().as_u16();
    match ticket.delivery(status) {
        Delivery::AtOnce => finished(answer.map(Body::own), ticket.finish(status).await),
        Delivery::Streamed => streamed(answer, ticket),
        Delivery::HeldBack { limit } => held_back(answer, ticket, limit).await,
        // Rarer, and too much to be carried along by every answer.
        Delivery::Kept { limit } => Box::pin(kept(answer, ticket, limit)).await,
    }
}

/// The answer once it is settled, all of it.
async fn held_back<R>(answer: Response<R>, ticket: Box<Ticket>, limit: usize) -> Response<Body<R>>
where
    R: http_body::Body<Data = Bytes>,
{
    let (head, body) = answer.into_parts();
    let read = match is_event_stream(&head.headers) {
        true => Read::TooLong(()),
        false => read_whole(body, limit).await,
    };
    match read {
        Read::Whole(data, trailers) => whole(head, data, trailers, ticket).await,
        Read::TooLong(()) => finished(rejected(Reply::too_long(limit)), ticket.finish(500).await),
        Read::Broken => finished(rejected(Reply::broken()), ticket.finish(500).await),
    }
}

/// The answer, which is kept where it is small enough.
async fn kept<R>(answer: Response<R>, ticket: Box<Ticket>, limit: usize) -> Response<Body<R>>
where
    R: http_body::Body<Data = Bytes>,
{
    let (head, body) = answer.into_parts();
    match read_ahead(body, limit).await {
        Read::Whole(data, trailers) => whole(head, data, trailers, ticket).await,
        Read::TooLong(begun) => {
            let end = ticket.finish(head.status.as_u16()).await;
            finished(Response::from_parts(head, Body::begun(begun)), end)
        }
        Read::Broken => finished(rejected(Reply::broken()), ticket.finish(500).await),
    }
}

/// An answer that has been read to its end.
async fn whole<R>(
    head: response::Parts,
    data: Bytes,
    trailers: Option<HeaderMap>,
    ticket: Box<Ticket>,
) -> Response<Body<R>> {
    let status = head.status.as_u16();
    let keeps = ticket.keeps().filter(|_| trailers.is_none());
    let end = match keeps.and_then(|limit| stored(status, &head.headers, &data, limit)) {
        Some(stored) => ticket.finish_with(stored).await,
        None => ticket.finish(status).await,
    };
    finished(Response::from_parts(head, Body::read(data, trailers)), end)
}

/// The paywall's own answer.
pub fn rejected<R>(reply: Reply) -> Response<Body<R>> {
    let Reply { status, headers, body } = reply;
    let mut response = Response::new(Body::whole(body));
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in headers {
        if let Ok(value) = HeaderValue::from_maybe_shared(Bytes::from(value)) {
            response.headers_mut().insert(HeaderName::from_static(name), value);
        }
    }
    response
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
/// handler of every method must not give its content away.
pub fn bodiless<R>(answer: Response<R>) -> Response<Body<R>> {
    let mut answer = answer.map(|_| Body::whole(Bytes::new()));
    answer.headers_mut().remove(CONTENT_LENGTH);
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
            answer.headers_mut().insert(HeaderName::from_static(name), value);
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
    let said = headers.get_all(CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok());
    let directives = said.flat_map(|text| text.split(',')).map(str::trim);
    let mut kept: Vec<&str> = directives.filter(|word| !word.is_empty() && !shares(word)).collect();
    if !kept.iter().any(|word| is(word, "no-store") || is(word, "private")) {
        kept.insert(0, "private");
    }
    let kept = HeaderValue::from_str(&kept.join(", "));
    headers.insert(CACHE_CONTROL, kept.unwrap_or(HeaderValue::from_static("private")));
    headers.append(VARY, HeaderValue::from_static(VARY_ON));
}

fn shares(directive: &str) -> bool {
    let name = directive.split('=').next().unwrap_or("").trim_end();
    is(name, "public") || is(name, "s-maxage")
}

fn is(word: &str, name: &str) -> bool {
    word.eq_ignore_ascii_case(name)
}
