use std::sync::{Arc, PoisonError, RwLock};

use serde::Serialize;
use x402_types::{Amount, Asset, PaymentRequirements, RawObject, Verbatim};

use super::Paywall;
use crate::engine::{Offer, Offered, WeakOffered};

/// What a site sells, for whoever looks at `/.well-known/x402`.
///
/// Indexers read `version` and `resources`; the rest is for agents, and for people who write them.
/// Has the routes that were said with [`Price::route`](crate::Price::route), as long as there are
/// gates of them. Handlers with an attribute are in it from their first request on. Prices that are
/// found out with every request are not in it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Directory {
    /// The version of this document.
    pub version: u32,
    /// The version of the protocol.
    pub x402_version: u32,
    /// The address of each route, once; what varies in a path is in braces.
    pub resources: Vec<String>,
    /// Signatures by which indexers know who is paid. None unless they are added.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ownership_proofs: Vec<String>,
    /// Each route, with what it costs, takes and gives.
    pub routes: Vec<ListedRoute>,
}

/// A route that is sold.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ListedRoute {
    /// The method, in capitals.
    pub method: String,
    /// The path as a router has it, such as `/weather/{city}`.
    pub path: String,
    /// The whole address; what varies in the path is in braces.
    pub resource: String,
    /// What is for sale.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The media type of a successful answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mime_type: Option<String>,
    /// Who sells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_name: Option<String>,
    /// Words to be found by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tags: Option<Vec<String>>,
    /// A picture of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub icon_url: Option<String>,
    /// What it costs, in words and numbers: one for each of `accepts`, in its order.
    pub prices: Vec<ListedPrice>,
    /// What it costs, as payers are told.
    pub accepts: Vec<Verbatim<PaymentRequirements>>,
    /// What payers are told besides, by extension; under `bazaar` what the route takes and gives.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extensions: Option<RawObject>,
}

/// A price as people say it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ListedPrice {
    /// The whole of it, such as `$0.01 USDC on base`.
    pub words: String,
    /// How much, as a decimal number of the currency.
    pub amount: String,
    /// `USD` where the token is known to be pegged to it, or else the token's symbol.
    pub currency: String,
    /// Whether this is the most that is charged, and not what is.
    pub up_to: bool,
}

/// The routes that gates were made for.
#[derive(Debug, Default)]
pub(super) struct Registry {
    state: RwLock<State>,
}

#[derive(Debug, Default)]
struct State {
    /// In the order of their making.
    listed: Vec<WeakOffered>,
    /// How often something was listed.
    version: u64,
    told: Option<Told>,
}

/// A directory as it was told last.
#[derive(Clone, Debug)]
struct Told {
    version: u64,
    /// How many gates there were: between two versions, they only become fewer.
    alive: usize,
    json: Arc<str>,
}

impl Registry {
    /// Lists what is asked for a route, where it was said which.
    pub(super) fn list(&self, offered: &Offered) {
        if offered.found_at().is_none() {
            return;
        }
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        state.listed.retain(|listed| !listed.is_gone());
        state.listed.push(offered.downgrade());
        state.version += 1;
    }

    /// What is asked, in the order of its listing, and as of which version.
    fn alive(&self) -> (u64, Vec<Offered>) {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        (state.version, state.listed.iter().filter_map(WeakOffered::upgrade).collect())
    }

    /// What was told last, where it still holds.
    fn told(&self) -> Option<Arc<str>> {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        let told = state.told.as_ref()?;
        let alive = state.listed.iter().filter(|listed| !listed.is_gone()).count();
        (told.version == state.version && told.alive == alive).then(|| Arc::clone(&told.json))
    }

    fn tell(&self, told: Told) {
        self.state.write().unwrap_or_else(PoisonError::into_inner).told = Some(told);
    }
}

impl Paywall {
    /// What is sold at this moment, for `GET /.well-known/x402`.
    pub fn directory(&self) -> Directory {
        self.directory_of(&self.inner.listed.alive().1)
    }

    /// The [`directory`](Self::directory) as JSON, made anew only when something has changed.
    pub fn directory_json(&self) -> Arc<str> {
        let listed = &self.inner.listed;
        if let Some(json) = listed.told() {
            return json;
        }
        let (version, alive) = listed.alive();
        let json: Arc<str> = self.directory_of(&alive).to_json().into();
        listed.tell(Told { version, alive: alive.len(), json: Arc::clone(&json) });
        json
    }

    fn directory_of(&self, offered: &[Offered]) -> Directory {
        let site = &self.rules().public_url;
        let mut routes: Vec<ListedRoute> = Vec::new();
        for route in offered.iter().filter_map(|offered| ListedRoute::of(offered, site)) {
            let same =
                |known: &&mut ListedRoute| known.method == route.method && known.path == route.path;
            // What was said last goes.
            match routes.iter_mut().find(same) {
                Some(known) => *known = route,
                None => routes.push(route),
            }
        }
        Directory::new(routes)
    }
}

impl Directory {
    fn new(routes: Vec<ListedRoute>) -> Self {
        let mut resources: Vec<String> = Vec::new();
        for route in &routes {
            if !resources.contains(&route.resource) {
                resources.push(route.resource.clone());
            }
        }
        Self { version: 1, x402_version: 2, resources, ownership_proofs: Vec::new(), routes }
    }

    /// As JSON.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_else(|error| {
            // All of it was told to payers as JSON before.
            tracing::error!(%error, "the directory does not serialize");
            r#"{"version":1,"x402Version":2,"resources":[],"routes":[]}"#.to_owned()
        })
    }
}

impl ListedRoute {
    fn of(offered: &Offered, site: &str) -> Option<Self> {
        let (method, path) = offered.found_at()?.split_once(' ')?;
        let resource = [site, path].concat();
        let terms = offered.terms(method, &resource);
        let told = terms.resource;
        Some(Self {
            method: method.to_owned(),
            path: path.to_owned(),
            resource,
            description: told.description,
            mime_type: told.mime_type,
            service_name: told.service_name,
            tags: told.tags,
            icon_url: told.icon_url,
            prices: offered.offers().iter().map(ListedPrice::of).collect(),
            accepts: terms.accepts,
            extensions: terms.extensions,
        })
    }
}

impl ListedPrice {
    fn of(offer: &Offer) -> Self {
        let Offer { requirements, asset, metered, .. } = offer;
        let PaymentRequirements { network, amount, .. } = &**requirements;
        // Only the tokens of the table are known to be worth a dollar.
        let pegged = Asset::find(network, &asset.address).is_some();
        let (said, currency) = match pegged {
            true => (asset.in_words(*amount), "USD".to_owned()),
            false => (in_tokens(asset, *amount), asset.symbol.clone().into_owned()),
        };
        let place = network.v1_name().unwrap_or(network.as_str());
        let most = if *metered { "up to " } else { "" };
        Self {
            words: format!("{most}{said} on {place}"),
            amount: amount.to_decimal(asset.decimals),
            currency,
            up_to: *metered,
        }
    }
}

fn in_tokens(asset: &Asset, amount: Amount) -> String {
    format!("{} {}", amount.to_decimal(asset.decimals), asset.symbol)
}
