//! `exact` by Permit2 that others settled through contracts of theirs, honest and not.

use alloy_primitives::{Address, Bytes, U256, address};
use x402_evm::permit2::EXACT_PROXY;
use x402_facilitator::EvmFacilitator;
use x402_ledger::{MemoryStore, PaymentKey, Payments, Status};
use x402_types::{Amount, Network, SettleResponse};

use crate::common::*;

const CONTRACT: Address = address!("0x00000000000000000000000000000000C0117AC7");
const WORTHLESS: Address = address!("0x0000000000000000000000000000000000000bad");
const SOMEBODY: Address = address!("0x0000000000000000000000000000000000005050");

async fn manual() -> World {
    let world = World::manual();
    world.devnet.set_instant(true);
    world.allow_permit2(1_000_000).await;
    world.devnet.set_instant(false);
    world
}

fn exact(world: &World) -> Permit2Payment {
    Permit2Payment::exact(&world.payer)
}

/// Another payment of the same nonce: so little to somebody else.
fn other_of_its_nonce(payment: &Permit2Payment) -> Permit2Payment {
    payment.clone().with(|a| {
        a.witness.to = SOMEBODY;
        a.permitted.amount = Amount::from(1u64);
    })
}

/// Another of the same nonce, in a token that is none.
fn worthless(world: &World, payment: &Permit2Payment) -> Permit2Payment {
    world.devnet.set_code(WORTHLESS, yes_man()).unwrap();
    other_of_its_nonce(payment).with(|a| a.permitted.token = WORTHLESS)
}

/// Makes these calls to the proxy out of a contract whose input says something else.
async fn hide(world: &World, payments: &[&Permit2Payment]) {
    let mut calls = Vec::new();
    for payment in payments {
        calls.push((EXACT_PROXY, payment.calldata().await));
    }
    world.devnet.set_code(CONTRACT, caller(&calls)).unwrap();
}

async fn shown(payments: &[&Permit2Payment]) -> Bytes {
    let mut shown = vec![0xde, 0xad];
    for payment in payments {
        shown.extend(payment.calldata().await);
    }
    shown.into()
}

/// Settles while the contract is called at a higher price, so that it is first.
async fn outrun(
    world: &World,
    facilitator: &EvmFacilitator,
    payment: &Permit2Payment,
    input: Bytes,
) -> (SettleResponse, String) {
    let settling = tokio::spawn({
        let (facilitator, request) = (facilitator.clone(), payment.v2().await);
        async move { settle(&facilitator, &request).await }
    });
    until(|| world.devnet.waiting() == 1).await;
    let other = call(&world.devnet, &signer(5), CONTRACT, input, 5).await;
    world.devnet.mine();
    (settling.await.unwrap(), other)
}

fn received(world: &World, account: Address) -> U256 {
    world.devnet.token_balance(account).unwrap()
}

/// What a facilitator says that knows nothing of it.
async fn later(world: &World, payment: &Permit2Payment) -> SettleResponse {
    settle(&world.facilitator().await, &payment.v2().await).await
}

// Honest ones

#[tokio::test(start_paused = true)]
async fn a_payment_that_somebody_settled_through_a_contract_is_settled_by_that() {
    for with_permit in [false, true] {
        let world = manual().await;
        world.devnet.set_code(CONTRACT, forwarder(EXACT_PROXY)).unwrap();
        let payment = exact(&world);
        let input = if with_permit {
            let (permit, signature) = payment.permit(0).await;
            let amount = payment.authorization.permitted.amount;
            let signed = payment.signature().await.to_bytes().into();
            payment.authorization.calldata(amount, signed, Some((&permit, signature)))
        } else {
            payment.calldata().await
        };
        let facilitator = world.facilitator().await;
        let (answer, other) = outrun(&world, &facilitator, &payment, input).await;
        assert!(answer.success, "{answer:?}");
        assert_eq!(answer.transaction, other);
        assert_eq!(world.paid(), PRICE);
        is_found(&world.facilitator().await, &payment.v2().await, &other, "permit2_invalid_nonce")
            .await;
    }
}

#[tokio::test(start_paused = true)]
async fn payments_that_one_transaction_settled_are_each_settled_by_it() {
    let world = manual().await;
    let payments = [exact(&world), exact(&world)];
    hide(&world, &payments.each_ref()).await;
    let input = shown(&payments.each_ref()).await;
    let facilitator = world.facilitator().await;
    let (answer, other) = outrun(&world, &facilitator, &payments[0], input).await;
    assert!(answer.success, "{answer:?}");
    assert_eq!(later(&world, &payments[1]).await.transaction, other);
    assert_eq!(world.paid(), 2 * PRICE);
}

// Those that do not show what they did

