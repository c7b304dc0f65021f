use std::error::Error;
use std::fmt;
use std::future::ready;
use std::panic::Location;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use x402_types::{PaymentRequirements, Verbatim};

use super::about::About;
use super::inquiry::{Inquiry, Looked};
use super::quote::Quoted;
use super::sign_in::SignIn;
use super::{ConfigError, Listing, Paywall, Price};
use crate::engine::{
    Ask, Asked, Asking, Before, Gate, Offered, Panicked, Refused, RequestInfo, caught,
};

/// What a request costs, as a price function says.
#[derive(Debug)]
pub enum Quote {
    /// So much.
    Price(Box<Price>),
    /// Nothing.
    Free,
    /// It is not sold.
    Refuse(Refused),
}

impl From<Price> for Quote {
    fn from(price: Price) -> Self {
        Self::Price(Box::new(price))
    }
}

/// A price that is found out with every request. Becomes a [`Gate`].
///
/// Made by [`Paywall::price_by`].
#[derive(Clone)]
#[must_use]
pub struct DynamicPrice {
    pub(super) paywall: Paywall,
    find: Arc<dyn Find>,
    pub(super) valid_for: Duration,
    sign_in: Option<Arc<SignIn>>,
    pub(super) about: About,
    pub(super) name: Option<String>,
    /// Where in the program it stands, where no other program takes its quotes.
    pub(super) place: Option<&'static Location<'static>>,
}

trait Find: Send + Sync {
    fn find(&self, inquiry: Inquiry) -> Finding;
}

type Finding = std::pin::Pin<
    Box<dyn Future<Output = Result<Quote, Box<dyn Error + Send + Sync>>> + Send + 'static>,
>;

impl<F, T, E> Find for F
where
    F: Fn(Inquiry) -> T + Send + Sync,
    T: Future<Output = Result<Quote, E>> + Send + 'static,
    E: Into<Box<dyn Error + Send + Sync>>,
{
    fn find(&self, inquiry: Inquiry) -> Finding {
        let found = self(inquiry);
        Box::pin(async move { found.await.map_err(Into::into) })
    }
}

impl Paywall {
    /// A price that a function finds out with every request: from its method, path, query and
    /// headers, and from all that the function holds of the application's state.
    ///
    /// A quote is for the same method, path and query, and for the same values of the headers that the
    /// function has asked for; whoever has it can pay by it as often as it likes while it stands.
    ///
    /// Prices that requests for one method and path can come to, as by their host or at two listeners,
    /// must be told apart, or a quote of the cheap one pays the dear one: they share their quotes unless
    /// their [`route`](DynamicPrice::route), their [`name`](DynamicPrice::name) or the paywall's public
    /// address differ. Those that are written at different places of the program are told apart too,
    /// but not under a [`quote_key`](crate::PaywallBuilder::quote_key), which other programs may have.
    ///
    /// Whoever was told a price can pay it for [a while](DynamicPrice::valid_for), whatever the
    /// function says by then: the terms carry a quote that only this paywall can make, in
    /// `extra.quote`. The function is asked with every request all the same, and what it gives away
    /// or refuses is not sold. A payment that was settled, while its client got nothing, is served
    /// whatever the function says, for the same method, address and headers.
    ///
    /// An error, or a panic, is answered 500 and logged; what it says is not told. Where the function
    /// asks for what a request says twice, such as `pages` of `?pages=1&pages=999`, it is answered 400
    /// with the code `ambiguous_request`, whatever the function makes of it, and nothing is charged: see
    /// [`Inquiry::query_param`] and [`Inquiry::header`].
    ///
    /// ```
    /// # async fn build(paywall: x402_server::Paywall) -> Result<(), x402_server::ConfigError> {
    /// use x402_server::{ConfigError, Inquiry, Quote};
    ///
    /// let per_page = paywall.price_by(|inquiry: Inquiry| async move {
    ///     let pages: u32 = inquiry.query_param("pages").and_then(|it| it.parse().ok()).unwrap_or(1);
    ///     let price = inquiry.price(&format!("0.{:03}", pages.min(999)))?;
    ///     Ok::<Quote, ConfigError>(price.description("pages").into())
    /// });
    /// let gate = per_page.route("GET /print").gate()?;
    /// # drop(gate); Ok(()) }
    /// ```
    #[track_caller]
    pub fn price_by<F, T, E>(&self, find: F) -> DynamicPrice
    where
        F: Fn(Inquiry) -> T + Send + Sync + 'static,
        T: Future<Output = Result<Quote, E>> + Send + 'static,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        let valid_for = Duration::from_secs(60);
        let place = (!self.inner.shares_quotes).then_some(Location::caller());
        let (paywall, find, about) = (self.clone(), Arc::new(find), About::default());
        DynamicPrice { paywall, find, valid_for, sign_in: None, about, name: None, place }
    }
}

