//! The payments that are being settled or were, so that asking twice settles once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use alloy_primitives::{B256, keccak256};
use tokio::sync::watch;
use tokio::time::Instant;
use x402_types::Amount;
use x402_types::scheme::Refusal;

use crate::Unavailable;
use crate::order::Order;
use crate::payment::{Payment, PaymentId};

/// All payments that are remembered.
#[derive(Debug)]
pub(crate) struct Settlements {
    capacity: usize,
    memory: Mutex<Memory>,
}

#[derive(Debug, Default)]
struct Memory {
    entries: HashMap<PaymentId, Entry>,
    /// The second since 1970 in which stale entries were last looked for.
    swept: Option<u64>,
}

#[derive(Debug)]
struct Entry {
    settlement: Settlement,
    signed: Signed,
    /// In seconds since 1970.
    expires: u64,
}

/// What tells payments of the same nonce apart.
#[derive(Debug)]
struct Signed {
    /// The digest of what was signed: a payer can sign two payments of the same nonce.
    digest: B256,
    /// What is to be moved, which for some schemes the one who settles says.
    amount: Amount,
    /// Which of a wallet's signatures it came with.
    signature: Option<B256>,
    /// What it pays for, which is not signed: of two sellers with one payee only one is paid.
    purchase: B256,
}

/// One payment's way to settlement. Clones are handles of the same.
#[derive(Clone, Debug)]
pub(crate) struct Settlement {
    progress: Arc<watch::Sender<Progress>>,
}

/// How far a settlement is.
#[derive(Clone, Debug)]
pub(crate) enum Progress {
    /// Nothing was sent.
    Preparing,
    /// This transaction is about to be sent, or was. `None` where an earlier process may have sent
    /// one, and nobody knows which.
    Sent(Option<B256>),
    /// It is over.
    Done(Outcome),
}

/// What a settlement came to.
#[derive(Clone, Debug)]
pub(crate) enum Outcome {
    /// This transaction moved the money.
    Settled(B256),
    /// The money did not move; the transaction that failed, if any.
    Failed { refusal: Refusal, transaction: Option<B256> },
    /// It is not known whether the money moved; the transaction of ours that did not move it, if any.
    /// Whoever asks again has it looked at again.
    Unknown(Option<B256>),
    /// Nothing was sent, for reasons that are not the payment's.
    NotSent(Unavailable),
}

/// What a settlement came to by a deadline.
#[derive(Clone, Debug)]
pub(crate) enum Awaited {
    Over(Outcome),
    /// A transaction was sent, this one if known, and it is not known what came of it.
    Pending(Option<B256>),
}

/// What a payment's memory says.
#[derive(Debug)]
pub(crate) enum Claim {
    /// The payment is new, and the caller's to settle.
    New(Settlement),
    /// It is being settled, or was.
    Known(Settlement),
    /// Another authorization of this payer has the same nonce.
    OtherAuthorization,
    /// The same authorization is being settled over another amount, or was.
    OtherAmount,
    /// The same authorization is being settled for another purchase, or was.
    OtherPurchase,
    /// There is no room to remember another one.
    Full,
}

/// Seconds for which a payment is remembered after it can be settled no more: an answer may have
/// been lost at the last moment.
const AFTERWARDS: u64 = 300;
/// Seconds for which a payment is remembered at the longest. Beyond that the chain and the books
/// tell.
const AT_LONGEST: u64 = 24 * 60 * 60;

impl Settlements {
    pub(crate) fn new(capacity: usize) -> Self {
        Self { capacity, memory: Mutex::default() }
    }

    /// Claims a payment, or finds who did. `now` in seconds since 1970.
    pub(crate) fn claim(&self, order: &Order, now: u64) -> Claim {
        let Payment { id, digest, amount, ends, proof, .. } = &order.payment;
        let (digest, amount, signature) = (*digest, *amount, proof.fingerprint());
        let signed = Signed { digest, amount, signature, purchase: keccak256(&order.resource) };
        self.claim_as(*id, signed, *ends, now)
    }

    /// Whether just this signature was claimed before, and checked then.
    pub(crate) fn knows(&self, payment: &Payment) -> bool {
        let memory = self.memory();
        memory.entries.get(&payment.id).is_some_and(|entry| {
            entry.settlement.lasts()
                && entry.signed.digest == payment.digest
                && entry.signed.signature == payment.proof.fingerprint()
        })
    }

