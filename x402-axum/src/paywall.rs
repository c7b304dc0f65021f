mod requested;

use std::ops::Deref;

use axum::Extension;
use axum::extract::MatchedPath;
use axum::middleware::AddExtension;
use tower_layer::Layer;
use x402_server::layer::{self, GateService};
use x402_server::{ConfigError, Gate, Listing, PaywallBuilder, Price};

use crate::PaidHandler;
use requested::Requested;

/// A seller's settings: who is paid, in what, where, and who settles. One for a site.
///
/// As a layer of a router it is where handlers with [`#[paid]`](macro@crate::paid) find it. Like
/// every layer it is for the routes that the router has by then; of two, the inner one counts.
///
/// Cloning shares it.
#[derive(Clone, Debug)]
pub struct Paywall(x402_server::Paywall);

impl Paywall {
    /// Starts a paywall's settings.
    pub fn builder() -> PaywallBuilder<Self> {
        PaywallBuilder::new()
    }

    /// A paywall whose settings stand in the environment, see [`PaywallBuilder::from_env`].
    ///
    /// # Errors
    /// [`ConfigError`] with all mistakes.
    #[cfg(feature = "http-facilitator")]
    pub async fn from_env() -> Result<Self, ConfigError> {
        PaywallBuilder::from_env().build().await
    }

    /// A price in words, such as `$0.01` or `0.01 USDC`, as a layer for a route or a router.
    ///
    /// # Errors
    /// [`ConfigError`] where this is no price, is zero, is finer than a token's smallest unit, or
    /// names a token that no network of the paywall has.
    pub fn price(&self, price: &str) -> Result<PriceLayer, ConfigError> {
        PriceLayer::new(self.0.price(price)?)
    }

    /// The most that is charged, in words, as a layer for a route or a router: the scheme `upto`.
    /// The handler says by [`Payment::charge`](crate::Payment::charge) or
    /// [`charge_price`](crate::Payment::charge_price) what is.
    ///
    /// ```
    /// use x402_axum::{NotCharged, Payment};
    ///
    /// async fn answer(payment: Payment) -> Result<&'static str, NotCharged> {
    ///     payment.charge_price("$0.005")?;
    ///     Ok("half the price, this time")
    /// }
    ///
    /// # async fn build(paywall: x402_axum::Paywall) -> Result<axum::Router, x402_axum::ConfigError> {
    /// let route = axum::routing::get(answer).layer(paywall.upto("$0.01")?);
    /// # Ok(axum::Router::new().route("/answer", route))
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ConfigError`] as [`price`](Self::price), or where the facilitator has not said who settles
    /// `upto`.
    pub fn upto(&self, price: &str) -> Result<PriceLayer, ConfigError> {
        PriceLayer::new(self.0.price(price)?.upto())
    }

    /// Lists a handler with [`#[paid]`](macro@crate::paid) in the
    /// [directory](x402_server::Paywall::directory) before its first request, at the route that its
    /// attribute says.
    ///
    /// ```
    /// use x402_axum::{ConfigError, Paywall, paid};
    ///
    /// #[paid("$0.001", route = "GET /weather")]
    /// async fn weather() -> &'static str {
    ///     "Fine"
    /// }
    ///
    /// #[paid("$0.01", route = "GET /joke")]
    /// async fn joke() -> &'static str {
    ///     "A payment walks into a bar"
    /// }
    ///
    /// # fn list(paywall: &Paywall) -> Result<(), ConfigError> {
    /// paywall.list(weather)?.list(joke)?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`ConfigError`] where it says no route, or the paywall cannot sell at its price.
    pub fn list<T>(&self, handler: impl PaidHandler<T>) -> Result<&Self, ConfigError> {
        self.0.list_tagged(handler.tag())?;
        Ok(self)
    }
}

impl From<x402_server::Paywall> for Paywall {
    fn from(paywall: x402_server::Paywall) -> Self {
        Self(paywall)
    }
}

impl Deref for Paywall {
    type Target = x402_server::Paywall;

    fn deref(&self) -> &x402_server::Paywall {
        &self.0
    }
}

impl<S> Layer<S> for Paywall {
    type Service = AddExtension<S, Self>;

    fn layer(&self, inner: S) -> Self::Service {
        Extension(self.clone()).layer(inner)
    }
}

