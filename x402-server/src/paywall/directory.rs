mod registry;

use std::collections::{BTreeMap, HashMap, HashSet};

use bytes::Bytes;
use serde::Serialize;
use x402_types::extensions::bazaar;
use x402_types::{Amount, Asset, PaymentRequirements, RawObject, ResourceInfo, Verbatim};

use super::Paywall;
use super::about::About;
use crate::engine::{Offer, Offered};

use registry::Alive;
pub(super) use registry::Registry;

/// What a site sells, for whoever looks at `/.well-known/x402`.
///
/// Indexers read `version` and `resources`; the rest is for agents, and for people who write them.
/// Has the routes that were said with [`Price::route`](crate::Price::route), with
/// [`DynamicPrice::route`](crate::DynamicPrice::route) or in a price list, as long as there are gates of
/// them. Handlers with an attribute that says their route are in it from their first request on, or from
/// when the adapter's `Paywall::list` was told of them; those with one that does not, from their first
/// request on, at its method and the route that the framework has found for it, such as
/// `/weather/{city}`: at a thousand such routes, and no more. What comes by `HEAD` or `OPTIONS`, or where
/// the framework has found no route, as with a fallback, lists nothing.
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
    /// Where its price is told.
    pub pricing: ListedPricing,
    /// What it costs, in words and numbers: one for each of `accepts`, in its order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub prices: Vec<ListedPrice>,
    /// What it costs, as payers are told; not there where the price is not told here.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub accepts: Vec<Verbatim<PaymentRequirements>>,
    /// What payers are told besides, by extension; under `bazaar` what the route takes and gives.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extensions: Option<RawObject>,
}

/// Where the price of a route is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum ListedPricing {
    /// Here, and it is the same for every request: `fixed`.
    Fixed,
    /// In the 402 to each request, and nowhere else: `perRequest`.
    PerRequest,
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

impl Paywall {
    /// What is sold at this moment, for `GET /.well-known/x402`.
    pub fn directory(&self) -> Directory {
        self.directory_of(&self.inner.listed.alive())
    }

    /// The [`directory`](Self::directory) as JSON, made anew only when something has changed, and once
    /// for all who ask by then. Cheap to clone.
    pub fn directory_json(&self) -> Bytes {
        self.inner.listed.tell(|alive| self.directory_of(alive).to_json().into())
    }

    fn directory_of(&self, alive: &[Alive]) -> Directory {
        let site = &self.rules().public_url;
        let mut routes: Vec<ListedRoute> = Vec::new();
        for alive in alive {
            match alive {
                Alive::Fixed(offered) => routes.extend(ListedRoute::fixed(offered, site)),
                Alive::At(route, offered) => routes.extend(ListedRoute::at(route, offered, site)),
                Alive::PerRequest(price) => {
                    routes.extend(ListedRoute::per_request(price.about(), site));
                }
                Alive::Table(all) => {
                    routes.extend(all.iter().filter_map(|it| ListedRoute::fixed(it, site)));
                }
            }
        }
        Directory::new(routes)
    }
}

impl Directory {
    /// Of two that are said of one route the last counts, in the place of the first.
    fn new(said: Vec<ListedRoute>) -> Self {
        let mut places: HashMap<(String, String), usize> = HashMap::new();
        let mut routes: Vec<ListedRoute> = Vec::new();
        for route in said {
            let at = (route.method.clone(), route.path.clone());
            let place = *places.entry(at).or_insert(routes.len());
            match routes.get_mut(place) {
                Some(known) => *known = route,
                None => routes.push(route),
            }
        }
        let mut known = HashSet::new();
        let resources = routes.iter().map(|route| &route.resource);
        let resources = resources.filter(|resource| known.insert(*resource)).cloned().collect();
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
    fn fixed(offered: &Offered, site: &str) -> Option<Self> {
        Self::at(offered.found_at()?, offered, site)
    }

    fn at(route: &str, offered: &Offered, site: &str) -> Option<Self> {
        let (method, path) = route.split_once(' ')?;
        let terms = offered.terms(method, &[site, path].concat());
        Some(Self {
            pricing: ListedPricing::Fixed,
            prices: offered.offers().iter().map(|offer| ListedPrice::of(offer)).collect(),
            accepts: terms.accepts,
            extensions: terms.extensions,
            ..Self::told(method, path, terms.resource)
        })
    }

    fn per_request(about: &About, site: &str) -> Option<Self> {
        let (method, path) = about.route.as_deref()?.split_once(' ')?;
        let resource = ResourceInfo { url: [site, path].concat(), ..about.resource.clone() };
        // What is wrong was told when the gate was made.
        let declared = about.check(&mut Vec::new()).into_iter().find(|(of, _)| *of == method);
        let extensions = declared.and_then(|(_, declared)| {
            RawObject::new(&BTreeMap::from([(bazaar::KEY, declared)])).ok()
        });
        Some(Self { extensions, ..Self::told(method, path, resource) })
    }

    /// A route of which the price is not known.
    fn told(method: &str, path: &str, told: ResourceInfo) -> Self {
        Self {
            method: method.to_owned(),
            path: path.to_owned(),
            resource: told.url,
            description: told.description,
            mime_type: told.mime_type,
            service_name: told.service_name,
            tags: told.tags,
            icon_url: told.icon_url,
            pricing: ListedPricing::PerRequest,
            prices: Vec::new(),
            accepts: Vec::new(),
            extensions: None,
        }
    }
}

impl ListedPrice {
    fn of(offer: &Offer) -> Self {
        let Offer { requirements, asset, metered, .. } = offer;
        let PaymentRequirements { network, amount, .. } = &**requirements;
        let (said, currency) = match asset.pegged {
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
