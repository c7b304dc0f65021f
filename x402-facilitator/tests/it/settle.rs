//! Settling: money moves, once.

use std::collections::HashSet;
use std::time::Duration;

use alloy_primitives::U256;

use tokio::task::JoinSet;
use tokio::time::Instant;
use x402_evm::LocalSigner;
use x402_types::facilitator::Facilitator;

use crate::common::*;

#[tokio::test]
async fn a_payment_of_version_2_is_verified_and_settled() {
    let world = World::instant();
    let facilitator = world.facilitator().await;
    let request = world.payment().v2().await;

    let verified = verify(&facilitator, &request).await;
    assert!(verified.is_valid, "{verified:?}");
    assert_eq!(verified.payer.as_deref(), Some(&*world.payer.address().to_string()));
    assert_eq!(world.paid(), 0, "to verify changes nothing");

    let settled = settle(&facilitator, &request).await;
    assert!(settled.success, "{settled:?}");
    assert_eq!(settled.payer.as_deref(), Some(&*world.payer.address().to_string()));
    assert_eq!(settled.network, "eip155:84532");
    assert_eq!(settled.transaction.len(), 66);
    assert_eq!(world.paid(), PRICE);
    let left = world.devnet.token_balance(world.payer.address()).unwrap();
    assert_eq!(left, U256::from(1_000_000 - PRICE));
}

#[tokio::test]
async fn a_payment_of_version_1_is_answered_in_the_words_of_version_1() {
    let world = World::instant();
    let facilitator = world.facilitator().await;
    let request = world.payment().v1().await;
    assert!(verify(&facilitator, &request).await.is_valid);
    let settled = settle(&facilitator, &request).await;
    assert!(settled.success, "{settled:?}");
    assert_eq!(settled.network, "base-sepolia");
    assert_eq!(world.paid(), PRICE);
}