    fn claim_as(&self, id: PaymentId, signed: Signed, ends: u64, now: u64) -> Claim {
        let mut memory = self.memory();
        if let Some(entry) = memory.entries.get(&id) {
            match entry.settlement.lasts() {
                true if entry.signed.digest != signed.digest => return Claim::OtherAuthorization,
                true if entry.signed.amount != signed.amount => return Claim::OtherAmount,
                true if entry.signed.purchase != signed.purchase => return Claim::OtherPurchase,
                true => return Claim::Known(entry.settlement.clone()),
                false => memory.entries.remove(&id),
            };
        }
        if memory.entries.len() >= self.capacity {
            memory.sweep(now);
            if memory.entries.len() >= self.capacity {
                return Claim::Full;
            }
        }
        let settlement = Settlement::new();
        let expires = ends.saturating_add(AFTERWARDS).min(now.saturating_add(AT_LONGEST));
        let entry = Entry { settlement: settlement.clone(), signed, expires };
        memory.entries.insert(id, entry);
        Claim::New(settlement)
    }

    /// How far a payment is, if it is known.
    pub(crate) fn progress(&self, id: &PaymentId) -> Option<Progress> {
        let memory = self.memory();
        memory.entries.get(id).filter(|e| e.settlement.lasts()).map(|e| e.settlement.progress())
    }

    /// Forgets a settlement that came to nothing, so that it can be tried again.
    pub(crate) fn release(&self, id: &PaymentId, settlement: &Settlement) {
        let mut memory = self.memory();
        let same = |entry: &Entry| Arc::ptr_eq(&entry.settlement.progress, &settlement.progress);
        if !settlement.lasts() && memory.entries.get(id).is_some_and(same) {
            memory.entries.remove(id);
        }
    }

    /// Never held across an await.
    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Memory {
    /// Forgets what is over and too old to be asked for again. Once a second at the most: where
    /// all are live, looking again is no use.
    fn sweep(&mut self, now: u64) {
        if self.swept.replace(now) == Some(now) {
            return;
        }
        self.entries.retain(|_, entry| entry.settlement.lasts() && !entry.is_stale(now));
    }
}

impl Entry {
    /// Whether it may be forgotten: it is over, and the payment too old to be asked for again.
    fn is_stale(&self, now: u64) -> bool {
        self.expires < now && matches!(self.settlement.progress(), Progress::Done(_))
    }
}

impl Settlement {
    /// One that nobody asks about: for what is sent besides a payment's own transaction.
    pub(crate) fn aside() -> Self {
        Self::new()
    }

    fn new() -> Self {
        Self { progress: Arc::new(watch::Sender::new(Progress::Preparing)) }
    }

    pub(crate) fn progress(&self) -> Progress {
        self.progress.borrow().clone()
    }

    /// The newest transaction of ours, where it is under way.
    pub(crate) fn transaction(&self) -> Option<B256> {
        match &*self.progress.borrow() {
            Progress::Sent(transaction) => *transaction,
            Progress::Preparing | Progress::Done(_) => None,
        }
    }

    /// Whether asking for the payment again must not settle it again.
    fn lasts(&self) -> bool {
        match &*self.progress.borrow() {
            Progress::Preparing | Progress::Sent(_) => true,
            Progress::Done(outcome) => match outcome {
                Outcome::Settled(_) => true,
                Outcome::Failed { transaction, .. } => transaction.is_some(),
                Outcome::Unknown(_) | Outcome::NotSent(_) => false,
            },
        }
    }

    /// Says which transaction is about to be sent. `false` where it must not be, because it is all
    /// over.
    #[must_use]
    pub(crate) fn sending(&self, transaction: B256) -> bool {
        self.advance(Progress::Sent(Some(transaction)))
    }

    /// Goes on to another stage, or back to an earlier one. `false` where it is all over.
    pub(crate) fn advance(&self, stage: Progress) -> bool {
        self.progress.send_if_modified(|progress| match progress {
            Progress::Done(_) => false,
            other => {
                *other = stage;
                true
            }
        })
    }

    /// Says what came of it. What was said first stays.
    pub(crate) fn finish(&self, outcome: Outcome) {
        self.advance(Progress::Done(outcome));
    }

