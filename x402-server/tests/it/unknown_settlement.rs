//! Settlements whose outcome is not known: never served, never asked to be paid again, found out
//! later. Time is paused, and runs ahead whenever everybody waits.

use std::time::Duration;

use crate::common::{Answer, Goods, Payer, Payment, Say, Shop, now, until};
use tokio::time::Instant;
use x402_ledger::{ClaimState, Claimed, Claims, PaymentKey};
use x402_server::Price;
use x402_types::{Amount, ErrorReason, Network, SettleResponse};

const TRANSACTION: &str = "0xabc";

async fn open() -> (Shop, Payment) {
    let shop = Shop::open().await;
    let payment = Payer::number(1).pay(&shop.terms("/goods").await).await;
    (shop, payment)
}

fn failed(reason: &str, transaction: &str) -> Say<SettleResponse> {
    Say::This(SettleResponse::failed(reason.into(), None, transaction, "eip155:84532"))
}

fn settled(change: impl FnOnce(&mut SettleResponse)) -> Say<SettleResponse> {
    let payer = Payer::number(1).address();
    let mut response = SettleResponse::settled(payer, TRANSACTION, "eip155:84532");
    change(&mut response);
    Say::This(response)
}

fn assert_unknown(answer: &Answer) {
    assert_eq!(answer.assert_refused(502).error(), "settlement_unknown");
    assert!(answer.header("retry-after").is_some() && answer.receipt().is_none());
}

fn assert_pending(answer: &Answer) {
    assert_eq!(answer.assert_refused(503).error(), "settlement_pending");
    assert!(answer.header("retry-after").is_some() && answer.receipt().is_none());
}

/// The facilitator's second call is under way. Lets it find the payment settled, and sees that it
/// is served just once.
async fn assert_reconciled(shop: &Shop, payment: &Payment) {
    let calls = shop.facilitator.settle().calls();
    assert_pending(&shop.buy(payment).await);
    assert_pending(&shop.buy(payment).await);
    assert_eq!(shop.facilitator.settle().calls(), calls, "a request settled once more");

    shop.facilitator.settle().latch.let_go();
    until(async || shop.books().await == ["settled"]).await;
    let runs = shop.goods.runs();
    until(async || shop.buy(payment).await.status == 200).await;
    assert_eq!(shop.buy(payment).await.assert_refused(409).error(), "payment_already_used");
    assert_eq!(shop.goods.runs(), runs + 1);
    assert_eq!((shop.facilitator.settle().calls(), shop.facilitator.moved()), (calls, 1));
}

