use axum::Router;
use axum::routing::get;
use http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_TYPE};

use crate::Paywall;

impl Paywall {
    /// `GET /.well-known/x402`: what the site sells, for indexers and agents; see
    /// [`Directory`](x402_server::Directory). It costs nothing, and any site's pages may read it.
    ///
    /// ```
    /// # use axum::{Router, routing::get};
    /// # fn site(paywall: x402_axum::Paywall) -> Result<Router, x402_axum::ConfigError> {
    /// let weather = paywall.price("$0.001")?.with(|price| price.route("GET /weather/{city}"))?;
    /// let router = Router::new()
    ///     .route("/weather/{city}", get(async || "Fine").layer(weather))
    ///     .merge(paywall.directory_routes());
    /// # Ok(router) }
    /// ```
    pub fn directory_routes<S: Clone + Send + Sync + 'static>(&self) -> Router<S> {
        let paywall = self.clone();
        let answer = async move || {
            let headers = [
                (CONTENT_TYPE, "application/json"),
                (CACHE_CONTROL, "public, max-age=60"),
                (ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
            ];
            (headers, paywall.directory_json())
        };
        Router::new().route("/.well-known/x402", get(answer))
    }
}
