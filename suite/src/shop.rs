use std::any::Any;
use std::fmt;
use std::marker::PhantomData;
use std::net::SocketAddr;
use std::ops::Deref;

use x402_ledger::{MemoryStore, Payments};
use x402_server::{Paywall, PaywallBuilder};
use x402_types::PaymentRequired;

use crate::common::builder;
use crate::{Answer, Client, Double, Goods, Payer, Payment, until};

/// The routes of the suite, in a framework's own idiom.
///
/// | route | price | what it does |
/// |---|---|---|
/// | `GET /goods` | a cent, "The goods", found at `GET /goods` | [`Goods::sell`] |
/// | `/any`, by any method | a cent | [`Goods::sell`] |
/// | `GET /outer/inner/goods`, in routers nested twice | a cent | [`Goods::sell`] |
/// | `GET /files/…`, whatever follows | a cent | [`Goods::sell`] |
/// | `POST /order` | a cent | 201 with a `Location`, the cookies `a=1` and `b=2`, `Cache-Control: public, max-age=60` and `CDN-Cache-Control: max-age=60` |
/// | `GET /status/{code}` | a cent | [`Goods::status`]: from 400 on an error, where the framework has any |
/// | `GET /prepaid/{code}` | a cent, upfront | as `/status/{code}` |
/// | `GET /query?city=…` | a cent | the city, by the framework's extractor |
/// | `POST /json` | a cent | the `city` of a JSON object, by the framework's extractor |
/// | `GET /payer` | a cent | the payer's address |
/// | `GET /maybe` | none | `none` without a payment, `some` with one |
/// | `GET /unpriced` | none | [`Goods::sell`], where there is a payment |
/// | `POST /echo` | none | the body |
/// | `GET /upto?charge=…` | a cent at the most | [`Goods::sell`], having charged so many units, where that is said |
/// | `GET /strict?charge=…` | a cent at the most | as `/upto`, and what cannot be charged is an error |
/// | `GET /metered` | a cent at the most, streaming | [`Goods::metered`] |
/// | `GET /upfront` | a cent, upfront | [`Goods::stream`] |
/// | `GET /stream` | a cent | [`Goods::stream`] |
/// | `GET /events` | a cent | [`Goods::stream`], as `text/event-stream` |
/// | `GET /panic` | a cent | [`Goods::sell_or_panic`] |
/// | `GET /named` | a cent, payments may have a name | [`Goods::counted`] |
/// | `GET /items/{id}?count=…` | [`Goods::price`] | [`Goods::sell`] |
/// | `GET /club/room` and `/club/back/room`, and all else below | a cent for each, on the whole part | [`Goods::sell`]; else 404 |
/// | `GET /either` | a cent, or two cents at the most | [`Goods::sell`] |
/// | `GET /twice` | a cent, behind another cent: a mistake | [`Goods::sell`] |
/// | `GET /twice/upfront` | a cent, behind another that is settled upfront | [`Goods::sell`] |
/// | `GET /open/goods` | a cent | [`Goods::sell`], also to pages of other sites: CORS in one call |
/// | `GET /.well-known/x402` | none | what the site sells |
///
/// Every route of `GET` answers `HEAD`. Each request is [watched](Goods::watch) until it is answered.
pub trait Shop: 'static {
    /// Whether answers have trailers.
    const SENDS_TRAILERS: bool;

    /// Whether a connection stays open when a request was answered of which nobody has read the body.
    const OUTLIVES_UNREAD_BODIES: bool;

    /// Opens on a port of its own of this machine.
    fn open(paywall: Paywall, goods: Goods) -> impl Future<Output = Running>;
}

/// A server that stops when this is dropped.
pub struct Running {
    address: SocketAddr,
    _server: Box<dyn Any + Send>,
}

impl Running {
    /// A server at this address, which stops when `server` is dropped.
    pub fn new(address: SocketAddr, server: impl Any + Send) -> Self {
        Self { address, _server: Box::new(server) }
    }
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running").field("address", &self.address).finish_non_exhaustive()
    }
}

/// An open shop with all that stands behind it, and a client.
pub struct Site<S> {
    /// Who verifies and settles.
    pub facilitator: Double,
    /// The claims and the books.
    pub store: MemoryStore,
    /// The seller's settings.
    pub paywall: Paywall,
    /// What is sold.
    pub goods: Goods,
    client: Client,
    _running: Running,
    shop: PhantomData<S>,
}

impl<S: Shop> Site<S> {
    /// Opens with the usual settings.
    pub async fn open() -> Self {
        Self::open_with(|settings| settings).await
    }

    /// Opens with these settings.
    pub async fn open_with(settings: impl FnOnce(PaywallBuilder) -> PaywallBuilder) -> Self {
        let (facilitator, store) = (Double::default(), MemoryStore::new());
        let paywall: Paywall = settings(builder(&facilitator, &store)).build().await.unwrap();
        let goods = Goods::default();
        let running = S::open(paywall.clone(), goods.clone()).await;
        let client = Client::of(running.address);
        Self { facilitator, store, paywall, goods, client, _running: running, shop: PhantomData }
    }

    /// A client of this site, to be taken elsewhere.
    pub fn client(&self) -> Client {
        self.client
    }

    /// The terms of `GET` at this path.
    pub async fn terms(&self, path: &str) -> PaymentRequired {
        self.get(path, &[]).await.challenge().expect("terms")
    }

    /// An honest payment for `GET` at this path.
    pub async fn pay(&self, path: &str) -> Payment {
        Payer::number(1).pay(&self.terms(path).await).await
    }

    /// `GET` at this path with a fresh payment.
    pub async fn buy_at(&self, path: &str) -> Answer {
        let payment = self.pay(path).await;
        self.buy(path, &payment).await
    }

    /// `GET` with this payment, as soon as it is not in use any more: it comes free when the server has
    /// dropped the request that used it.
    pub async fn buy_when_free(&self, path: &str, payment: &Payment) -> Answer {
        let mut last = None;
        until(async || {
            let answer = self.buy(path, payment).await;
            let free = answer.status != 409 || answer.error() != "payment_in_progress";
            last = Some(answer);
            free
        })
        .await;
        last.expect("an answer")
    }

    /// The states that the books know, newest first.
    pub async fn books(&self) -> Vec<String> {
        let lines = self.store.recent(100).await.unwrap();
        lines.into_iter().map(|line| line.status.to_string()).collect()
    }

    /// What was asked to be settled, in atomic units.
    pub fn settled_amounts(&self) -> Vec<String> {
        let asked = self.facilitator.amounts().into_iter();
        asked.filter(|(question, _)| *question == "settle").map(|(_, amount)| amount).collect()
    }

    /// That nothing was sold, and nobody asked anything.
    #[track_caller]
    pub fn assert_untouched(&self) {
        assert_eq!((self.goods.runs(), self.facilitator.calls()), (0, 0));
    }

    /// That one payment was settled, and the handler has run so often.
    #[track_caller]
    pub fn assert_sold_once(&self, runs: usize) {
        assert_eq!(self.goods.runs(), runs, "runs of the handler");
        assert_eq!((self.facilitator.settle().calls(), self.facilitator.moved()), (1, 1));
    }
}

impl<S> Deref for Site<S> {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl<S> fmt::Debug for Site<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Site").field("client", &self.client).finish_non_exhaustive()
    }
}
