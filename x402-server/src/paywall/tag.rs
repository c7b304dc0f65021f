use std::collections::HashMap;
use std::ptr;
use std::sync::{PoisonError, RwLock};

use x402_types::{Money, Network};

use super::found::Found;
use super::{ConfigError, Mistake, Paywall, Price};
use crate::engine::{Gate, Offered, RequestHead};

/// What `#[paid]` says of a handler: all that a price needs but the paywall.
///
/// It is written at compile time and made into a [`Gate`] by [`Paywall::tagged`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tag {
    /// The handler's path in its program, for logs.
    pub handler: &'static str,
    /// What it costs, in words: the first, and alternatives. At least one.
    pub prices: &'static [&'static str],
    /// The networks it is paid on; empty for all of the paywall's.
    pub networks: &'static [&'static str],
    /// The symbols of the tokens that a price without a symbol is paid in; empty for all of the
    /// paywall's.
    pub assets: &'static [&'static str],
    /// What is for sale, to people and agents.
    pub description: Option<&'static str>,
    /// The media type of a successful answer.
    pub mime_type: Option<&'static str>,
    /// How it is paid.
    pub scheme: TagScheme,
    /// Whether it is settled before the handler runs; `None` for what the paywall says.
    pub upfront: Option<bool>,
    /// Whether answers are metered while they stream.
    pub streaming: bool,
    /// Words to be found by.
    pub tags: &'static [&'static str],
    /// The method and the path's pattern, such as `GET /weather/{city}`.
    pub route: Option<&'static str>,
    /// Who sells.
    pub service_name: Option<&'static str>,
    /// Seconds that a payer has; `None` for what the paywall says.
    pub max_timeout_seconds: Option<u64>,
    /// Whether payments may have a name, and whether they must.
    pub payment_identifier: Option<bool>,
}

/// How a [`Tag`]'s price is paid.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TagScheme {
    /// The whole price, however the token moves.
    #[default]
    Exact,
    /// The whole price, by Permit2.
    Permit2,
    /// What the handler charges, up to the price.
    Upto,
}

