use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use http_body::{Body, Frame};
use pin_project_lite::pin_project;
use tokio::task::AbortHandle;
use x402_types::header;

use crate::{Reply, Ticket};

pin_project! {
    /// A body that is paid for when it has ended, or broken off: what was charged until then is
    /// settled. The receipt follows it in the trailers.
    pub(super) struct Streamed<B> {
        #[pin]
        body: B,
        payment: Unsettled,
        // Those of the handler until the receipt joins them.
        trailers: Option<Box<HeaderMap>>,
    }
}

/// A payment that is settled in any case: dropped, by a task of its own.
enum Unsettled {
    Open(Open),
    Settling(Finishing),
    Over,
}

struct Open {
    /// Taken by whoever settles.
    ticket: Arc<Mutex<Option<Box<Ticket>>>>,
    status: u16,
    watch: Option<AbortHandle>,
}

type Finishing =
    Pin<Box<dyn Future<Output = Result<Vec<(&'static str, String)>, Reply>> + Send + 'static>>;

/// How long before a payment can be settled no more a stream is settled that has not ended.
const LAST_CALL: Duration = Duration::from_secs(15);

impl Open {
    /// A reader who reads slowly, or not at all, must not outlast the payment: whoever polls the body
    /// or does not, what was charged is settled in time, and the stream ends.
    fn new(ticket: Box<Ticket>, status: u16) -> Self {
        let left = ticket.time_left().saturating_sub(LAST_CALL);
        let ticket = Arc::new(Mutex::new(Some(ticket)));
        let last_call = {
            let ticket = Arc::clone(&ticket);
            async move {
                tokio::time::sleep(left).await;
                if let Some(ticket) = take(&ticket) {
                    tracing::warn!("a stream outlasts its payment; it is settled and ended");
                    drop(ticket.finish(status).await);
                }
            }
        };
        let watch = {
            let ticket = ticket.lock().unwrap_or_else(PoisonError::into_inner);
            ticket.as_ref().and_then(|it| it.spawn(last_call))
        };
        Self { ticket, status, watch }
    }

    fn is_settled(&self) -> bool {
        self.ticket.lock().unwrap_or_else(PoisonError::into_inner).is_none()
    }

    fn settle(&mut self) -> Option<Finishing> {
        let ticket = take(&self.ticket)?;
        Some(Box::pin(ticket.finish(self.status)))
    }
}

fn take(ticket: &Mutex<Option<Box<Ticket>>>) -> Option<Box<Ticket>> {
    ticket.lock().unwrap_or_else(PoisonError::into_inner).take()
}

impl Drop for Open {
    fn drop(&mut self) {
        drop(self.settle());
        if let Some(watch) = &self.watch {
            watch.abort();
        }
    }
}

impl<B> Streamed<B> {
    pub(super) fn new(body: B, ticket: Box<Ticket>, status: u16) -> Self {
        let payment = Unsettled::Open(Open::new(ticket, status));
        Self { body, payment, trailers: None }
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
                Unsettled::Open(open) if open.is_settled() => *this.payment = Unsettled::Over,
                Unsettled::Open(open) => match ready!(this.body.as_mut().poll_frame(cx)) {
                    Some(Ok(frame)) => match frame.into_trailers() {
                        Ok(trailers) => {
                            let own = this.trailers.get_or_insert_default();
                            own.extend(without_receipt(trailers));
                        }
                        Err(data) => return Poll::Ready(Some(Ok(data))),
                    },
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
                    let receipt = receipt(ready!(settling.as_mut().poll(cx)));
                    *this.payment = Unsettled::Over;
                    this.trailers.get_or_insert_default().extend(receipt);
                }
                Unsettled::Over => {
                    let trailers = this.trailers.take().filter(|it| !it.is_empty());
                    return Poll::Ready(trailers.map(|it| Ok(Frame::trailers(*it))));
                }
            }
        }
    }
}

/// The handler's trailers. A receipt is the paywall's to give.
fn without_receipt(mut trailers: HeaderMap) -> HeaderMap {
    for name in [header::PAYMENT_RESPONSE, header::X_PAYMENT_RESPONSE] {
        trailers.remove(name);
    }
    trailers
}

/// The receipt, of success or of failure: all has been delivered already.
fn receipt(end: Result<Vec<(&'static str, String)>, Reply>) -> HeaderMap {
    let headers: Vec<(_, Bytes)> = match end {
        Ok(headers) => headers.into_iter().map(|(name, value)| (name, value.into())).collect(),
        Err(mut reply) => {
            tracing::error!(status = reply.status, "a stream was delivered and not settled");
            reply.headers.retain(|(name, _)| name.ends_with("payment-response"));
            reply.headers
        }
    };
    let headers = headers.into_iter().filter_map(|(name, value)| {
        let value = HeaderValue::from_maybe_shared(value).ok()?;
        Some((HeaderName::from_static(name), value))
    });
    headers.collect()
}

impl<B> fmt::Debug for Streamed<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Streamed").finish_non_exhaustive()
    }
}
