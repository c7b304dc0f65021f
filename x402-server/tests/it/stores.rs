//! A store that is full or broken: better no sale than one that nobody remembers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use tokio::time::sleep;
use x402_server::{Payment as Paid, Price};

use crate::common::{Answer, Goods, MARKER, Payer, Payment, Say, Shop};
use x402_ledger::{
    ClaimState, Claimed, Claims, MemoryStore, Payment as Line, PaymentKey, Payments, Status,
    StoreError,
};

/// A store of which single deeds can be made to fail.
#[derive(Clone, Default)]
struct Fragile {
    store: MemoryStore,
    broken: Arc<Broken>,
}

#[derive(Default)]
struct Broken {
    claim: AtomicBool,
    claim_panics: AtomicBool,
    advance: AtomicBool,
    release: AtomicBool,
    record: AtomicBool,
    complete: AtomicBool,
    complete_panics: AtomicBool,
}

fn whole(broken: &AtomicBool) -> Result<(), StoreError> {
    if broken.load(SeqCst) {
        return Err(StoreError::Unavailable("no connection to postgres://user:secret@db".into()));
    }
    Ok(())
}

impl Claims for Fragile {
    async fn claim(
        &self,
        key: &PaymentKey,
        purchase: &str,
        expires: u64,
        now: u64,
    ) -> Result<Claimed, StoreError> {
        assert!(!self.broken.claim_panics.load(SeqCst), "the store's mistake");
        whole(&self.broken.claim)?;
        self.store.claim(key, purchase, expires, now).await
    }

    async fn advance(&self, key: &PaymentKey, state: ClaimState) -> Result<(), StoreError> {
        whole(&self.broken.advance)?;
        self.store.advance(key, state).await
    }

    async fn release(&self, key: &PaymentKey) -> Result<(), StoreError> {
        whole(&self.broken.release)?;
        self.store.release(key).await
    }
}

impl Payments for Fragile {
    async fn record(&self, payment: Line) -> Result<(), StoreError> {
        whole(&self.broken.record)?;
        self.store.record(payment).await
    }

    async fn complete(
        &self,
        key: &PaymentKey,
        status: Status,
        transaction: Option<String>,
        at: i64,
    ) -> Result<(), StoreError> {
        assert!(!self.broken.complete_panics.load(SeqCst), "the store's mistake");
        whole(&self.broken.complete)?;
        self.store.complete(key, status, transaction, at).await
    }

    async fn payment(&self, key: &PaymentKey) -> Result<Option<Line>, StoreError> {
        self.store.payment(key).await
    }

    async fn recent(&self, limit: usize) -> Result<Vec<Line>, StoreError> {
        self.store.recent(limit).await
    }
}

async fn open() -> (Shop, Arc<Broken>, Payment) {
    let store = Fragile::default();
    let broken = Arc::clone(&store.broken);
    let shop = Shop::open_with(Goods::default(), |it| it.store(store), |price| price).await;
    let payment = Payer::number(1).pay(&shop.terms("/goods").await).await;
    (shop, broken, payment)
}

fn assert_unavailable(answer: &Answer) {
    assert_eq!(answer.assert_refused(503).error(), "payments_unavailable");
    assert!(answer.header("retry-after").is_some());
    assert!(!answer.body.contains("postgres"), "{}", answer.body);
}

#[tokio::test]
async fn without_claims_nothing_is_served_and_nobody_asked() {
    for panics in [false, true] {
        let (shop, broken, payment) = open().await;
        let flag = if panics { &broken.claim_panics } else { &broken.claim };
        flag.store(true, SeqCst);
        assert_unavailable(&shop.buy(&payment).await);
        assert_eq!((shop.goods.runs(), shop.facilitator.calls()), (0, 0));
        // Who does not pay does not notice.
        assert_eq!(shop.terms("/goods").await.accepts.len(), 1);
        flag.store(false, SeqCst);
        shop.buy(&payment).await.assert_served();
    }
}

#[tokio::test]
async fn what_cannot_be_written_down_beforehand_is_not_settled() {
    for upfront in [false, true] {
        let store = Fragile::default();
        let broken = Arc::clone(&store.broken);
        let flow = |it: Price| if upfront { it.upfront() } else { it };
        let shop = Shop::open_with(Goods::default(), |it| it.store(store), flow).await;
        let payment = Payer::number(1).pay(&shop.terms("/goods").await).await;
        broken.record.store(true, SeqCst);
        assert_unavailable(&shop.buy(&payment).await);
        assert_eq!(shop.facilitator.settle().calls(), 0);
        broken.record.store(false, SeqCst);
        shop.buy(&payment).await.assert_served();
        assert_eq!(shop.facilitator.moved(), 1);
    }
}

#[tokio::test]
async fn what_is_settled_is_served_even_if_it_cannot_be_written_down() {
    let ways: [fn(&Broken) -> &AtomicBool; 3] =
        [|it| &it.complete, |it| &it.complete_panics, |it| &it.advance];
    for which in ways {
        let (shop, broken, payment) = open().await;
        which(&broken).store(true, SeqCst);
        shop.buy(&payment).await.assert_served();
        // And not once more.
        shop.buy(&payment).await.assert_refused(409);
        assert_eq!((shop.goods.runs(), shop.facilitator.moved()), (1, 1));
    }
}

