use std::sync::Arc;

use x402_types::extensions::{bazaar, payment_identifier};
use x402_types::{Network, PaymentFlow, RawObject};

use super::{Price, Wrong};
use crate::paywall::way::Scheme;
use crate::paywall::{IntoNetwork, Listing};

/// What a seller says.
impl Price {
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
        self.about.resource.description = Some(text.into());
        self
    }

    /// Says the media type of a successful answer.
    pub fn mime_type(mut self, mime_type: impl Into<String>) -> Self {
        self.about.resource.mime_type = Some(mime_type.into());
        self
    }

    /// Says words to be found by: at most 5, of at most 32 characters.
    pub fn tags(mut self, tags: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.about.resource.tags = Some(tags.into_iter().map(Into::into).collect());
        self
    }

    /// Says who sells: 1 to 32 printable ASCII characters.
    pub fn service_name(mut self, name: impl Into<String>) -> Self {
        self.about.resource.service_name = Some(name.into());
        self
    }

    /// Says where there is a picture of it: an http or https address of at most 2048 characters.
    pub fn icon_url(mut self, url: impl Into<String>) -> Self {
        self.about.resource.icon_url = Some(url.into());
        self
    }

    /// Says where it is found: the method and the path as a router has it, such as
    /// `GET /weather/{city}`. What a [listing](Self::bazaar) says of the path goes before this.
    ///
    /// It is told, and decides nothing: the price stands wherever it is put.
    pub fn route(mut self, route: impl Into<String>) -> Self {
        self.about.route = Some(route.into());
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
            bazaar::KEY => self.about.listing = None,
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
    /// [`stored_answers`](crate::PaywallBuilder::stored_answers), those with trailers and those that are
    /// [metered as they stream](Self::streaming) are passed on unkept, and the payment sent again is then answered 409. The request's body is not
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
        self.about.listing = Some(Box::new(listing));
        self
    }

    /// Seconds that a payer has, from the terms to the settlement. 300 unless said otherwise.
    pub fn max_timeout_seconds(mut self, seconds: u64) -> Self {
        self.max_timeout_seconds = seconds.max(1);
        self
    }
}
