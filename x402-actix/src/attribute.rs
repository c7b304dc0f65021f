//! What `#[paid]` stands on.

use std::cell::RefCell;
use std::convert::Infallible;
use std::fmt;
use std::future::ready;
use std::marker::PhantomData;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Waker};

use actix_web::dev::Payload;
use actix_web::web::Data;
use actix_web::{Error, FromRequest, HttpMessage, HttpRequest, HttpResponse, Responder};
use x402_server::{Admission, Gate, Tag, Ticket};

use crate::Paywall;
use crate::answer::{bodiless, finish, given_away};
use crate::failure::Turned;
use crate::head::Head;

/// What a handler with `#[paid]` answers.
pub type Response = HttpResponse;

/// A handler with `#[paid]`.
pub trait Paid: 'static {
    /// What is said of it.
    const TAG: &'static Tag;
}

/// A request that may be served by the handler of this tag. As an extractor, the first of a handler:
/// whoever has not paid is told the price, whatever else is wrong with the request.
pub struct Admitted<T> {
    request: HttpRequest,
    terms: Terms,
    handler: PhantomData<fn() -> T>,
}

/// On what terms a request is served.
#[derive(Debug)]
enum Terms {
    Paid(Box<Ticket>),
    Free,
    GivenAway,
}

impl<T> Admitted<T> {
    /// Serves, and settles; or answers why the handler's arguments cannot be read.
    pub async fn serve<R: Responder>(
        self,
        handler: impl Future<Output = Result<R, Error>>,
    ) -> Response {
        let answer = match handler.await {
            Ok(answer) => answer.respond_to(&self.request).map_into_boxed_body(),
            Err(unread) => HttpResponse::from_error(unread),
        };
        let answer = match self.terms {
            Terms::Paid(ticket) => finish(ticket, answer).await,
            Terms::Free => bodiless(answer),
            Terms::GivenAway => given_away(answer),
        };
        answer.map_into_boxed_body()
    }
}

impl<T> fmt::Debug for Admitted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admitted").field("terms", &self.terms).finish_non_exhaustive()
    }
}

impl<T: Paid> FromRequest for Admitted<T> {
    type Error = Turned;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Turned>>>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let admission = match gate(request, T::TAG) {
            Ok(gate) => gate.admit(&Head(request)),
            Err(not_set_up) => return Box::pin(ready(Err(not_set_up))),
        };
        let under_way = UnderWay::new(request);
        Box::pin(async move {
            let terms = match admission.await {
                Admission::Admit(ticket) => Terms::Paid(ticket),
                Admission::Free => Terms::Free,
                Admission::GivenAway => Terms::GivenAway,
                Admission::Reject(reply) => return Err(Turned::Reply(reply)),
                Admission::Again(stored) => return Err(Turned::Again(stored)),
            };
            if let Terms::Paid(ticket) = &terms {
                under_way.request.extensions_mut().insert(ticket.payment().clone());
            }
            let request = under_way.request.clone();
            Ok(Self { request, terms, handler: PhantomData })
        })
    }
}

/// An argument of the handler, of which only the handler's own run tells whether it could be read:
/// what is answered then is answered on the payment's terms. Extractors run side by side, and none of
/// them is to speak before the price is told.
pub struct Later<T>(Result<T, Error>);

impl<T> Later<T> {
    /// The argument.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub fn read(self) -> Result<T, Error> {
        self.0
    }
}

impl<T> fmt::Debug for Later<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Later").finish_non_exhaustive()
    }
}

impl<T: FromRequest + 'static> FromRequest for Later<T> {
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Infallible>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let read = T::from_request(request, payload);
        Box::pin(async move { Ok(Self(read.await.map_err(Into::into))) })
    }
}

/// The gate of a handler. Where there is none the handler is not run: nothing is given away by mistake.
fn gate(request: &HttpRequest, tag: &'static Tag) -> Result<Gate, Turned> {
    let handler = tag.handler;
    if request.extensions().get::<x402_server::Payment>().is_some() {
        tracing::error!(
            handler,
            "a handler with #[paid] stands behind a price: leave out the attribute or the .wrap(..)"
        );
        return Err(Turned::NotSetUp);
    }
    let paywall = request
        .app_data::<Paywall>()
        .or_else(|| request.app_data::<Data<Paywall>>().map(|data| data.get_ref()));
    let Some(paywall) = paywall else {
        tracing::error!(
            handler,
            "a handler with #[paid] finds no paywall: add .app_data(paywall.clone()) to the App"
        );
        return Err(Turned::NotSetUp);
    };
    paywall.tagged(tag).map_err(|error| {
        tracing::error!(handler, %error, "a handler with #[paid] cannot be sold");
        Turned::NotSetUp
    })
}

/// Among a request's extensions while it is being admitted. Extractors run side by side, so the one
/// of the payment has to wait.
#[derive(Clone, Debug, Default)]
pub struct Admitting {
    /// None when it is over.
    waiting: Rc<RefCell<Option<Vec<Waker>>>>,
}

impl Admitting {
    /// Whether that is not decided yet. The task is woken when it is.
    pub(crate) fn is_under_way(&self, cx: &Context<'_>) -> bool {
        match &mut *self.waiting.borrow_mut() {
            None => false,
            Some(waiting) => {
                if !waiting.iter().any(|waker| waker.will_wake(cx.waker())) {
                    waiting.push(cx.waker().clone());
                }
                true
            }
        }
    }
}

/// Ends what it stands for when it is dropped.
struct UnderWay {
    request: HttpRequest,
    admitting: Admitting,
}

impl UnderWay {
    fn new(request: &HttpRequest) -> Self {
        let admitting = Admitting { waiting: Rc::new(RefCell::new(Some(Vec::new()))) };
        request.extensions_mut().insert(admitting.clone());
        Self { request: request.clone(), admitting }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let waiting = self.admitting.waiting.borrow_mut().take();
        waiting.into_iter().flatten().for_each(Waker::wake);
    }
}
