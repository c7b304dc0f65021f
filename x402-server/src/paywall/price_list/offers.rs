use std::sync::Arc;

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use x402_types::Money;

use super::list::{Flow, Listed, Named, PriceList, Scheme, Unlisted, Written};
use super::mistake::{PriceListError, PriceListFault, PriceListMistake};
use super::path::Canonical;
use super::routes::Ambiguous;
use crate::engine::Offered;
use crate::paywall::{ConfigError, Mistake, Paywall, Price};

/// A list whose prices one paywall has made offers of.
#[derive(Debug)]
pub(super) struct Offers {
    list: PriceList,
    /// One for each route; `None` is free.
    offered: Vec<Option<Offered>>,
}

/// What a list says of a request.
pub(super) enum Cost<'a> {
    Free,
    Refused,
    At(&'a Offered),
}

impl Offers {
    /// The offers, and what the directory shows of them until that is dropped: the offers themselves
    /// live on while they can still be paid.
    pub(super) fn new(
        paywall: &Paywall,
        list: PriceList,
    ) -> Result<(Self, Arc<[Offered]>), PriceListError> {
        let (mut mistakes, mut shown) = (Vec::new(), Vec::new());
        let mut offered = Vec::with_capacity(list.listed.len());
        for listed in list.listed.iter() {
            let made = listed.price.as_ref().map(|written| listed.offered(written, paywall));
            match made.transpose() {
                Ok(made) => {
                    let (own, others) = made.unzip();
                    shown.extend(others.into_iter().flatten());
                    offered.push(own);
                }
                Err(wrong) => mistakes.extend(wrong.into_iter().map(|mistake| PriceListMistake {
                    line: Some(listed.line),
                    route: Some(listed.path.clone()),
                    fault: PriceListFault::Config(mistake),
                })),
            }
        }
        match mistakes.is_empty() {
            true => Ok((Self { list, offered }, shown.into())),
            false => Err(PriceListError { mistakes }),
        }
    }

    pub(super) fn cost(&self, method: &str, path: &Canonical) -> Result<Cost<'_>, Ambiguous> {
        let found = self.list.routes.find(method, path)?;
        Ok(match found.map(|route| self.offered.get(route)) {
            Some(Some(Some(offered))) => Cost::At(offered),
            Some(Some(None)) => Cost::Free,
            // There is one for each route.
            Some(None) => Cost::Refused,
            None if self.list.unlisted == Unlisted::Free => Cost::Free,
            None => Cost::Refused,
        })
    }

    pub(super) fn list(&self) -> &PriceList {
        &self.list
    }
}

impl Listed {
    fn offered(
        &self,
        written: &Written,
        paywall: &Paywall,
    ) -> Result<(Offered, Vec<Offered>), Vec<Mistake>> {
        let price = written.price(paywall)?;
        let path = utf8_percent_encode(&self.path, NOT_GRAPHIC).to_string();
        let methods = self.methods.iter().flatten().map(String::as_str);
        let methods = if self.methods.is_some() { methods.collect() } else { vec!["GET"] };
        let at = |method: &&str| {
            let price = price.clone().route(format!("{method} {path}"));
            price.offered(None).map_err(|error| error.mistakes)
        };
        let shown = methods.iter().map(at).collect::<Result<Vec<_>, _>>()?;
        let own = shown.first().cloned();
        Ok((own.map_or_else(|| at(&"GET"), Ok)?, shown))
    }
}

const NOT_GRAPHIC: &AsciiSet = &CONTROLS.add(b' ');

impl Written {
    fn price(&self, paywall: &Paywall) -> Result<Price, Vec<Mistake>> {
        let (mut price, mut mistakes): (Option<Price>, _) = (None, Vec::new());
        for money in &self.prices {
            match (self.one_price(paywall, money), price.take()) {
                (Ok(other), Some(first)) => price = Some(first.or(other)),
                (Ok(first), None) => price = Some(first),
                (Err(error), first) => {
                    mistakes.extend(error.mistakes);
                    price = first;
                }
            }
        }
        match price {
            Some(price) if mistakes.is_empty() => Ok(self.told(price)),
            // No price is no gift.
            None if mistakes.is_empty() => Err(vec![Mistake::ZeroPrice]),
            _ => Err(mistakes),
        }
    }

    fn one_price(&self, paywall: &Paywall, money: &Money) -> Result<Price, ConfigError> {
        let price = Price::chosen(paywall.clone(), money, |asset| {
            let any_token = self.assets.is_empty() || money.symbol().is_some();
            (self.networks.is_empty() || self.networks.contains(&asset.network))
                && (any_token || self.assets.iter().any(|symbol| *symbol == asset.symbol))
        });
        let networks = self.networks.iter().map(ToString::to_string);
        let choice: Vec<String> = networks.chain(self.assets.iter().cloned()).collect();
        price.map_err(|error| match error.mistakes() {
            [Mistake::NoSuchToken(_)] if !choice.is_empty() => {
                ConfigError::one(Mistake::NoWayLeft(format!("{money} ({})", choice.join(", "))))
            }
            _ => error,
        })
    }

    /// The price with all that is said besides.
    fn told(&self, mut price: Price) -> Price {
        price = match self.scheme {
            Scheme::Exact => price,
            Scheme::Permit2 => price.permit2(),
            Scheme::Upto => price.upto(),
        };
        if self.streaming {
            price = price.streaming();
        }
        price = match self.flow {
            Some(Flow::Upfront) => price.upfront(),
            Some(Flow::Authorization) => price.authorization(),
            None => price,
        };
        if let Some(text) = &self.description {
            price = price.description(text);
        }
        if let Some(mime_type) = &self.mime_type {
            price = price.mime_type(mime_type);
        }
        if let Some(name) = &self.service_name {
            price = price.service_name(name);
        }
        if !self.tags.is_empty() {
            price = price.tags(&self.tags);
        }
        if let Some(seconds) = self.max_timeout_seconds {
            price = price.max_timeout_seconds(seconds.get());
        }
        match self.payment_identifier {
            Some(named) => price.payment_identifier(named == Named::Required),
            None => price,
        }
    }
}