    /// Gives it up if nothing was sent so far; from then on nothing will be.
    pub(crate) fn give_up(&self, reason: Unavailable) {
        self.progress.send_if_modified(|progress| match progress {
            Progress::Preparing => {
                *progress = Progress::Done(Outcome::NotSent(reason));
                true
            }
            _ => false,
        });
    }

    /// Waits until a transaction is sent, another than this one. Never ready where none is.
    pub(crate) async fn sent(&self, known: Option<B256>) -> B256 {
        let mut progress = self.progress.subscribe();
        loop {
            if let Progress::Sent(Some(hash)) = &*progress.borrow_and_update()
                && known != Some(*hash)
            {
                return *hash;
            }
            if progress.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// Waits until it is over, or until a deadline: where nothing was sent by then, nothing will
    /// be, for this reason.
    pub(crate) async fn wait(&self, deadline: Instant, otherwise: Unavailable) -> Awaited {
        let mut progress = self.progress.subscribe();
        let over = progress.wait_for(|progress| matches!(progress, Progress::Done(_)));
        if tokio::time::timeout_at(deadline, over).await.is_err() {
            self.give_up(otherwise.clone());
        }
        match self.progress() {
            Progress::Done(outcome) => Awaited::Over(outcome),
            Progress::Sent(hash) => Awaited::Pending(hash),
            // Given up above, so it is over.
            Progress::Preparing => Awaited::Over(Outcome::NotSent(otherwise)),
        }
    }
}

#[cfg(test)]
mod tests {
    use alloy_primitives::Address;

    use super::*;

    fn id(nonce: u8) -> PaymentId {
        PaymentId::new(1, Address::ZERO, Address::ZERO, B256::repeat_byte(nonce))
    }

    fn signed() -> Signed {
        Signed { digest: B256::ZERO, amount: Amount::ZERO, signature: None, purchase: B256::ZERO }
    }

    fn claim(settlements: &Settlements, nonce: u8, now: u64) -> Settlement {
        match settlements.claim_as(id(nonce), signed(), 1_000, now) {
            Claim::New(settlement) => settlement,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_settled_payment_is_forgotten_only_when_it_is_too_old_to_be_asked_for() {
        let settlements = Settlements::new(1);
        claim(&settlements, 1, 0).finish(Outcome::Settled(B256::ZERO));
        assert!(matches!(settlements.claim_as(id(2), signed(), 1_000, 1_300), Claim::Full));
        claim(&settlements, 2, 1_301);
    }

    #[test]
    fn what_was_settled_over_one_amount_is_not_settled_over_another() {
        let settlements = Settlements::new(1);
        claim(&settlements, 1, 0).finish(Outcome::Settled(B256::ZERO));
        let other = Signed { amount: Amount::from(1u64), ..signed() };
        assert!(matches!(settlements.claim_as(id(1), other, 1_000, 0), Claim::OtherAmount));
        let other = Signed { digest: B256::repeat_byte(1), ..signed() };
        assert!(matches!(settlements.claim_as(id(1), other, 1_000, 0), Claim::OtherAuthorization));
        let other = Signed { purchase: B256::repeat_byte(1), ..signed() };
        assert!(matches!(settlements.claim_as(id(1), other, 1_000, 0), Claim::OtherPurchase));
        assert!(matches!(settlements.claim_as(id(1), signed(), 1_000, 0), Claim::Known(_)));
    }

    #[test]
    fn a_payment_under_way_is_never_forgotten() {
        let settlements = Settlements::new(1);
        assert!(claim(&settlements, 1, 0).sending(B256::ZERO));
        assert!(matches!(settlements.claim_as(id(2), signed(), 1_000, u64::MAX), Claim::Full));
    }

    #[test]
    fn what_came_to_nothing_can_be_tried_again() {
        let settlements = Settlements::new(1);
        let first = claim(&settlements, 1, 0);
        let network = x402_types::Network::BASE;
        first.give_up(Unavailable::Busy { network: network.clone() });
        assert!(!first.sending(B256::ZERO), "what was given up is not sent any more");
        let second = claim(&settlements, 1, 0);
        settlements.release(&id(1), &first);
        assert!(second.sending(B256::ZERO), "the first one's end does not end the second");
        second.give_up(Unavailable::Busy { network });
        assert!(matches!(second.progress(), Progress::Sent(_)), "what was sent is not given up");
        assert!(matches!(settlements.claim_as(id(1), signed(), 1_000, 0), Claim::Known(_)));
    }
}
