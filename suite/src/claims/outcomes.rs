//! What becomes of a request when the facilitator does not simply say yes.

use x402_types::{SettleResponse, VerifyResponse};

use crate::{Payer, Say, Shop, Site};

pub async fn a_payment_that_the_facilitator_refuses_runs_no_handler<S: Shop>() {
    let site = Site::<S>::open().await;
    let payment = site.pay("/goods").await;
    let refused = VerifyResponse::invalid("insufficient_funds".into(), None);
    site.facilitator.verify().then(Say::This(refused));
    site.buy("/goods", &payment).await.assert_challenged("insufficient_funds");
    assert_eq!((site.goods.runs(), site.facilitator.settle().calls()), (0, 0));
    site.buy("/goods", &payment).await.assert_served();
}

pub async fn without_a_facilitator_nothing_is_sold_and_nothing_asked_for<S: Shop>() {
    let site = Site::<S>::open().await;
    let payment = site.pay("/goods").await;
    site.facilitator.verify().then(Say::NotSent).then(Say::Lost).then(Say::BadAnswer);
    for _ in 0..3 {
        site.buy("/goods", &payment).await.assert_refused(502);
    }
    assert_eq!((site.goods.runs(), site.facilitator.settle().calls()), (0, 0));
    site.buy("/goods", &payment).await.assert_served();
}

pub async fn a_settlement_that_failed_is_told_with_its_receipt_and_no_content<S: Shop>() {
    let site = Site::<S>::open().await;
    let payment = site.pay("/goods").await;
    let failed = SettleResponse::failed("insufficient_funds".into(), None, "", "eip155:84532");
    site.facilitator.settle().then(Say::This(failed));
    let refused = site.buy("/goods", &payment).await;
    let receipt = refused.assert_challenged("insufficient_funds").receipt().expect("a receipt");
    assert!(!receipt.success);
    assert_eq!((site.goods.runs(), site.facilitator.moved()), (1, 0));
    // Nothing was charged, and it can be tried again.
    site.buy("/goods", &payment).await.assert_served();
    assert_eq!(site.facilitator.moved(), 1);
}

pub async fn a_settlement_that_is_not_known_asks_for_no_other_payment<S: Shop>() {
    let site = Site::<S>::open().await;
    let payment = site.pay("/goods").await;
    site.facilitator.settle().then(Say::YesButLost);
    // It is asked about again, and nobody hears.
    site.facilitator.settle().always(Say::Nothing);
    let unknown = site.buy("/goods", &payment).await;
    assert_eq!(unknown.assert_refused(502).error(), "settlement_unknown");
    assert!(unknown.header("retry-after").is_some() && unknown.receipt().is_none());
    let pending = site.buy("/goods", &payment).await;
    assert_eq!(pending.assert_refused(503).error(), "settlement_pending");
    assert_eq!(site.goods.runs(), 1);
    assert_eq!(site.books().await, ["unknown"]);
}

pub async fn a_settlement_that_is_not_confirmed_asks_for_no_other_payment<S: Shop>() {
    let site = Site::<S>::open().await;
    let payment = Payer::number(1).pay(&site.terms("/upfront").await).await;
    let pending =
        SettleResponse::failed("settlement_pending".into(), None, "0xabc", "eip155:84532");
    site.facilitator.settle().then(Say::This(pending.clone())).then(Say::This(pending));
    site.facilitator.settle().always(Say::Nothing);
    // Upfront, too, where the handler does not even run.
    let refused = site.buy("/upfront", &payment).await;
    assert_eq!(refused.assert_refused(503).error(), "settlement_pending");
    assert_eq!(refused.json()["transaction"], "0xabc");
    assert_eq!(site.buy("/upfront", &payment).await.assert_refused(503).status, 503);
    assert_eq!(site.goods.runs(), 0);
}
