use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use http::header::{CONNECTION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{Either, Full};

use crate::StoredAnswer;

/// An answer that has been read so that it can be kept.
pub(super) enum Read<B> {
    /// All of it.
    Whole(response::Parts, StoredAnswer),
    /// It is too large to be kept, or more than headers and a body.
    TooMuch(Response<Begun<B>>),
    /// It broke off.
    Broken,
}

/// Reads an answer, so many bytes at the most.
pub(super) async fn read<B: Body<Data = Bytes>>(answer: Response<B>, limit: usize) -> Read<B> {
    let (head, body) = answer.into_parts();
    let (status, headers) = (head.status.as_u16(), kept_headers(&head.headers));
    let mut stored = StoredAnswer { status, headers, body: Bytes::new() };
    let (mut rest, mut read) = (Box::pin(body), BytesMut::new());
    let limit = limit.checked_sub(stored.size());
    let Some(limit) = limit.filter(|limit| rest.size_hint().lower() <= *limit as u64) else {
        let begun = Begun { read: VecDeque::new(), rest };
        return Read::TooMuch(Response::from_parts(head, begun));
    };
    loop {
        match poll_fn(|cx| rest.as_mut().poll_frame(cx)).await {
            None => break,
            Some(Err(_)) => return Read::Broken,
            Some(Ok(frame)) => {
                let (surplus, within) = match frame.into_data() {
                    Ok(data) if data.len() <= limit.saturating_sub(read.len()) => {
                        read.extend_from_slice(&data);
                        continue;
                    }
                    Ok(data) => (Frame::data(data), read),
                    Err(other) => (other, read),
                };
                let read = VecDeque::from([Frame::data(within.freeze()), surplus]);
                return Read::TooMuch(Response::from_parts(head, Begun { read, rest }));
            }
        }
    }
    stored.body = read.freeze();
    Read::Whole(head, stored)
}

/// The answer that was kept.
pub(super) fn again<B>(stored: &StoredAnswer) -> Response<super::Body<B>> {
    let mut answer = Response::new(Either::Left(Full::new(stored.body.clone())));
    *answer.status_mut() =
        StatusCode::from_u16(stored.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in &stored.headers {
        if let (Ok(name), Ok(value)) =
            (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_bytes(value))
        {
            answer.headers_mut().append(name, value);
        }
    }
    answer
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

/// A body of which a part has been read ahead.
pub struct Begun<B> {
    read: VecDeque<Frame<Bytes>>,
    rest: Pin<Box<B>>,
}

impl<B: Body<Data = Bytes>> Body for Begun<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        match self.read.pop_front() {
            Some(frame) => Poll::Ready(Some(Ok(frame))),
            None => self.rest.as_mut().poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.read.is_empty() && self.rest.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let read = self.read.iter().filter_map(Frame::data_ref);
        let read: u64 = read.map(|data| data.len() as u64).sum();
        let rest = self.rest.size_hint();
        let mut hint = SizeHint::new();
        hint.set_lower(rest.lower().saturating_add(read));
        if let Some(upper) = rest.upper() {
            hint.set_upper(upper.saturating_add(read));
        }
        hint
    }
}

impl<B> fmt::Debug for Begun<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Begun").finish_non_exhaustive()
    }
}
