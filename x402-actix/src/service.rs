use std::fmt;
use std::future::{Ready, ready};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use actix_web::body::MessageBody;
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform, forward_ready};
use actix_web::{Error, HttpMessage};
use x402_server::{Admission, FirstLook, Gate};

use crate::answer::{Terms, again, priced_twice, rejected};
use crate::body::PaidBody;
use crate::failure::{failed, failed_as_given, failed_for_free};
use crate::head::Head;

/// A [`Gate`] as an actix-web middleware: any price that there is, such as one that a
/// [function finds](x402_server::Paywall::price_by).
///
/// ```
/// # fn build(paywall: &x402_actix::Paywall) -> Result<(), x402_actix::ConfigError> {
/// use x402_actix::{ConfigError, GateLayer, Inquiry, Quote};
///
/// let per_page = paywall.price_by(|inquiry: Inquiry| async move {
///     let pages: u32 = inquiry.query_param("pages").and_then(|it| it.parse().ok()).unwrap_or(1);
///     Ok::<Quote, ConfigError>(inquiry.price(&format!("0.{:03}", pages.min(999)))?.into())
/// });
/// let pages = actix_web::web::resource("/pages").get(async || "the pages");
/// let pages = pages.wrap(GateLayer::new(per_page.route("GET /pages").gate()?));
/// # drop(pages); Ok(()) }
/// ```
#[derive(Clone, Debug)]
#[must_use = "a gate charges nobody until something is wrapped in it by .wrap(..)"]
pub struct GateLayer {
    gate: Gate,
}

impl GateLayer {
    /// The middleware of a gate.
    pub fn new(gate: Gate) -> Self {
        Self { gate }
    }
}

impl<S, B> Transform<S, ServiceRequest> for GateLayer
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<PaidBody<B>>;
    type Error = Error;
    type Transform = GateService<S>;
    type InitError = ();
    type Future = Ready<Result<GateService<S>, ()>>;

    fn new_transform(&self, inner: S) -> Self::Future {
        ready(Ok(GateService { inner: Rc::new(inner), gate: self.gate.clone() }))
    }
}

/// A service behind a [`Gate`].
pub struct GateService<S> {
    inner: Rc<S>,
    gate: Gate,
}

impl<S, B> Service<ServiceRequest> for GateService<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<PaidBody<B>>;
    type Error = Error;
    type Future = Answering<B>;

    forward_ready!(inner);

    fn call(&self, request: ServiceRequest) -> Answering<B> {
        let is_paid = request.extensions().get::<x402_server::Payment>().is_some();
        if is_paid {
            let answer = priced_twice(request.match_pattern().as_deref());
            return Answering::at_once(request.into_response(answer));
        }
        let inner = Rc::clone(&self.inner);
        match self.gate.first_look(&Head(request.request())) {
            FirstLook::Done(Admission::Reject(reply)) => {
                Answering::at_once(request.into_response(rejected(reply)))
            }
            FirstLook::Done(admission) => Answering::later(serve(ready(admission), inner, request)),
            FirstLook::Ask(question) => Answering::later(serve(question.admit(), inner, request)),
        }
    }
}

/// Admits, serves, settles.
async fn serve<S, B>(
    admission: impl Future<Output = Admission>,
    inner: Rc<S>,
    request: ServiceRequest,
) -> Result<ServiceResponse<PaidBody<B>>, Error>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody + 'static,
{
    let (payment, terms) = match admission.await {
        Admission::Admit(ticket) => (Some(ticket.payment().clone()), Terms::Paid(ticket)),
        Admission::GivenAway(payment) => (payment, Terms::GivenAway),
        Admission::Free => (None, Terms::Free),
        Admission::Reject(reply) => return Ok(request.into_response(rejected(reply))),
        Admission::Again(stored) => return Ok(request.into_response(again(&stored))),
    };
    payment.and_then(|payment| request.extensions_mut().insert(payment));
    // In one place: each would have room of its own for what the handler needs.
    let (request, answer) = match inner.call(request).await {
        Ok(answer) => answer.into_parts(),
        Err(error) => {
            return Err(match terms {
                Terms::Paid(ticket) => failed(ticket, error).await,
                Terms::GivenAway => failed_as_given(error),
                Terms::Free => failed_for_free(error),
            });
        }
    };
    Ok(ServiceResponse::new(request, terms.bring(answer).await))
}

/// The answer of a [`GateService`].
#[must_use = "futures do nothing unless polled"]
pub struct Answering<B> {
    state: State<B>,
}

type Answer<B> = Result<ServiceResponse<PaidBody<B>>, Error>;

enum State<B> {
    AtOnce(Option<Box<ServiceResponse<PaidBody<B>>>>),
    Later(Pin<Box<dyn Future<Output = Answer<B>>>>),
}

impl<B> Answering<B> {
    fn at_once(answer: ServiceResponse<PaidBody<B>>) -> Self {
        Self { state: State::AtOnce(Some(Box::new(answer))) }
    }

    fn later(answer: impl Future<Output = Answer<B>> + 'static) -> Self {
        Self { state: State::Later(Box::pin(answer)) }
    }
}

impl<B> Unpin for Answering<B> {}

impl<B> Future for Answering<B> {
    type Output = Answer<B>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Answer<B>> {
        match &mut self.state {
            State::AtOnce(answer) => match answer.take() {
                Some(answer) => Poll::Ready(Ok(*answer)),
                // Polled again after it was ready.
                None => Poll::Pending,
            },
            State::Later(answer) => answer.as_mut().poll(cx),
        }
    }
}

impl<B> fmt::Debug for Answering<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answering").finish_non_exhaustive()
    }
}

impl<S> fmt::Debug for GateService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GateService").field("gate", &self.gate).finish_non_exhaustive()
    }
}
