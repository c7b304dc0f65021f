//! Chains, nodes and others that do not behave.

use std::time::Duration;

use alloy_primitives::{Bytes, U256};
use serde_json::{Value, json};
use tokio::time::Instant;
use x402_evm::LocalSigner;
use x402_facilitator::Unavailable;
use x402_types::facilitator::Facilitator;

use crate::common::*;

const SECOND: Duration = Duration::from_secs(1);

// Before a transaction is sent

#[tokio::test]
async fn an_rpc_that_fails_is_no_fault_of_the_payment() {
    let world = World::instant();
    let facilitator = world.facilitator().await;
    let request = world.payment().v2().await;
    world.wire.breaks("*", Fault::Broken);
    let error = Facilitator::verify(&facilitator, &request).await.unwrap_err();
    assert!(matches!(unavailable(error), Unavailable::Rpc { .. }));
    let error = no_settlement(&facilitator, &request).await;
    assert!(matches!(error, Unavailable::Rpc { .. }), "{error:?}");
    world.wire.mends();
    assert!(settle(&facilitator, &request).await.success, "the payment is as good as before");
}

#[tokio::test]
async fn a_node_that_is_out_of_order_is_no_fault_of_the_payment() {
    let world = World::instant();
    let facilitator = world.facilitator().await;
    let request = world.payment().v2().await;
    world.wire.breaks("*", Fault::Error(-32005, "rate limit exceeded"));
    let error = Facilitator::verify(&facilitator, &request).await.unwrap_err();
    assert!(matches!(unavailable(error), Unavailable::Rpc { .. }));
}

