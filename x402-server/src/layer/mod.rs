//! The paywall as a [tower](https://docs.rs/tower) layer, for every framework that stands on it.
//!
//! The layer goes on the route that costs something, so there is no list of paths to be matched and
//! none to be slipped past. The handler's answer is read whole, up to
//! [`held_back`](crate::PaywallBuilder::held_back) bytes, and held back until the payment is settled.
//! What is settled upfront or [metered as it streams](crate::Price::streaming) is passed on as it is made.
//! `OPTIONS` is free: it reaches the handler, and its answer leaves without a body.
//!
//! ```
//! # use x402_server::{Paywall, layer::GateLayer};
//! # async fn build(paywall: Paywall) -> Result<(), x402_server::ConfigError> {
//! let layer = GateLayer::new(paywall.price("$0.01")?.gate()?);
//! let service = tower::ServiceBuilder::new().layer(layer).service_fn(
//!     async |_request: http::Request<String>| {
//!         Ok::<_, std::convert::Infallible>(http::Response::new("worth a cent".to_owned()))
//!     },
//! );
//! # drop(service); Ok(()) }
//! ```

mod answer;
mod body;
mod future;
mod head;
mod names;
mod read;
mod service;
mod streamed;

pub use answer::{again, bodiless, finish, free, given_away, priced_twice, rejected};
pub use body::Body;
pub use future::ResponseFuture;
pub use service::GateService;

use http::{Extensions, Uri};

use crate::Gate;

/// Puts a [`Gate`] before a service.
///
/// A request that is admitted carries the [`Payment`](crate::Payment) among its extensions. One that
/// carries it already has been paid for at another gate: it is answered 500, and the log says so.
#[derive(Clone, Debug)]
pub struct GateLayer {
    gate: Gate,
    framework: Framework,
}

/// What a framework knows of a request beyond the request itself.
#[derive(Clone, Copy, Debug)]
struct Framework {
    requested_uri: RequestedUri,
    matched_route: MatchedRoute,
}

/// Finds the address that was asked for where a framework rewrites that of the request.
pub type RequestedUri = for<'a> fn(&'a Extensions) -> Option<&'a Uri>;

/// Finds the route that a framework found for the request, such as `/weather/{city}`.
pub type MatchedRoute = for<'a> fn(&'a Extensions) -> Option<&'a str>;

impl GateLayer {
    /// The layer of a gate.
    pub fn new(gate: Gate) -> Self {
        let framework = Framework { requested_uri: |_| None, matched_route: |_| None };
        Self { gate, framework }
    }

    /// Takes the address that was asked for from the request's extensions, where it is there.
    pub fn requested_uri(mut self, find: RequestedUri) -> Self {
        self.framework.requested_uri = find;
        self
    }

    /// Takes the route that was found from the request's extensions, where it is there.
    pub fn matched_route(mut self, find: MatchedRoute) -> Self {
        self.framework.matched_route = find;
        self
    }
}

impl<S> tower_layer::Layer<S> for GateLayer {
    type Service = GateService<S>;

    fn layer(&self, inner: S) -> GateService<S> {
        GateService::new(inner, self.gate.clone(), self.framework)
    }
}
