//! What a seller can get hold of for one purchase by refusing every payment and asking for another.
//! The buyer has five cents for a payment.

use crate::common;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::common::{Buyer, Call, NOW, Seller, USDC, challenge, offer, refusal, served, terms};
use serde_json::{Value, json};
use x402_client::{Limit, PayError, PaymentError};
use x402_ledger::PaymentKey;
use x402_types::{Asset, Network};

const DEV: &str = "0x5FbDB2315678afecb367f032d93F642f64180aa3";
const OTHER_PAYEE: &str = "0x209693Bc6afc0C5328bA36FaF03C514EF312287C";

fn buyer() -> Buyer {
    let dev = Asset::eip3009(Network::BASE_SEPOLIA, "DEV", DEV, "Dev Dollar", "1", 18);
    Buyer::with(|payer| payer.max_per_payment("$0.05").asset(dev))
}

/// The same offer with one member changed, `extra.…` for those within.
fn but(mut offer: Value, member: &str, value: Value) -> Value {
    match member.strip_prefix("extra.") {
        Some(member) => offer["extra"][member] = value,
        None => offer[member] = value,
    }
    offer
}

fn dev(amount: &str) -> Value {
    let offer = but(offer(amount), "asset", json!(DEV));
    but(offer, "extra", json!({"name": "Dev Dollar", "version": "1"}))
}

/// Refuses every payment. Asks by the first offer first, by the second after the first payment, and
/// so on; by the last for good.
async fn hostile(offers: Vec<Value>) -> Seller {
    let refused = AtomicUsize::new(0);
    Seller::start(move |call| {
        let paid = usize::from(call.payment().is_some());
        let now = refused.fetch_add(paid, Ordering::SeqCst) + paid;
        challenge(&terms(&[offers[now.min(offers.len() - 1)].clone()]))
    })
    .await
}

/// The payment that the seller refused just now.
async fn rejected(buyer: &Buyer, seller: &Seller) -> PaymentKey {
    match buyer.refusal(&seller.url("/goods")).await {
        PaymentError::Rejected(rejected) => rejected.receipt.key().clone(),
        error => panic!("{error}"),
    }
}

fn unresolved(error: PaymentError) -> (PaymentKey, u64) {
    match error {
        PaymentError::Pay(PayError::Unresolved { key, valid_before }) => (key, valid_before),
        error => panic!("{error}"),
    }
}

/// The payment that stands in the way of another one.
async fn in_the_way(buyer: &Buyer, seller: &Seller) -> (PaymentKey, u64) {
    unresolved(buyer.refusal(&seller.url("/goods")).await)
}

/// What each authorization that the seller was sent is over, by its nonce.
fn collected(seller: &Seller) -> BTreeMap<String, u64> {
    let paid = |call: &Call| {
        let signed = call.paid()["payload"]["authorization"].clone();
        let text = |key: &str| signed[key].as_str().unwrap().to_owned();
        (text("nonce"), text("value").parse().unwrap())
    };
    seller.paid_calls().iter().map(paid).collect()
}

#[tokio::test]
async fn an_offer_stays_the_same_whatever_else_its_seller_changes() {
    let the = || offer("10000");
    let same = [
        but(the(), "extra.nonce", json!(1)),
        but(the(), "extra.nonce", json!({"time": 1_767_225_661})),
        but(the(), "extra.assetTransferMethod", json!("eip3009")),
        but(the(), "extra.paymentFlow", json!("upfront")),
        but(the(), "maxTimeoutSeconds", json!(301)),
        but(the(), "payTo", json!(common::PAY_TO.to_ascii_lowercase())),
        but(the(), "asset", json!(USDC.to_ascii_lowercase())),
        but(the(), "of no meaning", json!(true)),
    ];
    let tries = same.len() + 1;
    let seller = hostile([vec![the()], same.to_vec()].concat()).await;
    let buyer = buyer();
    let first = rejected(&buyer, &seller).await;
    for _ in 1..tries {
        assert_eq!(rejected(&buyer, &seller).await, first);
    }
    let paid = seller.paid_calls();
    assert!(paid.iter().all(|call| call.payment() == paid[0].payment()));
    assert_eq!((buyer.signatures(), paid.len()), (1, tries));
}

#[tokio::test]
async fn an_offer_is_another_by_scheme_network_token_amount_payee_and_transfer_method() {
    let by_permit2 = but(offer("10000"), "extra.assetTransferMethod", json!("permit2"));
    let upto = but(by_permit2.clone(), "extra.facilitatorAddress", json!(OTHER_PAYEE));
    let others = [
        but(upto, "scheme", json!("upto")),
        common::mainnet_offer("10000"),
        dev("10000000000000000"),
        offer("9999"),
        but(offer("10000"), "payTo", json!(OTHER_PAYEE)),
        by_permit2,
    ];
    for other in others {
        let seller = hostile(vec![offer("10000"), other.clone()]).await;
        let buyer = buyer();
        assert_ne!(rejected(&buyer, &seller).await, rejected(&buyer, &seller).await, "{other}");
        assert_eq!(buyer.signatures(), 2);
    }
}

