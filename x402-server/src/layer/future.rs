use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_LENGTH, VARY};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use http_body_util::{Either, Full};
use pin_project_lite::pin_project;
use tower_service::Service;

use super::kept::{Read, again, read};
use super::service::{Body, response};
use crate::engine::{Paid, VARY_ON};
use crate::{Admission, Reply};

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
    payment: Box<Paid>,
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
        let ticket = match payment.admit().await {
            Admission::Admit(ticket) => ticket,
            Admission::Reject(reply) => return Ok(response(reply)),
            Admission::Again(stored) => {
                let mut answer = again(&stored);
                keep_from_caches(answer.headers_mut());
                return Ok(answer);
            }
            Admission::Free => return Ok(service.call(request).await?.map(untouched)),
        };
        request.extensions_mut().insert(ticket.payment().clone());
        let answer = service.call(request).await?;
        let success = answer.status().is_success();
        let answer = match ticket.keeps().filter(|_| success) {
            None => answer.map(untouched),
            Some(limit) => match read(answer, limit).await {
                Read::TooMuch(answer) => answer.map(|body| Either::Right(Either::Right(body))),
                Read::Whole(head, stored) => {
                    let answer = Response::from_parts(head, whole(stored.body.clone()));
                    return Ok(finished(answer, ticket.finish_with(stored).await));
                }
                Read::Broken => {
                    let answer = response(Reply::broken());
                    return Ok(finished(answer, ticket.finish(500).await));
                }
            },
        };
        let status = answer.status().as_u16();
        Ok(finished(answer, ticket.finish(status).await))
    })
}

fn untouched<R>(body: R) -> Body<R> {
    Either::Right(Either::Left(body))
}

fn whole<R>(body: Bytes) -> Body<R> {
    Either::Left(Full::new(body))
}

/// The handler's answer with the receipt, or what is answered in its stead.
fn finished<R>(
    mut answer: Response<Body<R>>,
    end: Result<Vec<(&'static str, String)>, Reply>,
) -> Response<Body<R>> {
    let receipt = match end {
        Ok(receipt) => receipt,
        Err(reply) => return response(reply),
    };
    keep_from_caches(answer.headers_mut());
    for (name, value) in receipt {
        if let Ok(value) = HeaderValue::from_maybe_shared(Bytes::from(value)) {
            answer.headers_mut().insert(HeaderName::from_static(name), value);
        }
    }
    answer
}

/// The answer to what costs nothing, which is a question about the resource and not for it: a
/// handler of every method must not give its content away.
fn bodiless<R>(answer: Response<R>) -> Response<Body<R>> {
    let mut answer = answer.map(|_| Either::Left(Full::default()));
    answer.headers_mut().remove(CONTENT_LENGTH);
    answer
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
