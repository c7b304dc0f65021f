//! `eip2612GasSponsoring`: the allowance comes by signature.

use alloy_primitives::{Address, U256};
use serde_json::{Value, json};
use x402_devnet::USDC;
use x402_evm::LocalSigner;
use x402_evm::eip2612::Permit;
use x402_evm::permit2::PERMIT2;
use x402_types::Amount;

use crate::common::*;

const WITH_DOMAIN: &str = r#"{"assetTransferMethod":"permit2","name":"USDC","version":"2"}"#;

/// A payment with what its payer answers to the extension.
async fn sponsored(payment: Permit2Payment, change: impl FnOnce(&mut Permit)) -> Permit2Payment {
    let (mut permit, _) = payment.permit(0).await;
    change(&mut permit);
    let signature = payment.sign_permit(&permit).await.to_string();
    answering(payment, &answer(&permit, &signature))
}

fn answer(permit: &Permit, signature: &str) -> Value {
    json!({
        "from": permit.owner.to_string(),
        "asset": USDC.to_string(),
        "spender": permit.spender.to_string(),
        "amount": permit.value.to_string(),
        "nonce": permit.nonce.to_string(),
        "deadline": permit.deadline.to_string(),
        "signature": signature,
        "version": "1",
    })
}

fn answering(mut payment: Permit2Payment, info: &Value) -> Permit2Payment {
    let extensions = json!({"eip2612GasSponsoring": {"info": info}, "else": {"info": {}}});
    payment.extensions = Some(extensions.to_string().parse().unwrap());
    payment
}

#[tokio::test]
async fn a_payer_without_an_allowance_or_gas_pays_by_exact_and_by_upto() {
    let world = World::instant();
    let facilitator = world.facilitator().await;
    assert_eq!(world.devnet.balance(world.payer.address()), U256::ZERO);
    let exact = Permit2Payment::exact(&world.payer).with_extra(WITH_DOMAIN);
    let exact = sponsored(exact, |_| {}).await;
    assert!(verify(&facilitator, &exact.v2().await).await.is_valid);
    let settled = settle(&facilitator, &exact.v2().await).await;
    assert!(settled.success, "{settled:?}");
    assert_eq!(world.paid(), PRICE);

    let upto = Permit2Payment::upto(&world.payer);
    let upto = sponsored(upto, |permit| permit.nonce = Amount::from(1u64)).await;
    assert!(verify(&facilitator, &upto.v2().await).await.is_valid);
    let settled = settle(&facilitator, &upto.over(400).await).await;
    assert!(settled.success, "{settled:?}");
    assert_eq!(settled.amount, Some(Amount::from(400u64)));
    assert_eq!(world.paid(), PRICE + 400);
}

#[tokio::test]
async fn the_domain_of_a_token_need_not_be_in_the_offer() {
    let world = World::instant();
    let facilitator = world.facilitator().await;
    let payment = sponsored(Permit2Payment::exact(&world.payer), |_| {}).await;
    assert!(settle(&facilitator, &payment.v2().await).await.success);
}

#[tokio::test]
async fn where_the_allowance_is_there_already_a_used_permit_does_no_harm() {
    let world = World::instant();
    world.allow_permit2(PRICE).await;
    let facilitator = world.facilitator().await;
    let used = |permit: &mut Permit| permit.nonce = Amount::from(7u64);
    let payment = sponsored(Permit2Payment::exact(&world.payer), used).await;
    assert!(settle(&facilitator, &payment.v2().await).await.success);
    // Without it, it is of no use.
    let payment = sponsored(Permit2Payment::exact(&world.payer), used).await;
    assert_eq!(refusal(&facilitator, &payment.v2().await).await, "permit2_allowance_required");
}

#[tokio::test]
async fn a_bare_echo_of_the_declaration_is_no_permit() {
    let world = World::instant();
    let facilitator = world.facilitator().await;
    let echo = json!({"description": "gas is on us", "version": "1"});
    let payment = answering(Permit2Payment::exact(&world.payer), &echo);
    assert_eq!(refusal(&facilitator, &payment.v2().await).await, "permit2_allowance_required");
    world.allow_permit2(PRICE).await;
    assert!(settle(&facilitator, &payment.v2().await).await.success);
}

#[tokio::test]
async fn each_fault_of_a_permit_is_told_without_asking_the_chain() {
    let world = World::instant();
    let facilitator = world.facilitator().await;
    let payment = || Permit2Payment::exact(&world.payer).with_extra(WITH_DOMAIN);
    let other = Address::repeat_byte(7);
    let (permit, signature) = payment().permit(0).await;
    let sound = answer(&permit, &signature.to_string());
    let with = |key: &str, value: Value| {
        let mut info = sound.clone();
        info[key] = value;
        info
    };
    let soon = (now() + 3).to_string();
    let stranger = Permit2Payment::exact(&LocalSigner::random().unwrap());
    let forged = stranger.sign_permit(&permit).await.to_string();
    for (info, expected) in [
        (with("from", json!(other.to_string())), "eip2612_from_mismatch"),
        (with("asset", json!(other.to_string())), "eip2612_asset_mismatch"),
        (with("spender", json!(other.to_string())), "eip2612_spender_not_permit2"),
        (with("deadline", json!(soon)), "eip2612_deadline_expired"),
        (with("amount", json!("1")), "permit2_2612_amount_mismatch"),
        (with("signature", json!(forged)), "invalid_eip2612_extension_format"),
        (with("signature", json!("0x00")), "invalid_eip2612_extension_format"),
        (with("signature", Value::Null), "invalid_eip2612_extension_format"),
        (with("nonce", json!(1)), "invalid_eip2612_extension_format"),
        // Signed, but not with this nonce.
        (with("nonce", json!("1")), "invalid_eip2612_extension_format"),
        (with("amount", json!("-1")), "invalid_eip2612_extension_format"),
        (with("from", json!("nobody")), "invalid_eip2612_extension_format"),
        (with("version", json!("2")), "invalid_eip2612_extension_format"),
        (json!("0x"), "invalid_eip2612_extension_format"),
    ] {
        let request = answering(payment(), &info).v2().await;
        assert_eq!(refusal(&facilitator, &request).await, expected, "{info}");
    }
    assert_eq!(permit.spender, PERMIT2);
    assert_eq!(world.wire.calls(), [""; 0]);
}

#[tokio::test]
async fn a_domain_that_is_not_the_tokens_is_refused_only_where_it_is_used() {
    let world = World::instant();
    world.allow_permit2(1_000_000).await;
    let facilitator = world.facilitator().await;
    for (extra, expected) in [
        (
            r#"{"assetTransferMethod":"permit2","name":"USD Coin","version":"2"}"#,
            "invalid_exact_evm_token_name_mismatch",
        ),
        (
            r#"{"assetTransferMethod":"permit2","name":"USDC","version":"1"}"#,
            "invalid_exact_evm_token_version_mismatch",
        ),
    ] {
        let payment = Permit2Payment::exact(&world.payer).with_extra(extra);
        let request = sponsored(payment.clone(), |_| {}).await.v2().await;
        assert_eq!(refusal(&facilitator, &request).await, expected);
        assert!(settle(&facilitator, &payment.v2().await).await.success);
    }
}
