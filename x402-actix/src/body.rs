use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use actix_web::body::{BodySize, MessageBody};
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use x402_server::layer;

pin_project! {
    /// A handler's body, as the paywall reads it.
    pub(crate) struct OfHandler<B> {
        #[pin]
        body: B,
    }
}

impl<B> OfHandler<B> {
    pub(crate) fn new(body: B) -> Self {
        Self { body }
    }
}

impl<B: MessageBody> Body for OfHandler<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        if self.is_end_stream() {
            return Poll::Ready(None);
        }
        self.project().body.poll_next(cx).map_ok(Frame::data)
    }

    fn is_end_stream(&self) -> bool {
        self.body.size().is_eof()
    }

    fn size_hint(&self) -> SizeHint {
        match self.body.size() {
            BodySize::None => SizeHint::with_exact(0),
            BodySize::Sized(bytes) => SizeHint::with_exact(bytes),
            BodySize::Stream => SizeHint::new(),
        }
    }
}

pin_project! {
    /// The body of an answer on a route with a price: the handler's, or the paywall's own.
    pub struct PaidBody<B> {
        #[pin]
        body: layer::Body<OfHandler<B>>,
        empty: Option<BodySize>,
    }
}

impl<B> PaidBody<B> {
    /// The size is that of the handler's body, where this is it.
    pub(crate) fn new(body: layer::Body<OfHandler<B>>, size: Option<BodySize>) -> Self {
        // There is more than one way to have nothing in it, and the server cares which.
        Self { body, empty: size.filter(BodySize::is_eof) }
    }
}

impl<B: MessageBody> MessageBody for PaidBody<B> {
    type Error = B::Error;

    fn size(&self) -> BodySize {
        let exact = || self.body.size_hint().exact().map_or(BodySize::Stream, BodySize::Sized);
        self.empty.unwrap_or_else(exact)
    }

    /// Without trailers, which actix-web has none of.
    fn poll_next(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, B::Error>>> {
        let mut body = self.project().body;
        loop {
            match ready!(body.as_mut().poll_frame(cx)) {
                None => return Poll::Ready(None),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        return Poll::Ready(Some(Ok(data)));
                    }
                }
            }
        }
    }
}

impl<B> fmt::Debug for PaidBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PaidBody").finish_non_exhaustive()
    }
}
