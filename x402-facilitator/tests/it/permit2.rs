//! `exact` by Permit2.

use alloy_primitives::{Address, Bytes, U256};
use alloy_sol_types::{SolCall, sol};
use serde_json::json;
use x402_evm::LocalSigner;
use x402_evm::permit2::{EXACT_PROXY, PERMIT2, UPTO_PROXY};
use x402_facilitator::Unavailable;
use x402_ledger::{MemoryStore, Payment as Line, PaymentKey, Payments, Status};
use x402_types::{Amount, Network};

use crate::common::*;

sol! {
    function invalidateUnorderedNonces(uint256 word, uint256 mask) external;
}

/// A payer that lets Permit2 move all of its dollar.
async fn world(world: World) -> World {
    world.allow_permit2(1_000_000).await;
    world
}

#[tokio::test]
async fn a_payment_by_permit2_is_verified_and_settled() {
    let world = world(World::instant()).await;
    let facilitator = world.facilitator().await;
    let request = Permit2Payment::exact(&world.payer).v2().await;
    let verified = verify(&facilitator, &request).await;
    assert!(verified.is_valid, "{verified:?}");
    assert_eq!(world.paid(), 0, "to verify changes nothing");

    let settled = settle(&facilitator, &request).await;
    assert!(settled.success, "{settled:?}");
    assert_eq!(settled.payer.as_deref(), Some(&*world.payer.address().to_string()));
    assert_eq!((settled.transaction.len(), settled.amount), (66, None));
    assert_eq!(world.paid(), PRICE);
    assert_eq!(settle(&facilitator, &request).await, settled, "again, the same");
    assert_eq!(world.wire.count("eth_sendRawTransaction"), 1);
    let verified = verify(&facilitator, &request).await;
    assert_eq!(verified.invalid_reason.unwrap().as_str(), "permit2_invalid_nonce");
}

#[tokio::test]
async fn it_stands_in_the_books_under_its_decimal_nonce() {
    let world = world(World::instant()).await;
    let store = MemoryStore::new();
    let facilitator = world.builder().payments(store.clone()).build().await.unwrap();
    let payment = Permit2Payment::exact(&world.payer);
    let settled = settle(&facilitator, &payment.v2().await).await;
    let payer = world.payer.address().to_string();
    let nonce = payment.authorization.nonce.to_string();
    let key = PaymentKey::new(Network::BASE_SEPOLIA, &payment.offer.asset, &payer, &nonce);
    let line = store.payment(&key).await.unwrap().unwrap();
    assert_eq!((line.status, line.scheme.as_str()), (Status::Settled, "exact"));
    assert_eq!(line.transaction, Some(settled.transaction));
}

/// One of the payment's own faults, found without the chain.
async fn is_refused_offline(payment: Permit2Payment, expected: &str) {
    let world = World::instant();
    let facilitator = world.facilitator().await;
    assert_eq!(refusal(&facilitator, &payment.v2().await).await, expected);
    assert_eq!(world.wire.calls(), [""; 0], "for {expected}");
}

#[tokio::test]
async fn each_fault_of_a_payment_is_told_without_asking_the_chain() {
    let payment = || Permit2Payment::exact(&LocalSigner::random().unwrap());
    let other = Address::repeat_byte(7);
    for (payment, expected) in [
        (payment().with(|a| a.spender = UPTO_PROXY), "invalid_permit2_spender"),
        (payment().with(|a| a.witness.to = other), "invalid_permit2_recipient_mismatch"),
        (payment().with(|a| a.deadline = Amount::from(now() + 3)), "permit2_deadline_expired"),
        (
            payment().with(|a| a.witness.valid_after = Amount::from(now() + 60)),
            "permit2_not_yet_valid",
        ),
        (
            payment().with(|a| a.permitted.amount = Amount::from(PRICE + 1)),
            "permit2_amount_mismatch",
        ),
        (payment().with(|a| a.permitted.token = other), "permit2_token_mismatch"),
        (payment().with(|a| a.witness.facilitator = Some(other)), "upto_facilitator_mismatch"),
        (
            payment().with_offer(|offer| offer.asset = other.to_string()),
            "invalid_payment_requirements",
        ),
        (payment().with_offer(|offer| offer.network = Network::BASE), "invalid_network"),
        // Of several faults the first in the order of the SDKs.
        (
            payment().with(|a| {
                a.witness.to = other;
                a.deadline = Amount::ZERO;
                a.permitted.token = other;
            }),
            "invalid_permit2_recipient_mismatch",
        ),
    ] {
        is_refused_offline(payment, expected).await;
    }
}

