use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;
use x402_evm::{EXACT, ExactEvm, UptoEvm, exact_offer};
use x402_types::scheme::ServerScheme;
use x402_types::{Amount, Asset};

use super::PaywallBuilder;
use crate::engine::{Identifiers, Rules, Shared, TURNS};
use crate::paywall::supported::Supported;
use crate::paywall::{Accepted, ConfigError, Inner, Mistake, Paywall};

/// How long the start waits for the facilitator to say what it supports.
const FIRST_SUPPORTED_TIMEOUT: Duration = Duration::from_secs(3);

impl<P: From<Paywall>> PaywallBuilder<P> {
    /// The paywall. Asks the facilitator what it supports, waiting for at most three seconds: a
    /// facilitator that is out of reach is asked again in the background, one that answers and can
    /// settle nothing on one of the networks is a mistake. Whether it settles a price's scheme is
    /// seen when the price is made.
    ///
    /// Must run within a tokio runtime. What a request leaves to be seen through, settlements above
    /// all, goes on there where the request's own runtime has stopped or there is none.
    ///
    /// # Errors
    /// [`ConfigError`] with all mistakes.
    pub async fn build(self) -> Result<P, ConfigError> {
        let mut mistakes = Vec::new();
        let assets = self.accepted(&mut mistakes);
        let public_url = kept(public_url(self.public_url.as_deref()), &mut mistakes);
        let facilitator = self.facilitator.unwrap_or(Err(Mistake::NoFacilitator));
        let facilitator = kept(facilitator, &mut mistakes);
        let (Some(facilitator), Some(public_url), true) =
            (facilitator, public_url, mistakes.is_empty())
        else {
            return Err(ConfigError { mistakes });
        };
        let shares_quotes = self.quote_key.is_some();
        let quote_key = match self.quote_key {
            Some(key) => key,
            None => random_key().map_err(ConfigError::one)?,
        };
        let schemes: Vec<Arc<dyn ServerScheme>> = vec![Arc::new(ExactEvm), Arc::new(UptoEvm)];
        let supported = Supported::watch(Arc::clone(&facilitator), FIRST_SUPPORTED_TIMEOUT).await;
        if let Some(supported) = supported.last() {
            let missing = assets.iter().map(|accepted| &accepted.asset.network).filter(|network| {
                schemes.iter().all(|it| supported.kind(it.scheme(), network).is_none())
            });
            mistakes
                .extend(missing.map(|network| Mistake::unsupported(EXACT, network, &supported)));
            if !mistakes.is_empty() {
                return Err(ConfigError { mistakes });
            }
        }
        let rules = Rules {
            public_url,
            accept_v1: self.accept_v1,
            page: self.page,
            check: self.check,
            header_limit: self.header_limit,
            held_back: self.held_back,
            verify_timeout: self.verify_timeout,
            settle_timeout: self.settle_timeout,
        };
        let shared = Shared {
            facilitator,
            claims: self.claims,
            payments: self.payments,
            identifiers: Identifiers::new(self.answers),
            runtime: Handle::try_current().ok(),
            settlements: TaskTracker::new(),
            calls: Semaphore::new(self.calls_at_once),
            turns: Semaphore::new(TURNS.min(self.calls_at_once.div_ceil(2))),
            hooks: self.hooks,
            offer_receipts: self.offer_receipts,
            tallies: Default::default(),
            rules,
        };
        let inner = Inner {
            shared: Arc::new(shared),
            assets,
            schemes,
            max_timeout_seconds: self.max_timeout_seconds,
            flow: self.flow,
            supported,
            tagged: Default::default(),
            listed: Default::default(),
            signed_in: Default::default(),
            quote_key,
            shares_quotes,
        };
        Ok(P::from(Paywall { inner: Arc::new(inner) }))
    }

    /// The tokens to be paid in, each tried out with an offer.
    fn accepted(&self, mistakes: &mut Vec<Mistake>) -> Vec<Accepted> {
        if self.networks.is_empty() && self.assets.is_empty() {
            mistakes.push(Mistake::NoNetwork);
        }
        let mut networks = Vec::new();
        for network in &self.networks {
            match network {
                Ok(network) if networks.contains(network) => {}
                Ok(network) => networks.push(network.clone()),
                Err(error) => mistakes.push(error.clone().into()),
            }
        }
        let strays = self
            .assets
            .iter()
            .filter(|asset| !networks.is_empty() && !networks.contains(&asset.network));
        mistakes.extend(strays.map(|asset| Mistake::StrayToken {
            symbol: asset.symbol.clone().into_owned(),
            network: asset.network.clone(),
        }));
        let mut assets = self.assets.clone();
        for network in networks {
            if assets.iter().any(|asset| asset.network == network) {
                continue;
            }
            match Asset::default_for(&network) {
                Some(asset) => assets.push(asset.clone()),
                None => mistakes.push(Mistake::NoToken(network)),
            }
        }
        let Some(pay_to) = &self.pay_to else {
            mistakes.push(Mistake::NoPayee);
            return Vec::new();
        };
        let mut accepted = Vec::new();
        for asset in assets {
            match exact_offer(&asset, Amount::from(1u64), pay_to, self.max_timeout_seconds) {
                Ok(_) => {
                    accepted.push(Accepted { asset: Arc::new(asset), pay_to: pay_to.clone() });
                }
                Err(refusal) => {
                    // A wrong payee is wrong in every token, and told once.
                    let told = |it: &Mistake| matches!(it, Mistake::Offer(it) if *it == refusal);
                    if !mistakes.iter().any(told) {
                        mistakes.push(Mistake::Offer(refusal));
                    }
                }
            }
        }
        accepted
    }
}

/// The value, or nothing and one mistake more.
fn kept<T>(result: Result<T, Mistake>, mistakes: &mut Vec<Mistake>) -> Option<T> {
    result.map_err(|mistake| mistakes.push(mistake)).ok()
}

fn random_key() -> Result<[u8; 32], Mistake> {
    let mut key = [0; 32];
    getrandom::fill(&mut key).map_err(|error| Mistake::NoRandomness(error.to_string()))?;
    Ok(key)
}

/// Scheme, host and prefix, without a slash at the end.
fn public_url(url: Option<&str>) -> Result<String, Mistake> {
    let url = url.ok_or(Mistake::NoPublicUrl)?;
    let trimmed = url.trim_end_matches('/');
    let rest = trimmed.strip_prefix("https://").or_else(|| trimmed.strip_prefix("http://"));
    let sound = rest.is_some_and(|rest| {
        !rest.is_empty()
            && !rest.starts_with('/')
            && rest.bytes().all(|b| b.is_ascii_graphic() && !b"?#@\\\"<>".contains(&b))
    });
    if sound { Ok(trimmed.to_owned()) } else { Err(Mistake::PublicUrl(url.to_owned())) }
}
