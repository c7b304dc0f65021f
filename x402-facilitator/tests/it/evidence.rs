//! What a settlement came to is told from what the chain shows, not from what is convenient.

use std::time::Duration;

use serde_json::{Value, json};
use x402_ledger::{MemoryStore, Payment as Line, PaymentKey, Payments, Status};
use x402_types::Amount;

use crate::common::*;

const SECOND: Duration = Duration::from_secs(1);

/// A minute ago a process that is gone began to settle this payment.
async fn begun(payment: &Payment, status: Status, transaction: Option<String>) -> MemoryStore {
    let authorization = &payment.authorization;
    let (payer, nonce) = (authorization.from.to_string(), authorization.nonce.to_string());
    let network = payment.offer.network.clone();
    let at = i64::try_from(now()).unwrap() * 1000 - 60_000;
    let store = MemoryStore::new();
    let line = Line {
        key: PaymentKey::new(network, &payment.offer.asset, &payer, &nonce),
        pay_to: PAY_TO.to_string(),
        amount: payment.offer.amount,
        scheme: "exact".to_owned(),
        purchase: String::new(),
        created_at: at,
        updated_at: at,
        status,
        transaction,
    };
    store.record(line.clone()).await.unwrap();
    store
}

/// Too old for a facilitator, not yet for the chain.
fn nearly_expired(world: &World) -> Payment {
    world.payment().with(|authorization| authorization.valid_before = Amount::from(now() + 4))
}

// After a crash

#[tokio::test(start_paused = true)]
async fn after_a_crash_a_chain_out_of_reach_leaves_the_outcome_open() {
    let world = World::instant();
    let payment = world.payment();
    let request = payment.v2().await;
    let transaction = submit(&world.devnet, &signer(0), &payment, 1).await;
    for (status, known) in
        [(Status::Pending, transaction.as_str()), (Status::Intended, ""), (Status::Unknown, "")]
    {
        let hash = Some(known.to_owned()).filter(|known| !known.is_empty());
        let store = begun(&payment, status, hash).await;
        let facilitator = world.builder().payments(store).build().await.unwrap();
        world.wire.breaks("*", Fault::Broken);
        let pending = settle(&facilitator, &request).await;
        let told = if known.is_empty() { "unexpected_settle_error" } else { "settlement_pending" };
        assert_eq!(reason(&pending), told, "the money has moved");
        assert_eq!(pending.transaction, known);
        world.wire.mends();
        let settled = settle(&facilitator, &request).await;
        assert!(settled.success, "{settled:?}");
        assert_eq!(settled.transaction, transaction);
    }
}

#[tokio::test]
async fn a_payment_that_expired_after_a_crash_may_have_been_settled_before_it() {
    let world = World::instant();
    let payment = nearly_expired(&world);
    let transaction = submit(&world.devnet, &signer(0), &payment, 1).await;
    for known in [None, Some(transaction.clone())] {
        let store = begun(&payment, Status::Intended, known).await;
        let facilitator = world.builder().payments(store).build().await.unwrap();
        let settled = settle(&facilitator, &payment.v2().await).await;
        assert!(settled.success, "{settled:?}");
        assert_eq!(settled.transaction, transaction);
    }
}

#[tokio::test(start_paused = true)]
async fn a_payment_that_expired_after_a_crash_has_failed_only_when_the_chain_is_past_its_end() {
    let world = World::instant();
    let payment = nearly_expired(&world);
    let request = payment.v2().await;
    let store = begun(&payment, Status::Intended, None).await;
    let facilitator = world.builder().payments(store).build().await.unwrap();
    assert_eq!(reason(&settle(&facilitator, &request).await), "unexpected_settle_error");
    world.devnet.increase_time(5 * SECOND);
    world.devnet.mine();
    let answer = settle(&facilitator, &request).await;
    assert_eq!(reason(&answer), "invalid_exact_evm_payload_authorization_valid_before");
}

#[tokio::test]
async fn after_a_crash_a_payment_that_somebody_else_submitted_long_ago_is_settled() {
    let world = World::instant();
    let payment = world.payment();
    let settled_by = submit(&world.devnet, &signer(5), &payment, 1).await;
    let reverted = submit(&world.devnet, &signer(0), &payment, 1).await;
    for _ in 0..30 {
        world.devnet.mine();
    }
    let store = begun(&payment, Status::Pending, Some(reverted)).await;
    let chain = world.chain().block_time(SECOND);
    let facilitator = x402_facilitator::EvmFacilitator::builder().chain(chain).payments(store);
    let answer = settle(&facilitator.build().await.unwrap(), &payment.v2().await).await;
    assert!(answer.success, "{answer:?}");
    assert_eq!(answer.transaction, settled_by);
}

#[tokio::test]
async fn after_a_crash_a_payment_that_was_never_sent_is_sent() {
    let world = World::instant();
    let payment = world.payment();
    let store = begun(&payment, Status::Intended, None).await;
    let facilitator = world.builder().payments(store).build().await.unwrap();
    assert!(settle(&facilitator, &payment.v2().await).await.success);
    assert_eq!(world.paid(), PRICE);
}

// Where a transaction failed

