//! Payments that were sent and of which it is not known whether the seller took them.
//!
//! A payment stands here from before it is sent until its purchase is served or it has expired. As
//! long as it does, the same purchase is tried again with the same payment. Another one is signed
//! only where the seller has refused the first and offers other terms, and only as long as all that
//! it could take comes to no more than the limit.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use x402_ledger::PaymentKey;

use crate::Receipt;
use crate::terms::Terms;

/// Payments in doubt that are remembered; beyond, no new ones are signed.
const CAPACITY: usize = 4096;
/// Seconds past its end for which a payment is still thought to be at large: clocks differ, a
/// chain's among them.
const MARGIN: u64 = 60;
/// Seconds before its end at which a payment is not sent any more: sellers refuse it.
const TOO_LATE: u64 = 6;

/// A signed payment, ready to be sent, and sent again.
pub(crate) struct Sent {
    pub(crate) header_name: &'static str,
    pub(crate) header_value: String,
    /// The terms that were accepted.
    pub(crate) terms: Terms,
    /// What will be told of it, as far as it is known at signing.
    pub(crate) receipt: Receipt,
}

/// What must be done about a purchase.
pub(crate) enum Before {
    /// Nothing is at large, or little enough: a new payment may be signed.
    Nothing,
    /// This payment is at large: it is sent again.
    SendAgain(Arc<Sent>),
    /// This payment is at large and cannot be sent again, and another one is too much besides.
    Wait { key: PaymentKey, valid_before: u64 },
    /// Too many payments are in doubt.
    Full,
}

#[derive(Default)]
pub(crate) struct Outstanding {
    book: Mutex<Book>,
}

#[derive(Default)]
struct Book {
    by_purchase: HashMap<String, Vec<Entry>>,
    in_doubt: usize,
}

struct Entry {
    sent: Arc<Sent>,
    /// A request with it is under way.
    in_flight: bool,
    doubt: Option<Doubt>,
}

/// Why a payment is still here.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Doubt {
    /// Nobody said what became of it.
    Unknown,
    /// The seller said no. It may be sent again; where the terms have changed, another may be
    /// signed.
    Rejected,
}

impl Outstanding {
    /// Looks for a payment that is at large for this purchase. `offered` tells whether its terms
    /// are offered again; `room`, whether the limits allow another payment besides these.
    pub(crate) fn before(
        &self,
        purchase: &str,
        now: u64,
        offered: impl Fn(&Terms) -> bool,
        room: impl Fn(Vec<&Receipt>) -> bool,
    ) -> Before {
        let mut book = self.book();
        book.drop_expired(purchase, now);
        if let Some(entries) = book.by_purchase.get_mut(purchase) {
            let mut in_doubt = entries.iter_mut().filter(|entry| entry.doubt.is_some());
            let again = in_doubt.find(|entry| {
                !entry.in_flight
                    && now.saturating_add(TOO_LATE) < entry.valid_before()
                    && offered(&entry.sent.terms)
            });
            if let Some(entry) = again {
                entry.in_flight = true;
                return Before::SendAgain(entry.sent.clone());
            }
            let blocking = entries.iter().find(|entry| match entry.doubt {
                None => false,
                Some(Doubt::Unknown) => true,
                Some(Doubt::Rejected) => entry.in_flight || offered(&entry.sent.terms),
            });
            let blocking = blocking.or_else(|| {
                let at_large = entries.iter().filter(|entry| entry.doubt.is_some());
                let receipts = at_large.clone().map(|entry| &entry.sent.receipt).collect();
                // With the last to end the others have ended too.
                if room(receipts) { None } else { at_large.max_by_key(|it| it.valid_before()) }
            });
            if let Some(entry) = blocking {
                return Before::Wait {
                    key: entry.sent.receipt.key().clone(),
                    valid_before: entry.valid_before(),
                };
            }
        }
        if book.in_doubt >= CAPACITY {
            book.drop_all_expired(now);
        }
        if book.in_doubt >= CAPACITY { Before::Full } else { Before::Nothing }
    }

    /// Takes down a payment that is about to be sent for the first time.
    pub(crate) fn about_to_send(&self, sent: Arc<Sent>) {
        let entry = Entry { sent, in_flight: true, doubt: None };
        let purchase = entry.sent.receipt.purchase().to_owned();
        self.book().by_purchase.entry(purchase).or_default().push(entry);
    }

    /// The request ended, and the payment may still be at large.
    pub(crate) fn doubt(&self, sent: &Arc<Sent>, doubt: Doubt) {
        let mut book = self.book();
        let Book { by_purchase, in_doubt } = &mut *book;
        let entries = by_purchase.get_mut(sent.receipt.purchase());
        if let Some(entry) =
            entries.into_iter().flatten().find(|entry| Arc::ptr_eq(&entry.sent, sent))
        {
            *in_doubt += usize::from(entry.doubt.is_none());
            entry.in_flight = false;
            entry.doubt = Some(doubt);
        }
    }

    /// The purchase was served.
    pub(crate) fn done(&self, sent: &Arc<Sent>) {
        self.book().retain(sent.receipt.purchase(), |entry| !Arc::ptr_eq(&entry.sent, sent));
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Book {
    fn retain(&mut self, purchase: &str, keep: impl Fn(&Entry) -> bool) {
        let Some(entries) = self.by_purchase.get_mut(purchase) else { return };
        entries.retain(|entry| {
            let keep = keep(entry);
            self.in_doubt -= usize::from(!keep && entry.doubt.is_some());
            keep
        });
        if entries.is_empty() {
            self.by_purchase.remove(purchase);
        }
    }

    fn drop_expired(&mut self, purchase: &str, now: u64) {
        self.retain(purchase, |entry| {
            entry.in_flight || now < entry.valid_before().saturating_add(MARGIN)
        });
    }

    fn drop_all_expired(&mut self, now: u64) {
        let purchases: Vec<_> = self.by_purchase.keys().cloned().collect();
        for purchase in purchases {
            self.drop_expired(&purchase, now);
        }
    }
}

impl Entry {
    fn valid_before(&self) -> u64 {
        self.sent.receipt.valid_before()
    }
}
