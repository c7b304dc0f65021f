use std::future::Ready;
use std::ops::Deref;

use actix_web::Error;
use actix_web::body::MessageBody;
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform};
use x402_server::{ConfigError, Listing, PaywallBuilder, Price};

use crate::PaidHandler;
use crate::body::PaidBody;
use crate::service::{GateLayer, GateService};

/// A seller's settings: who is paid, in what, where, and who settles. One for a site.
///
/// In the data of an app, by `.app_data(paywall.clone())`, it is where handlers with
/// [`#[paid]`](macro@crate::paid) find it; of two, that of the inner scope counts.
///
/// Cloning shares it. Build it once, outside of the closure that makes an `App` for each of the
/// server's workers, so that all of them know which payments are used.
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

    /// A price in words, such as `$0.01` or `0.01 USDC`, to wrap a route, a resource, a scope or an
    /// app in.
    ///
    /// # Errors
    /// [`ConfigError`] where this is no price, is zero, is finer than a token's smallest unit, or
    /// names a token that no network of the paywall has.
    pub fn price(&self, price: &str) -> Result<PriceLayer, ConfigError> {
        PriceLayer::new(self.0.price(price)?)
    }

    /// The most that is charged, in words, to wrap a route, a resource, a scope or an app in: the
    /// scheme `upto`. The handler says by [`Payment::charge`](crate::Payment::charge) or
    /// [`charge_price`](crate::Payment::charge_price) what is.
    ///
    /// ```
    /// use actix_web::web;
    /// use x402_actix::{ConfigError, NotCharged, Payment, Paywall};
    ///
    /// async fn answer(payment: Payment) -> Result<&'static str, NotCharged> {
    ///     payment.charge_price("$0.005")?;
    ///     Ok("half the price, this time")
    /// }
    ///
    /// # fn build(paywall: &Paywall) -> Result<(), ConfigError> {
    /// let resource = web::resource("/answer").get(answer).wrap(paywall.upto("$0.01")?);
    /// # drop(resource); Ok(()) }
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
    /// attribute says. What actix-web's own attributes, such as `#[get(..)]`, have made a service of
    /// cannot be named any more, and is listed from its first request on.
    ///
    /// ```
    /// use x402_actix::{ConfigError, Paywall, paid};
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

/// A price as an actix-web middleware.
#[derive(Clone, Debug)]
#[must_use = "a price charges nobody until something is wrapped in it by .wrap(..)"]
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
    /// # fn build(paywall: &x402_actix::Paywall) -> Result<(), x402_actix::ConfigError> {
    /// let price = paywall.price("$0.05")?.with(|price| price.description("A report").upfront())?;
    /// # drop(price); Ok(()) }
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
    /// # fn build(paywall: &x402_actix::Paywall) -> Result<(), x402_actix::ConfigError> {
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

impl<S, B> Transform<S, ServiceRequest> for PriceLayer
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
        self.layer.new_transform(inner)
    }
}
