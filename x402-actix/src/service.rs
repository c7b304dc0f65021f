use std::fmt;
use std::future::{Ready, ready};
use std::pin::Pin;
use std::rc::Rc;

use actix_web::body::MessageBody;
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform, forward_ready};
use actix_web::{Error, HttpMessage};
use x402_server::{Admission, Gate};

use crate::answer::{again, bodiless, finish, given_away, rejected};
use crate::body::PaidBody;
use crate::failure::{failed, failed_as_given, failed_for_free};
use crate::head::Head;

/// A [`Gate`] as an actix-web middleware: any price that there is, such as one that a
/// [function finds](x402_server::Paywall::price_by).
///
/// ```
/// # fn build(paywall: &x402_actix::Paywall) {
/// use x402_actix::{ConfigError, GateLayer};
/// use x402_server::{Inquiry, Quote};
///
/// let per_page = paywall.price_by(|inquiry: Inquiry| async move {
///     let pages: u32 = inquiry.query_param("pages").and_then(|it| it.parse().ok()).unwrap_or(1);
///     Ok::<Quote, ConfigError>(inquiry.price(&format!("0.{:03}", pages.min(999)))?.into())
/// });
/// let pages = actix_web::web::resource("/pages").get(async || "the pages");
/// let pages = pages.wrap(GateLayer::new(per_page.gate()));
/// # drop(pages); }
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
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Error>>>>;

    forward_ready!(inner);

    /// Admits, serves, settles.
    fn call(&self, request: ServiceRequest) -> Self::Future {
        let admission = self.gate.admit(&Head(request.request()));
        let inner = Rc::clone(&self.inner);
        Box::pin(async move {
            let ticket = match admission.await {
                Admission::Admit(ticket) => ticket,
                Admission::Reject(reply) => return Ok(request.into_response(rejected(reply))),
                Admission::Again(stored) => return Ok(request.into_response(again(&stored))),
                Admission::Free => {
                    let answer = inner.call(request).await.map_err(failed_for_free)?;
                    let (request, answer) = answer.into_parts();
                    return Ok(ServiceResponse::new(request, bodiless(answer)));
                }
                Admission::GivenAway => {
                    let answer = inner.call(request).await.map_err(failed_as_given)?;
                    let (request, answer) = answer.into_parts();
                    return Ok(ServiceResponse::new(request, given_away(answer)));
                }
            };
            request.extensions_mut().insert(ticket.payment().clone());
            let (request, answer) = match inner.call(request).await {
                Ok(answer) => answer.into_parts(),
                Err(error) => return Err(failed(ticket, error).await),
            };
            Ok(ServiceResponse::new(request, finish(ticket, answer).await))
        })
    }
}

impl<S> fmt::Debug for GateService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GateService").field("gate", &self.gate).finish_non_exhaustive()
    }
}