impl DynamicPrice {
    /// How long a price can be paid after it was told. A minute unless said otherwise; whole seconds
    /// count.
    pub fn valid_for(mut self, time: Duration) -> Self {
        self.valid_for = time;
        self
    }

    /// Tells it apart from another price for the same method and path: a quote of the one does not pay
    /// the other. Whatever sells the same things says the same here, and goes on saying it: under
    /// another name or [route](Self::route), what was quoted before is not known any more, nor what was
    /// settled so and is owed.
    ///
    /// ```
    /// # fn two(paywall: &x402_server::Paywall) -> Result<(), x402_server::ConfigError> {
    /// use x402_server::{ConfigError, Inquiry, Quote};
    ///
    /// let at = |price: &'static str| move |inquiry: Inquiry| async move {
    ///     Ok::<Quote, ConfigError>(inquiry.price(price)?.into())
    /// };
    /// let cheap = paywall.price_by(at("$0.01")).name("a.example").gate()?;
    /// let dear = paywall.price_by(at("$5")).name("b.example").gate()?;
    /// # drop((cheap, dear)); Ok(()) }
    /// ```
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Lets payers sign in before they are told a price: the extension `sign-in-with-x`. Who has, the
    /// price function finds in [`Inquiry::payer`], and can make a price of its own for it. A signature
    /// that does not sign in is answered 401. Each challenge signs in once, whatever prices of this
    /// paywall it is used at; two million are remembered for some minutes, and where there is no room
    /// for more nobody is signed in. A quote is for its request and not for its payer: who was told a
    /// price can hand it on.
    ///
    /// Servers that sell the same things need the same [`quote_key`](crate::PaywallBuilder::quote_key);
    /// that a challenge is used once each sees to for itself.
    pub fn sign_in(mut self) -> Self {
        self.sign_in = Some(SignIn::new(&self.paywall));
        self
    }

    /// Says where it is found, as [`Price::route`]: the [directory](Paywall::directory) then has it,
    /// and says that the price is told with each request.
    ///
    /// This and all that is said here of what is for sale stands for each price that the function
    /// finds and that does not say otherwise.
    pub fn route(mut self, route: impl Into<String>) -> Self {
        self.about.route = Some(route.into());
        self
    }

    /// Says what is for sale, as [`Price::description`].
    pub fn description(mut self, text: impl Into<String>) -> Self {
        self.about.resource.description = Some(text.into());
        self
    }

    /// Says the media type of a successful answer, as [`Price::mime_type`].
    pub fn mime_type(mut self, mime_type: impl Into<String>) -> Self {
        self.about.resource.mime_type = Some(mime_type.into());
        self
    }

    /// Says words to be found by, as [`Price::tags`].
    pub fn tags(mut self, tags: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.about.resource.tags = Some(tags.into_iter().map(Into::into).collect());
        self
    }

    /// Says who sells, as [`Price::service_name`].
    pub fn service_name(mut self, name: impl Into<String>) -> Self {
        self.about.resource.service_name = Some(name.into());
        self
    }

