use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use x402_types::extensions::{Declared, bazaar, eip2612_gas_sponsoring, payment_identifier};
use x402_types::{
    Amount, Asset, JsonError, Money, MoneyError, Network, NetworkError, PaymentFlow,
    PaymentRequirements, RawObject, ResourceInfo, SupportedResponse, TransferMethod,
};

use super::quote::Quoted;
use super::way::{Common, Scheme, Way};
use super::{ConfigError, IntoNetwork, Listing, Mistake, Paywall};
use crate::engine::{Gate, Offer, Offered, Route};

/// A price, and what it is for. Becomes a [`Gate`].
#[derive(Clone)]
#[must_use]
pub struct Price {
    paywall: Paywall,
    /// In the order of their offering.
    ways: Vec<Way>,
    /// What was said that cannot be done.
    wrong: Vec<Wrong>,
    resource: ResourceInfo,
    /// The method and the path's pattern.
    route: Option<String>,
    /// Where it was said.
    flow: Option<PaymentFlow>,
    max_timeout_seconds: u64,
    extensions: BTreeMap<String, RawObject>,
    /// Whether payments may have a name, and whether they must.
    identifier: Option<bool>,
    listing: Option<Box<Listing>>,
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
            let named = |symbol| accepted.asset.symbol == symbol;
            money.symbol().is_none_or(named) && chosen(&accepted.asset)
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
            return Err(ConfigError::one(Mistake::NoSuchToken(money.to_string())));
        }
        let max_timeout_seconds = paywall.inner.max_timeout_seconds;
        Ok(Self {
            paywall,
            ways,
            wrong: Vec::new(),
            resource: ResourceInfo::default(),
            route: None,
            flow: None,
            max_timeout_seconds,
            extensions: BTreeMap::new(),
            identifier: None,
            listing: None,
        })
    }

    /// Another way to pay for the same: of this paywall, in another amount, token, network or scheme.
    /// Payers are told all ways, those of this price first, and choose. What this price says of the
    /// resource, the flow, the time and extensions stands for both, whatever the other says.
    ///
    /// ```
    /// # fn sell(paywall: x402_server::Paywall) -> Result<(), x402_server::ConfigError> {
    /// let price = paywall.price("0.01 USDC")?.or(paywall.price("0.009 EURC")?);
    /// let gate = price.or(paywall.price("$0.02")?.upto()).description("A report").gate()?;
    /// # drop(gate); Ok(()) }
    /// ```
    pub fn or(mut self, other: Self) -> Self {
        if !Arc::ptr_eq(&self.paywall.inner, &other.paywall.inner) {
            self.wrong.push(Wrong::OtherPaywall);
        }
        self.ways.extend(other.ways);
        self.wrong.extend(other.wrong);
        self
    }

    /// Takes this price on these networks only. Those that the paywall does not have are passed over,
    /// but one must remain.
    pub fn on(mut self, networks: impl IntoIterator<Item = impl IntoNetwork>) -> Self {
        let mut kept: Vec<Network> = Vec::new();
        for network in networks {
            match network.into_network() {
                Ok(network) => kept.push(network),
                Err(error) => self.wrong.push(Wrong::Network(error)),
            }
        }
        self.ways.retain(|way| kept.contains(&way.accepted.asset.network));
        let names = kept.iter().map(Network::as_str).collect::<Vec<_>>();
        self.or_none_left(&names)
    }

    /// Takes this price in tokens with these symbols only, such as `USDC`. One must remain. Ways to
    /// pay that named their token, as `0.009 EURC` does, stay.
    pub fn in_assets<'a>(mut self, symbols: impl IntoIterator<Item = &'a str>) -> Self {
        let symbols: Vec<&str> = symbols.into_iter().collect();
        self.ways.retain(|way| way.by_symbol || symbols.contains(&&*way.accepted.asset.symbol));
        self.or_none_left(&symbols)
    }

    /// Writes down that a choice has left nothing.
    fn or_none_left(mut self, choice: &[&str]) -> Self {
        if self.ways.is_empty() {
            self.wrong.push(Wrong::NoWayLeft(choice.join(", ")));
        }
        self
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

    /// Says words to be found by: at most 5, of at most 32 characters.
    pub fn tags(mut self, tags: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.resource.tags = Some(tags.into_iter().map(Into::into).collect());
        self
    }

    /// Says who sells: 1 to 32 printable ASCII characters.
    pub fn service_name(mut self, name: impl Into<String>) -> Self {
        self.resource.service_name = Some(name.into());
        self
    }

    /// Says where there is a picture of it: an http or https address of at most 2048 characters.
    pub fn icon_url(mut self, url: impl Into<String>) -> Self {
        self.resource.icon_url = Some(url.into());
        self
    }

    /// Says where it is found: the method and the path as a router has it, such as
    /// `GET /weather/{city}`. What a [listing](Self::bazaar) says of the path goes before this.
    ///
    /// It is told, and decides nothing: the price stands wherever it is put.
    pub fn route(mut self, route: impl Into<String>) -> Self {
        self.route = Some(route.into());
        self
    }

    /// Settles before the handler runs. For answers that stream or cannot be taken back; where the
    /// handler then fails, the payer is owed an answer and gets it for the same payment.
    pub fn upfront(mut self) -> Self {
        self.flow = Some(PaymentFlow::Upfront);
        self
    }

    /// Settles after the handler has run, and only where it has answered with success: the default,
    /// where the paywall does not say otherwise.
    pub fn authorization(mut self) -> Self {
        self.flow = Some(PaymentFlow::Authorization);
        self
    }

    /// Makes this the most that is charged: the scheme `upto`. What is charged the handler says, by
    /// [`Payment::charge`](crate::Payment::charge); where it does not, it is the whole price. Paid by
    /// Permit2, and settled after serving, whatever the paywall says of others, by the address that the facilitator names.
    pub fn upto(mut self) -> Self {
        self.ways.iter_mut().for_each(|way| way.scheme = Scheme::Upto);
        self
    }

    /// Meters answers while they stream: a price by [`upto`](Self::upto), of which nothing is charged
    /// but what the handler's stream says by [`Payment::charge_more`](crate::Payment::charge_more),
    /// before each piece that it gives. Settled when the stream has ended; one that breaks off, or
    /// whose client goes away, for what was given until then. The receipt follows in the trailers.
    ///
    /// The payment was verified before, and is settled afterwards: a payer that spends its tokens
    /// elsewhere meanwhile has had the stream for nothing. Keep the price small. A stream that outlasts
    /// its payment is settled and ended a quarter of a minute before the payment's end.
    pub fn streaming(mut self) -> Self {
        for way in &mut self.ways {
            (way.scheme, way.streaming) = (Scheme::Upto, true);
        }
        self
    }

    /// Moves the tokens of this price by Permit2, those too that could move by EIP-3009. The payer
    /// must have allowed Permit2 to move them; one that has not is answered 412. Tokens that move no
    /// other way, and prices of [`upto`](Self::upto), do so anyhow.
    pub fn permit2(mut self) -> Self {
        for way in self.ways.iter_mut().filter(|way| way.scheme == Scheme::Exact) {
            way.scheme = Scheme::ExactByPermit2;
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
        let offered = self.offered(None)?;
        self.paywall.inner.listed.list(&offered);
        Ok(Gate::fixed(Arc::clone(&self.paywall.inner.shared), offered))
    }

    /// What is asked at this price; where it may soon be another, with quotes.
    pub(super) fn offered(&self, quoted: Option<&Quoted>) -> Result<Offered, ConfigError> {
        let supported = self.paywall.supported();
        let mut mistakes: Vec<Mistake> = self.wrong.iter().map(Wrong::mistake).collect();
        self.check_resource(&mut mistakes);
        let offers = self.offers(supported.as_deref(), &mut mistakes);
        let path = self.route.as_deref().and_then(|route| {
            let path = path_of(route);
            if path.is_none() {
                mistakes.push(Mistake::Route(route.to_owned()));
            }
            path
        });
        let listed = self.listing.as_ref().map_or(Ok(Vec::new()), |it| it.by_method(path));
        let listed = listed.map_err(|error| mistakes.push(Mistake::Listing(error)));
        let (true, Ok(listed)) = (mistakes.is_empty(), listed) else {
            return Err(ConfigError { mistakes });
        };
        let shared = Arc::clone(&self.paywall.inner.shared);
        self.extensions(&offers, supported.as_deref())
            .and_then(|extensions| {
                let (resource, flow, identifier) =
                    (self.resource.clone(), self.flow(), self.identifier);
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
                    found_at: self.route.clone(),
                };
                Offered::new(shared, route)
            })
            .map_err(|error| ConfigError::one(Mistake::Encoding(error)))
    }

    /// The same at another amount, in just the way that was accepted; `None` where there is no such
    /// way, or that is its amount anyhow.
    pub(super) fn quoted_at(&self, accepted: &PaymentRequirements, amount: Amount) -> Option<Self> {
        let same = |way: &&Way| way.is_taken_by(accepted);
        let way = self.ways.iter().find(same).filter(|way| way.amount != amount)?;
        let ways = vec![Way { amount, ..way.clone() }];
        Some(Self { ways, ..self.clone() })
    }

    /// What was said of where it is found: the method and the path's pattern.
    #[expect(dead_code, reason = "for the list of what a site sells")]
    pub(crate) fn found_at(&self) -> Option<&str> {
        self.route.as_deref()
    }

    /// When it is settled: as was said; else as the paywall says, but what is metered afterwards.
    fn flow(&self) -> PaymentFlow {
        let otherwise = || match self.has_upto() {
            true => PaymentFlow::Authorization,
            false => self.paywall.inner.flow,
        };
        self.flow.unwrap_or_else(otherwise)
    }

    fn has_upto(&self) -> bool {
        self.ways.iter().any(|way| way.scheme == Scheme::Upto)
    }

    fn offers(
        &self,
        supported: Option<&SupportedResponse>,
        mistakes: &mut Vec<Mistake>,
    ) -> Vec<Offer> {
        let flow = self.flow();
        if self.has_upto() && flow != PaymentFlow::Authorization {
            mistakes.push(Mistake::UptoUpfront);
        }
        let common = Common {
            schemes: &self.paywall.inner.schemes,
            supported,
            flow,
            max_timeout_seconds: self.max_timeout_seconds,
            only_named: self.identifier == Some(true),
        };
        let mut offers: Vec<Offer> = Vec::new();
        for way in &self.ways {
            match way.offer(&common) {
                Ok(offer) => add(offer, &mut offers),
                Err(mistake) => {
                    // Tokens of one network have their mistakes in common.
                    let text = mistake.to_string();
                    if mistakes.iter().all(|known| known.to_string() != text) {
                        mistakes.push(mistake);
                    }
                }
            }
        }
        offers
    }

    /// What payers would drop on reading is not told to them.
    fn check_resource(&self, mistakes: &mut Vec<Mistake>) {
        let told = ResourceInfo { url: "/".to_owned(), ..self.resource.clone() };
        let read = RawObject::new(&told).and_then(|json| json.parse::<ResourceInfo>());
        let read = match read {
            Ok(read) => read,
            Err(error) => return mistakes.push(Mistake::Encoding(error)),
        };
        if told.tags != read.tags {
            mistakes.push(Mistake::Tags(told.tags.unwrap_or_default().join(", ")));
        }
        if told.service_name != read.service_name {
            mistakes.push(Mistake::ServiceName(told.service_name.unwrap_or_default()));
        }
        if told.icon_url != read.icon_url {
            mistakes.push(Mistake::IconUrl(told.icon_url.unwrap_or_default()));
        }
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

/// Adds an offer, once. Clients of version 1 name a network and no token when they pay: they are told
/// one offer for each.
fn add(mut offer: Offer, offers: &mut Vec<Offer>) {
    if offers.iter().any(|known| known.requirements.as_str() == offer.requirements.as_str()) {
        return;
    }
    let same = |known: &Offer| known.in_v1 && known.asset.network == offer.asset.network;
    offer.in_v1 &= !offers.iter().any(same);
    offers.push(offer);
}

/// The path of a route such as `GET /weather/{city}`.
fn path_of(route: &str) -> Option<&str> {
    let (method, path) = route.split_once(' ')?;
    let sound = !method.is_empty()
        && method.bytes().all(|b| b.is_ascii_uppercase())
        && path.starts_with('/')
        && path.bytes().all(|b| b.is_ascii_graphic());
    sound.then_some(path)
}

impl fmt::Debug for Price {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Price").field("ways", &self.ways).finish_non_exhaustive()
    }
}
