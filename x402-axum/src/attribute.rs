use std::borrow::Cow;
use std::convert::Infallible;
use std::fmt;
use std::mem;
use std::pin::{Pin, pin};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Waker};

use axum::body::Body;
use axum::extract::{MatchedPath, OriginalUri};
use axum_core::extract::{FromRequest, FromRequestParts, Request};
use axum_core::response::{IntoResponse, Response};
use http::request::Parts;
use http::{StatusCode, Uri};
use x402_server::{Admission, Gate, RequestHead, Tag, Ticket, layer};

use crate::Paywall;

/// A request that is served when it is paid, and what its handler takes of it: that is read when the
/// payment is good, and not before.
pub struct Unpaid<T>(Inner<T>);

#[expect(clippy::large_enum_variant, reason = "there is hardly ever a question")]
enum Inner<T> {
    Request(Parts, Read<T>),
    /// Nobody wants to be served: it is asked what the handler says of itself.
    Question(Arc<OnceLock<&'static Tag>>),
}

/// Reads what a handler takes, or tells why it cannot be read.
type Read<T> = Box<dyn FnOnce(Parts) -> Reading<T> + Send>;

type Reading<T> = Pin<Box<dyn Future<Output = Result<T, Response>> + Send>>;

/// How the handler's answer is brought to the client.
enum Way {
    Paid(Box<Ticket>),
    GivenAway,
}

impl<T> Unpaid<T> {
    /// Asks for the payment, runs the handler and brings its answer to the client, or why its
    /// arguments cannot be read.
    pub async fn serve<F>(self, tag: &'static Tag, handler: impl FnOnce(T) -> F) -> Response
    where
        F: Future<Output: IntoResponse>,
    {
        let (mut parts, read) = match self.0 {
            Inner::Request(parts, read) => (parts, read),
            Inner::Question(said) => {
                said.get_or_init(|| tag);
                return Response::default();
            }
        };
        let way = match admit(&mut parts, tag).await {
            Ok(way) => way,
            Err(answer) => return answer,
        };
        let answer = match read(parts).await {
            Ok(arguments) => handler(arguments).await.into_response(),
            Err(unread) => unread,
        };
        let answer = match way {
            Way::Paid(ticket) => layer::finish(ticket, answer).await,
            Way::GivenAway => layer::given_away(answer),
        };
        answer.map(Body::new)
    }
}

async fn admit(parts: &mut Parts, tag: &'static Tag) -> Result<Way, Response> {
    let gate = gate(parts, tag).map_err(|misplaced| misplaced.answer(tag))?;
    let admission = gate.admit(&Head::new(parts)).await;
    let answer: http::Response<layer::Body<Body>> = match admission {
        Admission::Admit(ticket) => {
            parts.extensions.insert(ticket.payment().clone());
            return Ok(Way::Paid(ticket));
        }
        Admission::GivenAway(payment) => {
            payment.and_then(|payment| parts.extensions.insert(payment));
            return Ok(Way::GivenAway);
        }
        Admission::Free => layer::free(),
        Admission::Reject(reply) => layer::rejected(reply),
        Admission::Again(stored) => layer::again(&stored),
    };
    Err(answer.map(Body::new))
}

impl<T, S> FromRequestParts<S> for Unpaid<T>
where
    T: FromRequestParts<S> + 'static,
    S: Clone + Send + Sync + 'static,
{
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        let state = state.clone();
        let read = |mut parts| -> Reading<T> {
            Box::pin(async move {
                let read = T::from_request_parts(&mut parts, &state).await;
                read.map_err(IntoResponse::into_response)
            })
        };
        // It is a handler's only argument: nobody else wants them.
        let (none, ()) = http::Request::new(()).into_parts();
        Ok(Self(Inner::Request(mem::replace(parts, none), Box::new(read))))
    }
}

impl<T, S> FromRequest<S> for Unpaid<T>
where
    T: FromRequest<S> + 'static,
    S: Clone + Send + Sync + 'static,
{
    type Rejection = Infallible;

    async fn from_request(request: Request, state: &S) -> Result<Self, Infallible> {
        let state = state.clone();
        let (parts, body) = request.into_parts();
        let read = |parts| -> Reading<T> {
            Box::pin(async move {
                let read = T::from_request(Request::from_parts(parts, body), &state).await;
                read.map_err(IntoResponse::into_response)
            })
        };
        Ok(Self(Inner::Request(parts, Box::new(read))))
    }
}

/// A handler with [`#[paid]`](macro@crate::paid).
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no handler with `#[paid]`",
    note = "write #[paid(\"$0.01\", route = \"GET /…\")] above it, and list it by its name"
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

/// Why a handler has no price where it stands. It is not run, then: nothing is given away by mistake.
enum Misplaced {
    NoPaywall,
    PricedTwice,
    Config(String),
}

fn gate(parts: &Parts, tag: &'static Tag) -> Result<Gate, Misplaced> {
    if parts.extensions.get::<x402_server::Payment>().is_some() {
        return Err(Misplaced::PricedTwice);
    }
    let paywall = parts.extensions.get::<Paywall>().ok_or(Misplaced::NoPaywall)?;
    let gate = paywall.tagged_for(tag, &Head::new(parts));
    gate.map_err(|error| Misplaced::Config(error.to_string()))
}

impl Misplaced {
    fn answer(self, tag: &Tag) -> Response {
        let handler = tag.handler;
        match self {
            Self::NoPaywall => tracing::error!(
                handler,
                "a handler with #[paid] finds no paywall: add .layer(paywall) to the router, after its routes"
            ),
            Self::PricedTwice => tracing::error!(
                handler,
                "a handler with #[paid] stands behind a price: leave out the attribute or the layer"
            ),
            Self::Config(error) => {
                tracing::error!(handler, %error, "a handler with #[paid] cannot be sold");
            }
        }
        StatusCode::INTERNAL_SERVER_ERROR.into_response()
    }
}

/// A request as the engine sees it.
struct Head<'a> {
    parts: &'a Parts,
    uri: &'a Uri,
}

impl<'a> Head<'a> {
    fn new(parts: &'a Parts) -> Self {
        // Within a nested router the request's own address has lost its prefix.
        let original = parts.extensions.get::<OriginalUri>().map(|uri| &uri.0);
        Self { parts, uri: original.unwrap_or(&parts.uri) }
    }
}

impl RequestHead for Head<'_> {
    fn method(&self) -> &str {
        self.parts.method.as_str()
    }

    fn path(&self) -> &str {
        self.uri.path()
    }

    fn query(&self) -> Option<&str> {
        self.uri.query()
    }

    fn route(&self) -> Option<Cow<'_, str>> {
        self.parts.extensions.get::<MatchedPath>().map(|path| path.as_str().into())
    }

    fn header_values(&self, name: &'static str) -> impl Iterator<Item = &[u8]> {
        self.parts.headers.get_all(name).iter().map(|value| value.as_bytes())
    }

    fn headers(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.parts.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()))
    }
}

impl<T> fmt::Debug for Unpaid<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unpaid").finish_non_exhaustive()
    }
}
