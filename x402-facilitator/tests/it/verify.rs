//! Refusals: each with the exact reason, and the cheap ones without asking the chain.

use alloy_primitives::{Address, Bytes, U256, address};
use x402_evm::{ExactTerms, LocalSigner};
use x402_types::{Amount, Asset, Network, RawObject};

use crate::common::*;

/// One of the payment's own faults, found without the chain.
async fn is_refused_offline(payment: Payment, expected: &str) {
    let world = World::instant();
    let facilitator = world.facilitator().await;
    assert_eq!(refusal(&facilitator, &payment.v2().await).await, expected);
    assert_eq!(world.wire.calls(), [""; 0], "for {expected}");
}

fn payment() -> Payment {
    Payment::new(LocalSigner::random().unwrap())
}

#[tokio::test]
async fn a_payment_to_somebody_else_is_refused_without_asking_the_chain() {
    let stranger = payment().with(|authorization| authorization.to = Address::repeat_byte(7));
    is_refused_offline(stranger, "invalid_exact_evm_recipient_mismatch").await;
}

#[tokio::test]
async fn a_payment_over_another_amount_is_refused_without_asking_the_chain() {
    for amount in [PRICE - 1, PRICE + 1] {
        let other = payment().with(|authorization| authorization.value = Amount::from(amount));
        is_refused_offline(other, "invalid_exact_evm_payload_authorization_value_mismatch").await;
    }
}

#[tokio::test]
async fn a_payment_outside_its_window_is_refused_without_asking_the_chain() {
    let late = payment().with(|authorization| authorization.valid_before = Amount::from(now() + 3));
    is_refused_offline(late, "invalid_exact_evm_payload_authorization_valid_before").await;
    let early =
        payment().with(|authorization| authorization.valid_after = Amount::from(now() + 60));
    is_refused_offline(early, "invalid_exact_evm_payload_authorization_valid_after").await;
}

