mod offers;
mod owed;
mod says;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use x402_types::extensions::bazaar;
use x402_types::{
    Amount, Asset, Money, MoneyError, NetworkError, PaymentFlow, PaymentRequirements, RawObject,
};

use super::about::About;
use super::quote::Quoted;
use super::way::{Scheme, Way};
use super::{ConfigError, Mistake, Paywall};
use crate::engine::{Gate, Offered, Route};

/// A price, and what it is for. Becomes a [`Gate`].
#[derive(Clone)]
#[must_use]
pub struct Price {
    paywall: Paywall,
    /// In the order of their offering.
    ways: Vec<Way>,
    /// What was said that cannot be done.
    wrong: Vec<Wrong>,
    about: About,
    /// Where it was said.
    flow: Option<PaymentFlow>,
    max_timeout_seconds: u64,
    extensions: BTreeMap<String, RawObject>,
    /// Whether payments may have a name, and whether they must.
    identifier: Option<bool>,
}

/// A mistake that is told when the gate is made.
#[derive(Clone)]
enum Wrong {
    Network(NetworkError),
    NoWayLeft(String),
    OtherPaywall,
}

impl Price {
    pub(super) fn new(paywall: Paywall, money: &Money) -> Result<Self, ConfigError> {
        Self::chosen(paywall, money, |_| true)
    }

    /// The price in those of the paywall's tokens only that are chosen.
    pub(super) fn chosen(
        paywall: Paywall,
        money: &Money,
        chosen: impl Fn(&Asset) -> bool,
    ) -> Result<Self, ConfigError> {
        if money.is_zero() {
            return Err(ConfigError::one(Mistake::ZeroPrice));
        }
        let accepted = paywall.inner.assets.iter().filter(|accepted| {
            let asset = &accepted.asset;
            // An amount of dollars is no amount of anything else.
            let is_meant = money.symbol().map_or(asset.pegged, |symbol| asset.symbol == symbol);
            is_meant && chosen(asset)
        });
        let ways = accepted
            .map(|accepted| {
                Ok(Way {
                    accepted: accepted.clone(),
                    amount: money.to_amount(accepted.asset.decimals)?,
                    scheme: Scheme::Exact,
                    streaming: false,
                    by_symbol: money.symbol().is_some(),
                })
            })
            .collect::<Result<Vec<_>, MoneyError>>()
            .map_err(|error| ConfigError::one(Mistake::Price(error)))?;
        if ways.is_empty() {
            let price = money.to_string();
            let dollars = paywall.inner.assets.iter().any(|accepted| accepted.asset.pegged);
            return Err(ConfigError::one(match money.symbol() {
                None if !dollars => Mistake::NoDollars(price),
                _ => Mistake::NoSuchToken(price),
            }));
        }
        let max_timeout_seconds = paywall.inner.max_timeout_seconds;
        Ok(Self {
            paywall,
            ways,
            wrong: Vec::new(),
            about: About::default(),
            flow: None,
            max_timeout_seconds,
            extensions: BTreeMap::new(),
            identifier: None,
        })
    }

    /// The gate of a route at this price.
    ///
    /// # Errors
    /// [`ConfigError`] where an offer cannot be made of it, or the facilitator, as far as it has said
    /// so, does not settle it.
    pub fn gate(&self) -> Result<Gate, ConfigError> {
        self.sold().map(|(gate, _)| gate)
    }

    /// The gate, and what is asked there.
    pub(super) fn sold(&self) -> Result<(Gate, Offered), ConfigError> {
        let offered = self.offered(None)?;
        self.paywall.inner.listed.list(&offered);
        let gate = Gate::fixed(Arc::clone(&self.paywall.inner.shared), offered.clone());
        Ok((gate, offered))
    }

    /// What is asked at this price; where it may soon be another, with quotes.
    pub(super) fn offered(&self, quoted: Option<&Quoted>) -> Result<Offered, ConfigError> {
        let supported = self.paywall.supported();
        let mut mistakes: Vec<Mistake> = self.wrong.iter().map(Wrong::mistake).collect();
        let offers = self.offers(supported.as_deref(), &mut mistakes);
        let listed = self.about.check(&mut mistakes);
        if !mistakes.is_empty() {
            return Err(ConfigError { mistakes });
        }
        let shared = Arc::clone(&self.paywall.inner.shared);
        self.extensions(&offers, supported.as_deref())
            .and_then(|extensions| {
                let (resource, flow, identifier) =
                    (self.about.resource.clone(), self.flow(), self.identifier);
                let by_method = (bazaar::KEY, listed);
                let tell = |quoted: &Quoted| {
                    offers.iter().map(|offer| quoted.tell(&offer.requirements)).collect()
                };
                let told = quoted.map(tell).transpose()?;
                let route = Route {
                    resource,
                    offers,
                    flow,
                    identifier,
                    extensions,
                    by_method,
                    told,
                    found_at: self.about.route.clone(),
                };
                Offered::new(shared, route)
            })
            .map_err(|error| ConfigError::one(Mistake::Encoding(error)))
    }

    /// The same, with what is said there where the price says nothing.
    pub(super) fn or_about(mut self, about: &About) -> Self {
        let declared = self.extensions.contains_key(bazaar::KEY);
        self.about = self.about.or(about);
        if declared {
            self.about.listing = None;
        }
        self
    }

    /// The same at another amount, in just the way that was accepted; `None` where there is no such
    /// way, or that is its amount anyhow.
    pub(super) fn quoted_at(&self, accepted: &PaymentRequirements, amount: Amount) -> Option<Self> {
        let same = |way: &&Way| way.is_taken_by(accepted);
        let way = self.ways.iter().find(same).filter(|way| way.amount != amount)?;
        let ways = vec![Way { amount, ..way.clone() }];
        Some(Self { ways, ..self.clone() })
    }
}

impl Wrong {
    fn mistake(&self) -> Mistake {
        match self.clone() {
            Self::Network(error) => Mistake::Network(error),
            Self::NoWayLeft(choice) => Mistake::NoWayLeft(choice),
            Self::OtherPaywall => Mistake::OtherPaywall,
        }
    }
}

impl fmt::Debug for Price {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Price").field("ways", &self.ways).finish_non_exhaustive()
    }
}
