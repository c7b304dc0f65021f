//! The books: a line before money moves, and a settlement that outlives its process.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use x402_facilitator::{EvmFacilitator, Unavailable};
use x402_ledger::{MemoryStore, Payment as Line, PaymentKey, Payments, Status, StoreError};
use x402_types::facilitator::Request;

use crate::common::*;

async fn facilitator(world: &World, store: impl Payments) -> EvmFacilitator {
    let facilitator = world.builder().payments(store).build().await.unwrap();
    world.wire.forget_calls();
    facilitator
}

fn key(payment: &Payment) -> PaymentKey {
    let authorization = &payment.authorization;
    PaymentKey::new(
        payment.offer.network.clone(),
        &payment.offer.asset,
        &authorization.from.to_string(),
        &authorization.nonce.to_string(),
    )
}

#[tokio::test]
async fn a_settlement_is_a_line_of_the_books() {
    let world = World::instant();
    let store = MemoryStore::new();
    let facilitator = facilitator(&world, store.clone()).await;
    let payment = world.payment();
    let settled = settle(&facilitator, &payment.v2().await).await;
    let line = store.payment(&key(&payment)).await.unwrap().unwrap();
    assert_eq!(line.status, Status::Settled);
    assert_eq!(line.transaction, Some(settled.transaction));
    assert_eq!(line.amount, payment.offer.amount);
    assert_eq!(line.pay_to, PAY_TO.to_string());
    assert_eq!(line.purchase, "https://api.example.com/weather");
    let refused = Payment::new(x402_evm::LocalSigner::random().unwrap());
    settle(&facilitator, &refused.v2().await).await;
    assert_eq!(store.recent(10).await.unwrap().len(), 1, "no line without an intent to send");
}

#[tokio::test(start_paused = true)]
async fn a_pending_settlement_stands_in_the_books_with_its_transaction() {
    let world = World::manual();
    let store = MemoryStore::new();
    let facilitator = facilitator(&world, store.clone()).await;
    let payment = world.payment();
    let pending = settle(&facilitator, &payment.v2().await).await;
    assert_eq!(reason(&pending), "settlement_pending");
    let line = store.payment(&key(&payment)).await.unwrap().unwrap();
    assert_eq!((line.status, line.transaction), (Status::Pending, Some(pending.transaction)));
    world.devnet.mine();
    settle(&facilitator, &payment.v2().await).await;
    let line = store.payment(&key(&payment)).await.unwrap().unwrap();
    assert_eq!(line.status, Status::Settled);
}

#[tokio::test]
async fn without_books_no_money_moves() {
    struct Broken(Arc<AtomicUsize>);
    impl Payments for Broken {
        async fn record(&self, _: Line) -> Result<(), StoreError> {
            self.0.fetch_add(1, Ordering::SeqCst);
            Err(StoreError::Unavailable("the disk is full".into()))
        }
        async fn complete(
            &self,
            _: &PaymentKey,
            _: Status,
            _: Option<String>,
            _: i64,
        ) -> Result<(), StoreError> {
            Ok(())
        }
        async fn payment(&self, _: &PaymentKey) -> Result<Option<Line>, StoreError> {
            Ok(None)
        }
        async fn recent(&self, _: usize) -> Result<Vec<Line>, StoreError> {
            Ok(Vec::new())
        }
    }
    let world = World::instant();
    let asked = Arc::new(AtomicUsize::new(0));
    let facilitator = facilitator(&world, Broken(Arc::clone(&asked))).await;
    let error = no_settlement(&facilitator, &world.payment().v2().await).await;
    assert!(matches!(error, Unavailable::Store(_)), "{error:?}");
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    assert_eq!(world.wire.count("eth_sendRawTransaction"), 0);
}

/// A payment that another process settled, and what is left of it.
struct Legacy {
    payment: Payment,
    request: Request,
    transaction: String,
}

async fn settled_before(world: &World) -> Legacy {
    let payment = world.payment();
    let request = payment.v2().await;
    let transaction = settle(&world.facilitator().await, &request).await.transaction;
    world.wire.forget_calls();
    Legacy { payment, request, transaction }
}

async fn write(store: &MemoryStore, payment: &Payment, status: Status, hash: Option<String>) {
    let at = i64::try_from(now()).unwrap() * 1000 - 60_000;
    let line = Line {
        key: key(payment),
        pay_to: PAY_TO.to_string(),
        amount: payment.offer.amount,
        scheme: "exact".to_owned(),
        purchase: String::new(),
        created_at: at,
        updated_at: at,
        status,
        transaction: hash,
    };
    store.record(line.clone()).await.unwrap();
}

#[tokio::test]
async fn after_a_restart_a_settled_payment_is_answered_from_the_books() {
    let world = World::instant();
    let Legacy { payment, request, transaction } = settled_before(&world).await;
    let store = MemoryStore::new();
    write(&store, &payment, Status::Settled, Some(transaction.clone())).await;
    let answer = settle(&facilitator(&world, store).await, &request).await;
    assert!(answer.success);
    assert_eq!(answer.transaction, transaction);
    assert_eq!(world.wire.calls(), [""; 0]);
}

#[tokio::test]
async fn after_a_crash_a_transaction_that_was_sent_is_looked_up() {
    let world = World::instant();
    let Legacy { payment, request, transaction } = settled_before(&world).await;
    let store = MemoryStore::new();
    write(&store, &payment, Status::Pending, Some(transaction.clone())).await;
    let answer = settle(&facilitator(&world, store.clone()).await, &request).await;
    assert!(answer.success, "{answer:?}");
    assert_eq!(answer.transaction, transaction);
    assert_eq!(world.wire.calls(), ["eth_getTransactionReceipt"]);
    let line = store.payment(&key(&payment)).await.unwrap().unwrap();
    assert_eq!(line.status, Status::Settled);
}

#[tokio::test]
async fn after_a_crash_a_transaction_that_was_not_even_written_down_is_found_on_chain() {
    let world = World::instant();
    let Legacy { payment, request, transaction } = settled_before(&world).await;
    let store = MemoryStore::new();
    write(&store, &payment, Status::Intended, None).await;
    let answer = settle(&facilitator(&world, store).await, &request).await;
    assert!(answer.success, "{answer:?}");
    assert_eq!(answer.transaction, transaction);
    assert_eq!(world.wire.count("eth_sendRawTransaction"), 0);
}

#[tokio::test]
async fn a_settled_payment_is_answered_even_when_it_has_expired() {
    let world = World::instant();
    let store = MemoryStore::new();
    let payment = world.payment().with(|a| a.valid_before = x402_types::Amount::from(now() - 60));
    let transaction = format!("0x{:064x}", 7);
    write(&store, &payment, Status::Settled, Some(transaction.clone())).await;
    let facilitator = facilitator(&world, store).await;
    let answer = settle(&facilitator, &payment.v2().await).await;
    assert!(answer.success, "{answer:?}");
    assert_eq!(answer.transaction, transaction);
    let other = world.payment().with(|a| a.valid_before = x402_types::Amount::from(now() - 60));
    let answer = settle(&facilitator, &other.v2().await).await;
    assert_eq!(reason(&answer), "invalid_exact_evm_payload_authorization_valid_before");
    assert_eq!(world.wire.calls(), [""; 0]);
}
