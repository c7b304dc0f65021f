//! A payment that was used before this process sent anything: whether that settled it.

use std::time::Duration;

use alloy_primitives::{Address, address};
use x402_devnet::USDC;
use x402_facilitator::EvmFacilitator;
use x402_ledger::{MemoryStore, PaymentKey, Payments, Status};
use x402_types::Amount;

use crate::common::*;

const CONTRACT: Address = address!("0x00000000000000000000000000000000C0117AC7");
const SOMEBODY: Address = address!("0x0000000000000000000000000000000000005050");

#[tokio::test]
async fn after_a_restart_without_books_a_settled_payment_is_found_and_written_down() {
    let world = World::instant();
    let payment = world.payment();
    let settled = settle(&world.facilitator().await, &payment.v2().await).await;
    let store = MemoryStore::new();
    let facilitator = world.builder().payments(store.clone()).build().await.unwrap();
    world.wire.forget_calls();
    let found = settle(&facilitator, &payment.v2().await).await;
    assert_eq!(found, settled);
    assert_eq!(world.wire.count("eth_sendRawTransaction"), 0);
    let network = payment.offer.network.clone();
    let (payer, nonce) = (world.payer.address().to_string(), payment.authorization.nonce);
    let key = PaymentKey::new(network, &payment.offer.asset, &payer, &nonce.to_string());
    let line = store.payment(&key).await.unwrap().unwrap();
    assert_eq!((line.status, line.transaction), (Status::Settled, Some(settled.transaction)));
    world.wire.forget_calls();
    assert_eq!(settle(&facilitator, &payment.v2().await).await, found, "again, the same");
    assert_eq!(world.wire.calls(), [""; 0]);
}

#[tokio::test]
async fn a_used_payment_that_cannot_be_looked_for_is_neither_settled_nor_failed() {
    let world = World::instant();
    let payment = world.payment();
    let transaction = submit(&world.devnet, &signer(5), &payment, 1).await;
    let facilitator = world.facilitator().await;
    world.wire.breaks("eth_getLogs", Fault::Broken);
    let open = settle(&facilitator, &payment.v2().await).await;
    assert_eq!((reason(&open), open.transaction.as_str()), ("unexpected_settle_error", ""));
    world.wire.mends();
    let settled = settle(&facilitator, &payment.v2().await).await;
    assert!(settled.success, "{settled:?}");
    assert_eq!(settled.transaction, transaction);
}

#[tokio::test]
async fn it_is_looked_for_no_further_back_than_it_was_good_and_than_an_hour() {
    // An hour is 240 blocks, a minute 4, and 256 more are looked at: clocks differ.
    for (valid_after, blocks, is_found) in
        [(0, 480, true), (0, 500, false), (now() - 60, 250, true), (now() - 60, 270, false)]
    {
        let world = World::instant();
        let payment = world.payment().with(|a| a.valid_after = Amount::from(valid_after));
        submit(&world.devnet, &signer(5), &payment, 1).await;
        for _ in 0..blocks {
            world.devnet.mine();
        }
        let chain = world.chain().block_time(Duration::from_secs(15));
        let facilitator = EvmFacilitator::builder().chain(chain).build().await.unwrap();
        let answer = settle(&facilitator, &payment.v2().await).await;
        assert_eq!(answer.success, is_found, "{valid_after} {blocks}: {answer:?}");
        if !is_found {
            assert_eq!(reason(&answer), "invalid_exact_evm_nonce_already_used");
        }
    }
}

/// One transaction that uses all of these.
async fn together(world: &World, payments: &[&Payment]) -> String {
    let mut calls = Vec::new();
    for payment in payments {
        calls.push((USDC, payment.calldata().await));
    }
    world.devnet.set_code(CONTRACT, caller(&calls)).unwrap();
    call(&world.devnet, &signer(5), CONTRACT, Default::default(), 5).await
}

/// A payment, another of its nonce to somebody else, and one of another nonce that pays just as much
/// to just the same payee.
fn three(world: &World) -> [Payment; 3] {
    let payment = world.payment();
    let to_somebody = payment.clone().with(|a| a.to = SOMEBODY);
    [payment, to_somebody, world.payment()]
}

#[tokio::test]
async fn another_payments_transfer_in_the_transaction_that_used_the_nonce_does_not_count() {
    for other_first in [true, false] {
        let world = World::instant();
        let [payment, to_somebody, same_amount] = three(&world);
        let used =
            if other_first { [&to_somebody, &same_amount] } else { [&same_amount, &to_somebody] };
        let transaction = together(&world, &used).await;
        assert_eq!(world.paid(), PRICE, "by the one of another nonce");
        let facilitator = world.facilitator().await;
        let used = "invalid_exact_evm_nonce_already_used";
        assert_eq!(refusal(&facilitator, &payment.v2().await).await, used);
        is_found(&facilitator, &same_amount.v2().await, &transaction, used).await;
    }
}

#[tokio::test(start_paused = true)]
async fn nor_does_it_where_ours_was_outrun() {
    let world = World::manual();
    let [payment, to_somebody, same_amount] = three(&world);
    let settling = start(&world.facilitator().await, payment.clone());
    until(|| world.devnet.waiting() == 1).await;
    together(&world, &[&to_somebody, &same_amount]).await;
    world.devnet.mine();
    let answer = settling.await.unwrap();
    assert_eq!(reason(&answer), "invalid_exact_evm_nonce_already_used");
    assert_eq!(answer.transaction, world.wire.last_sent().unwrap().to_string());
    assert_eq!(world.paid(), PRICE);
}

#[tokio::test]
async fn payments_that_one_transaction_used_are_each_settled_by_it() {
    let world = World::instant();
    let payments = [world.payment(), world.payment().with(|a| a.value = Amount::from(PRICE))];
    let transaction = together(&world, &payments.each_ref()).await;
    let facilitator = world.facilitator().await;
    for payment in &payments {
        let settled = settle(&facilitator, &payment.v2().await).await;
        assert_eq!(settled.transaction, transaction, "{settled:?}");
    }
    assert_eq!(world.paid(), 2 * PRICE);
}
