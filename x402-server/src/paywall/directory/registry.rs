use std::sync::{Arc, PoisonError, RwLock, Weak};

use crate::engine::{Offered, WeakOffered};
use crate::paywall::DynamicPrice;

/// The routes that gates were made for.
#[derive(Debug, Default)]
pub(in crate::paywall) struct Registry {
    state: RwLock<State>,
}

#[derive(Debug, Default)]
struct State {
    /// In the order of their making.
    listed: Vec<Listed>,
    /// How often something was listed.
    version: u64,
    told: Option<Told>,
}

/// What is listed for as long as there is a gate of it.
#[derive(Debug)]
enum Listed {
    Fixed(WeakOffered),
    PerRequest(Weak<DynamicPrice>),
}

/// The same, where there is.
pub(super) enum Alive {
    Fixed(Offered),
    PerRequest(Arc<DynamicPrice>),
}

/// A directory as it was told last.
#[derive(Clone, Debug)]
pub(super) struct Told {
    pub(super) version: u64,
    /// How many gates there were: between two versions, they only become fewer.
    pub(super) alive: usize,
    pub(super) json: Arc<str>,
}

impl Registry {
    /// Lists what is asked for a route, where it was said which.
    pub(in crate::paywall) fn list(&self, offered: &Offered) {
        if offered.found_at().is_some() {
            self.add(Listed::Fixed(offered.downgrade()));
        }
    }

    /// Lists that the price of a route is told with each request, where it was said which.
    pub(in crate::paywall) fn list_dynamic(&self, price: &Arc<DynamicPrice>) {
        if price.about().route.is_some() {
            self.add(Listed::PerRequest(Arc::downgrade(price)));
        }
    }

    fn add(&self, listed: Listed) {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        state.listed.retain(|listed| !listed.is_gone());
        state.listed.push(listed);
        state.version += 1;
    }

    /// What is sold, in the order of its listing, and as of which version.
    pub(super) fn alive(&self) -> (u64, Vec<Alive>) {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        (state.version, state.listed.iter().filter_map(Listed::upgrade).collect())
    }

    /// What was told last, where it still holds.
    pub(super) fn told(&self) -> Option<Arc<str>> {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        let told = state.told.as_ref()?;
        let alive = state.listed.iter().filter(|listed| !listed.is_gone()).count();
        (told.version == state.version && told.alive == alive).then(|| Arc::clone(&told.json))
    }

    pub(super) fn tell(&self, told: Told) {
        self.state.write().unwrap_or_else(PoisonError::into_inner).told = Some(told);
    }
}

impl Listed {
    fn upgrade(&self) -> Option<Alive> {
        match self {
            Self::Fixed(offered) => offered.upgrade().map(Alive::Fixed),
            Self::PerRequest(price) => price.upgrade().map(Alive::PerRequest),
        }
    }

    fn is_gone(&self) -> bool {
        match self {
            Self::Fixed(offered) => offered.is_gone(),
            Self::PerRequest(price) => price.strong_count() == 0,
        }
    }
}
