use std::collections::VecDeque;
use std::mem;
use std::sync::Arc;

use x402_types::Amount;

use super::kept::Texts;
use super::{Kept, Keyed};
use crate::{Payment, PaymentKey, Status, StoreError};

/// The newest lines, in the order of their writing; unfinished ones are never dropped.
#[derive(Debug, Default)]
pub(super) struct Books {
    /// By place; `None` where a line was dropped before an older one.
    lines: VecDeque<Option<Line>>,
    /// The place of the first of `lines`.
    first: usize,
    places: Keyed<usize>,
    texts: Texts,
}

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
        if let Some(known) = self.line_mut(&line.key) {
            let known = mem::replace(known, line);
            return self.forget(known);
        }
        self.places.insert(line.key.clone(), self.first + self.lines.len());
        self.lines.push_back(Some(line));
        if self.places.len() > capacity {
            self.drop_the_oldest();
        }
        if self.lines.len() > capacity.saturating_mul(2) {
            self.close_the_gaps();
        }
    }

    pub(super) fn complete(
        &mut self,
        key: &PaymentKey,
        status: Status,
        transaction: Option<String>,
        at: i64,
    ) -> Result<(), StoreError> {
        let line = self.line_mut(&Kept::from(key)).ok_or(StoreError::Missing)?;
        line.status = status;
        line.updated_at = at;
        if let Some(transaction) = transaction {
            line.transaction = Some(transaction.into());
        }
        Ok(())
    }

    pub(super) fn payment(&self, key: &PaymentKey) -> Option<Payment> {
        let place = self.places.get(&Kept::from(key))?.checked_sub(self.first)?;
        self.lines.get(place)?.as_ref().map(Payment::from)
    }

    pub(super) fn recent(&self, limit: usize) -> Vec<Payment> {
        self.lines.iter().rev().flatten().take(limit).map(Payment::from).collect()
    }

    fn line_mut(&mut self, key: &Kept) -> Option<&mut Line> {
        let place = self.places.get(key)?.checked_sub(self.first)?;
        self.lines.get_mut(place)?.as_mut()
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
        let finished =
            |line: &&mut Option<Line>| line.as_ref().is_some_and(|line| line.status.is_final());
        if let Some(line) = self.lines.iter_mut().find(finished).and_then(Option::take) {
            self.places.remove(&line.key);
            self.forget(line);
        }
        while let Some(None) = self.lines.front() {
            self.lines.pop_front();
            self.first += 1;
        }
    }

    /// Unfinished lines, which stay, may have dropped ones behind them without end.
    fn close_the_gaps(&mut self) {
        self.lines.retain(Option::is_some);
        for (place, line) in self.lines.iter().flatten().enumerate() {
            self.places.insert(line.key.clone(), self.first + place);
        }
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
