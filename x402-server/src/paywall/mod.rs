//! A seller's settings, and from them the gates of its routes.

mod about;
mod builder;
mod directory;
mod dynamic;
mod found;
mod inquiry;
mod listing;
mod mistake;
#[cfg(feature = "utoipa")]
mod openapi;
mod price;
#[cfg(feature = "price-list")]
mod price_list;
mod quote;
mod sign_in;
mod supported;
mod tag;
mod way;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use x402_types::{Money, PaymentFlow, SupportedResponse};

use crate::engine::{Rules, Shared};

pub use builder::{IntoNetwork, PaywallBuilder};
pub use directory::{Directory, ListedPrice, ListedPricing, ListedRoute};
pub use dynamic::{DynamicPrice, Quote};
pub use inquiry::Inquiry;
pub use listing::Listing;
pub use mistake::{ConfigError, Mistake};
pub use price::Price;
#[cfg(feature = "price-list")]
pub use price_list::{PriceList, PriceListError, PriceListFault, PriceListMistake, PriceTable};
pub use tag::{Tag, TagScheme};

use supported::Supported;

/// A seller's settings: who is paid, in what, where, and who settles. One for a site.
///
/// Cloning shares it.
#[derive(Clone)]
pub struct Paywall {
    inner: Arc<Inner>,
}

struct Inner {
    shared: Arc<Shared>,
    /// The tokens that a price without a symbol is offered in, with their payees.
    assets: Vec<Accepted>,
    schemes: Vec<Arc<dyn x402_types::scheme::ServerScheme>>,
    max_timeout_seconds: u64,
    flow: PaymentFlow,
    supported: Supported,
    tagged: tag::Tagged,
    /// What is sold where.
    listed: directory::Registry,
    /// The challenges that have signed somebody in.
    signed_in: Arc<sign_in::Used>,
    /// What quotes are sealed with.
    quote_key: [u8; 32],
    /// Whether others may have that key too.
    shares_quotes: bool,
}

#[derive(Clone, Debug)]
struct Accepted {
    asset: Arc<x402_types::Asset>,
    pay_to: String,
}

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

    /// A price in words, such as `$0.01` or `0.01 USDC`, payable on every network of the paywall.
    ///
    /// # Errors
    /// [`ConfigError`] where this is no price, is zero, is finer than a token's smallest unit, or
    /// names a token that no network of the paywall has.
    pub fn price(&self, price: &str) -> Result<Price, ConfigError> {
        let money: Money =
            price.parse().map_err(|error| ConfigError::one(Mistake::Price(error)))?;
        Price::new(self.clone(), &money)
    }

    /// What the facilitator said last that it can do; `None` where it has not been reached yet.
    pub fn supported(&self) -> Option<Arc<SupportedResponse>> {
        self.inner.supported.last()
    }

    /// Waits until no settlement is under way, and what has come of each is written down, at most so
    /// long; `false` where some still are.
    ///
    /// Call it when the server has stopped taking requests: a settlement that the process does not
    /// live to see has an unknown outcome.
    pub async fn drain(&self, limit: Duration) -> bool {
        let settlements = &self.inner.shared.settlements;
        // It can be waited for from now on. What comes is tracked all the same.
        settlements.close();
        tokio::time::timeout(limit, settlements.wait()).await.is_ok()
    }

    pub(crate) fn rules(&self) -> &Rules {
        &self.inner.shared.rules
    }
}

impl fmt::Debug for Paywall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Paywall")
            .field("assets", &self.inner.assets)
            .field("rules", self.rules())
            .finish_non_exhaustive()
    }
}