#[tokio::test]
async fn a_payment_that_accepted_another_offer_is_refused_without_asking_the_chain() {
    let world = World::instant();
    let facilitator = world.facilitator().await;
    let payment = Permit2Payment::exact(&world.payer);
    for (request, expected) in [
        (payment.asking(|t| t.amount = Amount::from(1u64)).await, "permit2_amount_mismatch"),
        (
            payment.asking(|t| t.pay_to = Address::repeat_byte(9).to_string()).await,
            "invalid_permit2_recipient_mismatch",
        ),
        (
            payment.asking(|t| t.asset = Address::repeat_byte(9).to_string()).await,
            "permit2_token_mismatch",
        ),
        (payment.asking(|t| t.network = Network::BASE).await, "invalid_exact_evm_network_mismatch"),
        (payment.asking(|t| t.scheme = "upto".into()).await, "invalid_upto_evm_scheme"),
        // A way of moving that nobody knows is not taken for another.
        (
            payment
                .asking(|t| {
                    t.extra = Some(r#"{"assetTransferMethod":"erc7710"}"#.parse().unwrap());
                })
                .await,
            "unsupported_payload_type",
        ),
    ] {
        assert_eq!(refusal(&facilitator, &request).await, expected);
    }
    assert_eq!(world.wire.calls(), [""; 0]);
}

#[tokio::test]
async fn a_signature_of_somebody_else_is_refused() {
    let world = World::instant();
    let facilitator = world.facilitator().await;
    let payment = Permit2Payment::exact(&world.payer);
    let other = payment.clone().with(|a| a.deadline = Amount::from(now() + 299));
    let request = payment.signed_by(&other.signature().await.to_string(), |_| {});
    assert_eq!(refusal(&facilitator, &request).await, "invalid_permit2_signature");
    assert_eq!(world.wire.calls(), ["eth_getCode"; 2]);
}

#[tokio::test]
async fn without_an_allowance_it_says_so() {
    let world = World::instant();
    let facilitator = world.facilitator().await;
    let request = Permit2Payment::exact(&world.payer).v2().await;
    assert_eq!(refusal(&facilitator, &request).await, "permit2_allowance_required");
    world.allow_permit2(PRICE - 1).await;
    assert_eq!(refusal(&facilitator, &request).await, "permit2_allowance_required");
    world.allow_permit2(PRICE).await;
    assert!(settle(&facilitator, &request).await.success, "it was not remembered as refused");
}

#[tokio::test]
async fn a_payer_without_money_is_told_so() {
    let world = World::instant();
    let facilitator = world.facilitator().await;
    let request = Permit2Payment::exact(&LocalSigner::random().unwrap()).v2().await;
    assert_eq!(refusal(&facilitator, &request).await, "permit2_insufficient_balance");
}

#[tokio::test]
async fn a_chain_without_permit2_or_the_proxy_settles_nothing() {
    for contract in [EXACT_PROXY, PERMIT2] {
        let world = world(World::instant()).await;
        let facilitator = world.facilitator().await;
        // A call to nothing succeeds.
        world.devnet.set_code(contract, Bytes::new()).unwrap();
        let request = Permit2Payment::exact(&world.payer).v2().await;
        assert_eq!(refusal(&facilitator, &request).await, "permit2_proxy_not_deployed");
    }
}

#[tokio::test]
async fn an_asset_that_lost_its_code_is_refused() {
    let world = world(World::instant()).await;
    let facilitator = world.facilitator().await;
    let request = Permit2Payment::exact(&world.payer).v2().await;
    world.devnet.set_code(x402_devnet::USDC, Bytes::new()).unwrap();
    tokio::time::pause();
    tokio::time::advance(std::time::Duration::from_secs(15 * 60)).await;
    assert_eq!(refusal(&facilitator, &request).await, "asset_not_deployed_contract");
}

#[tokio::test]
async fn a_settlement_that_needs_more_gas_than_allowed_is_refused() {
    let world = world(World::instant()).await;
    let facilitator = world.facilitator_with(|chain| chain.gas_limit_cap(45_000)).await;
    let request = Permit2Payment::exact(&world.payer).v2().await;
    assert_eq!(refusal(&facilitator, &request).await, "permit2_simulation_failed");
}

#[tokio::test]
async fn trouble_of_the_rpc_is_no_fault_of_the_payment() {
    let world = world(World::instant()).await;
    let facilitator = world.facilitator().await;
    world.wire.breaks("eth_getCode", Fault::Broken);
    let request = Permit2Payment::exact(&world.payer).v2().await;
    let error = no_settlement(&facilitator, &request).await;
    assert!(matches!(error, Unavailable::Rpc { .. }), "{error:?}");
    world.wire.mends();
    assert!(settle(&facilitator, &request).await.success);
}

#[tokio::test]
async fn a_payment_of_nothing_fails_as_the_proxy_says() {
    let world = world(World::instant()).await;
    let facilitator = world.facilitator().await;
    let payment = Permit2Payment::exact(&world.payer)
        .with_offer(|offer| offer.amount = Amount::ZERO)
        .with(|a| a.permitted.amount = Amount::ZERO);
    assert_eq!(refusal(&facilitator, &payment.v2().await).await, "permit2_invalid_amount");
}

#[tokio::test]
async fn a_payment_that_was_settled_elsewhere_is_found_though_the_allowance_is_used_up() {
    let world = World::instant();
    world.allow_permit2(PRICE).await;
    let [here, elsewhere] = [world.facilitator().await, world.facilitator().await];
    let request = Permit2Payment::exact(&world.payer).v2().await;
    let transaction = settle(&elsewhere, &request).await.transaction;
    is_found(&here, &request, &transaction, "permit2_invalid_nonce").await;
    assert_eq!(world.paid(), PRICE);
}

#[tokio::test]
async fn one_nonce_is_one_payment_whatever_else_was_signed() {
    let world = world(World::instant()).await;
    let facilitator = world.facilitator().await;
    let payment = Permit2Payment::exact(&world.payer);
    assert!(settle(&facilitator, &payment.v2().await).await.success);
    world.wire.forget_calls();
    let other = payment.with(|a| a.deadline = Amount::from(now() + 200));
    assert_eq!(refusal(&facilitator, &other.v2().await).await, "permit2_invalid_nonce");
    assert_eq!(world.wire.calls(), [""; 0]);
}

#[tokio::test]
async fn the_same_number_as_a_nonce_of_eip_3009_is_another_payment() {
    let world = world(World::instant()).await;
    let facilitator = world.facilitator().await;
    let by_permit2 = Permit2Payment::exact(&world.payer);
    let nonce = by_permit2.authorization.nonce.units();
    let by_token = world.payment().with(|a| a.nonce = nonce.into());
    assert!(settle(&facilitator, &by_permit2.v2().await).await.success);
    assert!(settle(&facilitator, &by_token.v2().await).await.success);
    assert_eq!(world.paid(), 2 * PRICE);
}

/// Settles while another's transaction, at a higher price, gets into the block first.
async fn outrun(world: &World, payment: &Permit2Payment, to: Address, input: Bytes) -> Outrun {
    let facilitator = world.facilitator().await;
    let settling = tokio::spawn({
        let (facilitator, request) = (facilitator.clone(), payment.v2().await);
        async move { settle(&facilitator, &request).await }
    });
    until(|| world.devnet.waiting() == 1).await;
    let sender = if to == PERMIT2 { world.payer.clone() } else { signer(5) };
    let other = call(&world.devnet, &sender, to, input, 5).await;
    world.devnet.mine();
    Outrun { answer: settling.await.unwrap(), other }
}

struct Outrun {
    answer: x402_types::SettleResponse,
    other: String,
}

async fn manual() -> World {
    let world = World::manual();
    world.devnet.set_instant(true);
    world.allow_permit2(1_000_000).await;
    world.devnet.set_instant(false);
    world
}

#[tokio::test(start_paused = true)]
async fn a_payment_that_somebody_else_submitted_first_is_settled_by_that() {
    let world = manual().await;
    let payment = Permit2Payment::exact(&world.payer);
    let input = payment.calldata().await;
    let Outrun { answer, other } = outrun(&world, &payment, EXACT_PROXY, input).await;
    assert!(answer.success, "{answer:?}");
    assert_eq!(answer.transaction, other);
    assert_eq!(world.paid(), PRICE);
}

#[tokio::test(start_paused = true)]
async fn a_payment_submitted_first_with_an_allowance_is_settled_by_that() {
    let world = manual().await;
    let payment = Permit2Payment::exact(&world.payer);
    let (permit, signature) = payment.permit(0).await;
    let input = payment.authorization.calldata(
        payment.authorization.permitted.amount,
        payment.signature().await.to_bytes().into(),
        Some((&permit, signature)),
    );
    let Outrun { answer, other } = outrun(&world, &payment, EXACT_PROXY, input).await;
    assert!(answer.success, "{answer:?}");
    assert_eq!(answer.transaction, other);
}

#[tokio::test(start_paused = true)]
async fn an_earlier_payment_of_the_same_amount_does_not_pay_for_one_whose_nonce_was_given_up() {
    let world = manual().await;
    world.devnet.set_instant(true);
    let earlier = Permit2Payment::exact(&world.payer);
    assert!(settle(&world.facilitator().await, &earlier.v2().await).await.success);
    world.devnet.set_instant(false);

    let payment = Permit2Payment::exact(&world.payer);
    let nonce = payment.authorization.nonce.units();
    let bit = U256::ONE << nonce.byte(0);
    let give_up = invalidateUnorderedNoncesCall { word: nonce >> 8usize, mask: bit };
    let Outrun { answer, .. } =
        outrun(&world, &payment, PERMIT2, give_up.abi_encode().into()).await;
    assert_eq!(reason(&answer), "permit2_invalid_nonce");
    assert_eq!(world.paid(), PRICE, "for the earlier one");
}

#[tokio::test(start_paused = true)]
async fn a_node_that_lags_does_not_make_a_settled_payment_look_unpaid() {
    let world = World::manual();
    world.devnet.set_instant(true);
    world.allow_permit2(PRICE).await;
    world.devnet.set_instant(false);
    let facilitator = world.facilitator().await;
    let payment = Permit2Payment::exact(&world.payer);
    let settling = tokio::spawn({
        let (facilitator, request) = (facilitator.clone(), payment.v2().await);
        async move { settle(&facilitator, &request).await }
    });
    until(|| world.devnet.waiting() == 1).await;
    // The allowance is used up, says one node; of the nonce another does not know yet.
    let zero = |_| json!(format!("0x{:064x}", 0));
    world.wire.breaks_times("eth_call", Fault::Lies(zero), 3);
    let input = payment.calldata().await;
    let other = call(&world.devnet, &signer(5), EXACT_PROXY, input, 5).await;
    world.devnet.mine();
    let answer = settling.await.unwrap();
    assert!(answer.success, "{answer:?}");
    assert_eq!(answer.transaction, other);
}

#[tokio::test]
async fn after_a_crash_a_settlement_that_was_not_even_written_down_is_found_on_chain() {
    let world = world(World::instant()).await;
    for payment in [Permit2Payment::exact(&world.payer), Permit2Payment::upto(&world.payer)] {
        let request = payment.v2().await;
        let settled = settle(&world.facilitator().await, &request).await;
        assert!(settled.success, "{settled:?}");
        // Another of the same amount, later.
        let later = Permit2Payment::exact(&world.payer).v2().await;
        assert!(settle(&world.facilitator().await, &later).await.success);
        let payer = world.payer.address().to_string();
        let nonce = payment.authorization.nonce.to_string();
        let store = MemoryStore::new();
        let at = i64::try_from(now()).unwrap() * 1000 - 60_000;
        let line = Line {
            key: PaymentKey::new(Network::BASE_SEPOLIA, &payment.offer.asset, &payer, &nonce),
            pay_to: PAY_TO.to_string(),
            amount: payment.offer.amount,
            scheme: payment.offer.scheme.clone(),
            purchase: String::new(),
            created_at: at,
            updated_at: at,
            status: Status::Intended,
            transaction: None,
        };
        store.record(line).await.unwrap();
        let facilitator = world.builder().payments(store).build().await.unwrap();
        world.wire.forget_calls();
        let answer = settle(&facilitator, &request).await;
        assert!(answer.success, "{answer:?}");
        assert_eq!(answer.transaction, settled.transaction);
        assert_eq!(world.wire.count("eth_sendRawTransaction"), 0);
    }
}

#[tokio::test]
async fn a_transfer_that_the_token_does_not_show_is_not_believed() {
    let world = world(World::instant()).await;
    let facilitator = world.facilitator().await;
    world.wire.breaks(
        "eth_getTransactionReceipt",
        Fault::Lies(|mut receipt| {
            receipt["logs"] = json!([]);
            receipt
        }),
    );
    let answer = settle(&facilitator, &Permit2Payment::exact(&world.payer).v2().await).await;
    assert_eq!(reason(&answer), "invalid_exact_evm_transfer_event_mismatch");
}

#[tokio::test]
async fn a_token_that_moves_only_by_permit2_is_not_settled_by_eip_3009() {
    let world = world(World::instant()).await;
    let mut asset = usdc();
    asset.transfer_method = x402_types::TransferMethod::Permit2;
    let facilitator = world.facilitator_with(|chain| chain.asset(asset)).await;
    let by_token = world.payment().v2().await;
    assert_eq!(refusal(&facilitator, &by_token).await, "invalid_exact_evm_eip3009_not_supported");
    assert_eq!(world.wire.calls(), [""; 0]);
    let request = Permit2Payment::exact(&world.payer).v2().await;
    assert!(settle(&facilitator, &request).await.success);
}

#[tokio::test]
async fn version_1_knows_no_permit2() {
    let world = world(World::instant()).await;
    let facilitator = world.facilitator().await;
    let extra = r#"{"name":"USDC","version":"2","assetTransferMethod":"permit2"}"#;
    let payment = world.payment().with_offer(|offer| offer.extra = Some(extra.parse().unwrap()));
    assert_eq!(refusal(&facilitator, &payment.v1().await).await, "unsupported_payload_type");
}