/// A price as an axum layer.
#[derive(Clone, Debug)]
#[must_use = "a price charges nobody until it is put on a route with .layer(..)"]
pub struct PriceLayer {
    price: Price,
    layer: GateLayer,
}

impl PriceLayer {
    fn new(price: Price) -> Result<Self, ConfigError> {
        let layer = GateLayer::new(price.gate()?);
        Ok(Self { price, layer })
    }

    /// Changes what the price says besides the amount: what is for sale, when it is settled.
    ///
    /// ```
    /// # async fn build(paywall: x402_axum::Paywall) -> Result<(), x402_axum::ConfigError> {
    /// let layer = paywall.price("$0.05")?.with(|price| price.description("A report").upfront())?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`ConfigError`] where no offer can be made of it.
    pub fn with(self, change: impl FnOnce(Price) -> Price) -> Result<Self, ConfigError> {
        Self::new(change(self.price))
    }

    /// Another way to pay for the same, of the same paywall: in another amount, token or scheme. Payers
    /// are told all ways, those of this price first, and choose. What else this price says stands for
    /// both; see [`Price::or`](x402_server::Price::or).
    ///
    /// ```
    /// # async fn build(paywall: x402_axum::Paywall) -> Result<(), x402_axum::ConfigError> {
    /// let price = paywall.price("$0.01")?.or(paywall.price("0.009 EURC")?)?;
    /// # drop(price); Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`ConfigError`] as [`with`](Self::with), or where the other is of another paywall.
    pub fn or(self, other: Self) -> Result<Self, ConfigError> {
        self.with(|price| price.or(other.price))
    }

    /// Gives the same answer again, uncharged, to whoever sends the same named payment again: the
    /// extension `payment-identifier`, see
    /// [`Price::payment_identifier`](x402_server::Price::payment_identifier). The answers of the
    /// route are then read to their end before they leave.
    ///
    /// # Errors
    /// [`ConfigError`] as [`with`](Self::with).
    pub fn payment_identifier(self, required: bool) -> Result<Self, ConfigError> {
        self.with(|price| price.payment_identifier(required))
    }

    /// Tells catalogues what the handler takes and gives: the extension `bazaar`.
    ///
    /// # Errors
    /// [`ConfigError`] where it cannot be listed.
    pub fn bazaar(self, listing: Listing) -> Result<Self, ConfigError> {
        self.with(|price| price.bazaar(listing))
    }
}

impl<S> Layer<S> for PriceLayer {
    type Service = Requested<GateService<S>>;

    fn layer(&self, inner: S) -> Self::Service {
        self.layer.layer(inner)
    }
}

/// Any [`Gate`] as an axum layer: a price that is found out with every request, or a price list.
///
/// ```
/// use axum::{Router, routing::get};
/// use x402_axum::{ConfigError, GateLayer, Inquiry, Paywall, Quote};
///
/// fn router(paywall: &Paywall) -> Result<Router, ConfigError> {
///     let by_length = paywall.price_by(|inquiry: Inquiry| async move {
///         let pages: u32 = inquiry.path_param("pages").and_then(|it| it.parse().ok()).unwrap_or(1);
///         Ok::<_, ConfigError>(Quote::from(inquiry.price(&format!("$0.{:02}", pages.min(99)))?))
///     });
///     let layer = GateLayer::new(by_length.route("GET /print/{pages}").gate()?);
///     Ok(Router::new().route("/print/{pages}", get(async || "printed").layer(layer)))
/// }
/// ```
#[derive(Clone, Debug)]
#[must_use = "a gate charges nobody until it is put on a route with .layer(..)"]
pub struct GateLayer(layer::GateLayer);

impl GateLayer {
    /// The layer of a gate.
    pub fn new(gate: Gate) -> Self {
        let layer = layer::GateLayer::new(gate)
            // Within a nested router the request's own address has lost its prefix.
            .requested_uri(requested::found)
            .matched_route(|extensions| extensions.get::<MatchedPath>().map(MatchedPath::as_str));
        Self(layer)
    }
}

impl<S> Layer<S> for GateLayer {
    type Service = Requested<GateService<S>>;

    fn layer(&self, inner: S) -> Self::Service {
        Requested(self.0.layer(inner))
    }
}
