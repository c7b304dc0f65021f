//! Looking into a 402's body, and handing it back as if nobody had.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt;
use reqwest::{Body, Response, ResponseBuilderExt};

/// The answer, and the first bytes of its body, all of them if they are not more than `limit`.
pub(crate) async fn peek(
    response: Response,
    limit: usize,
) -> reqwest_middleware::Result<(Response, Vec<u8>)> {
    let url = response.url().clone();
    let (parts, mut rest) = http::Response::<Body>::from(response).into_parts();
    let mut read = VecDeque::new();
    let mut bytes = Vec::new();
    while bytes.len() <= limit {
        let Some(frame) = rest.frame().await.transpose()? else { break };
        if let Some(data) = frame.data_ref() {
            bytes.extend_from_slice(data);
        }
        read.push_back(frame);
    }
    let mut builder =
        http::Response::builder().status(parts.status).version(parts.version).url(url);
    if let Some(headers) = builder.headers_mut() {
        *headers = parts.headers;
    }
    if let Some(extensions) = builder.extensions_mut() {
        extensions.extend(parts.extensions);
    }
    let response = builder
        .body(Body::wrap(Reread { read, rest }))
        .map_err(reqwest_middleware::Error::middleware)?;
    Ok((response.into(), bytes))
}

/// What was read already, then the rest.
struct Reread {
    read: VecDeque<Frame<Bytes>>,
    rest: Body,
}

impl http_body::Body for Reread {
    type Data = Bytes;
    type Error = reqwest::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, reqwest::Error>>> {
        match self.read.pop_front() {
            Some(frame) => Poll::Ready(Some(Ok(frame))),
            None => Pin::new(&mut self.rest).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.read.is_empty() && self.rest.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let read: usize = self.read.iter().filter_map(Frame::data_ref).map(Bytes::len).sum();
        let read = u64::try_from(read).unwrap_or(u64::MAX);
        let rest = self.rest.size_hint();
        let mut hint = SizeHint::new();
        hint.set_lower(rest.lower().saturating_add(read));
        if let Some(upper) = rest.upper() {
            hint.set_upper(upper.saturating_add(read));
        }
        hint
    }
}
