use std::fmt;
use std::sync::Arc;

use x402_evm::exact_offer;
use x402_types::{
    Amount, JsonError, Money, MoneyError, PaymentFlow, PaymentRequirements, RawObject,
    ResourceInfo, Verbatim,
};

use super::{Accepted, ConfigError, Mistake, Paywall};
use crate::engine::{Gate, Offer};

/// A price, and what it is for. Becomes a [`Gate`].
#[derive(Clone)]
#[must_use]
pub struct Price {
    paywall: Paywall,
    amounts: Vec<(Accepted, Amount)>,
    resource: ResourceInfo,
    flow: PaymentFlow,
    max_timeout_seconds: u64,
}

impl Price {
    pub(super) fn new(paywall: Paywall, money: &Money) -> Result<Self, ConfigError> {
        if money.is_zero() {
            return Err(ConfigError::one(Mistake::ZeroPrice));
        }
        let accepted = paywall.inner.assets.iter().filter(|accepted| match money.symbol() {
            Some(symbol) => accepted.asset.symbol == symbol,
            None => true,
        });
        let amounts = accepted
            .map(|accepted| Ok((accepted.clone(), money.to_amount(accepted.asset.decimals)?)))
            .collect::<Result<Vec<_>, MoneyError>>()
            .map_err(|error| ConfigError::one(Mistake::Price(error)))?;
        if amounts.is_empty() {
            return Err(ConfigError::one(Mistake::NoSuchToken(money.to_string())));
        }
        let (flow, max_timeout_seconds) = (paywall.inner.flow, paywall.inner.max_timeout_seconds);
        Ok(Self { paywall, amounts, resource: ResourceInfo::default(), flow, max_timeout_seconds })
    }

    /// Says what is for sale, to people and agents.
    pub fn description(mut self, text: impl Into<String>) -> Self {
        self.resource.description = Some(text.into());
        self
    }

    /// Says the media type of a successful answer.
    pub fn mime_type(mut self, mime_type: impl Into<String>) -> Self {
        self.resource.mime_type = Some(mime_type.into());
        self
    }

    /// Settles before the handler runs. For answers that stream or cannot be taken back; where the
    /// handler then fails, the payer is owed an answer and gets it for the same payment.
    pub fn upfront(mut self) -> Self {
        self.flow = PaymentFlow::Upfront;
        self
    }

    /// Seconds that a payer has, from the terms to the settlement. 300 unless said otherwise.
    pub fn max_timeout_seconds(mut self, seconds: u64) -> Self {
        self.max_timeout_seconds = seconds.max(1);
        self
    }

    /// The gate of a route at this price.
    ///
    /// # Errors
    /// [`ConfigError`] where an offer cannot be made of it.
    pub fn gate(&self) -> Result<Gate, ConfigError> {
        let offers = self.amounts.iter().map(|(accepted, amount)| self.offer(accepted, *amount));
        let offers = offers.collect::<Result<Vec<_>, _>>().map_err(ConfigError::one)?;
        let shared = Arc::clone(&self.paywall.inner.shared);
        Gate::new(shared, self.resource.clone(), offers, self.flow)
            .map_err(|error| ConfigError::one(Mistake::Encoding(error)))
    }

    fn offer(&self, accepted: &Accepted, amount: Amount) -> Result<Offer, Mistake> {
        let Accepted { asset, pay_to } = accepted;
        let offer =
            exact_offer(asset, amount, pay_to, self.max_timeout_seconds).map_err(Mistake::Offer)?;
        let requirements = self.declare_flow(offer).map_err(Mistake::Encoding)?;
        let scheme = self.paywall.inner.schemes.iter().find(|scheme| {
            scheme.scheme() == requirements.scheme && scheme.covers(&requirements.network)
        });
        let scheme = scheme.ok_or_else(|| Mistake::NoScheme(requirements.network.clone()))?;
        let terms = scheme.prepare(&requirements).map_err(Mistake::Offer)?;
        let requirements = Verbatim::new(requirements).map_err(Mistake::Encoding)?;
        Ok(Offer { requirements, terms, asset: Arc::clone(asset) })
    }

    /// The default flow is not told; another must be.
    fn declare_flow(&self, offer: PaymentRequirements) -> Result<PaymentRequirements, JsonError> {
        if self.flow == PaymentFlow::default() {
            return Ok(offer);
        }
        let mut extra: serde_json::Map<String, serde_json::Value> = match &offer.extra {
            Some(extra) => extra.parse()?,
            None => serde_json::Map::new(),
        };
        extra.insert("paymentFlow".to_owned(), self.flow.as_str().into());
        Ok(PaymentRequirements { extra: Some(RawObject::new(&extra)?), ..offer })
    }
}

impl fmt::Debug for Price {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Price").field("amounts", &self.amounts).finish_non_exhaustive()
    }
}