    /// Says where there is a picture of it, as [`Price::icon_url`].
    pub fn icon_url(mut self, url: impl Into<String>) -> Self {
        self.about.resource.icon_url = Some(url.into());
        self
    }

    /// Tells catalogues what this takes and gives, as [`Price::bazaar`].
    pub fn bazaar(mut self, listing: Listing) -> Self {
        self.about.listing = Some(Box::new(listing));
        self
    }

    /// The gate of a route at this price.
    ///
    /// # Errors
    /// [`ConfigError`] where what was said of it cannot be told.
    pub fn gate(&self) -> Result<Gate, ConfigError> {
        let mut mistakes = Vec::new();
        self.about.check(&mut mistakes);
        if !mistakes.is_empty() {
            return Err(ConfigError { mistakes });
        }
        let price = Arc::new(self.clone());
        self.paywall.inner.listed.list_dynamic(&price);
        Ok(Gate::asked(Arc::clone(&self.paywall.inner.shared), price))
    }

    pub(super) fn about(&self) -> &About {
        &self.about
    }
}

impl Ask for DynamicPrice {
    fn ask(
        &self,
        request: &RequestInfo,
        accepted: Option<Verbatim<PaymentRequirements>>,
    ) -> Asking {
        let payer = self.sign_in.as_ref().map_or(Ok(None), |it| it.payer(request));
        let payer = match payer {
            Ok(payer) => payer,
            Err(refused) => return Box::pin(ready(Asked::Refused(refused))),
        };
        let looked = Looked::default();
        let inquiry = Inquiry::new(request.clone(), self.paywall.clone(), payer, looked.clone());
        let (this, request) = (self.clone(), request.clone());
        Box::pin(async move {
            let find = Arc::clone(&this.find);
            // The function may panic before its future does.
            let found = caught(pin!(async move { find.find(inquiry).await })).await;
            // Whatever was made of it: its handler may read it otherwise.
            if let Some(refused) = looked.ambiguous() {
                return Asked::Refused(refused);
            }
            let quoted = Quoted::new(&this, &request, &looked);
            let asked = match found.unwrap_or_else(|Panicked| Err("its function panicked".into())) {
                Ok(Quote::Free) => return Asked::Nothing,
                Ok(Quote::Refuse(refused)) => return Asked::Refused(refused),
                Ok(Quote::Price(price)) => match &this.sign_in {
                    Some(sign_in) => sign_in.declare(*price, request.path()),
                    None => Ok(*price),
                }
                .and_then(|price| {
                    asked(&price.or_about(&this.about), &quoted, accepted.as_deref())
                }),
                Err(error) => Err(error),
            };
            asked.unwrap_or_else(|error| {
                tracing::error!(%error, "a price could not be told; nothing is served");
                Asked::Failed
            })
        })
    }

    fn found_at(&self) -> Option<&str> {
        self.about.route.as_deref()
    }

    fn owed(&self, request: &RequestInfo, accepted: &PaymentRequirements) -> Option<Offered> {
        Quoted::as_told(self, request, accepted)?.amount(accepted)?;
        Price::owed(&self.paywall, accepted)
    }
}

/// The price now, and as it was quoted.
fn asked(
    price: &Price,
    quoted: &Quoted,
    accepted: Option<&PaymentRequirements>,
) -> Result<Asked, Box<dyn Error + Send + Sync>> {
    let now = price.offered(Some(quoted))?;
    let before = match accepted.and_then(|accepted| Some((accepted, quoted.amount(accepted)?))) {
        Some((accepted, (amount, lapsed))) => match price.quoted_at(accepted, amount) {
            Some(price) => Some(Before { offered: price.offered(Some(quoted))?, lapsed }),
            None => None,
        },
        None => None,
    };
    Ok(Asked::At { now, before })
}

impl fmt::Debug for DynamicPrice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DynamicPrice").field("valid_for", &self.valid_for).finish_non_exhaustive()
    }
}
