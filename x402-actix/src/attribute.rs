//! What `#[paid]` stands on.

use std::convert::Infallible;
use std::fmt;
use std::future::{Ready, ready};
use std::pin::{Pin, pin};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Waker};

use actix_web::dev::Payload;
use actix_web::web::Data;
use actix_web::{Error, FromRequest, HttpMessage, HttpRequest, HttpResponse, Responder};
use x402_server::{Admission, Gate, Tag};

use crate::Paywall;
use crate::answer::Terms;
use crate::failure::Turned;
use crate::head::Head;

/// What a handler with `#[paid]` answers.
pub type Response = HttpResponse;

/// A request that is served when it is paid, and what its handler takes of it: that is read when the
/// payment is good, and not before.
pub struct Unpaid<T>(Inner<T>);

enum Inner<T> {
    Request(HttpRequest, Read<T>),
    /// Nobody wants to be served: it is asked what the handler says of itself.
    Question(Arc<OnceLock<&'static Tag>>),
}

/// Reads what a handler takes, or tells why it cannot be read.
type Read<T> = Box<dyn FnOnce(HttpRequest) -> Reading<T>>;

type Reading<T> = Pin<Box<dyn Future<Output = Result<T, Error>>>>;

impl<T> Unpaid<T> {
    /// Asks for the payment, serves, and settles; or answers why the handler's arguments cannot be
    /// read.
    pub async fn serve<F>(self, tag: &'static Tag, handler: impl FnOnce(T) -> F) -> Response
    where
        F: Future<Output: Responder>,
    {
        let (request, read) = match self.0 {
            Inner::Request(request, read) => (request, read),
            Inner::Question(said) => {
                said.get_or_init(|| tag);
                return HttpResponse::Ok().finish();
            }
        };
        let terms = match admit(&request, tag).await {
            Ok(terms) => terms,
            Err(turned) => return HttpResponse::from_error(turned),
        };
        let answer = match read(request.clone()).await {
            Ok(arguments) => handler(arguments).await.respond_to(&request).map_into_boxed_body(),
            Err(unread) => HttpResponse::from_error(unread),
        };
        terms.bring(answer).await.map_into_boxed_body()
    }
}

async fn admit(request: &HttpRequest, tag: &'static Tag) -> Result<Terms, Turned> {
    match gate(request, tag)?.admit(&Head(request)).await {
        Admission::Admit(ticket) => {
            request.extensions_mut().insert(ticket.payment().clone());
            Ok(Terms::Paid(ticket))
        }
        Admission::Free => Err(Turned::Free),
        Admission::GivenAway(payment) => {
            payment.and_then(|payment| request.extensions_mut().insert(payment));
            Ok(Terms::GivenAway)
        }
        Admission::Reject(reply) => Err(Turned::Reply(reply)),
        Admission::Again(stored) => Err(Turned::Again(stored)),
    }
}

impl<T: FromRequest + 'static> FromRequest for Unpaid<T> {
    type Error = Infallible;
    type Future = Ready<Result<Self, Infallible>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let mut payload = payload.take();
        let read = |request: HttpRequest| -> Reading<T> {
            Box::pin(
                async move { T::from_request(&request, &mut payload).await.map_err(Into::into) },
            )
        };
        ready(Ok(Self(Inner::Request(request.clone(), Box::new(read)))))
    }
}

impl<T> fmt::Debug for Unpaid<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unpaid").finish_non_exhaustive()
    }
}

/// A handler with [`#[paid]`](macro@crate::paid). Where an attribute of actix-web's, such as
/// `#[get(..)]`, stands above that, its name is a service's and no handler's.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no handler with `#[paid]`",
    note = "write #[paid(\"$0.01\", route = \"GET /…\")] above it, and route it by web::get().to(..)"
)]
pub trait PaidHandler<T> {
    /// What is said of it.
    #[doc(hidden)]
    fn tag(self) -> &'static Tag;
}

/// For what is written like a handler with `#[paid]`, and is none.
static UNSAID: Tag = Tag::new("a handler that does not say its price", &[]);

#[diagnostic::do_not_recommend]
impl<T, H, F> PaidHandler<Unpaid<T>> for H
where
    H: FnOnce(Unpaid<T>) -> F,
    F: Future<Output = Response>,
{
    fn tag(self) -> &'static Tag {
        let said = Arc::new(OnceLock::new());
        let answer = self(Unpaid(Inner::Question(Arc::clone(&said))));
        // It says so before it waits for anything.
        let _ = pin!(answer).poll(&mut Context::from_waker(Waker::noop()));
        said.get().copied().unwrap_or(&UNSAID)
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
    paywall.tagged_for(tag, &Head(request)).map_err(|error| {
        tracing::error!(handler, %error, "a handler with #[paid] cannot be sold");
        Turned::NotSetUp
    })
}
