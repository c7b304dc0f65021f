use std::sync::{Arc, Mutex, PoisonError, RwLock, Weak};

use bytes::Bytes;

use crate::engine::{Offered, WeakOffered};
use crate::paywall::DynamicPrice;

/// The routes that gates were made for.
#[derive(Debug, Default)]
pub(in crate::paywall) struct Registry {
    state: RwLock<State>,
    /// A directory as it was told last. Locked while it is made anew, so that it is made once for all
    /// who wait for it.
    told: Mutex<Option<Told>>,
}

#[derive(Debug, Default)]
struct State {
    /// In the order of their making.
    listed: Vec<Listed>,
    /// How many there must be before those that are gone are looked for.
    swept_at: usize,
    /// How often something was listed.
    version: u64,
}

/// What is listed for as long as there is a gate of it.
#[derive(Debug)]
enum Listed {
    Fixed(WeakOffered),
    /// At this route, which it does not say.
    At(Arc<str>, WeakOffered),
    PerRequest(Weak<DynamicPrice>),
    /// All of a price list.
    Table(Weak<[Offered]>),
}

/// The same, where there is.
pub(super) enum Alive {
    Fixed(Offered),
    At(Arc<str>, Offered),
    PerRequest(Arc<DynamicPrice>),
    Table(Arc<[Offered]>),
}

#[derive(Debug)]
struct Told {
    of: Moment,
    json: Bytes,
}

/// What a directory is of: at two moments that are equal the same is sold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Moment {
    version: u64,
    /// How much there was: between two versions, it only becomes less.
    alive: usize,
}

/// No fewer than so many are looked through for what is gone.
const FEW: usize = 16;

impl Registry {
    /// Lists what is asked for a route, where it was said which.
    pub(in crate::paywall) fn list(&self, offered: &Offered) {
        if offered.found_at().is_some() {
            self.add(Listed::Fixed(offered.downgrade()));
        }
    }

    /// Lists what is asked at a route that was not said, but found.
    pub(in crate::paywall) fn list_at(&self, route: String, offered: &Offered) {
        self.add(Listed::At(route.into(), offered.downgrade()));
    }

    /// Lists that the price of a route is told with each request, where it was said which.
    pub(in crate::paywall) fn list_dynamic(&self, price: &Arc<DynamicPrice>) {
        if price.about().route.is_some() {
            self.add(Listed::PerRequest(Arc::downgrade(price)));
        }
    }

    /// Lists the routes of a price list, as many as they are in one step.
    #[cfg_attr(not(feature = "price-list"), expect(dead_code, reason = "there are no lists"))]
    pub(in crate::paywall) fn list_all(&self, offered: &Arc<[Offered]>) {
        self.add(Listed::Table(Arc::downgrade(offered)));
    }

    fn add(&self, listed: Listed) {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        // Looked through each time that there are twice as many, it costs no more than they do.
        if state.listed.len() >= state.swept_at {
            state.listed.retain(|listed| !listed.is_gone());
            state.swept_at = (2 * state.listed.len()).max(FEW);
        }
        state.listed.push(listed);
        state.version += 1;
    }

    /// What is sold, in the order of its listing.
    pub(super) fn alive(&self) -> Vec<Alive> {
        self.alive_now().1
    }

    fn alive_now(&self) -> (Moment, Vec<Alive>) {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        let alive: Vec<_> = state.listed.iter().filter_map(Listed::upgrade).collect();
        (Moment { version: state.version, alive: alive.len() }, alive)
    }

    fn now(&self) -> Moment {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        let alive = state.listed.iter().filter(|listed| !listed.is_gone()).count();
        Moment { version: state.version, alive }
    }

    /// What was told last, where it still holds, or else what is told of what is sold now.
    pub(super) fn tell(&self, tell: impl FnOnce(&[Alive]) -> Bytes) -> Bytes {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        match &*told {
            Some(told) if told.of == self.now() => told.json.clone(),
            _ => {
                let (of, alive) = self.alive_now();
                let json = tell(&alive);
                *told = Some(Told { of, json: json.clone() });
                json
            }
        }
    }
}

impl Listed {
    fn upgrade(&self) -> Option<Alive> {
        match self {
            Self::Fixed(offered) => offered.upgrade().map(Alive::Fixed),
            Self::At(route, offered) => {
                offered.upgrade().map(|offered| Alive::At(Arc::clone(route), offered))
            }
            Self::PerRequest(price) => price.upgrade().map(Alive::PerRequest),
            Self::Table(offered) => offered.upgrade().map(Alive::Table),
        }
    }

    fn is_gone(&self) -> bool {
        match self {
            Self::Fixed(offered) | Self::At(_, offered) => offered.is_gone(),
            Self::PerRequest(price) => price.strong_count() == 0,
            Self::Table(offered) => offered.strong_count() == 0,
        }
    }
}
