use std::time::Duration;

use http::{HeaderName, Method};
use tower_http::cors::{Any, CorsLayer};
use x402_server::cors::{ALLOW_HEADERS, EXPOSE_HEADERS, MAX_AGE_SECONDS};

/// Lets pages of any site pay: they may send a payment, and read the terms and the receipt. No
/// cookies. It must be the outermost layer, so that a preflight is answered without a payment and a
/// 402 can be read.
///
/// ```
/// # use axum::{Router, routing::get};
/// # fn site(paywall: x402_axum::Paywall) -> Result<Router, x402_axum::ConfigError> {
/// let router = Router::new()
///     .route("/report", get(async || "…").layer(paywall.price("$0.05")?))
///     .layer(x402_axum::cors());
/// # Ok(router) }
/// ```
///
/// More can be said on the layer itself, such as which sites:
/// `x402_axum::cors().allow_origin(origin)`.
pub fn cors() -> CorsLayer {
    CorsLayer::new()
        .allow_origin(Any)
        .allow_methods([
            Method::GET,
            Method::HEAD,
            Method::POST,
            Method::PUT,
            Method::PATCH,
            Method::DELETE,
        ])
        .allow_headers(ALLOW_HEADERS.map(HeaderName::from_static))
        .expose_headers(EXPOSE_HEADERS.map(HeaderName::from_static))
        .max_age(Duration::from_secs(MAX_AGE_SECONDS))
}
