use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use http_body::{Body, Frame};
use pin_project_lite::pin_project;

use crate::{Reply, Ticket};

pin_project! {
    /// A body that is paid for when it has ended, or broken off: what was charged until then is
    /// settled. The receipt follows it in the trailers.
    pub(super) struct Streamed<B> {
        #[pin]
        body: B,
        payment: Unsettled,
    }
}

/// A payment that is settled in any case: dropped, by a task of its own.
enum Unsettled {
    Open(Open),
    Settling(Finishing),
    Over,
}

struct Open {
    ticket: Option<Box<Ticket>>,
    status: u16,
}

type Finishing =
    Pin<Box<dyn Future<Output = Result<Vec<(&'static str, String)>, Reply>> + Send + 'static>>;

impl Open {
    fn settle(&mut self) -> Option<Finishing> {
        let ticket = self.ticket.take()?;
        Some(Box::pin(ticket.finish(self.status)))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        drop(self.settle());
    }
}

impl<B> Streamed<B> {
    pub(super) fn new(body: B, ticket: Box<Ticket>, status: u16) -> Self {
        Self { body, payment: Unsettled::Open(Open { ticket: Some(ticket), status }) }
    }
}

impl<B: Body<Data = Bytes>> Streamed<B> {
    pub(super) fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let mut this = self.project();
        loop {
            match this.payment {
                Unsettled::Open(open) => match ready!(this.body.as_mut().poll_frame(cx)) {
                    Some(Ok(frame)) if frame.is_data() => return Poll::Ready(Some(Ok(frame))),
                    // Its trailers come with ours.
                    Some(Ok(frame)) => {
                        drop(frame);
                    }
                    Some(Err(error)) => {
                        *this.payment = Unsettled::Over;
                        return Poll::Ready(Some(Err(error)));
                    }
                    None => match open.settle() {
                        Some(settling) => *this.payment = Unsettled::Settling(settling),
                        None => *this.payment = Unsettled::Over,
                    },
                },
                Unsettled::Settling(settling) => {
                    let end = ready!(settling.as_mut().poll(cx));
                    *this.payment = Unsettled::Over;
                    let trailers = trailers(end);
                    return Poll::Ready(
                        (!trailers.is_empty()).then(|| Ok(Frame::trailers(trailers))),
                    );
                }
                Unsettled::Over => return Poll::Ready(None),
            }
        }
    }
}

/// The receipt, of success or of failure: all has been delivered already.
fn trailers(end: Result<Vec<(&'static str, String)>, Reply>) -> HeaderMap {
    let headers = match end {
        Ok(headers) => headers,
        Err(reply) => {
            tracing::error!(status = reply.status, "a stream was delivered and not settled");
            reply
                .headers
                .into_iter()
                .filter(|(name, _)| name.ends_with("payment-response"))
                .collect()
        }
    };
    let headers = headers.into_iter().filter_map(|(name, value)| {
        let value = HeaderValue::from_maybe_shared(Bytes::from(value)).ok()?;
        Some((HeaderName::from_static(name), value))
    });
    headers.collect()
}

impl<B> fmt::Debug for Streamed<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Streamed").finish_non_exhaustive()
    }
}