#[tokio::test]
async fn what_it_supports_names_both_versions_and_its_signers() {
    let world = World::instant();
    let facilitator = world.facilitator_with(|chain| chain.signer(signer(1))).await;
    let supported = serde_json::to_value(facilitator.supported().await.unwrap()).unwrap();
    let expected = serde_json::json!({
        "kinds": [
            {"x402Version": 2, "scheme": "exact", "network": "eip155:84532"},
            {
                "x402Version": 2,
                "scheme": "upto",
                "network": "eip155:84532",
                "extra": {"facilitatorAddress": signer(0).address().to_string()},
            },
            {"x402Version": 1, "scheme": "exact", "network": "base-sepolia"},
        ],
        "extensions": ["eip2612GasSponsoring"],
        "signers": {"eip155:*": [signer(1).address().to_string(), signer(0).address().to_string()]},
    });
    assert_eq!(supported, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thirty_two_payments_at_once_through_one_signer_all_settle() {
    thirty_two_at_once(World::instant()).await;
}

#[tokio::test(start_paused = true)]
async fn thirty_two_payments_at_once_share_a_block() {
    thirty_two_at_once(World::every(Duration::from_secs(2))).await;
}

async fn thirty_two_at_once(world: World) {
    let facilitator = world.facilitator().await;
    let mut settling = JoinSet::new();
    for _ in 0..32 {
        let payer = LocalSigner::random().unwrap();
        world.devnet.mint(payer.address(), U256::from(PRICE)).unwrap();
        let facilitator = facilitator.clone();
        settling.spawn(async move { settle(&facilitator, &Payment::new(payer).v2().await).await });
    }
    let answers = settling.join_all().await;
    assert!(answers.iter().all(|answer| answer.success), "{answers:?}");
    let transactions: HashSet<_> = answers.iter().map(|answer| &answer.transaction).collect();
    assert_eq!(transactions.len(), 32);
    assert_eq!(world.paid(), 32 * PRICE);
    assert_eq!(world.wire.count("eth_getTransactionCount"), 1, "the nonce is asked for once");
}

#[tokio::test(start_paused = true)]
async fn several_signers_share_the_work() {
    let world = World::every(Duration::from_millis(100));
    let facilitator = world.facilitator_with(|chain| chain.signer(signer(1))).await;
    let mut settling = JoinSet::new();
    for _ in 0..8 {
        let (facilitator, payment) = (facilitator.clone(), world.payment());
        settling.spawn(async move { settle(&facilitator, &payment.v2().await).await });
    }
    assert!(settling.join_all().await.iter().all(|answer| answer.success));
    let full = U256::from(10_000) * U256::from(10).pow(U256::from(18));
    for at in [0, 1] {
        assert!(world.devnet.balance(signer(at).address()) < full, "signer {at} sent nothing");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_payment_settled_twenty_times_at_once_moves_money_once() {
    twenty_times_at_once(World::instant()).await;
}

#[tokio::test(start_paused = true)]
async fn one_payment_settled_twenty_times_before_a_block_moves_money_once() {
    twenty_times_at_once(World::every(Duration::from_secs(2))).await;
}

async fn twenty_times_at_once(world: World) {
    let facilitator = world.facilitator().await;
    let request = world.payment().v2().await;
    let mut settling = JoinSet::new();
    for _ in 0..20 {
        let (facilitator, request) = (facilitator.clone(), request.clone());
        settling.spawn(async move { settle(&facilitator, &request).await });
    }
    let answers = settling.join_all().await;
    assert!(answers[0].success);
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    assert_eq!(world.paid(), PRICE);
    assert_eq!(world.wire.count("eth_sendRawTransaction"), 1);

    assert_eq!(settle(&facilitator, &request).await, answers[0], "and later the same again");
    assert_eq!(world.wire.count("eth_sendRawTransaction"), 1);
}

#[tokio::test]
async fn a_settlement_goes_on_when_its_caller_goes_away() {
    let world = World::manual();
    let facilitator = world.facilitator().await;
    let request = world.payment().v2().await;
    {
        let mut settling = Facilitator::settle(&facilitator, &request);
        tokio::select! {
            _ = &mut settling => panic!("nothing mines"),
            () = until(|| world.devnet.waiting() == 1) => {}
        }
    }
    world.devnet.mine();
    assert!(settle(&facilitator, &request).await.success);
    assert_eq!(world.paid(), PRICE);
}

#[tokio::test(start_paused = true)]
async fn on_blocks_of_a_second_the_median_settlement_takes_at_most_1_2_blocks() {
    let block = Duration::from_secs(1);
    let world = World::every(block);
    let facilitator = world.facilitator_with(|chain| chain.block_time(block)).await;
    let mut took = Vec::new();
    for at in 0..21 {
        tokio::time::advance(Duration::from_millis(at * 137 % 1000)).await;
        let request = world.payment().v2().await;
        let started = Instant::now();
        assert!(settle(&facilitator, &request).await.success);
        took.push(started.elapsed());
    }
    took.sort();
    assert!(took[10] <= block * 6 / 5, "{took:?}");
    assert!(took[20] <= block * 6 / 5, "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn on_an_instant_chain_nothing_is_waited_for() {
    let world = World::instant();
    let facilitator = world.facilitator().await;
    let request = world.payment().v2().await;
    let started = Instant::now();
    assert!(settle(&facilitator, &request).await.success);
    assert_eq!(started.elapsed(), Duration::ZERO);
}

// What for

#[tokio::test]
async fn one_payment_is_not_settled_for_two_resources() {
    let world = World::instant();
    let facilitator = world.facilitator().await;
    let payment = world.payment();
    let settled = settle(&facilitator, &payment.v2().await).await;
    assert!(settled.success, "{settled:?}");
    let other = payment.clone().of_resource("https://other.example/weather");
    for request in [other.v2().await, other.v1().await] {
        let answer = settle(&facilitator, &request).await;
        assert_eq!(reason(&answer), "duplicate_settlement");
        assert_eq!(answer.transaction, "");
    }
    assert_eq!(settle(&facilitator, &payment.v2().await).await, settled, "again, the same");
    let by_version_1 = settle(&facilitator, &payment.v1().await).await;
    assert_eq!(by_version_1.transaction, settled.transaction);
    assert_eq!(world.paid(), PRICE);
}

#[tokio::test]
async fn nor_is_it_while_it_is_being_settled() {
    let world = World::manual();
    let facilitator = world.facilitator().await;
    let payment = world.payment();
    let [first, again] = [(); 2].map(|()| start(&facilitator, payment.clone()));
    until(|| world.devnet.waiting() == 1).await;
    let mut other = payment.of_resource("https://api.example.com/news");
    assert_eq!(reason(&settle(&facilitator, &other.v2().await).await), "duplicate_settlement");
    other.resource = format!("https://api.example.com/weather?{}", "a".repeat(3_000));
    assert_eq!(reason(&settle(&facilitator, &other.v1().await).await), "duplicate_settlement");
    world.devnet.mine();
    let settled = first.await.unwrap();
    assert!(settled.success, "{settled:?}");
    assert_eq!(again.await.unwrap(), settled);
}

#[tokio::test]
async fn what_was_not_sent_may_be_settled_for_another_resource() {
    let world = World::instant();
    let facilitator = world.facilitator().await;
    let payment = world.payment();
    world.wire.breaks("eth_estimateGas", Fault::Broken);
    no_settlement(&facilitator, &payment.v2().await).await;
    world.wire.mends();
    let other = payment.of_resource("https://other.example/weather");
    assert!(settle(&facilitator, &other.v2().await).await.success);
}
