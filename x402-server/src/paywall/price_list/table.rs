use std::collections::VecDeque;
use std::fmt;
use std::future::ready;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::Mutex as AsyncMutex;
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};
use x402_types::{PaymentRequirements, Verbatim};

use super::list::PriceList;
use super::mistake::PriceListError;
use super::offers::{Cost, Offers};
use super::path::Canonical;
use crate::engine;
use crate::engine::{Ask, Asked, Asking, Gate, Offered, Refused, RequestInfo};
use crate::paywall::{Paywall, Price};

/// The prices of a whole site, as they are at this moment. Made by [`Paywall::price_list`].
///
/// Its [`gate`](Self::gate) stands before all of the site. Cloning shares it.
#[derive(Clone)]
pub struct PriceTable {
    pub(super) inner: Arc<Inner>,
}

pub(super) struct Inner {
    paywall: Paywall,
    state: RwLock<State>,
    /// Held from when a file is read until what is in it is taken: who reads later takes later, and no
    /// older text takes the place of a newer one.
    pub(super) reading: Arc<AsyncMutex<()>>,
    /// Tells those who follow a file that there is nobody left to do it for.
    pub(super) dropped: CancellationToken,
    _guard: DropGuard,
}

struct State {
    offers: Offers,
    /// For the directory.
    shown: Arc<[Offered]>,
    /// What was offered before and can still be paid, newest first.
    before: VecDeque<Before>,
    honour_for: Duration,
}

struct Before {
    offers: Offers,
    until: Instant,
}

/// Lists that are replaced faster than they lapse are forgotten beyond so many.
const KEPT: usize = 16;

impl Paywall {
    /// Makes the offers of a [`PriceList`], for one gate before a whole site.
    ///
    /// Whoever reads a path otherwise than the gate does serves for nothing what costs something.
    /// Where there is a choice, put a price on a route, with an attribute or a layer; where there is
    /// none, because the site is a folder of files or another server, mind how this gate reads:
    ///
    /// - Percent-encoded letters are decoded, a slash at the end is left out, and what differs only
    ///   in the case of letters or in how they are composed costs the same. So `/%77eather/`,
    ///   `/Weather` and `/weather` are one.
    /// - A path that could be understood in two ways is answered 400 and never served, be it listed or
    ///   not: with `.`, `..` or nothing between slashes; with an encoded dot, slash, percent sign,
    ///   question mark or hash; with a backslash, semicolon or control character, encoded or not; with
    ///   segments that end in a dot or a space, or have `~1` or `:$` in them; not UTF-8.
    /// - What the closest route costs counts: letters before `{name}` before `{*rest}`, segment by
    ///   segment. `/files/{*rest}` also stands for `/files`, and a folder costs what its `index.html`
    ///   costs, if only one of the two is listed by its name. `/docs/{name}` does not stand for `/docs`: before
    ///   a file server list the folder too.
    /// - `OPTIONS` is free, and its answer leaves without a body. `HEAD` costs what `GET` costs.
    /// - Paths are from the root of the site, also where the gate stands below a mount, such as axum's
    ///   `nest_service("/v1", ..)`.
    /// - Nothing before or behind the gate may rewrite the method or the path, by a header or otherwise, and a
    ///   file server that has names of its own for files, such as `page` for `page.html`, needs those
    ///   listed too: list folders with `{*rest}`. With `unlisted = "refuse"` nothing is forgotten.
    ///
    /// A request that costs nothing is [`Admission::GivenAway`](crate::Admission::GivenAway).
    ///
    /// ```
    /// # async fn build(paywall: x402_server::Paywall) -> Result<(), x402_server::PriceListError> {
    /// use std::time::Duration;
    /// use x402_server::{PriceList, layer::GateLayer};
    ///
    /// let table = paywall.price_list(PriceList::load("prices.toml").await?)?;
    /// table.follow("prices.toml", Duration::from_secs(5));
    /// let layer = GateLayer::new(table.gate());
    /// # drop(layer); Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`PriceListError`] where the paywall cannot offer what the list says, or the facilitator, as far
    /// as it has said so, does not settle it: every such mistake, with its line.
    pub fn price_list(&self, list: PriceList) -> Result<PriceTable, PriceListError> {
        let (offers, shown) = Offers::new(self, list)?;
        self.inner.listed.list_all(&shown);
        let (before, honour_for) = (VecDeque::new(), Duration::from_secs(60));
        let state = RwLock::new(State { offers, shown, before, honour_for });
        let dropped = CancellationToken::new();
        let guard = dropped.clone().drop_guard();
        let (paywall, reading) = (self.clone(), Arc::default());
        let inner = Inner { paywall, state, reading, dropped, _guard: guard };
        Ok(PriceTable { inner: Arc::new(inner) })
    }
}

impl PriceTable {
    /// How long what a list asked can be paid after it was replaced: a minute unless said otherwise.
    /// Only where the new list asks for something too. Counts from the next replacement on, for all
    /// clones. A payment that was settled and not served is owed whatever the list says by then.
    #[must_use]
    pub fn honour_for(self, time: Duration) -> Self {
        self.inner.state.write().unwrap_or_else(PoisonError::into_inner).honour_for = time;
        self
    }

    /// The gate of the site. It changes with the table.
    pub fn gate(&self) -> Gate {
        Gate::asked(Arc::clone(&self.inner.paywall.inner.shared), Arc::new(self.clone()))
    }