#[tokio::test(start_paused = true)]
async fn a_payment_that_may_have_been_settled_out_of_sight_has_not_failed() {
    let world = manual().await;
    let store = MemoryStore::new();
    let facilitator = world.builder().payments(store.clone()).build().await.unwrap();
    let payment = exact(&world);
    hide(&world, &[&payment]).await;
    let (answer, other) = outrun(&world, &facilitator, &payment, Bytes::new()).await;
    assert_eq!(reason(&answer), "settlement_pending");
    let ours = world.wire.last_sent().unwrap().to_string();
    assert_eq!(answer.transaction, ours, "not {other}, of which nobody knows what it did");
    assert_eq!(settle(&facilitator, &payment.v2().await).await, answer, "again, the same");
    let payer = world.payer.address().to_string();
    let nonce = payment.authorization.nonce.to_string();
    let key = PaymentKey::new(Network::BASE_SEPOLIA, &payment.offer.asset, &payer, &nonce);
    let line = store.payment(&key).await.unwrap().unwrap();
    assert_eq!((line.status, line.transaction), (Status::Unknown, Some(ours)));
    let answer = later(&world, &payment).await;
    assert_eq!(reason(&answer), "unexpected_settle_error", "nor without books");
    assert_eq!(world.wire.count("eth_sendRawTransaction"), 0);
}

#[tokio::test(start_paused = true)]
async fn where_the_node_forgot_when_the_nonce_was_used_the_outcome_is_open() {
    let world = manual().await;
    world.devnet.set_code(CONTRACT, forwarder(EXACT_PROXY)).unwrap();
    let payment = exact(&world);
    let input = payment.calldata().await;
    world.wire.breaks(
        "eth_call",
        Fault::Refuses(|params| (params[1] != "latest").then_some("missing trie node")),
    );
    let facilitator = world.facilitator().await;
    let (answer, other) = outrun(&world, &facilitator, &payment, input).await;
    assert_eq!(reason(&answer), "settlement_pending");
    world.wire.mends();
    let answer = settle(&facilitator, &payment.v2().await).await;
    assert!(answer.success, "it is looked at again: {answer:?}");
    assert_eq!(answer.transaction, other);
}

// Those that show what they did not do

#[tokio::test(start_paused = true)]
async fn one_transfer_does_not_count_for_two_payments_of_one_transaction() {
    let world = manual().await;
    let [unpaid, paid] = [exact(&world), exact(&world)];
    hide(&world, &[&worthless(&world, &unpaid), &paid]).await;
    let input = shown(&[&unpaid, &paid]).await;
    let facilitator = world.facilitator().await;
    let (answer, _) = outrun(&world, &facilitator, &unpaid, input).await;
    assert_eq!(world.paid(), PRICE);
    assert_eq!(reason(&answer), "settlement_pending");
    assert_eq!(reason(&later(&world, &paid).await), "unexpected_settle_error");
}

#[tokio::test(start_paused = true)]
async fn a_transfer_counts_for_the_one_payment_that_is_shown_and_for_none_that_is_hidden() {
    let world = manual().await;
    let [shown_one, hidden] = [exact(&world), exact(&world)];
    hide(&world, &[&worthless(&world, &shown_one), &hidden]).await;
    let input = shown(&[&shown_one]).await;
    let facilitator = world.facilitator().await;
    let (answer, _) = outrun(&world, &facilitator, &shown_one, input).await;
    assert!(answer.success, "its payee has the money: {answer:?}");
    assert_eq!(world.paid(), PRICE);
    assert!(!later(&world, &hidden).await.success);
}

#[tokio::test(start_paused = true)]
async fn a_transfer_by_eip_3009_does_not_count_for_a_payment_by_permit2() {
    let world = manual().await;
    let (unpaid, by_token) = (exact(&world), world.payment());
    let spoilt = worthless(&world, &unpaid);
    let calls = [
        (x402_devnet::USDC, by_token.calldata().await),
        // The proxy says that it settled something.
        (EXACT_PROXY, spoilt.calldata().await),
    ];
    world.devnet.set_code(CONTRACT, caller(&calls)).unwrap();
    let input = shown(&[&unpaid]).await;
    let facilitator = world.facilitator().await;
    let (answer, other) = outrun(&world, &facilitator, &unpaid, input).await;
    assert_eq!(reason(&answer), "permit2_invalid_nonce");
    let by_token = settle(&world.facilitator().await, &by_token.v2().await).await;
    assert_eq!(by_token.transaction, other);
    assert_eq!(world.paid(), PRICE);
}

#[tokio::test(start_paused = true)]
async fn of_two_payments_of_one_nonce_the_other_ones_settlement_does_not_count() {
    let world = manual().await;
    let payment = exact(&world);
    let other = other_of_its_nonce(&payment);
    // Besides, as much is paid to the payee by a payment that is not shown.
    hide(&world, &[&other, &exact(&world)]).await;
    let input = shown(&[&payment, &other]).await;
    let facilitator = world.facilitator().await;
    let (answer, _) = outrun(&world, &facilitator, &payment, input).await;
    assert_eq!(received(&world, SOMEBODY), U256::ONE);
    assert_eq!(reason(&answer), "settlement_pending");
}

#[tokio::test(start_paused = true)]
async fn a_nonce_that_was_used_before_was_not_used_by_what_came_later() {
    let world = manual().await;
    world.devnet.set_instant(true);
    let payment = exact(&world);
    let other = other_of_its_nonce(&payment);
    call(&world.devnet, &signer(5), EXACT_PROXY, other.calldata().await, 1).await;
    hide(&world, &[&exact(&world)]).await;
    call(&world.devnet, &signer(5), CONTRACT, shown(&[&payment]).await, 1).await;
    assert_eq!(world.paid(), PRICE);
    assert_eq!(received(&world, SOMEBODY), U256::ONE);
    assert_eq!(reason(&later(&world, &payment).await), "permit2_invalid_nonce");
}