#[tokio::test(start_paused = true)]
async fn an_unknown_outcome_is_never_served_and_found_out_later() {
    let answers = [
        Say::Lost,
        Say::YesButLost,
        Say::BadAnswer,
        Say::Nothing,
        Say::Panic,
        settled(|it| it.payer = Some(Payer::number(2).address())),
        settled(|it| it.network = "eip155:8453".to_owned()),
        settled(|it| it.network = "base".to_owned()),
        settled(|it| it.transaction = String::new()),
        settled(|it| it.transaction = "0".repeat(10_000)),
        settled(|it| it.amount = Some(Amount::from(1u64))),
        settled(|it| it.amount = Some(Amount::ZERO)),
        failed("unexpected_settle_error", ""),
        failed("settlement_pending", ""),
        // It was good a moment ago: who used it may have been ourselves.
        failed("invalid_exact_evm_nonce_already_used", ""),
        failed("duplicate_settlement", ""),
    ];
    for answer in answers {
        let (shop, payment) = open().await;
        shop.facilitator.settle().then(answer);
        let first = shop.buy(&payment).await;
        shop.facilitator.settle().latch.hold();
        assert_unknown(&first);
        assert_eq!(shop.books().await, ["unknown"]);
        assert_pending(&shop.buy(&payment).await);

        shop.facilitator.settle().latch.reached(2).await;
        assert_reconciled(&shop, &payment).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_pending_settlement_is_asked_for_once_more_and_served_if_it_is_there() {
    let (shop, payment) = open().await;
    shop.facilitator.settle().then(failed("settlement_pending", TRANSACTION));
    shop.buy(&payment).await.assert_served();
    assert_eq!((shop.facilitator.settle().calls(), shop.goods.runs()), (2, 1));
    assert_eq!(shop.books().await, ["settled"]);
}

#[tokio::test(start_paused = true)]
async fn a_settlement_that_stays_pending_is_told_by_its_transaction_and_found_out_later() {
    for pending in [
        failed("settlement_pending", TRANSACTION),
        failed("post_settlement_transfer_not_confirmed", TRANSACTION),
        failed("unexpected_settle_error", TRANSACTION),
        // No end that is known to be one.
        failed("settle_exact_svm_transaction_confirmation_timed_out", TRANSACTION),
    ] {
        let (shop, payment) = open().await;
        shop.facilitator.settle().then(pending.clone()).then(pending);
        let first = shop.buy(&payment).await;
        shop.facilitator.settle().latch.hold();
        assert_pending(&first);
        assert_eq!(first.json()["transaction"], TRANSACTION);
        assert_eq!(
            (shop.facilitator.settle().calls(), shop.books().await),
            (2, vec!["pending".to_owned()])
        );

        shop.facilitator.settle().latch.reached(3).await;
        assert_reconciled(&shop, &payment).await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_pending_stays_so_whatever_else_is_said_of_it() {
    for second in [
        Say::NotSent,
        Say::Refused,
        Say::Lost,
        Say::BadAnswer,
        Say::Panic,
        // The balance is gone because it has been paid.
        failed("invalid_exact_evm_insufficient_balance", ""),
        failed("invalid_exact_evm_transaction_simulation_failed", ""),
        failed("invalid_exact_evm_nonce_already_used", ""),
        failed("invalid_exact_evm_transaction_failed", "0xanother"),
    ] {
        let shop = Shop::open().await;
        let upfront = Shop::upfront(Goods::default()).await;
        for shop in [shop, upfront] {
            let payment = Payer::number(1).pay(&shop.terms("/goods").await).await;
            let pending = failed("settlement_pending", TRANSACTION);
            shop.facilitator.settle().then(pending).then(second.clone());
            let first = shop.buy(&payment).await;
            shop.facilitator.settle().latch.hold();
            assert_pending(&first);
            assert_eq!(first.json()["transaction"], TRANSACTION);

            shop.facilitator.settle().latch.reached(3).await;
            assert_reconciled(&shop, &payment).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_pending_transaction_that_fails_has_failed() {
    let (shop, payment) = open().await;
    shop.facilitator
        .settle()
        .then(failed("settlement_pending", TRANSACTION))
        .then(failed("invalid_exact_evm_transaction_failed", TRANSACTION));
    let answer = shop.buy(&payment).await;
    assert_eq!(answer.assert_refused(502).error(), "facilitator_unavailable");
    assert_eq!(shop.books().await, ["failed (invalid_exact_evm_transaction_failed)"]);
    shop.buy(&payment).await.assert_served();
}

#[tokio::test(start_paused = true)]
async fn an_outcome_is_asked_for_at_growing_pauses() {
    let (shop, payment) = open().await;
    shop.facilitator.settle().always(Say::Lost);
    assert_unknown(&shop.buy(&payment).await);
    let start = Instant::now();
    let mut at = Vec::new();
    for call in 2..=9 {
        shop.facilitator.settle().latch.reached(call).await;
        at.push(start.elapsed().as_secs());
    }
    assert_eq!(at, [1, 3, 7, 15, 31, 61, 91, 121]);
    assert_eq!(shop.books().await, ["unknown"]);
    assert_pending(&shop.buy(&payment).await);
}

#[tokio::test(start_paused = true)]
async fn an_unknown_outcome_is_not_believed_to_have_failed_later() {
    let (shop, payment) = open().await;
    shop.facilitator.settle().then(Say::Lost);
    shop.facilitator.settle().always(failed("invalid_exact_evm_insufficient_balance", ""));
    assert_unknown(&shop.buy(&payment).await);
    shop.facilitator.settle().latch.reached(3).await;
    assert_pending(&shop.buy(&payment).await);
}

#[tokio::test(start_paused = true)]
async fn a_facilitator_that_does_not_settle_in_time_leaves_the_outcome_unknown() {
    let limits = (Duration::from_secs(2), Duration::from_secs(7));
    let goods = Goods::default();
    let shop = Shop::open_with(goods, |it| it.timeouts(limits.0, limits.1), |it| it).await;
    let payment = Payer::number(1).pay(&shop.terms("/goods").await).await;
    shop.facilitator.settle().latch.hold();
    let start = Instant::now();
    assert_unknown(&shop.buy(&payment).await);
    assert_eq!(start.elapsed().as_secs(), 7);

    shop.facilitator.settle().latch.reached(2).await;
    assert_reconciled(&shop, &payment).await;
}

/// A payment whose end has just come, and its state in the store.
async fn ended(seconds_ago: u64, state: Option<ClaimState>) -> (Shop, Answer) {
    let (shop, payer) = (Shop::open().await, Payer::number(1));
    let end = now() - seconds_ago;
    // Some payers let it begin when they sign it.
    let terms = shop.terms("/goods").await;
    let payment = payer
        .pay_otherwise(&terms, |authorization| {
            authorization.valid_after = Amount::from(end - 60);
            authorization.valid_before = Amount::from(end);
        })
        .await;
    if let Some(state) = state {
        let asset = x402_types::Asset::default_for(&Network::BASE_SEPOLIA).unwrap();
        let nonce = payment.nonce();
        let key = PaymentKey::new(Network::BASE_SEPOLIA, &asset.address, &payer.address(), &nonce);
        let purchase = "GET https://api.example.com/goods";
        let claimed = shop.store.claim(&key, purchase, now() + 60, now()).await.unwrap();
        assert_eq!(claimed, Claimed::Fresh);
        shop.store.advance(&key, state).await.unwrap();
    }
    let answer = shop.buy(&payment).await;
    assert_eq!(shop.facilitator.calls(), 0);
    (shop, answer)
}

#[tokio::test]
async fn a_payment_that_has_ended_is_not_asked_for_again_where_it_may_have_been_settled() {
    let receipt = SettleResponse::settled(Payer::number(1).address(), "0x1", "eip155:84532");
    let (shop, owed) = ended(60, Some(ClaimState::Owed(Box::new(receipt)))).await;
    owed.assert_served();
    assert_eq!(shop.goods.runs(), 1);

    for seconds_ago in [60, 290] {
        let (_, unresolved) = ended(seconds_ago, Some(ClaimState::Unresolved)).await;
        assert_pending(&unresolved);
    }
    let (_, used) = ended(60, Some(ClaimState::Used)).await;
    assert_eq!(used.assert_refused(409).error(), "payment_already_used");

    let reason = ErrorReason::InvalidExactEvmPayloadAuthorizationValidBefore;
    let (shop, unheard_of) = ended(60, None).await;
    unheard_of.assert_challenged(reason.as_str());
    assert_eq!(shop.goods.runs(), 0);
    let (_, long_ago) = ended(3600, Some(ClaimState::Unresolved)).await;
    long_ago.assert_challenged(reason.as_str());
}

#[tokio::test(start_paused = true)]
async fn however_many_outcomes_are_unknown_they_are_asked_for_a_few_at_a_time() {
    let shop = Shop::open().await;
    let terms = shop.terms("/goods").await;
    shop.facilitator.settle().always(Say::Lost);
    for number in 1..=100 {
        shop.buy(&Payer::number(number).pay(&terms).await).await.assert_refused(502);
    }
    assert_eq!(shop.facilitator.settle().calls(), 100);
    shop.facilitator.settle().latch.hold();
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(shop.facilitator.settle().calls(), 132);
    shop.facilitator.settle().always(Say::Yes);
    shop.facilitator.settle().latch.let_go();
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(shop.books().await, ["settled"; 100]);
}

#[tokio::test]
async fn a_payment_that_is_settled_unverified_must_end_in_its_time() {
    let far_off = now() + 400_000_000;
    for (price, status) in [(Price::upfront as fn(Price) -> Price, 400), (|price| price, 200)] {
        let shop = Shop::open_with(Goods::default(), |it| it, price).await;
        let payment = Payer::number(1).pay_until(&shop.terms("/goods").await, far_off).await;
        assert_eq!(shop.buy(&payment).await.status, status);
        assert_eq!(shop.facilitator.settle().calls(), usize::from(status == 200));
    }
}

#[tokio::test(start_paused = true)]
async fn a_payer_who_chose_an_end_far_off_has_nobody_asked_thousands_of_times() {
    let shop = Shop::open().await;
    let terms = shop.terms("/goods").await;
    let payment = Payer::number(1).pay_until(&terms, now() + 400_000_000).await;
    shop.facilitator.settle().always(failed("unexpected_settle_error", ""));
    shop.buy(&payment).await.assert_refused(502);
    tokio::time::sleep(Duration::from_secs(5 * 60)).await;
    let calls = shop.facilitator.settle().calls();
    assert!((10..=20).contains(&calls), "{calls} in the first minutes");
    tokio::time::sleep(Duration::from_secs(24 * 60 * 60)).await;
    let calls = shop.facilitator.settle().calls();
    assert!((140..=200).contains(&calls), "{calls} in a day");
}