#[tokio::test]
async fn terms_that_nobody_can_meet_are_refused_without_asking_the_chain() {
    let with = |change: fn(&mut x402_types::PaymentRequirements)| payment().with_offer(change);
    for (payment, expected) in [
        (with(|offer| offer.scheme = "weekly".into()), "unsupported_scheme"),
        (with(|offer| offer.scheme = "upto".into()), "unsupported_payload_type"),
        (with(|offer| offer.network = Network::BASE), "invalid_network"),
        (with(|offer| offer.network = Network::SOLANA), "invalid_network"),
        (with(|offer| offer.extra = None), "invalid_exact_evm_missing_eip712_domain"),
        (with(|offer| offer.pay_to = "nobody".into()), "invalid_payment_requirements"),
        (
            with(|offer| offer.asset = Address::repeat_byte(3).to_string()),
            "invalid_payment_requirements",
        ),
        (
            with(|offer| {
                offer.extra = Some(r#"{"name":"USD Coin","version":"2"}"#.parse().unwrap());
            }),
            "invalid_exact_evm_token_name_mismatch",
        ),
        (
            with(|offer| offer.extra = Some(r#"{"name":"USDC","version":"1"}"#.parse().unwrap())),
            "invalid_exact_evm_token_version_mismatch",
        ),
        (
            with(|offer| {
                let extra = r#"{"name":"USDC","version":"2","assetTransferMethod":"permit2"}"#;
                offer.extra = Some(extra.parse().unwrap());
            }),
            "unsupported_payload_type",
        ),
    ] {
        is_refused_offline(payment, expected).await;
    }
}

#[tokio::test]
async fn a_payment_that_accepted_another_offer_is_refused_without_asking_the_chain() {
    let world = World::instant();
    let facilitator = world.facilitator().await;
    let payment = world.payment();
    let payload = RawObject::new(&payment.payload().await).unwrap();
    let with = |change: fn(&mut x402_types::PaymentRequirements)| {
        let mut accepted = payment.offer.clone();
        change(&mut accepted);
        payment.v2_accepting(accepted, payload.clone())
    };
    for (request, expected) in [
        (with(|accepted| accepted.scheme = "upto".into()), "invalid_exact_evm_scheme"),
        (with(|accepted| accepted.network = Network::BASE), "invalid_exact_evm_network_mismatch"),
        (
            with(|accepted| accepted.amount = Amount::from(1u64)),
            "invalid_exact_evm_payload_authorization_value_mismatch",
        ),
        (
            with(|accepted| accepted.pay_to = Address::repeat_byte(9).to_string()),
            "invalid_exact_evm_recipient_mismatch",
        ),
        (with(|accepted| accepted.asset = Address::repeat_byte(9).to_string()), "invalid_payload"),
    ] {
        assert_eq!(refusal(&facilitator, &request).await, expected);
    }
    let same = with(|accepted| {
        accepted.asset = accepted.asset.to_ascii_lowercase();
        accepted.pay_to = accepted.pay_to.to_ascii_lowercase();
    });
    assert_eq!(world.wire.calls(), [""; 0]);
    assert!(verify(&facilitator, &same).await.is_valid, "the case of an address means nothing");
}

#[tokio::test]
async fn a_signature_of_somebody_else_is_refused_once_it_is_known_that_the_payer_is_no_wallet() {
    let world = World::instant();
    let facilitator = world.facilitator().await;
    let payment = world.payment();
    let mut payload = payment.payload().await;
    payload.signature =
        payment.clone().with(|a| a.value = Amount::from(1u64)).payload().await.signature;
    let request = payment.v2_of(RawObject::new(&payload).unwrap());
    assert_eq!(refusal(&facilitator, &request).await, "invalid_exact_evm_signature");
    payload.signature = "0x00".to_owned();
    let request = payment.v2_of(RawObject::new(&payload).unwrap());
    assert_eq!(refusal(&facilitator, &request).await, "invalid_exact_evm_signature");
    for malformed in ["", "0x", "0x0", "00", &format!("0x{}", "00".repeat(4097))] {
        payload.signature = malformed.to_owned();
        let request = payment.v2_of(RawObject::new(&payload).unwrap());
        assert_eq!(refusal(&facilitator, &request).await, "invalid_exact_evm_signature");
    }
    assert_eq!(world.wire.calls(), ["eth_getCode"; 4]);
}

#[tokio::test]
async fn a_payload_of_another_kind_is_refused_without_asking_the_chain() {
    let world = World::instant();
    let facilitator = world.facilitator().await;
    for (payload, expected) in [
        (r#"{"signature":"0x","permit2Authorization":{}}"#, "unsupported_payload_type"),
        (r#"{"transaction":"AA=="}"#, "invalid_payload"),
    ] {
        let request = world.payment().v2_of(payload.parse().unwrap());
        assert_eq!(refusal(&facilitator, &request).await, expected);
    }
    assert_eq!(world.wire.calls(), [""; 0]);
}

#[tokio::test]
async fn a_payment_that_was_settled_here_is_refused_without_asking_the_chain() {
    let world = World::instant();
    let facilitator = world.facilitator().await;
    let payment = world.payment();
    assert!(settle(&facilitator, &payment.v2().await).await.success);
    world.wire.forget_calls();
    let verified = verify(&facilitator, &payment.v2().await).await;
    assert_eq!(verified.invalid_reason.unwrap().as_str(), "invalid_exact_evm_nonce_already_used");
    // Another payment of the same nonce is not the same payment.
    let other = payment.with(|a| a.valid_before = Amount::from(now() + 200));
    assert_eq!(
        refusal(&facilitator, &other.v2().await).await,
        "invalid_exact_evm_nonce_already_used"
    );
    assert_eq!(world.wire.calls(), [""; 0]);
}

#[tokio::test]
async fn a_payment_that_is_being_settled_is_refused_without_asking_the_chain() {
    let world = World::manual();
    let facilitator = world.facilitator().await;
    let request = world.payment().v2().await;
    let settling = tokio::spawn({
        let (facilitator, request) = (facilitator.clone(), request.clone());
        async move { settle(&facilitator, &request).await }
    });
    until(|| world.devnet.waiting() == 1).await;
    world.wire.forget_calls();
    let verified = verify(&facilitator, &request).await;
    assert_eq!(verified.invalid_reason.unwrap().as_str(), "duplicate_settlement");
    assert_eq!(world.wire.count("eth_call"), 0);
    world.devnet.mine();
    assert!(settling.await.unwrap().success);
}

#[tokio::test]
async fn a_payer_without_money_is_told_so() {
    let world = World::instant();
    let facilitator = world.facilitator().await;
    let request = payment().v2().await;
    assert_eq!(refusal(&facilitator, &request).await, "invalid_exact_evm_insufficient_balance");
    assert_eq!(world.wire.count("eth_sendRawTransaction"), 0, "no gas is spent on it");
}

#[tokio::test]
async fn a_payment_that_was_settled_elsewhere_is_found() {
    let world = World::instant();
    let [here, elsewhere] = [world.facilitator().await, world.facilitator().await];
    let request = world.payment().v2().await;
    let transaction = settle(&elsewhere, &request).await.transaction;
    is_found(&here, &request, &transaction, "invalid_exact_evm_nonce_already_used").await;
    assert_eq!(world.paid(), PRICE);
}

#[tokio::test]
async fn an_asset_that_lost_its_code_is_refused() {
    let world = World::instant();
    let facilitator = world.facilitator().await;
    let request = world.payment().v2().await;
    world.devnet.set_code(x402_devnet::USDC, Bytes::new()).unwrap();
    // Its code was seen at the start, and the transfer succeeds: a call to nothing does.
    tokio::time::pause();
    tokio::time::advance(std::time::Duration::from_secs(15 * 60)).await;
    assert_eq!(refusal(&facilitator, &request).await, "asset_not_deployed_contract");
}

#[tokio::test]
async fn an_asset_without_eip_3009_is_refused() {
    let world = World::instant();
    let token = address!("0x00000000000000000000000000000000000c0de1");
    // Reverts whatever it is asked.
    world.devnet.set_code(token, Bytes::from_static(&[0x5f, 0x5f, 0xfd])).unwrap();
    let asset = Asset::eip3009(Network::BASE_SEPOLIA, "T", token.to_string(), "T", "1", 6);
    let facilitator = world.facilitator_with(|chain| chain.asset(asset.clone())).await;
    let request = signed_for(&world, &asset).await;
    assert_eq!(refusal(&facilitator, &request).await, "invalid_exact_evm_eip3009_not_supported");
}

#[tokio::test]
async fn a_token_with_another_name_than_configured_is_found_out() {
    let world = World::instant();
    let usdc = x402_devnet::USDC.to_string();
    for (name, version, expected) in [
        ("USD Coin", "2", "invalid_exact_evm_token_name_mismatch"),
        ("USDC", "1", "invalid_exact_evm_token_version_mismatch"),
    ] {
        let asset = Asset::eip3009(Network::BASE_SEPOLIA, "USDC", usdc.clone(), name, version, 6);
        let facilitator = world.facilitator_with(|chain| chain.asset(asset.clone())).await;
        assert_eq!(refusal(&facilitator, &signed_for(&world, &asset).await).await, expected);
    }
}

#[tokio::test]
async fn a_transfer_that_needs_more_gas_than_allowed_is_refused() {
    let world = World::instant();
    let facilitator = world.facilitator_with(|chain| chain.gas_limit_cap(30_000)).await;
    let request = world.payment().v2().await;
    assert_eq!(
        refusal(&facilitator, &request).await,
        "invalid_exact_evm_transaction_simulation_failed"
    );
}

#[tokio::test]
async fn a_message_never_exceeds_500_characters() {
    let world = World::instant();
    let facilitator = world.facilitator().await;
    let request = world.payment().with_offer(|offer| offer.pay_to = "x".repeat(10_000)).v2().await;
    let verified = verify(&facilitator, &request).await;
    assert!(verified.invalid_message.unwrap().chars().count() <= 500);
}

#[tokio::test]
async fn a_payment_of_zero_is_a_payment() {
    let world = World::instant();
    let facilitator = world.facilitator().await;
    let payment = world.payment().with_offer(|offer| offer.amount = Amount::ZERO);
    let payment = payment.with(|authorization| authorization.value = Amount::ZERO);
    assert!(ExactTerms::new(&payment.offer).is_ok());
    assert!(settle(&facilitator, &payment.v2().await).await.success);
    assert_eq!(world.devnet.token_balance(PAY_TO).unwrap(), U256::ZERO);
}

async fn signed_for(world: &World, asset: &Asset) -> x402_types::facilitator::Request {
    let mut payment = world.payment();
    payment.offer =
        x402_evm::exact_offer(asset, Amount::from(PRICE), &PAY_TO.to_string(), 300).unwrap();
    let payload = payment.payload_for(x402_evm::Domain::of(asset).unwrap()).await;
    payment.v2_of(RawObject::new(&payload).unwrap())
}
