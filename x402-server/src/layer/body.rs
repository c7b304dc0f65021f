use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Frame, SizeHint};
use http_body_util::Full;
use pin_project_lite::pin_project;

use super::read::Begun;
use super::streamed::Streamed;
use crate::Ticket;

pin_project! {
    /// The body of an answer: the paywall's own, one that was kept, or the handler's, as it came or
    /// read ahead.
    pub struct Body<B> {
        #[pin]
        kind: Kind<B>,
    }
}

pin_project! {
    #[project = Projected]
    enum Kind<B> {
        Whole { #[pin] body: Full<Bytes> },
        Own { #[pin] body: B },
        Begun { body: Begun<B> },
        Streamed { #[pin] body: Streamed<B> },
    }
}

impl<B> Body<B> {
    pub(super) fn whole(body: impl Into<Bytes>) -> Self {
        Self { kind: Kind::Whole { body: Full::new(body.into()) } }
    }

    pub(super) fn read(data: Bytes, trailers: Option<Box<HeaderMap>>) -> Self {
        match trailers {
            None => Self::whole(data),
            Some(trailers) => Self::begun(Begun::ended(data, *trailers)),
        }
    }

    pub(super) fn own(body: B) -> Self {
        Self { kind: Kind::Own { body } }
    }

    pub(super) fn begun(body: Begun<B>) -> Self {
        Self { kind: Kind::Begun { body } }
    }

    pub(super) fn streamed(body: B, ticket: Box<Ticket>, status: u16) -> Self {
        Self { kind: Kind::Streamed { body: Streamed::new(body, ticket, status) } }
    }
}

impl<B: http_body::Body<Data = Bytes>> http_body::Body for Body<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        match self.project().kind.project() {
            Projected::Whole { body } => {
                body.poll_frame(cx).map_err(|infallible| match infallible {})
            }
            Projected::Own { body } => body.poll_frame(cx),
            Projected::Begun { body } => body.poll_frame(cx),
            Projected::Streamed { body } => body.poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Whole { body } => body.is_end_stream(),
            Kind::Own { body } => body.is_end_stream(),
            Kind::Begun { body } => body.is_end_stream(),
            Kind::Streamed { .. } => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Whole { body } => body.size_hint(),
            Kind::Own { body } => body.size_hint(),
            Kind::Begun { body } => body.size_hint(),
            // Its end is waited for, or nobody would be paid.
            Kind::Streamed { .. } => SizeHint::new(),
        }
    }
}

impl<B> fmt::Debug for Body<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body").finish_non_exhaustive()
    }
}
