//! The store in memory keeps the promises of [`Claims`] and [`Payments`].
#![cfg(test)]

use x402_ledger::{
    ClaimState, Claimed, Claims, MemoryStore, Payment, PaymentKey, Payments, Status, StoreError,
};
use x402_types::{Amount, Network, SettleResponse};

const PURCHASE: &str = "GET https://shop.test/weather";
const NOW: u64 = 1_000;
const END: u64 = 1_300;

fn key(nonce: u64) -> PaymentKey {
    PaymentKey::new(Network::BASE_SEPOLIA, "0xA55E7", "0xPAYER", &format!("0x{nonce:x}"))
}

fn receipt() -> SettleResponse {
    SettleResponse::settled("0xpayer", "0xabc", "eip155:84532")
}

fn line(nonce: u64, status: Status) -> Payment {
    Payment {
        key: key(nonce),
        pay_to: "0xSELLER".to_owned(),
        amount: Amount::from(10_000u64),
        scheme: "exact".to_owned(),
        purchase: PURCHASE.to_owned(),
        created_at: 1_700_000_000_000,
        updated_at: 1_700_000_000_000,
        status,
        transaction: None,
    }
}

async fn claim(store: &MemoryStore, nonce: u64) -> Claimed {
    store.claim(&key(nonce), PURCHASE, END, NOW).await.unwrap()
}

#[tokio::test]
async fn a_payment_is_claimed_once() {
    let store = MemoryStore::new();
    assert_eq!(claim(&store, 1).await, Claimed::Fresh);
    assert_eq!(claim(&store, 1).await, Claimed::Taken(ClaimState::InFlight));
    assert_eq!(claim(&store, 2).await, Claimed::Fresh);
}

#[tokio::test]
async fn the_spelling_of_hexadecimal_digits_makes_no_other_payment() {
    let store = MemoryStore::new();
    let lower = PaymentKey::new(Network::BASE, "0xab", "0xcd", "0xef");
    let upper = PaymentKey::new(Network::BASE, "0xAB", "0xCd", "0xEF");
    assert_eq!(lower, upper);
    assert_eq!(store.claim(&lower, PURCHASE, END, NOW).await.unwrap(), Claimed::Fresh);
    let again = store.claim(&upper, PURCHASE, END, NOW).await.unwrap();
    assert_eq!(again, Claimed::Taken(ClaimState::InFlight));
}

#[tokio::test]
async fn a_released_payment_can_be_claimed_again() {
    let store = MemoryStore::new();
    claim(&store, 1).await;
    store.release(&key(1)).await.unwrap();
    assert_eq!(claim(&store, 1).await, Claimed::Fresh);
}

#[tokio::test]
async fn only_what_is_in_flight_is_released() {
    for state in [ClaimState::Unresolved, ClaimState::Owed(Box::new(receipt())), ClaimState::Used] {
        let store = MemoryStore::new();
        claim(&store, 1).await;
        store.advance(&key(1), state.clone()).await.unwrap();
        store.release(&key(1)).await.unwrap();
        let other = store.claim(&key(1), "GET https://shop.test/other", END, NOW).await.unwrap();
        assert_eq!(other, Claimed::Taken(state));
    }
}

#[tokio::test]
async fn what_is_owed_is_handed_out_once_and_for_its_own_purchase_only() {
    let store = MemoryStore::new();
    claim(&store, 1).await;
    store.advance(&key(1), ClaimState::Owed(Box::new(receipt()))).await.unwrap();
    let other = store.claim(&key(1), "GET https://shop.test/other", END, NOW).await.unwrap();
    assert_eq!(other, Claimed::Taken(ClaimState::Owed(Box::new(receipt()))));
    assert_eq!(claim(&store, 1).await, Claimed::Owed(Box::new(receipt())));
    assert_eq!(claim(&store, 1).await, Claimed::Taken(ClaimState::InFlight));
}

#[tokio::test]
async fn a_full_store_refuses_and_forgets_nothing_that_lives() {
    let store = MemoryStore::with_capacity(2);
    claim(&store, 1).await;
    claim(&store, 2).await;
    let full = store.claim(&key(3), PURCHASE, END, NOW).await;
    assert!(matches!(full, Err(StoreError::Full { capacity: 2 })), "{full:?}");
    assert_eq!(claim(&store, 1).await, Claimed::Taken(ClaimState::InFlight));
    // At its end a payment still lives; afterwards it makes room.
    let at_end = store.claim(&key(3), PURCHASE, END, END).await;
    assert!(matches!(at_end, Err(StoreError::Full { .. })), "{at_end:?}");
    let later = store.claim(&key(3), PURCHASE, END + 300, END + 1).await.unwrap();
    assert_eq!(later, Claimed::Fresh);
}