#[tokio::test(start_paused = true)]
async fn an_rpc_that_hangs_is_not_waited_for_beyond_its_time() {
    for method in ["eth_estimateGas", "eth_feeHistory", "eth_getTransactionCount"] {
        let world = World::instant();
        let facilitator = world.facilitator_with(|chain| chain.rpc_timeout(2 * SECOND)).await;
        let request = world.payment().v2().await;
        world.wire.breaks(method, Fault::Hangs);
        let started = Instant::now();
        let error = no_settlement(&facilitator, &request).await;
        assert!(matches!(error, Unavailable::Rpc { .. }), "{error:?}");
        assert!(started.elapsed() <= 3 * SECOND, "{method} took {:?}", started.elapsed());
        world.wire.mends();
        assert!(settle(&facilitator, &request).await.success, "{method}");
        assert_eq!(world.paid(), PRICE);
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_not_sent_by_the_deadline_is_never_sent() {
    let world = World::instant();
    let impatient =
        |chain: x402_facilitator::Chain| chain.settle_deadline(2 * SECOND).rpc_timeout(10 * SECOND);
    let facilitator = world.facilitator_with(impatient).await;
    let request = world.payment().v2().await;
    world.wire.breaks("eth_feeHistory", Fault::Hangs);
    let started = Instant::now();
    let error = no_settlement(&facilitator, &request).await;
    assert!(matches!(error, Unavailable::Busy { .. }), "{error:?}");
    assert!(started.elapsed() < 3 * SECOND);
    tokio::time::sleep(30 * SECOND).await;
    assert_eq!(world.wire.count("eth_sendRawTransaction"), 0);
    world.wire.mends();
    assert!(settle(&facilitator, &request).await.success);
    assert_eq!(world.paid(), PRICE);
}

#[tokio::test]
async fn without_gas_another_signer_steps_in() {
    let world = World::instant();
    world.devnet.set_balance(signer(0).address(), U256::ZERO);
    let facilitator = world.facilitator_with(|chain| chain.signer(signer(1))).await;
    assert!(settle(&facilitator, &world.payment().v2().await).await.success);
}

#[tokio::test]
async fn without_any_gas_nothing_is_sent_until_there_is_some() {
    let world = World::instant();
    let full = world.devnet.balance(signer(0).address());
    world.devnet.set_balance(signer(0).address(), U256::ZERO);
    let facilitator = world.facilitator().await;
    let request = world.payment().v2().await;
    let error = no_settlement(&facilitator, &request).await;
    assert!(matches!(error, Unavailable::NoGas { .. }), "{error:?}");
    world.devnet.set_balance(signer(0).address(), full);
    assert!(settle(&facilitator, &request).await.success, "the nonce was put back");
}

#[tokio::test]
async fn fees_above_the_cap_are_not_paid() {
    let world = World::instant();
    let facilitator = world.facilitator_with(|chain| chain.max_fee_per_gas(1_000_000)).await;
    let error = no_settlement(&facilitator, &world.payment().v2().await).await;
    assert!(matches!(error, Unavailable::FeesTooHigh { cap: 1_000_000, .. }), "{error:?}");
    assert_eq!(world.wire.count("eth_sendRawTransaction"), 0);
}

#[tokio::test]
async fn more_than_may_be_under_way_are_refused_and_not_kept_waiting() {
    let world = World::manual();
    let facilitator = world.facilitator_with(|chain| chain.max_in_flight(2)).await;
    let settling = [start(&facilitator, world.payment()), start(&facilitator, world.payment())];
    until(|| world.devnet.waiting() == 2).await;
    let third = world.payment().v2().await;
    let error = no_settlement(&facilitator, &third).await;
    assert!(matches!(error, Unavailable::Busy { .. }), "{error:?}");
    world.devnet.mine();
    for settlement in settling {
        assert!(settlement.await.unwrap().success);
    }
    world.devnet.set_instant(true);
    assert!(settle(&facilitator, &third).await.success);
}

#[tokio::test]
async fn a_full_memory_refuses_rather_than_forget() {
    let world = World::instant();
    let facilitator = world.builder().remembered_payments(1).build().await.unwrap();
    let request = world.payment().v2().await;
    let first = settle(&facilitator, &request).await;
    let error = no_settlement(&facilitator, &world.payment().v2().await).await;
    assert!(matches!(error, Unavailable::Busy { .. }), "{error:?}");
    assert_eq!(settle(&facilitator, &request).await, first);
}

// While and after a transaction is sent

#[tokio::test(start_paused = true)]
async fn a_transaction_whose_answer_was_lost_is_found_by_its_hash() {
    let world = World::instant();
    let facilitator = world.facilitator().await;
    world.wire.breaks_times("eth_sendRawTransaction", Fault::AnswerLost, 1);
    assert!(settle(&facilitator, &world.payment().v2().await).await.success);
    assert_eq!(world.nonce().await, 1, "nothing else was sent");
    assert_eq!(world.paid(), PRICE);
}

#[tokio::test(start_paused = true)]
async fn a_transaction_that_did_not_arrive_is_sent_again_as_it_is() {
    let world = World::every(SECOND);
    let facilitator = world.facilitator().await;
    world.wire.breaks_times("eth_sendRawTransaction", Fault::Broken, 3);
    assert!(settle(&facilitator, &world.payment().v2().await).await.success);
    assert_eq!(world.nonce().await, 1);
}

#[tokio::test(start_paused = true)]
async fn where_a_node_never_answers_the_settlement_is_pending_and_goes_on() {
    let world = World::every(SECOND);
    let facilitator = world.facilitator().await;
    let request = world.payment().v2().await;
    world.wire.breaks("eth_sendRawTransaction", Fault::Hangs);
    let started = Instant::now();
    let pending = settle(&facilitator, &request).await;
    assert_eq!(reason(&pending), "settlement_pending");
    assert!(started.elapsed() < 26 * SECOND, "a caller waits longer than we do");
    assert_eq!(pending.transaction.len(), 66);
    world.wire.mends();
    let settled = settle(&facilitator, &request).await;
    assert!(settled.success, "{settled:?}");
    assert_eq!(world.paid(), PRICE);
}

#[tokio::test(start_paused = true)]
async fn on_a_chain_that_does_not_mine_the_settlement_is_pending_and_reconciled() {
    let world = World::manual();
    let facilitator = world.facilitator_with(|chain| chain.settle_deadline(8 * SECOND)).await;
    let request = world.payment().v2().await;
    let pending = settle(&facilitator, &request).await;
    assert_eq!(reason(&pending), "settlement_pending");
    assert_eq!(settle(&facilitator, &request).await, pending, "the same transaction");
    assert_eq!(world.devnet.waiting(), 1);
    world.devnet.mine();
    let settled = settle(&facilitator, &request).await;
    assert!(settled.success, "{settled:?}");
    assert_eq!(settled.transaction, pending.transaction);
    assert_eq!(world.paid(), PRICE);
    assert_eq!(world.nonce().await, 1);
}

#[tokio::test(start_paused = true)]
async fn a_settlement_whose_receipt_cannot_be_had_is_pending() {
    for fault in [Fault::Broken, Fault::Hangs, Fault::Error(-32603, "internal error")] {
        let world = World::instant();
        let facilitator = world.facilitator().await;
        let request = world.payment().v2().await;
        world.wire.breaks("eth_getTransactionReceipt", fault);
        let pending = settle(&facilitator, &request).await;
        assert_eq!(reason(&pending), "settlement_pending");
        assert_eq!(world.paid(), PRICE, "it is paid, but that is not known");
        world.wire.mends();
        let settled = settle(&facilitator, &request).await;
        assert_eq!(settled.transaction, pending.transaction);
        assert!(settled.success);
    }
}

#[tokio::test(start_paused = true)]
async fn a_transaction_that_fell_out_of_the_pool_is_sent_again() {
    let world = World::manual();
    let facilitator = world.facilitator().await;
    let settling = start(&facilitator, world.payment());
    until(|| world.devnet.waiting() == 1).await;
    tokio::time::sleep(SECOND).await;
    let hash = world.wire.last_sent().unwrap();
    assert!(world.devnet.drop_transaction(hash));
    tokio::time::sleep(8 * SECOND).await;
    assert_eq!(world.devnet.waiting(), 1);
    world.devnet.mine();
    let settled = settling.await.unwrap();
    assert_eq!(settled.transaction, hash.to_string());
}

#[tokio::test(start_paused = true)]
async fn a_transaction_that_is_priced_out_is_replaced_with_the_same_nonce() {
    let world = World::every(SECOND);
    let facilitator = world.facilitator().await;
    let settling = [start(&facilitator, world.payment()), start(&facilitator, world.payment())];
    until(|| world.devnet.waiting() == 2).await;
    world.devnet.set_base_fee(50_000_000);
    for settlement in settling {
        let settled = settlement.await.unwrap();
        assert!(settled.success, "{settled:?}");
    }
    assert_eq!(world.nonce().await, 2);
    assert_eq!(world.paid(), 2 * PRICE);
}

#[tokio::test(start_paused = true)]
async fn a_transaction_that_no_node_wants_does_not_hold_up_the_next() {
    let world = World::every(SECOND);
    let facilitator = world.facilitator().await;
    let disliked = world.payment().v2().await;
    world.wire.breaks("eth_sendRawTransaction", Fault::Error(-32000, "policy violation"));
    let pending = settle(&facilitator, &disliked).await;
    assert_eq!(reason(&pending), "settlement_pending", "who knows who has it");
    world.wire.mends();
    let next = settle(&facilitator, &world.payment().v2().await).await;
    assert!(next.success, "{next:?}");
    let error = no_settlement(&facilitator, &disliked).await;
    assert!(matches!(error, Unavailable::Rejected { .. }), "it was given up: {error:?}");
    let again = settle(&facilitator, &disliked).await;
    assert!(again.success, "{again:?}");
    assert_eq!(world.paid(), 2 * PRICE);
    assert_eq!(world.nonce().await, 3, "the disliked one's nonce was used up by nothing");
}

#[tokio::test(start_paused = true)]
async fn a_nonce_that_was_not_used_does_not_hold_up_the_next() {
    let world = World::every(SECOND);
    let facilitator = world.facilitator().await;
    world.wire.breaks_times("eth_sendRawTransaction", Fault::Error(-32000, "txpool is full"), 1);
    let settling = [start(&facilitator, world.payment()), start(&facilitator, world.payment())];
    let mut settled = 0;
    for settlement in settling {
        let answer = settlement.await.unwrap();
        if answer.success {
            settled += 1;
        } else {
            assert!(reason(&answer).contains("refused the transaction: txpool is full"));
        }
    }
    assert_eq!(settled, 1);
    assert_eq!(world.nonce().await, 2, "the first one's nonce was used up by nothing");
    assert!(settle(&facilitator, &world.payment().v2().await).await.success);
}

#[tokio::test(start_paused = true)]
async fn a_nonce_that_somebody_else_used_is_asked_for_anew() {
    let world = World::instant();
    let [one, two] = [world.facilitator().await, world.facilitator().await];
    for facilitator in [&one, &two, &one, &two, &two, &one] {
        let settled = settle(facilitator, &world.payment().v2().await).await;
        assert!(settled.success, "{settled:?}");
    }
    assert_eq!(world.nonce().await, 6);
}

#[tokio::test(start_paused = true)]
async fn a_transaction_that_somebody_elses_displaced_is_found_out() {
    let world = World::manual();
    let facilitator = world.facilitator().await;
    let settling = start(&facilitator, world.payment());
    until(|| world.devnet.waiting() == 1).await;
    let hash = world.wire.last_sent().unwrap();
    world.devnet.drop_transaction(hash);
    // The same key elsewhere, which nobody should do.
    let elsewhere = world.facilitator().await;
    world.devnet.set_instant(true);
    assert!(settle(&elsewhere, &world.payment().v2().await).await.success);
    let answer = settling.await.unwrap();
    assert!(!answer.success);
    assert_eq!(world.paid(), PRICE);
}

// What a block has

#[tokio::test]
async fn a_receipt_without_the_transfer_is_no_settlement() {
    let lies: [fn(Value) -> Value; 4] = [
        |mut receipt| {
            receipt["logs"] = json!([]);
            receipt
        },
        |mut receipt| {
            // Another token's transfer.
            for log in receipt["logs"].as_array_mut().unwrap() {
                log["address"] = json!("0x00000000000000000000000000000000deadbeef");
            }
            receipt
        },
        |mut receipt| {
            // A transfer to somebody else.
            let payee = json!("0x00000000000000000000000000000000000000000000000000000000deadbeef");
            for log in receipt["logs"].as_array_mut().unwrap() {
                if log["topics"].as_array().unwrap().len() == 3 && log["data"] != json!("0x") {
                    log["topics"][2] = payee.clone();
                }
            }
            receipt
        },
        |mut receipt| {
            // Less than was signed.
            for log in receipt["logs"].as_array_mut().unwrap() {
                if log["data"] != json!("0x") {
                    log["data"] = json!(format!("0x{:064x}", 1));
                }
            }
            receipt
        },
    ];
    for lie in lies {
        let world = World::instant();
        let facilitator = world.facilitator().await;
        world.wire.breaks("eth_getTransactionReceipt", Fault::Lies(lie));
        let request = world.payment().v2().await;
        let answer = settle(&facilitator, &request).await;
        assert_eq!(reason(&answer), "invalid_exact_evm_transfer_event_mismatch");
        assert_eq!(answer.transaction.len(), 66, "it says where to look");
        assert_eq!(settle(&facilitator, &request).await, answer);
    }
}

#[tokio::test]
async fn a_token_that_only_pretends_is_no_settlement() {
    let world = World::instant();
    let facilitator = world.facilitator().await;
    // Accepts every call and does nothing.
    world.devnet.set_code(x402_devnet::USDC, Bytes::from_static(&[0x00])).unwrap();
    let answer = settle(&facilitator, &world.payment().v2().await).await;
    assert_eq!(reason(&answer), "invalid_exact_evm_transfer_event_mismatch");
}

#[tokio::test]
async fn money_that_was_gone_when_the_block_came_is_told() {
    let world = World::manual();
    let facilitator = world.facilitator().await;
    let payer = LocalSigner::random().unwrap();
    world.devnet.mint(payer.address(), U256::from(PRICE)).unwrap();
    let payments = [Payment::new(payer.clone()), Payment::new(payer)];
    let settling = payments.map(|payment| start(&facilitator, payment));
    until(|| world.devnet.waiting() == 2).await;
    world.devnet.mine();
    let mut failures = Vec::new();
    for settlement in settling {
        let answer = settlement.await.unwrap();
        if !answer.success {
            failures.push(answer);
        }
    }
    assert_eq!(failures.len(), 1);
    assert_eq!(reason(&failures[0]), "invalid_exact_evm_insufficient_balance");
    assert_eq!(failures[0].transaction.len(), 66, "the transaction that failed");
    assert_eq!(world.paid(), PRICE);
}

#[tokio::test(start_paused = true)]
async fn a_payment_that_somebody_else_submitted_first_is_settled() {
    let world = World::instant();
    let facilitator = world.facilitator().await;
    let payment = world.payment();
    world.wire.breaks("eth_sendRawTransaction", Fault::Broken);
    let settling = start(&facilitator, payment.clone());
    tokio::time::sleep(SECOND).await;

    let front_runner = World { wire: Wire::to(&world.devnet), ..World::new(world.devnet.clone()) };
    let first = front_runner.facilitator_signed_by(signer(5)).await;
    let first = settle(&first, &payment.v2().await).await;
    assert!(first.success);

    world.wire.mends();
    let settled = settling.await.unwrap();
    assert!(settled.success, "{settled:?}");
    assert_eq!(settled.transaction, first.transaction, "the one that moved the money");
    assert_eq!(world.paid(), PRICE);
}

#[tokio::test(start_paused = true)]
async fn a_failure_that_cannot_be_explained_yet_is_pending() {
    let world = World::manual();
    let facilitator = world.facilitator().await;
    let payer = LocalSigner::random().unwrap();
    world.devnet.mint(payer.address(), U256::from(PRICE)).unwrap();
    let payments = [Payment::new(payer.clone()), Payment::new(payer)];
    let settling = payments.clone().map(|payment| start(&facilitator, payment));
    until(|| world.devnet.waiting() == 2).await;
    world.wire.breaks("eth_call", Fault::Broken);
    world.devnet.mine();
    let mut pending = 0;
    for settlement in settling {
        let answer = settlement.await.unwrap();
        if !answer.success {
            assert_eq!(reason(&answer), "settlement_pending");
            pending += 1;
        }
    }
    assert_eq!(pending, 1);
    world.wire.mends();
    let mut refused = 0;
    for payment in payments {
        let answer = settle(&facilitator, &payment.v2().await).await;
        if !answer.success {
            assert_eq!(reason(&answer), "invalid_exact_evm_insufficient_balance");
            refused += 1;
        }
    }
    assert_eq!(refused, 1);
}
