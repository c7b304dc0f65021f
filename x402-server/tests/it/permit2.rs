//! `exact` by Permit2.

use crate::common;
use crate::common::{Answer, Goods, Payer, Payment, Say, Shop, now};
use serde_json::Value;
use x402_ledger::{ClaimState, Claims, PaymentKey};
use x402_server::{PaywallBuilder, Price};
use x402_types::{Asset, ErrorReason, Network, PaymentRequired, SettleResponse, VerifyResponse};

async fn open() -> (Shop, PaymentRequired) {
    let shop = Shop::open_with(Goods::default(), |it| it, Price::permit2).await;
    let terms = shop.terms("/goods").await;
    (shop, terms)
}

fn extra(terms: &PaymentRequired) -> Value {
    terms.accepts[0].extra.as_ref().unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_token_that_could_move_otherwise_is_sold_for_by_permit2() {
    let (shop, terms) = open().await;
    assert_eq!(terms.accepts[0].scheme, "exact");
    assert_eq!(extra(&terms)["assetTransferMethod"], "permit2");
    let payment = Payer::number(1).pay(&terms).await;
    assert!(payment.payload.contains("permit2Authorization"));
    shop.buy(&payment).await.assert_served();
    assert_eq!(shop.buy(&payment).await.assert_refused(409).error(), "payment_already_used");
    assert_eq!((shop.goods.runs(), shop.facilitator.moved()), (1, 1));
}

#[tokio::test]
async fn a_token_that_moves_by_permit2_only_is_sold_for() {
    let settings = |it: PaywallBuilder| it.network("megaeth");
    for upto in [false, true] {
        let change = |price: Price| if upto { price.upto() } else { price };
        let shop = Shop::open_with(Goods::default(), settings, change).await;
        let terms = shop.terms("/goods").await;
        let offer = &terms.accepts[1];
        assert_eq!(offer.network, Network::MEGAETH);
        assert_eq!(offer.amount.to_string(), "10000000000000000");
        assert!(offer.as_str().contains(r#""assetTransferMethod":"permit2""#));
        let payment = Payer::number(1).pay_offer(&terms, offer).await;
        shop.buy(&payment).await.assert_served();
    }
}

#[tokio::test]
async fn an_upfront_price_by_permit2_says_both() {
    let change = |price: Price| price.permit2().upfront();
    let shop = Shop::open_with(Goods::default(), |it| it, change).await;
    let terms = shop.terms("/goods").await;
    let extra = extra(&terms);
    assert_eq!(
        (&extra["paymentFlow"], &extra["assetTransferMethod"]),
        (&"upfront".into(), &"permit2".into())
    );
    shop.buy(&Payer::number(1).pay(&terms).await).await.assert_served();
    assert_eq!(shop.facilitator.verify().calls(), 0);
}

#[tokio::test]
async fn a_payment_by_another_method_than_the_offers_is_refused() {
    let (shop, terms) = open().await;
    let eip3009 = Shop::open().await;
    let usual = eip3009.terms("/goods").await;
    let ours = Payer::number(1).pay(&terms).await;
    let theirs = Payer::number(1).pay(&usual).await;
    let crossed = |offer: &Payment, payload: &Payment| Payment {
        payload: payload.payload.clone(),
        ..offer.clone()
    };
    for (shop, payment) in [(&shop, crossed(&ours, &theirs)), (&eip3009, crossed(&theirs, &ours))] {
        assert_eq!(shop.buy(&payment).await.assert_refused(400).error(), "invalid_payload");
        assert_eq!((shop.goods.runs(), shop.facilitator.calls()), (0, 0));
    }
}

async fn without_allowance(payer: &Payer) -> (Shop, Payment, Answer) {
    let (shop, terms) = open().await;
    let payment = payer.pay(&terms).await;
    let reason = ErrorReason::Permit2AllowanceRequired;
    let refused = VerifyResponse::invalid(reason, Some(payer.address()));
    shop.facilitator.verify().then(Say::This(refused));
    let answer = shop.buy(&payment).await;
    (shop, payment, answer)
}

#[tokio::test]
async fn a_payer_that_has_not_allowed_permit2_is_told_so_by_412_and_the_terms() {
    let (shop, payment, answer) = without_allowance(&Payer::number(1)).await;
    answer.assert_challenged_with(412, "permit2_allowance_required");
    let unpaid = shop.send(common::get("/goods", &[])).await;
    let names = |answer: &Answer| {
        let mut names: Vec<_> = answer.headers.keys().map(|it| it.to_string()).collect();
        names.sort_unstable();
        names
    };
    assert_eq!(names(&answer), names(&unpaid));
    let told = PaymentRequired {
        error: Some("permit2_allowance_required".to_owned()),
        ..unpaid.challenge().unwrap()
    };
    assert_eq!(answer.challenge(), Some(told.clone()));
    assert_eq!(serde_json::from_str::<PaymentRequired>(&answer.body).unwrap(), told);
    assert_eq!(shop.goods.runs(), 0);
    // Once it has, the same payment will do.
    shop.buy(&payment).await.assert_served();
}

#[tokio::test]
async fn an_allowance_that_is_gone_at_settlement_is_told_by_412_and_the_failed_receipt() {
    let (shop, terms) = open().await;
    let payment = Payer::number(1).pay(&terms).await;
    let reason = ErrorReason::Permit2AllowanceRequired;
    let failed = SettleResponse::failed(reason, None, "", "eip155:84532");
    shop.facilitator.settle().then(Say::This(failed.clone()));
    let answer = shop.buy(&payment).await;
    answer.assert_challenged_with(412, "permit2_allowance_required");
    assert_eq!(answer.receipt(), Some(failed));
    shop.buy(&payment).await.assert_served();
}

/// A payment by Permit2 that ended so long ago, and what is answered where the store knows it in
/// this state.
async fn ended(seconds_ago: u64, state: Option<ClaimState>, change: fn(Price) -> Price) -> Answer {
    let shop = Shop::open_with(Goods::default(), |it| it, change).await;
    let (terms, payer) = (shop.terms("/goods").await, Payer::number(1));
    let signed_at = now() - seconds_ago - terms.accepts[0].max_timeout_seconds;
    let payment = payer.pay_offer_at(signed_at, &terms, &terms.accepts[0]).await;
    if let Some(state) = state {
        let asset = Asset::default_for(&Network::BASE_SEPOLIA).unwrap();
        let nonce = payment.value()["payload"]["permit2Authorization"]["nonce"].clone();
        let (nonce, payer) = (nonce.as_str().unwrap(), payer.address());
        let key = PaymentKey::new(Network::BASE_SEPOLIA, &asset.address, &payer, nonce);
        let purchase = "GET https://api.example.com/goods";
        shop.store.claim(&key, purchase, now() + 60, now()).await.unwrap();
        shop.store.advance(&key, state).await.unwrap();
    }
    let answer = shop.buy(&payment).await;
    assert_eq!(shop.facilitator.calls(), 0);
    answer
}

#[tokio::test]
async fn a_payment_by_permit2_that_has_ended_is_not_asked_for_again_where_it_may_have_been_settled()
{
    for change in [Price::permit2, Price::upto] {
        let receipt = SettleResponse::settled(Payer::number(1).address(), "0x1", "eip155:84532");
        let owed = ended(60, Some(ClaimState::Owed(Box::new(receipt))), change).await;
        owed.assert_served();
        let unresolved = ended(290, Some(ClaimState::Unresolved), change).await;
        assert_eq!(unresolved.assert_refused(503).error(), "settlement_pending");
        let used = ended(60, Some(ClaimState::Used), change).await;
        assert_eq!(used.assert_refused(409).error(), "payment_already_used");
        for (seconds_ago, state) in [(60, None), (3600, Some(ClaimState::Unresolved))] {
            let answer = ended(seconds_ago, state, change).await;
            answer.assert_challenged("permit2_deadline_expired");
        }
    }
}
