//! A facilitator that says no, or cannot be asked, before money could move: who is told what, and
//! that the payment stays usable.

use crate::common::{Answer, Goods, Payer, Payment, Say, Shop};
use x402_types::{SettleResponse, VerifyResponse};

async fn open() -> (Shop, Payment) {
    let shop = Shop::open().await;
    let payment = Payer::number(1).pay(&shop.terms("/goods").await).await;
    (shop, payment)
}

fn invalid(reason: &str) -> Say<VerifyResponse> {
    Say::This(VerifyResponse::invalid(reason.into(), None))
}

fn failed(reason: &str, transaction: &str) -> Say<SettleResponse> {
    let mut response = SettleResponse::failed(reason.into(), None, transaction, "eip155:84532");
    response.error_message = Some("stack trace of the facilitator".to_owned());
    Say::This(response)
}

/// What the payer gets to hear, and that it is charged once and served once afterwards.
async fn after_verify(say: Say<VerifyResponse>) -> Answer {
    let (shop, payment) = open().await;
    shop.facilitator.verify().then(say);
    let answer = shop.buy(&payment).await;
    assert_eq!((shop.goods.runs(), shop.facilitator.settle().calls()), (0, 0));
    shop.buy(&payment).await.assert_served();
    answer
}

#[tokio::test(start_paused = true)]
async fn what_verification_finds_is_answered_by_whose_fault_it_is() {
    for reason in [
        "invalid_exact_evm_insufficient_balance",
        "insufficient_funds",
        "a_reason_that_nobody_knows",
    ] {
        after_verify(invalid(reason)).await.assert_challenged(reason);
    }
    for reason in ["invalid_exact_evm_nonce_already_used", "duplicate_settlement"] {
        assert_eq!(after_verify(invalid(reason)).await.assert_refused(409).error(), reason);
    }
    assert_eq!(
        after_verify(invalid("invalid_payload")).await.assert_refused(400).error(),
        "invalid_payload"
    );
    for reason in ["invalid_payment_requirements", "unsupported_scheme"] {
        let answer = after_verify(invalid(reason)).await;
        assert_eq!(answer.assert_refused(500).error(), "internal_error");
        assert!(!answer.body.contains(reason), "{}", answer.body);
    }
    let down = after_verify(invalid("unexpected_verify_error")).await;
    assert_eq!(down.assert_refused(502).error(), "facilitator_unavailable");
}

#[tokio::test(start_paused = true)]
async fn a_facilitator_that_cannot_verify_serves_nobody() {
    let another = VerifyResponse::valid(Payer::number(2).address());
    let silent =
        VerifyResponse { invalid_reason: None, ..VerifyResponse::invalid("x".into(), None) };
    for say in [
        Say::NotSent,
        Say::Lost,
        Say::Refused,
        Say::BadAnswer,
        Say::Nothing,
        Say::This(another),
        Say::This(silent),
    ] {
        let answer = after_verify(say).await;
        assert_eq!(answer.assert_refused(502).error(), "facilitator_unavailable");
    }
}

#[tokio::test]
async fn a_facilitator_may_spell_the_payer_in_any_case_or_not_name_it() {
    let address = Payer::number(1).address();
    let unnamed = VerifyResponse { payer: None, ..VerifyResponse::valid("") };
    for say in [
        VerifyResponse::valid(address.to_lowercase()),
        VerifyResponse::valid(address.to_uppercase()),
        unnamed,
    ] {
        let (shop, payment) = open().await;
        shop.facilitator.verify().then(Say::This(say));
        shop.buy(&payment).await.assert_served();
    }
}

#[tokio::test]
async fn a_settlement_that_fails_by_the_payers_fault_is_told_with_terms_and_receipt() {
    let (shop, payment) = open().await;
    let reason = "invalid_exact_evm_insufficient_balance";
    shop.facilitator.settle().then(failed(reason, ""));
    let answer = shop.buy(&payment).await;
    answer.assert_challenged(reason);
    let receipt = answer.receipt().expect("a failed receipt");
    assert!(!receipt.success);
    assert_eq!(receipt.error_reason.as_ref().map(|it| it.as_str()), Some(reason));
    assert_eq!(receipt.error_message, None);
    assert_eq!(shop.books().await, [format!("failed ({reason})")]);
    assert_eq!(shop.goods.runs(), 1, "the handler ran, and what it made went nowhere");

    shop.buy(&payment).await.assert_served();
    assert_eq!((shop.books().await, shop.facilitator.moved()), (vec!["settled".to_owned()], 1));
}

#[tokio::test]
async fn a_settlement_that_was_not_tried_charges_nothing() {
    for say in [Say::NotSent, Say::Refused] {
        let (shop, payment) = open().await;
        shop.facilitator.settle().then(say);
        let answer = shop.buy(&payment).await;
        assert_eq!(answer.assert_refused(502).error(), "facilitator_unavailable");
        assert_eq!(shop.books().await, ["failed (not sent)"]);
        shop.buy(&payment).await.assert_served();
    }
}

#[tokio::test]
async fn a_transaction_that_reverts_is_the_facilitators_and_charges_nothing() {
    let (shop, payment) = open().await;
    shop.facilitator.settle().then(failed("invalid_exact_evm_transaction_failed", "0xabc"));
    let answer = shop.buy(&payment).await;
    assert_eq!(answer.assert_refused(502).error(), "facilitator_unavailable");
    assert!(!answer.body.contains("stack trace"), "{}", answer.body);
    shop.buy(&payment).await.assert_served();
}

#[tokio::test]
async fn an_upfront_payment_that_was_used_before_is_a_replay() {
    let shop = Shop::upfront(Goods::default()).await;
    let payment = Payer::number(1).pay(&shop.terms("/goods").await).await;
    shop.facilitator.settle().then(failed("invalid_exact_evm_nonce_already_used", ""));
    let answer = shop.buy(&payment).await;
    assert_eq!(answer.assert_refused(409).error(), "invalid_exact_evm_nonce_already_used");
    assert_eq!((shop.goods.runs(), shop.facilitator.verify().calls()), (0, 0));
}

#[tokio::test]
async fn what_a_facilitator_says_cannot_break_out_of_an_answer() {
    let reason = format!("\"}}\r\nset-cookie: a=b\r\n\r\n<script>\u{202e}é{}", "x".repeat(9_000));
    for said in [invalid(&reason), invalid("")] {
        let answer = after_verify(said).await;
        assert_eq!(answer.status, 402);
        assert!(answer.header("set-cookie").is_none() && answer.challenge().is_some());
        assert!(answer.header("payment-required").unwrap().len() < 4_096);
    }
    let (shop, payment) = open().await;
    shop.facilitator.settle().then(failed(&reason, ""));
    let answer = shop.buy(&payment).await;
    assert!(answer.header("set-cookie").is_none());
    assert_eq!(answer.status, 402);
}
