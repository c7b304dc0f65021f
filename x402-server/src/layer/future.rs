use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Request, Response};
use pin_project_lite::pin_project;
use tower_service::Service;

use super::Body;
use super::answer::{again, bodiless, finish, given_away, rejected};
use crate::{Admission, Question, Ticket};

pin_project! {
    /// The answer of a [`GateService`](super::GateService).
    #[project = Projected]
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F, R, E> {
        #[pin]
        state: State<F, R, E>,
    }
}

pin_project! {
    #[project = ProjectedState]
    enum State<F, R, E> {
        Rejected { response: Option<Response<Body<R>>> },
        Free { #[pin] future: F },
        Paid { future: PaidFuture<R, E> },
    }
}

type PaidFuture<R, E> = Pin<Box<dyn Future<Output = Result<Response<Body<R>>, E>> + Send>>;

impl<F, R, E> ResponseFuture<F, R, E> {
    pub(super) fn rejected(response: Response<Body<R>>) -> Self {
        Self { state: State::Rejected { response: Some(response) } }
    }

    pub(super) fn free(future: F) -> Self {
        Self { state: State::Free { future } }
    }

    pub(super) fn paid(future: PaidFuture<R, E>) -> Self {
        Self { state: State::Paid { future } }
    }
}

impl<F, R, E> Future for ResponseFuture<F, R, E>
where
    F: Future<Output = Result<Response<R>, E>>,
{
    type Output = Result<Response<Body<R>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            ProjectedState::Rejected { response } => match response.take() {
                Some(response) => Poll::Ready(Ok(response)),
                // Polled again after it was ready.
                None => Poll::Pending,
            },
            ProjectedState::Free { future } => Poll::Ready(ready!(future.poll(cx)).map(bodiless)),
            ProjectedState::Paid { future } => future.as_mut().poll(cx),
        }
    }
}

impl<F, R, E> fmt::Debug for ResponseFuture<F, R, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}

/// Admits, serves, settles.
pub(super) fn paid<S, B, R>(
    question: Question,
    mut service: S,
    mut request: Request<B>,
) -> PaidFuture<R, S::Error>
where
    S: Service<Request<B>, Response = Response<R>> + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Send,
    B: Send + 'static,
    R: http_body::Body<Data = Bytes> + Send + 'static,
{
    Box::pin(async move {
        let (payment, way) = match question.admit().await {
            Admission::Admit(ticket) => (Some(ticket.payment().clone()), Way::Paid(ticket)),
            Admission::GivenAway(payment) => (payment, Way::GivenAway),
            Admission::Free => (None, Way::Bodiless),
            Admission::Reject(reply) => return Ok(rejected(reply)),
            Admission::Again(stored) => return Ok(again(&stored)),
        };
        payment.and_then(|payment| request.extensions_mut().insert(payment));
        // In one place: each would have room of its own for what the handler needs.
        let answer = service.call(request).await?;
        Ok(match way {
            Way::Paid(ticket) => finish(ticket, answer).await,
            Way::GivenAway => given_away(answer),
            Way::Bodiless => bodiless(answer),
        })
    })
}

/// How the handler's answer is brought to the client.
enum Way {
    Paid(Box<Ticket>),
    GivenAway,
    Bodiless,
}
