//! `upto`: settled is what was used, by the one whom the payer named.

use alloy_primitives::{Address, B256};
use alloy_provider::Provider;
use x402_evm::LocalSigner;
use x402_evm::permit2::EXACT_PROXY;
use x402_facilitator::{EvmFacilitator, Unavailable};
use x402_ledger::{MemoryStore, Payment as Line, PaymentKey, Payments, Status};
use x402_types::{Amount, Network};

use crate::common::*;

async fn world() -> World {
    let world = World::instant();
    world.allow_permit2(1_000_000).await;
    world
}

fn amount(units: u64) -> Option<Amount> {
    Some(Amount::from(units))
}

#[tokio::test]
async fn what_was_used_is_settled_and_no_more() {
    let world = world().await;
    let facilitator = world.facilitator().await;
    let payment = Permit2Payment::upto(&world.payer);
    let verified = verify(&facilitator, &payment.v2().await).await;
    assert!(verified.is_valid, "{verified:?}");

    let settled = settle(&facilitator, &payment.over(3_000).await).await;
    assert!(settled.success, "{settled:?}");
    assert_eq!(settled.amount, amount(3_000));
    assert_eq!(world.paid(), 3_000);
    assert_eq!(settle(&facilitator, &payment.over(3_000).await).await, settled);
    assert_eq!(world.wire.count("eth_sendRawTransaction"), 1);
}

#[tokio::test]
async fn all_of_it_can_be_settled_but_nothing_above() {
    let world = world().await;
    let facilitator = world.facilitator().await;
    let payment = Permit2Payment::upto(&world.payer);
    let above = settle(&facilitator, &payment.over(PRICE + 1).await).await;
    assert_eq!(reason(&above), "invalid_upto_evm_payload_settlement_exceeds_amount");
    assert_eq!(world.wire.calls(), [""; 0]);
    let all = settle(&facilitator, &payment.v2().await).await;
    assert_eq!((all.success, all.amount), (true, amount(PRICE)));
    assert_eq!(world.paid(), PRICE);
}