#[tokio::test]
async fn a_claim_that_cannot_be_given_back_stays() {
    let store = Fragile::default();
    let broken = Arc::clone(&store.broken);
    let goods = Goods::with_status(404);
    let shop = Shop::open_with(goods, |it| it.store(store), |price| price).await;
    let payment = Payer::number(1).pay(&shop.terms("/goods").await).await;
    broken.release.store(true, SeqCst);
    assert_eq!(shop.buy(&payment).await.status, 404);
    shop.buy(&payment).await.assert_refused(409);
    assert_eq!((shop.goods.runs(), shop.facilitator.settle().calls()), (1, 0));
}

/// Asks again with the same payment until it is served, at most so often.
async fn asks_until_served(shop: &Shop, payment: &Payment) {
    for _ in 0..60 {
        // The clock stands still but for those who wait.
        sleep(Duration::from_secs(1)).await;
        let answer = shop.buy(payment).await;
        if answer.status == 200 {
            answer.assert_served();
            return;
        }
        assert!(answer.challenge().is_none(), "{answer:?}");
    }
    panic!("never served");
}

#[tokio::test(start_paused = true)]
async fn what_was_settled_and_not_served_is_owed_once_the_store_is_back() {
    let store = Fragile::default();
    let broken = Arc::clone(&store.broken);
    let down = Arc::clone(&broken);
    // The handler needs the same database.
    let goods = Goods::made(move |_| {
        let status = if down.advance.load(SeqCst) { 500 } else { 200 };
        http::Response::builder().status(status).body(Full::<Bytes>::from(MARKER)).unwrap()
    });
    let shop = Shop::open_with(goods, |it| it.store(store), Price::upfront).await;
    let payment = Payer::number(1).pay(&shop.terms("/goods").await).await;
    broken.advance.store(true, SeqCst);
    assert_eq!(shop.buy(&payment).await.status, 500);
    assert_eq!(shop.buy(&payment).await.assert_refused(409).error(), "payment_in_progress");
    broken.advance.store(false, SeqCst);
    asks_until_served(&shop, &payment).await;
    shop.buy(&payment).await.assert_refused(409);
    assert_eq!((shop.goods.runs(), shop.facilitator.moved()), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn what_is_found_settled_is_owed_once_the_store_is_back() {
    let (shop, broken, payment) = open().await;
    shop.facilitator.settle().then(Say::YesButLost);
    broken.advance.store(true, SeqCst);
    assert_eq!(shop.buy(&payment).await.assert_refused(502).error(), "settlement_unknown");
    // By now it is known, and cannot be written down.
    sleep(Duration::from_secs(20)).await;
    assert_eq!((shop.facilitator.settle().calls(), shop.facilitator.moved()), (2, 1));
    shop.buy(&payment).await.assert_refused(409);
    broken.advance.store(false, SeqCst);
    asks_until_served(&shop, &payment).await;
    assert_eq!((shop.facilitator.settle().calls(), shop.facilitator.moved()), (2, 1));
}

#[tokio::test]
async fn a_full_store_takes_no_payments_and_forgets_none() {
    let store = MemoryStore::with_capacity(1);
    let shop = Shop::open_with(Goods::default(), |it| it.store(store), |price| price).await;
    let terms = shop.terms("/goods").await;
    let (one, two) = (Payer::number(1).pay(&terms).await, Payer::number(2).pay(&terms).await);
    shop.buy(&one).await.assert_served();
    let calls = shop.facilitator.calls();
    assert_unavailable(&shop.buy(&two).await);
    assert_eq!((shop.goods.runs(), shop.facilitator.calls()), (1, calls));
    assert_eq!(shop.buy(&one).await.assert_refused(409).error(), "payment_already_used");
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_cannot_be_booked_is_settled_once_it_can_and_buys_nothing_more() {
    let store = Fragile::default();
    let kept = store.clone();
    let stream = Goods::made(|request| {
        request.extensions().get::<Paid>().unwrap().charge_more(500u64).unwrap();
        http::Response::new(MARKER.into())
    });
    let shop = Shop::open_with(stream, |it| it.store(kept), Price::streaming).await;
    let payment = Payer::number(1).pay(&shop.terms("/goods").await).await;
    store.broken.record.store(true, SeqCst);
    assert_eq!(shop.buy(&payment).await.body, MARKER);
    assert_eq!(shop.buy(&payment).await.assert_refused(503).error(), "settlement_pending");
    sleep(Duration::from_secs(60)).await;
    assert_eq!(shop.facilitator.settle().calls(), 0, "nothing moves before it is written down");

    store.broken.record.store(false, SeqCst);
    sleep(Duration::from_secs(60)).await;
    assert_eq!(shop.facilitator.moved(), 1);
    assert_eq!(store.recent(9).await.unwrap()[0].status, Status::Settled);
    assert_eq!(shop.buy(&payment).await.assert_refused(409).error(), "payment_already_used");
    assert_eq!(shop.goods.runs(), 1);
}
