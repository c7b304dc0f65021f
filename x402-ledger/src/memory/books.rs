use std::collections::VecDeque;
use std::sync::Arc;

use x402_types::Amount;

use super::kept::Texts;
use super::{Kept, Keyed};
use crate::{Payment, PaymentKey, Status, StoreError};

/// The newest lines, in the order of their writing; unfinished ones are never dropped. Of payments
/// that failed without a transaction, which cost nothing to make, it has room for an eighth: they drop
/// one another, and not what was sold.
#[derive(Debug, Default)]
pub(super) struct Books {
    /// By place; `None` where a line was dropped before an older one.
    lines: VecDeque<Option<Line>>,
    /// The place of the first of `lines`.
    first: usize,
    /// No line before this place can be dropped.
    droppable: usize,
    places: Keyed<usize>,
    /// Where lines were that failed without a transaction. They may have gone on, or gone, since.
    failed: VecDeque<usize>,
    texts: Texts,
}

/// Of all lines, the part that may have failed without a transaction.
const FAILED: usize = 8;

/// A [`Payment`]. There may be millions.
#[derive(Debug)]
struct Line {
    key: Kept,
    pay_to: Arc<str>,
    amount: Amount,
    scheme: Arc<str>,
    purchase: Arc<str>,
    created_at: i64,
    updated_at: i64,
    status: Status,
    transaction: Option<Transaction>,
}

#[derive(Debug)]
enum Transaction {
    Hash([u8; 32]),
    Other(String),
}

impl Books {
    pub(super) fn record(&mut self, capacity: usize, payment: Payment) {
        let line = self.line(payment);
        if let Some(place) = self.places.get(&line.key).copied() {
            self.droppable = self.droppable.min(place);
            let slot = place.checked_sub(self.first).and_then(|slot| self.lines.get_mut(slot));
            if let Some(known) = slot.and_then(|slot| slot.replace(line)) {
                self.forget(known);
            }
            return;
        }
        if self.places.len() >= capacity {
            self.drop_the_oldest();
        }
        // Unfinished lines, which stay, may have dropped ones behind them without end.
        if self.lines.len() >= capacity.max(2 * self.places.len()) {
            self.close_the_gaps();
        }
        self.places.insert(line.key.clone(), self.first + self.lines.len());
        self.lines.push_back(Some(line));
    }

    pub(super) fn complete(
        &mut self,
        capacity: usize,
        key: &PaymentKey,
        status: Status,
        transaction: Option<String>,
        at: i64,
    ) -> Result<(), StoreError> {
        let place = *self.places.get(&Kept::from(key)).ok_or(StoreError::Missing)?;
        let slot = place.checked_sub(self.first).and_then(|slot| self.lines.get_mut(slot));
        let line = slot.and_then(Option::as_mut).ok_or(StoreError::Missing)?;
        self.droppable = self.droppable.min(place);
        line.status = status;
        line.updated_at = at;
        if let Some(transaction) = transaction {
            line.transaction = Some(transaction.into());
        }
        if line.cost_nothing() {
            self.failed.push_back(place);
            self.drop_failed(capacity / FAILED);
        }
        Ok(())
    }

    fn drop_failed(&mut self, most: usize) {
        while self.failed.len() > most.max(1) {
            let Some(place) = self.failed.pop_front() else { return };
            let slot = place.checked_sub(self.first).and_then(|slot| self.lines.get_mut(slot));
            let dropped = slot.and_then(|slot| slot.take_if(|line| line.cost_nothing()));
            if let Some(line) = dropped {
                self.places.remove(&line.key);
                self.forget(line);
            }
        }
    }

    pub(super) fn payment(&self, key: &PaymentKey) -> Option<Payment> {
        let place = self.places.get(&Kept::from(key))?.checked_sub(self.first)?;
        self.lines.get(place)?.as_ref().map(Payment::from)
    }

    pub(super) fn recent(&self, limit: usize) -> Vec<Payment> {
        self.lines.iter().rev().flatten().take(limit).map(Payment::from).collect()
    }

    fn line(&mut self, payment: Payment) -> Line {
        let mut shared = |text: &str| self.texts.shared(text);
        Line {
            key: Kept::from(&payment.key),
            pay_to: shared(&payment.pay_to),
            amount: payment.amount,
            scheme: shared(&payment.scheme),
            purchase: shared(&payment.purchase),
            created_at: payment.created_at,
            updated_at: payment.updated_at,
            status: payment.status,
            transaction: payment.transaction.map(Transaction::from),
        }
    }

    fn forget(&mut self, line: Line) {
        for text in [line.pay_to, line.scheme, line.purchase] {
            self.texts.give_back(&text);
        }
    }

    fn drop_the_oldest(&mut self) {
        let from = self.droppable.saturating_sub(self.first).min(self.lines.len());
        let finished = |line: &Option<Line>| line.as_ref().is_some_and(Line::is_final);
        let found = self.lines.range(from..).position(finished).map(|after| from + after);
        self.droppable = self.first + found.unwrap_or(self.lines.len());
        let dropped = found.and_then(|slot| self.lines.get_mut(slot)).and_then(Option::take);
        if let Some(line) = dropped {
            self.places.remove(&line.key);
            self.forget(line);
        }
        while let Some(None) = self.lines.front() {
            self.lines.pop_front();
            self.first += 1;
        }
    }

    fn close_the_gaps(&mut self) {
        self.lines.retain(Option::is_some);
        for (place, line) in self.lines.iter().flatten().enumerate() {
            self.places.insert(line.key.clone(), self.first + place);
        }
        self.droppable = self.first;
        let failed = |(at, line): (usize, &Line)| line.cost_nothing().then_some(self.first + at);
        self.failed = self.lines.iter().flatten().enumerate().filter_map(failed).collect();
    }
}

impl Line {
    fn is_final(&self) -> bool {
        self.status.is_final()
    }

    /// Whether nobody has paid anything for there being this line.
    fn cost_nothing(&self) -> bool {
        matches!(self.status, Status::Failed(_)) && self.transaction.is_none()
    }
}

impl From<&Line> for Payment {
    fn from(line: &Line) -> Self {
        Self {
            key: line.key.key(),
            pay_to: line.pay_to.to_string(),
            amount: line.amount,
            scheme: line.scheme.to_string(),
            purchase: line.purchase.to_string(),
            created_at: line.created_at,
            updated_at: line.updated_at,
            status: line.status.clone(),
            transaction: line.transaction.as_ref().map(Transaction::to_text),
        }
    }
}

impl From<String> for Transaction {
    /// The hash of an EVM chain, as such a chain spells it; all else, to the letter.
    fn from(text: String) -> Self {
        let mut hash = [0; 32];
        let digits = text.strip_prefix("0x").filter(|digits| digits.len() == 64);
        let decoded = digits.is_some_and(|digits| {
            let upper = digits.bytes().any(|digit| digit.is_ascii_uppercase());
            !upper && const_hex::decode_to_slice(digits, &mut hash).is_ok()
        });
        if decoded { Self::Hash(hash) } else { Self::Other(text) }
    }
}

impl Transaction {
    fn to_text(&self) -> String {
        match self {
            Self::Hash(hash) => const_hex::encode_prefixed(hash),
            Self::Other(text) => text.clone(),
        }
    }
}
