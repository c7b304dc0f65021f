//! A shop that closes.

use std::time::Duration;

use x402_ledger::{
    ClaimState, Claimed, Claims, MemoryStore, Payment as Line, PaymentKey, Payments, Status,
    StoreError,
};

use crate::common::{Goods, Latch, Payer, Shop, until};

/// A store over a slow network.
#[derive(Clone, Default)]
struct Slow {
    store: MemoryStore,
    /// Whatever is written down of a claim comes through here.
    advances: Latch,
}

impl Claims for Slow {
    async fn claim(
        &self,
        key: &PaymentKey,
        purchase: &str,
        expires: u64,
        now: u64,
    ) -> Result<Claimed, StoreError> {
        self.store.claim(key, purchase, expires, now).await
    }

    async fn advance(&self, key: &PaymentKey, state: ClaimState) -> Result<(), StoreError> {
        self.advances.pass().await;
        self.store.advance(key, state).await
    }

    async fn release(&self, key: &PaymentKey) -> Result<(), StoreError> {
        self.store.release(key).await
    }
}

impl Payments for Slow {
    async fn record(&self, payment: Line) -> Result<(), StoreError> {
        self.store.record(payment).await
    }

    async fn complete(
        &self,
        key: &PaymentKey,
        status: Status,
        transaction: Option<String>,
        at: i64,
    ) -> Result<(), StoreError> {
        self.store.complete(key, status, transaction, at).await
    }

    async fn payment(&self, key: &PaymentKey) -> Result<Option<Line>, StoreError> {
        self.store.payment(key).await
    }

    async fn recent(&self, limit: usize) -> Result<Vec<Line>, StoreError> {
        self.store.recent(limit).await
    }
}

#[tokio::test(start_paused = true)]
async fn closing_waits_for_settlements_and_not_longer_than_it_is_told() {
    let shop = Shop::open().await;
    assert!(shop.paywall.drain(Duration::from_secs(1)).await, "nothing is under way");

    let payment = Payer::number(1).pay(&shop.terms("/goods").await).await;
    shop.facilitator.settle().latch.hold();
    let purchase = tokio::spawn({
        let (shop, payment) = (shop.clone(), payment.clone());
        async move { shop.buy(&payment).await }
    });
    shop.facilitator.settle().latch.reached(1).await;
    // The client has gone, the settlement has not.
    purchase.abort();
    assert!(!shop.paywall.drain(Duration::from_secs(1)).await);

    let paywall = shop.paywall.clone();
    let drained = tokio::spawn(async move { paywall.drain(Duration::from_secs(60)).await });
    tokio::task::yield_now().await;
    assert!(!drained.is_finished());
    shop.facilitator.settle().latch.let_go();
    assert!(drained.await.unwrap());
    assert_eq!(shop.books().await, ["settled"]);
    until(async || shop.buy(&payment).await.status == 200).await;
}

#[tokio::test(start_paused = true)]
async fn a_shop_that_was_drained_sells_on() {
    let shop = Shop::open().await;
    assert!(shop.paywall.drain(Duration::ZERO).await);
    let payment = Payer::number(1).pay(&shop.terms("/goods").await).await;
    shop.buy(&payment).await.assert_served();
    assert!(shop.paywall.drain(Duration::from_secs(1)).await);
}

async fn books(store: &Slow) -> Vec<String> {
    let lines = store.recent(100).await.unwrap();
    lines.into_iter().map(|line| line.status.to_string()).collect()
}

#[tokio::test(start_paused = true)]
async fn closing_waits_until_it_is_written_down_what_is_owed() {
    let store = Slow::default();
    let claims = store.clone();
    let shop = Shop::open_with(Goods::default(), |it| it.store(claims), |price| price).await;
    let payment = Payer::number(1).pay(&shop.terms("/goods").await).await;
    shop.facilitator.settle().latch.hold();
    store.advances.hold();
    let purchase = tokio::spawn({
        let (shop, payment) = (shop.clone(), payment.clone());
        async move { shop.buy(&payment).await }
    });
    shop.facilitator.settle().latch.reached(1).await;
    purchase.abort();
    shop.facilitator.settle().latch.let_go();
    store.advances.reached(1).await;
    assert_eq!(books(&store).await, ["settled"]);
    assert!(!shop.paywall.drain(Duration::from_secs(1)).await, "nobody knows yet that it is owed");

    store.advances.let_go();
    assert!(shop.paywall.drain(Duration::from_secs(1)).await);
    shop.buy(&payment).await.assert_served();
    assert_eq!(shop.facilitator.moved(), 1);
}

#[tokio::test(start_paused = true)]
async fn who_gives_up_waiting_keeps_nobody_else_waiting() {
    let shop = Shop::open().await;
    let payment = Payer::number(1).pay(&shop.terms("/goods").await).await;
    shop.facilitator.settle().latch.hold();
    let purchase = tokio::spawn({
        let (shop, payment) = (shop.clone(), payment.clone());
        async move { shop.buy(&payment).await }
    });
    shop.facilitator.settle().latch.reached(1).await;
    let paywall = shop.paywall.clone();
    let patient = tokio::spawn(async move { paywall.drain(Duration::from_secs(600)).await });
    assert!(!shop.paywall.drain(Duration::from_secs(1)).await);
    shop.facilitator.settle().latch.let_go();
    assert!(patient.await.unwrap());
    purchase.await.unwrap().assert_served();
}
