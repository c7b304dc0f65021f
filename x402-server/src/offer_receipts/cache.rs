use std::collections::HashMap;
use std::mem;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OnceCell;
use x402_types::extensions::offer_receipt::{Offer, Signed};

/// A signed offer, or the place for one that is being signed.
pub(super) type Place = Arc<OnceCell<Signed<Offer>>>;

/// The offers of a stretch of time. There are at most twice [`GENERATION`]: those that nobody asks for
/// make room for others, however many addresses somebody thinks up.
#[derive(Debug, Default)]
pub(super) struct Cache(Mutex<Generations>);

#[derive(Debug, Default)]
struct Generations {
    valid_until: u64,
    young: HashMap<String, Place>,
    old: HashMap<String, Place>,
}

const GENERATION: usize = 1024;

impl Cache {
    /// The place of this offer. Those that stand until another second are forgotten.
    pub(super) fn place(&self, offer: &Offer) -> Place {
        let key = key(offer);
        let valid_until = offer.valid_until.unwrap_or_default();
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.valid_until != valid_until {
            *kept = Generations { valid_until, ..Generations::default() };
        }
        if let Some(place) = kept.young.get(&key) {
            return Arc::clone(place);
        }
        if kept.young.len() >= GENERATION {
            kept.old = mem::take(&mut kept.young);
        }
        let place = kept.old.remove(&key).unwrap_or_default();
        kept.young.insert(key, Arc::clone(&place));
        place
    }
}

/// All that an offer says but until when. What a client can choose stands last.
fn key(offer: &Offer) -> String {
    let Offer { scheme, network, asset, pay_to, amount, resource_url, .. } = offer;
    format!("{scheme}\n{network}\n{asset}\n{pay_to}\n{amount}\n{resource_url}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer(resource: &str, valid_until: u64) -> Offer {
        Offer {
            version: 1,
            resource_url: resource.to_owned(),
            scheme: "exact".to_owned(),
            network: x402_types::Network::BASE_SEPOLIA,
            asset: "0xa".to_owned(),
            pay_to: "0xb".to_owned(),
            amount: 5u64.into(),
            valid_until: Some(valid_until),
        }
    }

    fn is_kept(cache: &Cache, place: &Place, offer: &Offer) -> bool {
        Arc::ptr_eq(place, &cache.place(offer))
    }

    #[test]
    fn an_offer_that_is_asked_for_is_kept_through_a_flood_of_others() {
        let cache = Cache::default();
        let (asked, forgotten) = (offer("/a", 9), offer("/b", 9));
        let [place, other] = [&asked, &forgotten].map(|offer| cache.place(offer));
        for at in 0..10 * GENERATION {
            cache.place(&offer(&format!("/?{at}"), 9));
            if at % 100 == 0 {
                assert!(is_kept(&cache, &place, &asked), "{at}");
            }
        }
        assert!(!is_kept(&cache, &other, &forgotten));
        let kept = cache.0.lock().unwrap();
        assert!(kept.young.len() <= GENERATION && kept.old.len() <= GENERATION);
    }

    #[test]
    fn an_offer_of_another_time_is_another() {
        let cache = Cache::default();
        let place = cache.place(&offer("/a", 9));
        assert!(is_kept(&cache, &place, &offer("/a", 9)));
        assert!(!is_kept(&cache, &place, &offer("/a", 10)));
        assert_eq!(cache.0.lock().unwrap().young.len(), 1);
    }
}