#[tokio::test]
async fn claims_that_come_and_go_do_not_fill_the_store() {
    let store = MemoryStore::with_capacity(2);
    for nonce in 0..1_000 {
        assert_eq!(claim(&store, nonce).await, Claimed::Fresh);
        store.release(&key(nonce)).await.unwrap();
    }
}

#[tokio::test]
async fn what_was_never_claimed_cannot_be_advanced() {
    let missing = MemoryStore::new().advance(&key(1), ClaimState::Unresolved).await;
    assert!(matches!(missing, Err(StoreError::Missing)), "{missing:?}");
}

#[tokio::test]
async fn a_line_is_completed_and_keeps_the_transaction_that_is_known() {
    let store = MemoryStore::new();
    store.record(line(1, Status::Intended)).await.unwrap();
    let pending = Some("0xabc".to_owned());
    store.complete(&key(1), Status::Pending, pending, 1_700_000_001_000).await.unwrap();
    store.complete(&key(1), Status::Settled, None, 1_700_000_002_000).await.unwrap();
    let line = store.payment(&key(1)).await.unwrap().unwrap();
    assert_eq!(line.status, Status::Settled);
    assert_eq!(line.transaction.as_deref(), Some("0xabc"));
    assert_eq!(line.updated_at, 1_700_000_002_000);
    let missing = store.complete(&key(2), Status::Settled, None, 0).await;
    assert!(matches!(missing, Err(StoreError::Missing)), "{missing:?}");
}

#[tokio::test]
async fn the_books_drop_the_oldest_finished_line_and_never_an_unfinished_one() {
    let store = MemoryStore::with_capacity(2);
    store.record(line(1, Status::Unknown)).await.unwrap();
    store.record(line(2, Status::Settled)).await.unwrap();
    store.record(line(3, Status::Intended)).await.unwrap();
    let kept: Vec<_> = store.recent(10).await.unwrap().into_iter().map(|line| line.key).collect();
    assert_eq!(kept, [key(3), key(1)]);
}

#[tokio::test]
async fn failures_that_cost_nothing_do_not_push_out_what_was_sold() {
    let store = MemoryStore::with_capacity(16);
    store.record(line(0, Status::Settled)).await.unwrap();
    for nonce in 1..1_000 {
        store.record(line(nonce, Status::Intended)).await.unwrap();
        let status = Status::Failed("insufficient_funds".to_owned());
        store.complete(&key(nonce), status, None, 1_700_000_001_000).await.unwrap();
    }
    let kept: Vec<_> = store.recent(100).await.unwrap().into_iter().map(|line| line.key).collect();
    assert_eq!(kept, [key(999), key(998), key(0)]);
    // One that is tried again and settled stays.
    store.record(line(999, Status::Intended)).await.unwrap();
    store.complete(&key(999), Status::Settled, Some("0xabc".to_owned()), 0).await.unwrap();
    for nonce in 1_000..1_010 {
        store.record(line(nonce, Status::Intended)).await.unwrap();
        let status = Status::Failed("insufficient_funds".to_owned());
        store.complete(&key(nonce), status, None, 0).await.unwrap();
    }
    assert!(store.payment(&key(999)).await.unwrap().is_some());
    assert_eq!(store.recent(100).await.unwrap().len(), 4);
}

#[test]
fn a_line_says_who_paid_how_much_for_what_when() {
    let usdc = "0x036CbD53842c5426634e7929541eC2318f3dCF7e";
    let paid = Payment {
        key: PaymentKey::new(Network::BASE_SEPOLIA, usdc, "0xPAYER", "0x1"),
        transaction: Some("0xabc".to_owned()),
        ..line(1, Status::Settled)
    };
    assert_eq!(
        paid.to_string(),
        "2023-11-14T22:13:20.000Z  0xpayer paid $0.01 USDC to 0xSELLER for \
         GET https://shop.test/weather on eip155:84532: settled, transaction 0xabc"
    );
}