    /// Takes another list from now on.
    ///
    /// # Errors
    /// [`PriceListError`] as [`Paywall::price_list`]; then the list before stays as it is.
    pub fn replace(&self, list: PriceList) -> Result<(), PriceListError> {
        let (offers, shown) = Offers::new(&self.inner.paywall, list)?;
        self.inner.paywall.inner.listed.list_all(&shown);
        let mut state = self.inner.state.write().unwrap_or_else(PoisonError::into_inner);
        let forgotten = state.replace(offers, shown);
        // Requests wait for the lock, and for nothing that takes long in it.
        drop(state);
        drop(forgotten);
        Ok(())
    }

    /// Reads a file and takes the list in it. Of two that do so at once, or beside
    /// [`follow`](Self::follow), the one that reads later takes its list later.
    ///
    /// # Errors
    /// [`PriceListError`] where it cannot be read, or as [`replace`](Self::replace); then the list
    /// before stays as it is.
    ///
    /// # Cancel safety
    /// Dropped before it is ready, it has changed nothing.
    pub async fn reload(&self, path: impl Into<PathBuf>) -> Result<(), PriceListError> {
        let _turn = self.inner.reading.lock().await;
        self.replace(PriceList::load(path).await?)
    }

    /// The text of the list, and the file that it was read from.
    pub(super) fn text(&self) -> (Arc<str>, Option<Arc<Path>>) {
        let state = self.inner.state.read().unwrap_or_else(PoisonError::into_inner);
        let list = state.offers.list();
        (Arc::clone(&list.text), list.file.clone())
    }

    fn asked(
        &self,
        request: &RequestInfo,
        accepted: Option<&Verbatim<PaymentRequirements>>,
    ) -> Asked {
        let path = match Canonical::of(request.path()) {
            Ok(path) => path,
            Err(why) => return Asked::Refused(ambiguous(why)),
        };
        let state = self.inner.state.read().unwrap_or_else(PoisonError::into_inner);
        match state.offers.cost(request.method(), &path) {
            Ok(Cost::At(now)) => {
                // What pays the price of now needs no other.
                let other = accepted.is_none_or(|accepted| !now.has(accepted));
                let before = other.then(|| state.before(request.method(), &path, accepted));
                let before = before.flatten().cloned();
                let before = before.map(|offered| engine::Before { offered, lapsed: false });
                Asked::At { now: now.clone(), before }
            }
            Ok(Cost::Free) => Asked::Nothing,
            Ok(Cost::Refused) => Asked::Refused(Refused::new(404, "not_found", NOT_LISTED)),
            Err(_) => Asked::Refused(ambiguous("it is a folder's index, and listed twice")),
        }
    }
}

const NOT_LISTED: &str = "There is nothing at this address.";

fn ambiguous(why: &str) -> Refused {
    let message = format!("The path can be understood in more than one way: {why}.");
    Refused::new(400, "ambiguous_path", message)
}

impl State {
    /// What is of no use any more is given back, to be dropped.
    fn replace(
        &mut self,
        offers: Offers,
        shown: Arc<[Offered]>,
    ) -> (Arc<[Offered]>, VecDeque<Before>) {
        let now = Instant::now();
        let offers = std::mem::replace(&mut self.offers, offers);
        let shown = std::mem::replace(&mut self.shown, shown);
        let before = std::mem::take(&mut self.before).into_iter();
        let (mut before, mut forgotten): (VecDeque<_>, VecDeque<_>) =
            before.partition(|before| now < before.until);
        // A time without end is as good as a year.
        let longest = Duration::from_secs(365 * 24 * 3600);
        before.push_front(Before { offers, until: now + self.honour_for.min(longest) });
        forgotten.extend(before.split_off(KEPT.min(before.len())));
        self.before = before;
        (shown, forgotten)
    }

    /// What a payment, that met these terms, was asked for: by the list that said so to the letter, or
    /// else by the newest whose terms these are.
    fn before(
        &self,
        method: &str,
        path: &Canonical,
        accepted: Option<&Verbatim<PaymentRequirements>>,
    ) -> Option<&Offered> {
        let now = Instant::now();
        let still = self.before.iter().filter(|before| now < before.until);
        let mut offered = still.filter_map(|before| match before.offers.cost(method, path) {
            Ok(Cost::At(offered)) => Some(offered),
            _ => None,
        });
        let Some(accepted) = accepted else { return offered.next() };
        let offered: Vec<_> = offered.collect();
        let to_the_letter = offered.iter().find(|offered| offered.has_to_the_letter(accepted));
        to_the_letter.or_else(|| offered.iter().find(|offered| offered.has(accepted))).copied()
    }
}

impl Ask for PriceTable {
    fn ask(
        &self,
        request: &RequestInfo,
        accepted: Option<Verbatim<PaymentRequirements>>,
    ) -> Asking {
        Box::pin(ready(self.asked(request, accepted.as_ref())))
    }

    fn owed(&self, request: &RequestInfo, accepted: &PaymentRequirements) -> Option<Offered> {
        // A list's prices are made of nothing but what the claim knows, method and address: what is
        // owed for those was settled at some list's price.
        Canonical::of(request.path()).ok()?;
        Price::owed(&self.inner.paywall, accepted)
    }
}

impl fmt::Debug for PriceTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.inner.state.read().unwrap_or_else(PoisonError::into_inner);
        f.debug_struct("PriceTable").field("offers", &state.offers).finish_non_exhaustive()
    }
}