impl Tag {
    /// A handler at one price, of which nothing else is said.
    pub const fn new(handler: &'static str, prices: &'static [&'static str]) -> Self {
        Self {
            handler,
            prices,
            networks: &[],
            assets: &[],
            description: None,
            mime_type: None,
            scheme: TagScheme::Exact,
            upfront: None,
            streaming: false,
            tags: &[],
            route: None,
            service_name: None,
            max_timeout_seconds: None,
            payment_identifier: None,
        }
    }

    fn price(&self, paywall: &Paywall) -> Result<Price, ConfigError> {
        let mut prices = self.prices.iter().map(|price| self.one_price(paywall, price));
        // No price is no gift.
        let first = prices.next().unwrap_or(Err(ConfigError::one(Mistake::ZeroPrice)))?;
        let price = prices.try_fold(first, |price, other| Ok(price.or(other?)))?;
        Ok(self.told(price))
    }

    fn one_price(&self, paywall: &Paywall, price: &str) -> Result<Price, ConfigError> {
        let money: Money =
            price.parse().map_err(|error| ConfigError::one(Mistake::Price(error)))?;
        let networks = self.networks.iter().map(|name| name.parse());
        let networks = networks.collect::<Result<Vec<Network>, _>>();
        let networks = networks.map_err(|error| ConfigError::one(Mistake::Network(error)))?;
        Price::chosen(paywall.clone(), &money, |asset| {
            let any_token = self.assets.is_empty() || money.symbol().is_some();
            (networks.is_empty() || networks.contains(&asset.network))
                && (any_token || self.assets.contains(&&*asset.symbol))
        })
        .map_err(|error| match error.mistakes() {
            [Mistake::NoSuchToken(_)] => ConfigError::one(self.no_way_left(&money)),
            _ => error,
        })
    }

    fn no_way_left(&self, money: &Money) -> Mistake {
        let choice = [self.networks, self.assets].concat();
        if choice.is_empty() {
            return Mistake::NoSuchToken(money.to_string());
        }
        Mistake::NoWayLeft(format!("{money} ({})", choice.join(", ")))
    }

    /// The price with all that is said besides.
    fn told(&self, mut price: Price) -> Price {
        price = match self.scheme {
            TagScheme::Exact => price,
            TagScheme::Permit2 => price.permit2(),
            TagScheme::Upto => price.upto(),
        };
        if self.streaming {
            price = price.streaming();
        }
        price = match self.upfront {
            Some(true) => price.upfront(),
            Some(false) => price.authorization(),
            None => price,
        };
        if let Some(text) = self.description {
            price = price.description(text);
        }
        if let Some(mime_type) = self.mime_type {
            price = price.mime_type(mime_type);
        }
        if !self.tags.is_empty() {
            price = price.tags(self.tags.iter().copied());
        }
        if let Some(route) = self.route {
            price = price.route(route);
        }
        if let Some(name) = self.service_name {
            price = price.service_name(name);
        }
        if let Some(seconds) = self.max_timeout_seconds {
            price = price.max_timeout_seconds(seconds);
        }
        if let Some(required) = self.payment_identifier {
            price = price.payment_identifier(required);
        }
        price
    }
}

/// What is sold by a paywall's tags, by the tags' addresses.
#[derive(Debug, Default)]
pub(super) struct Tagged {
    sold: RwLock<HashMap<usize, (Gate, Offered)>>,
    found: Found,
}

impl Paywall {
    /// The gate of a handler with `#[paid]`. Made once, and kept; where it cannot be made, that is
    /// tried again the next time: the facilitator may not have been reached yet.
    ///
    /// # Errors
    /// [`ConfigError`] as [`price`](Self::price) and [`Price::gate`].
    pub fn tagged(&self, tag: &'static Tag) -> Result<Gate, ConfigError> {
        self.sold(tag).map(|(gate, _)| gate)
    }

    /// The gate of a handler with `#[paid]` to which a request has come. Where the handler does not say
    /// its route, the [directory](Self::directory) has it from then on at the method of the request and
    /// the route that the framework has found for it; at a thousand such routes, and no more.
    ///
    /// # Errors
    /// [`ConfigError`] as [`tagged`](Self::tagged).
    pub fn tagged_for<H: RequestHead + ?Sized>(
        &self,
        tag: &'static Tag,
        head: &H,
    ) -> Result<Gate, ConfigError> {
        let (gate, offered) = self.sold(tag)?;
        if tag.route.is_none()
            && let Some(pattern) = head.route()
            && let Some(route) = self.inner.tagged.found.find(head.method(), &pattern)
        {
            self.inner.listed.list_at(route, &offered);
        }
        Ok(gate)
    }

    fn sold(&self, tag: &'static Tag) -> Result<(Gate, Offered), ConfigError> {
        let sold = &self.inner.tagged.sold;
        let address = ptr::from_ref(tag).addr();
        if let Some(known) = sold.read().unwrap_or_else(PoisonError::into_inner).get(&address) {
            return Ok(known.clone());
        }
        let made = tag.price(self).and_then(|price| price.sold())?;
        let mut sold = sold.write().unwrap_or_else(PoisonError::into_inner);
        Ok(sold.entry(address).or_insert(made).clone())
    }

    /// Makes the gate of a handler with `#[paid]` before its first request, so that the
    /// [directory](Self::directory) has it.
    ///
    /// # Errors
    /// [`ConfigError`] as [`tagged`](Self::tagged), or where it is not said where the handler is found.
    pub fn list_tagged(&self, tag: &'static Tag) -> Result<(), ConfigError> {
        if tag.route.is_none() {
            return Err(ConfigError::one(Mistake::NoRoute(tag.handler.to_owned())));
        }
        self.tagged(tag).map(drop)
    }
}