#[tokio::test]
async fn refusals_with_ever_lower_prices_collect_no_more_than_the_limit() {
    let lower = (0..20).map(|n| offer(&(30_000 - 1000 * n).to_string())).collect();
    let seller = hostile(lower).await;
    let buyer = buyer();
    let first = rejected(&buyer, &seller).await;
    for _ in 0..5 {
        assert_eq!(in_the_way(&buyer, &seller).await, (first.clone(), NOW + 300));
    }
    assert_eq!(collected(&seller).into_values().collect::<Vec<_>>(), [30_000]);

    // By halves it never gets there, and neither beyond.
    let halves = (0..20).map(|n| offer(&(25_000 >> n).to_string())).collect();
    let seller = hostile(halves).await;
    for _ in 0..20 {
        buyer.refusal(&seller.url("/goods")).await;
    }
    let collected = collected(&seller);
    assert!(collected.len() > 10, "{collected:?}");
    assert!(collected.values().sum::<u64>() <= 50_000, "{collected:?}");
}

#[tokio::test]
async fn refusals_with_ever_new_payees_collect_no_more_than_the_limit() {
    let payees = (1..9).map(|n| but(offer("20000"), "payTo", json!(format!("0x{n:040x}"))));
    let seller = hostile(payees.collect()).await;
    let buyer = buyer();
    let known = [rejected(&buyer, &seller).await, rejected(&buyer, &seller).await];
    for _ in 0..5 {
        assert!(known.contains(&in_the_way(&buyer, &seller).await.0));
    }
    let collected: Vec<_> = collected(&seller).into_values().collect();
    assert_eq!((collected, buyer.signatures()), (vec![20_000, 20_000], 2));
    // Another address is another purchase.
    assert!(matches!(buyer.refusal(&seller.url("/other")).await, PaymentError::Rejected(_)));
}

#[tokio::test]
async fn payments_in_all_tokens_count_together_to_the_last_unit() {
    for (amount, fits) in [("20000000000000000", true), ("20000000000000001", false)] {
        let seller = hostile(vec![offer("30000"), dev(amount), offer("1")]).await;
        let buyer = buyer();
        let first = rejected(&buyer, &seller).await;
        if fits {
            assert_ne!(rejected(&buyer, &seller).await, first);
        }
        in_the_way(&buyer, &seller).await;
        assert_eq!(buyer.signatures(), 1 + usize::from(fits));
    }
}

#[tokio::test]
async fn of_several_payments_in_the_way_the_last_to_end_is_named_and_then_there_is_room() {
    let lasting = |amount, seconds| but(offer(amount), "maxTimeoutSeconds", json!(seconds));
    let offers = vec![lasting("10000", 100), lasting("20000", 200), lasting("30000", 50)];
    let seller = hostile(offers).await;
    let buyer = buyer();
    rejected(&buyer, &seller).await;
    let longest = rejected(&buyer, &seller).await;
    assert_eq!(in_the_way(&buyer, &seller).await, (longest.clone(), NOW + 200));
    // The first has ended, and a minute more has passed for clocks that differ.
    buyer.pass_seconds(159);
    assert_eq!(in_the_way(&buyer, &seller).await, (longest.clone(), NOW + 200));
    buyer.pass_seconds(1);
    assert_ne!(rejected(&buyer, &seller).await, longest);
    assert_eq!(buyer.signatures(), 3);
}

#[tokio::test]
async fn the_limit_of_one_purchase_counts_what_is_at_large_too() {
    let seller = hostile(vec![offer("10000"), offer("9000")]).await;
    let buyer = buyer();
    let get = async |limit: &str| {
        let limit: Limit = limit.parse().unwrap();
        refusal(buyer.http.get(seller.url("/goods")).with_extension(limit).send().await)
    };
    assert!(matches!(get("$0.018").await, PaymentError::Rejected(_)));
    unresolved(get("$0.018").await);
    assert!(matches!(get("$0.019").await, PaymentError::Rejected(_)));
    assert_eq!(buyer.signatures(), 2);
}

#[tokio::test]
async fn a_seller_that_raises_its_price_within_the_limit_sells() {
    let asked = AtomicUsize::new(20_000);
    let seller = Seller::start(move |call| {
        let now = terms(&[offer(&asked.load(Ordering::SeqCst).to_string())]);
        match call.payment() {
            Some(_) if call.paid()["accepted"] == now["accepts"][0] => served(call),
            Some(_) => challenge(&now),
            // The price goes up between the offer and the payment.
            None => {
                asked.store(30_000, Ordering::SeqCst);
                challenge(&now)
            }
        }
    })
    .await;
    let buyer = buyer();
    rejected(&buyer, &seller).await;
    assert_eq!(buyer.get(&seller.url("/goods")).await.unwrap().status(), 200);
    let mut collected: Vec<_> = collected(&seller).into_values().collect();
    collected.sort_unstable();
    assert_eq!(collected, [20_000, 30_000]);
}
