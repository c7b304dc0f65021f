//! The signers' nonces, where chains and nodes make them hard to use.

use std::time::Duration;

use alloy_consensus::{Transaction, TxEnvelope};
use alloy_eips::eip2718::Decodable2718;
use alloy_primitives::Bytes;
use serde_json::{Value, json};
use tokio::time::Instant;
use x402_facilitator::Unavailable;
use x402_types::Amount;

use crate::common::*;

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn what_fills_a_gap_is_priced_anew_when_the_market_rises() {
    let world = World::every(SECOND);
    let facilitator = world.facilitator().await;
    world.wire.breaks_times("eth_sendRawTransaction", Fault::Error(-32000, "txpool is full"), 1);
    let settling = [start(&facilitator, world.payment()), start(&facilitator, world.payment())];
    until(|| world.devnet.waiting() == 1).await;
    world.devnet.set_base_fee(1_000_000_000);
    world.wire.breaks(
        "eth_sendRawTransaction",
        Fault::Refuses(|params| {
            let [raw]: [Bytes; 1] = serde_json::from_value(params.clone()).unwrap();
            let mut raw: &[u8] = &raw;
            let transaction = TxEnvelope::decode_2718(&mut raw).unwrap();
            let too_low = transaction.max_fee_per_gas() < 1_000_000_000;
            too_low.then_some("max fee per gas less than block base fee")
        }),
    );
    let mut settled = 0;
    for settlement in settling {
        settled += u32::from(settlement.await.unwrap().success);
    }
    assert_eq!(settled, 1, "the second is not held up by the first one's nonce");
}

#[tokio::test(start_paused = true)]
async fn a_nonce_that_an_earlier_process_left_unused_is_filled() {
    let world = World::manual();
    let earlier = World { wire: Wire::to(&world.devnet), ..World::new(world.devnet.clone()) };
    let lost = start(&earlier.facilitator().await, earlier.payment());
    until(|| world.devnet.waiting() == 1).await;
    earlier.wire.breaks("*", Fault::Broken);
    let settling = start(&world.facilitator().await, world.payment());
    until(|| world.devnet.waiting() == 2).await;
    assert!(world.devnet.drop_transaction(earlier.wire.last_sent().unwrap()));
    world.devnet.set_instant(true);
    let settled = settling.await.unwrap();
    assert!(settled.success, "{settled:?}");
    lost.abort();
}

#[tokio::test(start_paused = true)]
async fn a_payment_that_expired_while_it_waited_for_its_turn_is_not_sent() {
    let world = World::instant();
    let facilitator = world.facilitator_with(|chain| chain.rpc_timeout(12 * SECOND)).await;
    world.wire.breaks_times("eth_feeHistory", Fault::Hangs, 1);
    let first = start(&facilitator, world.payment());
    until(|| world.wire.count("eth_feeHistory") == 1).await;
    let short = world.payment().with(|a| a.valid_before = Amount::from(now() + 8));
    let error = no_settlement(&facilitator, &short.v2().await).await;
    assert!(matches!(error, Unavailable::Busy { .. }), "{error:?}");
    assert!(!first.await.unwrap().success);
    assert_eq!(world.wire.count("eth_sendRawTransaction"), 0);
}

#[tokio::test]
async fn a_payment_that_expires_soon_is_not_waited_for_as_if_it_did_not() {
    let world = World::instant();
    let facilitator = world.facilitator().await;
    let short = world.payment().with(|a| a.valid_before = Amount::from(now() + 8));
    assert!(settle(&facilitator, &short.v2().await).await.success);
}

#[tokio::test(start_paused = true)]
async fn fees_beyond_all_bounds_do_not_end_a_signer() {
    let lies: [fn(Value) -> Value; 3] = [
        |mut history| {
            let most = format!("0x{}", "f".repeat(32));
            history["baseFeePerGas"] = json!([most, most]);
            history
        },
        |mut history| {
            history["reward"] = json!([[format!("0x{}", "f".repeat(32))]]);
            history
        },
        |mut history| {
            let most = format!("0x{}", "f".repeat(32));
            history["reward"] = json!([[most], [most]]);
            history
        },
    ];
    let world = World::instant();
    let facilitator = world.facilitator().await;
    for lie in lies {
        world.wire.breaks("eth_feeHistory", Fault::Lies(lie));
        let error = no_settlement(&facilitator, &world.payment().v2().await).await;
        assert!(matches!(error, Unavailable::FeesTooHigh { .. }), "{error:?}");
        facilitator.health().await;
        tokio::time::advance(6 * SECOND).await;
    }
    world.wire.mends();
    assert!(settle(&facilitator, &world.payment().v2().await).await.success);
}

#[tokio::test(start_paused = true)]
async fn a_thousandth_asker_for_health_costs_no_more_than_the_first() {
    let world = World::instant();
    let facilitator = world.facilitator().await;
    world.wire.breaks("eth_getBalance", Fault::Hangs);
    let asking: Vec<_> = (0..1000)
        .map(|_| {
            let facilitator = facilitator.clone();
            tokio::spawn(async move { facilitator.health().await.healthy })
        })
        .collect();
    let started = Instant::now();
    for asker in asking {
        assert!(!asker.await.unwrap());
    }
    assert!(started.elapsed() < 6 * SECOND);
    assert_eq!(world.wire.count("eth_getBalance"), 1);
}
