use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::Deserialize;
use x402_evm::{EXACT, UPTO, exact_offer, upto_offer};
use x402_types::extensions::{Declared, bazaar, eip2612_gas_sponsoring, payment_identifier};
use x402_types::{
    Amount, Asset, JsonError, Money, MoneyError, Network, PaymentFlow, PaymentRequirements,
    RawObject, ResourceInfo, SupportedResponse, TransferMethod, Verbatim,
};

use super::{Accepted, ConfigError, Listing, Mistake, Paywall};
use crate::engine::{Gate, Offer, Route};

/// A price, and what it is for. Becomes a [`Gate`].
#[derive(Clone)]
#[must_use]
pub struct Price {
    paywall: Paywall,
    amounts: Vec<(Accepted, Amount)>,
    resource: ResourceInfo,
    flow: PaymentFlow,
    max_timeout_seconds: u64,
    scheme: Scheme,
    extensions: BTreeMap<String, RawObject>,
    /// Whether payments may have a name, and whether they must.
    identifier: Option<bool>,
    listing: Option<Box<Listing>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scheme {
    /// However the token moves.
    Exact,
    ExactByPermit2,
    Upto,
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
        Ok(Self {
            paywall,
            amounts,
            resource: ResourceInfo::default(),
            flow,
            max_timeout_seconds,
            scheme: Scheme::Exact,
            extensions: BTreeMap::new(),
            identifier: None,
            listing: None,
        })
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

    /// Makes this the most that is charged: the scheme `upto`. What is charged the handler says, by
    /// [`Payment::charge`](crate::Payment::charge); where it does not, it is the whole price. Paid by
    /// Permit2, and settled after serving only, by the address that the facilitator names.
    pub fn upto(mut self) -> Self {
        self.scheme = Scheme::Upto;
        self
    }

    /// Moves the tokens of this price by Permit2, those too that could move by EIP-3009. The payer
    /// must have allowed Permit2 to move them; one that has not is answered 412. Tokens that move no
    /// other way, and prices of [`upto`](Self::upto), do so anyhow.
    pub fn permit2(mut self) -> Self {
        if self.scheme == Scheme::Exact {
            self.scheme = Scheme::ExactByPermit2;
        }
        self
    }

    /// Declares an extension to payers, in the terms' `extensions` under this key: an object, as a
    /// rule of `info` and `schema`. In the place of one with the same key.
    ///
    /// A payer that echoes it must leave standing what it says; it may add to it.
    /// `eip2612GasSponsoring` needs no declaring: it is declared where the facilitator has said, by
    /// the time of [`gate`](Self::gate), that it understands it, and a token moves by Permit2 that
    /// takes such permits.
    pub fn extension(mut self, key: impl Into<String>, declaration: RawObject) -> Self {
        let key = key.into();
        match key.as_str() {
            payment_identifier::KEY => self.identifier = None,
            bazaar::KEY => self.listing = None,
            _ => {}
        }
        self.extensions.insert(key, declaration);
        self
    }

    /// Lets payers name their payments: the extension `payment-identifier`. A payment that is sent
    /// again under its name, for the same request, is given the same answer with the same receipt,
    /// without running the handler or settling again. The name with another payment or another
    /// request is answered 409, a name that is none 400, and where names are `required` a payment
    /// without one too; clients of version 1, which know no names, are then not sold to.
    ///
    /// The answer is read to its end before it is settled, and kept in memory until the payment
    /// could not be settled any more, and five minutes longer. Only what is settled and answered
    /// with 200 to 299 is kept. Answers above
    /// [`stored_answers`](crate::PaywallBuilder::stored_answers), and those with trailers, are passed
    /// on unkept, and the payment sent again is then answered 409. The request's body is not
    /// compared: the payment stands for it.
    ///
    /// Once settled a payment can be read on its chain; the name is the one secret that the answer
    /// is given for. Payers must choose it at random.
    pub fn payment_identifier(mut self, required: bool) -> Self {
        self.extensions.remove(payment_identifier::KEY);
        self.identifier = Some(required);
        self
    }

    /// Tells catalogues what this takes and gives: the extension `bazaar`. It is declared with the
    /// method of the request, to methods that the listing describes.
    pub fn bazaar(mut self, listing: Listing) -> Self {
        self.extensions.remove(bazaar::KEY);
        self.listing = Some(Box::new(listing));
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
    /// [`ConfigError`] where an offer cannot be made of it, or the facilitator, as far as it has said
    /// so, does not settle it.
    pub fn gate(&self) -> Result<Gate, ConfigError> {
        let supported = self.paywall.supported();
        let mut mistakes: Vec<Mistake> = Vec::new();
        if self.scheme == Scheme::Upto && self.flow != PaymentFlow::Authorization {
            mistakes.push(Mistake::UptoUpfront);
        }
        let mut offers = Vec::new();
        for (accepted, amount) in &self.amounts {
            match self.offer(accepted, *amount, supported.as_deref()) {
                Ok(offer) => offers.push(offer),
                Err(mistake) => {
                    // Tokens of one network have their mistakes in common.
                    let text = mistake.to_string();
                    if mistakes.iter().all(|known| known.to_string() != text) {
                        mistakes.push(mistake);
                    }
                }
            }
        }
        let listed = self.listing.as_ref().map_or(Ok(Vec::new()), |it| it.by_method());
        let listed = listed.map_err(|error| mistakes.push(Mistake::Listing(error)));
        let (true, Ok(listed)) = (mistakes.is_empty(), listed) else {
            return Err(ConfigError { mistakes });
        };
        let shared = Arc::clone(&self.paywall.inner.shared);
        self.extensions(&offers, supported.as_deref())
            .and_then(|extensions| {
                let (resource, flow, identifier) =
                    (self.resource.clone(), self.flow, self.identifier);
                let by_method = (bazaar::KEY, listed);
                let route = Route { resource, offers, flow, identifier, extensions, by_method };
                Gate::new(shared, route)
            })
            .map_err(|error| ConfigError::one(Mistake::Encoding(error)))
    }

    fn offer(
        &self,
        accepted: &Accepted,
        amount: Amount,
        supported: Option<&SupportedResponse>,
    ) -> Result<Offer, Mistake> {
        let Accepted { asset, pay_to } = accepted;
        let asset = match self.scheme {
            Scheme::Exact => Arc::clone(asset),
            Scheme::ExactByPermit2 | Scheme::Upto => Arc::new(Asset::clone(asset).by_permit2()),
        };
        let name = match self.scheme {
            Scheme::Exact | Scheme::ExactByPermit2 => EXACT,
            Scheme::Upto => UPTO,
        };
        if let Some(supported) = supported
            && supported.kind(name, &asset.network).is_none()
        {
            return Err(Mistake::unsupported(name, &asset.network, supported));
        }
        let seconds = self.max_timeout_seconds;
        let offer = match self.scheme {
            Scheme::Exact | Scheme::ExactByPermit2 => exact_offer(&asset, amount, pay_to, seconds),
            Scheme::Upto => {
                let settler = settler(supported, &asset.network)?;
                upto_offer(&asset, amount, pay_to, seconds, &settler)
            }
        };
        let offer = offer.map_err(Mistake::Offer)?;
        let requirements = self.declare_flow(offer).map_err(Mistake::Encoding)?;
        let scheme = self.paywall.inner.schemes.iter().find(|scheme| {
            scheme.scheme() == requirements.scheme && scheme.covers(&requirements.network)
        });
        let scheme = scheme.ok_or_else(|| Mistake::NoScheme(requirements.network.clone()))?;
        let terms = scheme.prepare(&requirements).map_err(Mistake::Offer)?;
        let requirements = Verbatim::new(requirements).map_err(Mistake::Encoding)?;
        let metered = self.scheme == Scheme::Upto;
        let in_v1 = !metered
            && asset.transfer_method == TransferMethod::Eip3009
            && self.identifier != Some(true);
        Ok(Offer { requirements, terms, asset, metered, in_v1 })
    }

    /// What is declared to payers besides the terms, by extension.
    fn extensions(
        &self,
        offers: &[Offer],
        supported: Option<&SupportedResponse>,
    ) -> Result<BTreeMap<String, RawObject>, JsonError> {
        let mut extensions = self.extensions.clone();
        let key = eip2612_gas_sponsoring::KEY;
        let understood = supported.is_some_and(|it| it.extensions.iter().any(|known| known == key));
        let of_use = |Offer { asset, .. }: &Offer| {
            asset.transfer_method == TransferMethod::Permit2 && asset.supports_eip2612
        };
        if understood && offers.iter().any(of_use) && !extensions.contains_key(key) {
            let declared = Declared::new(eip2612_gas_sponsoring::Info::default())?;
            extensions.insert(key.to_owned(), RawObject::new(&declared)?);
        }
        if let Some(required) = self.identifier {
            let declared = Declared::new(payment_identifier::Info { required, id: None })?;
            extensions.insert(payment_identifier::KEY.to_owned(), RawObject::new(&declared)?);
        }
        Ok(extensions)
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

/// The address that alone settles `upto` on this network, as the facilitator has said.
fn settler(supported: Option<&SupportedResponse>, network: &Network) -> Result<String, Mistake> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Extra {
        facilitator_address: String,
    }
    let kind = supported.and_then(|it| it.kind(UPTO, network));
    let extra = kind.and_then(|kind| kind.extra.as_ref());
    match extra.and_then(|extra| extra.parse::<Extra>().ok()) {
        Some(extra) => Ok(extra.facilitator_address),
        None => Err(Mistake::UnknownSettler { scheme: UPTO.to_owned(), network: network.clone() }),
    }
}

impl fmt::Debug for Price {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Price").field("amounts", &self.amounts).finish_non_exhaustive()
    }
}
