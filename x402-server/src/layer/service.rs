use std::mem;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use tower_service::Service;

use super::answer::{priced_twice, rejected};
use super::future::{ResponseFuture, paid};
use super::head::Head;
use super::{Body, Framework};
use crate::{Admission, FirstLook, Gate, Payment, RequestHead};

/// A service behind a [`Gate`].
#[derive(Clone, Debug)]
pub struct GateService<S> {
    inner: S,
    gate: Gate,
    framework: Framework,
}

impl<S> GateService<S> {
    pub(super) fn new(inner: S, gate: Gate, framework: Framework) -> Self {
        Self { inner, gate, framework }
    }
}

impl<S: Clone> GateService<S> {
    /// An answer without the service, which was polled ready for it.
    fn rejected<F, R, E>(&mut self, answer: Response<Body<R>>) -> ResponseFuture<F, R, E> {
        // What it has reserved for that is for others to use.
        self.inner = self.inner.clone();
        ResponseFuture::rejected(answer)
    }
}

impl<S, B, R> Service<Request<B>> for GateService<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Send,
    B: Send + 'static,
    R: http_body::Body<Data = Bytes> + Send + 'static,
{
    type Response = Response<Body<R>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, R, S::Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let head = Head::new(&request, self.framework);
        if request.extensions().get::<Payment>().is_some() {
            return self.rejected(priced_twice(head.route().as_deref()));
        }
        match self.gate.first_look(&head) {
            FirstLook::Done(Admission::Reject(reply)) => self.rejected(rejected(reply)),
            FirstLook::Done(_) => ResponseFuture::free(self.inner.call(request)),
            FirstLook::Ask(question) => {
                // The instance that was polled ready is the one to be called; the clone takes its
                // place.
                let clone = self.inner.clone();
                let ready = mem::replace(&mut self.inner, clone);
                ResponseFuture::paid(paid(question, ready, request))
            }
        }
    }
}