/// Ours and somebody else's transaction with one authorization in one block, the other's first;
/// then so many blocks more before we see any of it.
async fn front_run(world: &World, later: u64) -> (tokio::task::JoinHandle<Answer>, String) {
    let facilitator = world.facilitator_with(|chain| chain.block_time(15 * SECOND)).await;
    let payment = world.payment();
    let settling = start(&facilitator, payment.clone());
    until(|| world.devnet.waiting() == 1).await;
    let other = submit(&world.devnet, &signer(5), &payment, 5).await;
    for _ in 0..=later {
        world.devnet.mine();
    }
    (settling, other)
}

type Answer = x402_types::SettleResponse;

#[tokio::test]
async fn whoever_settled_a_payment_first_is_found_however_fast_blocks_come() {
    let world = World::manual();
    let (settling, other) = front_run(&world, 100).await;
    let answer = settling.await.unwrap();
    assert!(answer.success, "{answer:?}");
    assert_eq!(answer.transaction, other);
}

#[tokio::test]
async fn whoever_settled_a_payment_first_is_found_by_a_node_that_looks_through_few_blocks_at_once()
{
    let world = World::manual();
    world.wire.breaks(
        "eth_getLogs",
        Fault::Refuses(|params| {
            let number = |end: &str| {
                let hex = params[0][end].as_str().unwrap_or("0xffffffff");
                u64::from_str_radix(&hex[2..], 16).unwrap()
            };
            (number("toBlock") - number("fromBlock") >= 10).then_some("block range is too large")
        }),
    );
    let (settling, other) = front_run(&world, 30).await;
    let answer = settling.await.unwrap();
    assert!(answer.success, "{answer:?}");
    assert_eq!(answer.transaction, other);
}

#[tokio::test(start_paused = true)]
async fn a_failure_that_nothing_explains_is_not_believed_of_a_node_that_lags() {
    let world = World::manual();
    // Not used yet, says a node that is a block behind.
    let unused = |mut answer: Value| {
        if answer == json!(format!("0x{:064x}", 1)) {
            answer = json!(format!("0x{:064x}", 0));
        }
        answer
    };
    let facilitator = world.facilitator().await;
    let payment = world.payment();
    let settling = start(&facilitator, payment.clone());
    until(|| world.devnet.waiting() == 1).await;
    world.wire.breaks_times("eth_call", Fault::Lies(unused), 4);
    world.wire.breaks_times("eth_getLogs", Fault::Lies(|_| json!([])), 1);
    let other = submit(&world.devnet, &signer(5), &payment, 5).await;
    world.devnet.mine();
    let answer = settling.await.unwrap();
    assert!(answer.success, "{answer:?}");
    assert_eq!(answer.transaction, other);
}

#[tokio::test(start_paused = true)]
async fn a_failure_that_an_empty_account_explains_needs_no_logs() {
    let world = World::manual();
    world.wire.breaks("eth_getLogs", Fault::Error(-32601, "method not available"));
    let facilitator = world.facilitator().await;
    let payer = x402_evm::LocalSigner::random().unwrap();
    world.devnet.mint(payer.address(), alloy_primitives::U256::from(PRICE)).unwrap();
    let settling = [(); 2].map(|()| start(&facilitator, Payment::new(payer.clone())));
    until(|| world.devnet.waiting() == 2).await;
    world.devnet.mine();
    let mut failed = Vec::new();
    for settlement in settling {
        failed.extend(Some(settlement.await.unwrap()).filter(|answer| !answer.success));
    }
    assert_eq!(failed.len(), 1);
    assert_eq!(reason(&failed[0]), "invalid_exact_evm_insufficient_balance");
}

// What counts as evidence

#[tokio::test]
async fn payments_are_simulated_on_what_blocks_have() {
    let world = World::instant();
    let facilitator = world.facilitator().await;
    let poor = Payment::new(x402_evm::LocalSigner::random().unwrap()).v2().await;
    verify(&facilitator, &poor).await;
    settle(&facilitator, &poor).await;
    settle(&facilitator, &world.payment().v2().await).await;
    for method in ["eth_call", "eth_estimateGas"] {
        let asked = world.wire.params(method);
        assert!(asked.iter().all(|params| params[1] == "latest"), "{method}: {asked:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_receipt_that_is_not_of_our_transaction_or_of_no_block_proves_nothing() {
    let lies: [fn(Value) -> Value; 2] = [
        |mut receipt| {
            receipt["transactionHash"] = json!(format!("0x{:064x}", 5));
            receipt
        },
        |mut receipt| {
            receipt["blockNumber"] = Value::Null;
            receipt["blockHash"] = Value::Null;
            receipt
        },
    ];
    for lie in lies {
        let world = World::instant();
        let facilitator = world.facilitator().await;
        let request = world.payment().v2().await;
        world.wire.breaks("eth_getTransactionReceipt", Fault::Lies(lie));
        world.wire.breaks("eth_getLogs", Fault::Broken);
        let pending = settle(&facilitator, &request).await;
        assert_eq!(reason(&pending), "settlement_pending");
        world.wire.mends();
        assert!(settle(&facilitator, &request).await.success);
    }
}