#[tokio::test]
async fn what_was_settled_is_not_settled_again_over_another_amount() {
    let world = world().await;
    let facilitator = world.facilitator().await;
    let payment = Permit2Payment::upto(&world.payer);
    assert!(settle(&facilitator, &payment.over(3_000).await).await.success);
    for other in [0, 2_999, 5_000] {
        let answer = settle(&facilitator, &payment.over(other).await).await;
        assert_eq!(reason(&answer), "permit2_invalid_nonce", "{other}");
    }
    let verified = verify(&facilitator, &payment.v2().await).await;
    assert_eq!(verified.invalid_reason.unwrap().as_str(), "permit2_invalid_nonce");
    assert_eq!(world.paid(), 3_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settlements_at_once_over_several_amounts_move_one_of_them() {
    let world = world().await;
    let facilitator = world.facilitator().await;
    let payment = Permit2Payment::upto(&world.payer);
    let mut settling = tokio::task::JoinSet::new();
    for at in 0..20 {
        let request = payment.over(1_000 + at % 4).await;
        let facilitator = facilitator.clone();
        settling.spawn(async move { settle(&facilitator, &request).await });
    }
    let answers = settling.join_all().await;
    let settled: Vec<_> = answers.iter().filter(|answer| answer.success).collect();
    assert_eq!(settled.len(), 5, "{answers:?}");
    assert!(settled.iter().all(|answer| answer.amount == amount(world.paid())));
    assert_eq!(world.wire.count("eth_sendRawTransaction"), 1);
}

#[tokio::test]
async fn what_was_not_used_costs_nothing_and_no_transaction() {
    let world = world().await;
    let store = MemoryStore::new();
    let facilitator = world.builder().payments(store.clone()).build().await.unwrap();
    world.wire.forget_calls();
    let payment = Permit2Payment::upto(&world.payer);
    let nothing = settle(&facilitator, &payment.over(0).await).await;
    assert!(nothing.success, "{nothing:?}");
    assert_eq!((nothing.transaction.as_str(), nothing.amount), ("", amount(0)));
    assert_eq!(settle(&facilitator, &payment.over(0).await).await, nothing);
    assert_eq!(world.wire.calls(), [""; 0]);
    assert_eq!(store.recent(2).await.unwrap().len(), 0);
}

#[tokio::test]
async fn who_asks_for_nothing_does_not_keep_the_seller_from_what_was_used() {
    let world = world().await;
    let facilitator = world.builder().build().await.unwrap();
    let payment = Permit2Payment::upto(&world.payer);
    assert!(settle(&facilitator, &payment.over(0).await).await.success);
    let used = settle(&facilitator, &payment.over(5_000).await).await;
    assert!(used.success, "{used:?}");
    assert_eq!((used.amount, world.paid()), (amount(5_000), 5_000));
    let nothing = settle(&facilitator, &payment.over(0).await).await;
    assert_eq!(reason(&nothing), "permit2_invalid_nonce", "it was settled over another amount");
}

#[tokio::test]
async fn a_settlement_over_another_amount_that_an_earlier_process_began_is_not_begun_again() {
    let world = world().await;
    let payment = Permit2Payment::upto(&world.payer);
    let key = PaymentKey::new(
        Network::BASE_SEPOLIA,
        &payment.offer.asset,
        &world.payer.address().to_string(),
        &payment.authorization.nonce.to_string(),
    );
    let line = |status| Line {
        key: key.clone(),
        pay_to: PAY_TO.to_string(),
        amount: Amount::from(2_000u64),
        scheme: "upto".to_owned(),
        purchase: String::new(),
        created_at: 0,
        updated_at: 0,
        status,
        transaction: None,
    };
    for status in [Status::Intended, Status::Pending, Status::Unknown, Status::Settled] {
        let store = MemoryStore::new();
        store.record(line(status)).await.unwrap();
        let facilitator = world.builder().payments(store).build().await.unwrap();
        let answer = settle(&facilitator, &payment.over(3_000).await).await;
        assert_eq!(reason(&answer), "permit2_invalid_nonce");
    }
    let store = MemoryStore::new();
    store.record(line(Status::Failed("not_sent".to_owned()))).await.unwrap();
    let facilitator = world.builder().payments(store).build().await.unwrap();
    assert!(settle(&facilitator, &payment.over(3_000).await).await.success);
}

#[tokio::test]
async fn only_the_signer_that_the_payer_named_sends_it() {
    let world = world().await;
    let facilitator = world.facilitator_with(|chain| chain.signer(signer(1))).await;
    for at in [1, 0, 1, 1] {
        let named = signer(at).address();
        let payment = Permit2Payment::upto(&world.payer)
            .with(|a| a.witness.facilitator = Some(named))
            .with_extra(&format!(
                r#"{{"assetTransferMethod":"permit2","facilitatorAddress":"{named}"}}"#
            ));
        assert!(verify(&facilitator, &payment.v2().await).await.is_valid);
        let settled = settle(&facilitator, &payment.over(10).await).await;
        assert!(settled.success, "{settled:?}");
        let hash: B256 = settled.transaction.parse().unwrap();
        let receipt = world.devnet.provider().get_transaction_receipt(hash).await.unwrap();
        assert_eq!(receipt.unwrap().from, named);
    }
    assert_eq!(world.paid(), 40);
}

#[tokio::test]
async fn where_the_named_signer_has_no_gas_nobody_else_sends_it() {
    let world = world().await;
    let facilitator = world.facilitator_with(|chain| chain.signer(signer(1))).await;
    world.devnet.set_balance(signer(0).address(), alloy_primitives::U256::ZERO);
    let request = Permit2Payment::upto(&world.payer).v2().await;
    let error = no_settlement(&facilitator, &request).await;
    assert!(matches!(error, Unavailable::NoGas { .. }), "{error:?}");
    assert_eq!(world.paid(), 0);
}

/// One of the payment's own faults, found without the chain.
async fn is_refused_offline(payment: Permit2Payment, expected: &str) {
    let world = World::instant();
    let facilitator: EvmFacilitator = world.facilitator().await;
    assert_eq!(refusal(&facilitator, &payment.v2().await).await, expected);
    assert_eq!(world.wire.calls(), [""; 0], "for {expected}");
}

#[tokio::test]
async fn each_fault_of_a_payment_is_told_without_asking_the_chain() {
    let payment = || Permit2Payment::upto(&LocalSigner::random().unwrap());
    let other = Address::repeat_byte(7);
    let stranger = |payment: Permit2Payment| {
        payment.with(|a| a.witness.facilitator = Some(other)).with_extra(&format!(
            r#"{{"assetTransferMethod":"permit2","facilitatorAddress":"{other}"}}"#
        ))
    };
    for (payment, expected) in [
        (payment().with(|a| a.spender = EXACT_PROXY), "invalid_permit2_spender"),
        (payment().with(|a| a.witness.to = other), "invalid_permit2_recipient_mismatch"),
        (payment().with(|a| a.witness.facilitator = Some(other)), "upto_facilitator_mismatch"),
        (payment().with(|a| a.witness.facilitator = None), "upto_facilitator_mismatch"),
        (stranger(payment()), "upto_facilitator_mismatch"),
        (stranger(payment()).with(|a| a.deadline = Amount::ZERO), "upto_facilitator_mismatch"),
        (stranger(payment()).with(|a| a.witness.to = other), "invalid_permit2_recipient_mismatch"),
        (payment().with(|a| a.deadline = Amount::from(now() + 3)), "permit2_deadline_expired"),
        (
            payment().with(|a| a.witness.valid_after = Amount::from(now() + 60)),
            "permit2_not_yet_valid",
        ),
        (
            payment().with(|a| a.permitted.amount = Amount::from(PRICE - 1)),
            "permit2_amount_mismatch",
        ),
        (payment().with(|a| a.permitted.token = other), "permit2_token_mismatch"),
        (payment().with_extra("{}"), "invalid_payment_requirements"),
        (
            payment().with_extra(&format!(
                r#"{{"assetTransferMethod":"eip3009","facilitatorAddress":"{other}"}}"#
            )),
            "unsupported_payload_type",
        ),
    ] {
        is_refused_offline(payment, expected).await;
    }
}

#[tokio::test]
async fn to_verify_the_limit_is_what_was_signed() {
    let world = world().await;
    let facilitator = world.facilitator().await;
    let payment = Permit2Payment::upto(&world.payer);
    for other in [0, PRICE - 1, PRICE + 1] {
        let verified = verify(&facilitator, &payment.over(other).await).await;
        assert_eq!(verified.invalid_reason.unwrap().as_str(), "permit2_amount_mismatch");
    }
    let mismatch = payment.asking(|terms| terms.network = Network::BASE).await;
    assert_eq!(refusal(&facilitator, &mismatch).await, "invalid_upto_evm_network_mismatch");
}

#[tokio::test]
async fn without_an_allowance_it_says_so() {
    let world = World::instant();
    let facilitator = world.facilitator().await;
    let request = Permit2Payment::upto(&world.payer).v2().await;
    assert_eq!(refusal(&facilitator, &request).await, "permit2_allowance_required");
}

#[tokio::test]
async fn a_payment_that_was_settled_elsewhere_is_found_and_over_no_other_amount() {
    let world = world().await;
    let [here, elsewhere] = [world.facilitator().await, world.facilitator().await];
    let payment = Permit2Payment::upto(&world.payer);
    let transaction = settle(&elsewhere, &payment.v2().await).await.transaction;
    let less = settle(&here, &payment.over(PRICE - 1).await).await;
    assert_eq!(reason(&less), "permit2_invalid_nonce");
    is_found(&here, &payment.v2().await, &transaction, "permit2_invalid_nonce").await;
}
