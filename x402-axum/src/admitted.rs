use std::borrow::Cow;
use std::convert::Infallible;
use std::fmt;
use std::marker::PhantomData;

use axum::body::Body;
use axum::extract::{MatchedPath, OriginalUri};
use axum_core::extract::{FromRequest, FromRequestParts, Request};
use axum_core::response::{IntoResponse, Response};
use http::request::Parts;
use http::{StatusCode, Uri};
use x402_server::{Admission, Gate, RequestHead, Tag, Ticket, layer};

use crate::Paywall;

/// A handler with `#[paid]`.
pub trait Paid: 'static {
    /// What is said of it.
    const TAG: &'static Tag;
}

/// The right to run the handler that `T` stands for, as its first argument: no other looks at a
/// request that is not paid.
pub struct Admitted<T> {
    way: Way,
    handler: PhantomData<fn() -> T>,
}

/// How the handler's answer is brought to the client.
enum Way {
    Paid(Box<Ticket>),
    GivenAway,
    Bodiless,
}

impl<T: Paid> Admitted<T> {
    /// Runs the handler and brings its answer to the client, or why its arguments cannot be read.
    pub async fn serve<R: IntoResponse>(
        self,
        handler: impl Future<Output = Result<R, Unread>>,
    ) -> Response {
        let answer = match handler.await {
            Ok(answer) => answer.into_response(),
            Err(Unread(answer)) => *answer,
        };
        let answer = match self.way {
            Way::Paid(ticket) => layer::finish(ticket, answer).await,
            Way::GivenAway => layer::given_away(answer),
            Way::Bodiless => layer::bodiless(answer),
        };
        answer.map(Body::new)
    }

    fn by(way: Way) -> Self {
        Self { way, handler: PhantomData }
    }
}

impl<T: Paid, S: Sync> FromRequestParts<S> for Admitted<T> {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Response> {
        let gate = gate(parts, T::TAG).map_err(|misplaced| misplaced.answer(T::TAG))?;
        let admission = gate.admit(&Head::new(parts)).await;
        let answer: http::Response<layer::Body<Body>> = match admission {
            Admission::Admit(ticket) => {
                parts.extensions.insert(ticket.payment().clone());
                return Ok(Self::by(Way::Paid(ticket)));
            }
            Admission::GivenAway => return Ok(Self::by(Way::GivenAway)),
            Admission::Free => return Ok(Self::by(Way::Bodiless)),
            Admission::Reject(reply) => layer::rejected(reply),
            Admission::Again(stored) => layer::again(&stored),
        };
        Err(answer.map(Body::new))
    }
}

/// An argument of the handler, of which only the handler's own run tells whether it could be read:
/// what is answered then is answered on the payment's terms.
pub struct Later<T>(Result<T, Unread>);

/// Why an argument cannot be read, as it is answered.
pub struct Unread(Box<Response>);

impl<T> Later<T> {
    /// The argument.
    ///
    /// # Errors
    /// [`Unread`].
    pub fn read(self) -> Result<T, Unread> {
        self.0
    }

    fn of(read: Result<T, impl IntoResponse>) -> Self {
        Self(read.map_err(|why| Unread(Box::new(why.into_response()))))
    }
}

impl<T: FromRequestParts<S>, S: Send + Sync> FromRequestParts<S> for Later<T> {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        Ok(Self::of(T::from_request_parts(parts, state).await))
    }
}

impl<T: FromRequest<S>, S: Send + Sync> FromRequest<S> for Later<T> {
    type Rejection = Infallible;

    async fn from_request(request: Request, state: &S) -> Result<Self, Infallible> {
        Ok(Self::of(T::from_request(request, state).await))
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
    paywall.tagged(tag).map_err(|error| Misplaced::Config(error.to_string()))
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

impl<T: Paid> fmt::Debug for Admitted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admitted").field("handler", &T::TAG.handler).finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for Later<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Later").finish_non_exhaustive()
    }
}

impl fmt::Debug for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unread").field("status", &self.0.status()).finish_non_exhaustive()
    }
}
