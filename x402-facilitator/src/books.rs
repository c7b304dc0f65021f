//! What the books say of a settlement, and are told.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use alloy_primitives::B256;
use x402_ledger::{Payment, Status};

use crate::Unavailable;
use crate::settle::Work;
use crate::settlements::Outcome;

/// What the books say of a payment.
pub(crate) enum Earlier {
    Nothing,
    /// The line about it.
    Line(Box<Payment>),
    /// It was to be settled over another amount, and may have been.
    OtherAmount,
}

impl Work {
    /// The line of the books about this payment, where an earlier process left one.
    pub(crate) async fn earlier(&self) -> Result<Earlier, Unavailable> {
        let line = self.payments.payment(&self.order.key()).await;
        let line = line.map_err(|error| Unavailable::Store(Arc::new(error)))?;
        let Some(line) = line else { return Ok(Earlier::Nothing) };
        let payment = &self.order.payment;
        // A payer can sign two payments of the same nonce.
        let same_amount = line.amount == payment.amount;
        if same_amount && line.pay_to.eq_ignore_ascii_case(&payment.pay_to.to_string()) {
            return Ok(Earlier::Line(Box::new(line)));
        }
        let is_open = payment.is_metered && !matches!(line.status, Status::Failed(_));
        Ok(if is_open { Earlier::OtherAmount } else { Earlier::Nothing })
    }

    pub(crate) async fn write_down(&self) -> Result<(), Unavailable> {
        let order = &self.order;
        let payment = &order.payment;
        let now = now_millis();
        let line = Payment {
            key: order.key(),
            pay_to: payment.pay_to.to_string(),
            amount: payment.amount,
            scheme: payment.scheme.to_owned(),
            purchase: order.purchase(),
            created_at: now,
            updated_at: now,
            status: Status::Intended,
            transaction: None,
        };
        let written = self.payments.record(line).await;
        written.map_err(|error| Unavailable::Store(Arc::new(error)))
    }

    pub(crate) async fn complete(&self, outcome: &Outcome) {
        match outcome {
            Outcome::Settled(transaction) => self.note(Status::Settled, Some(*transaction)).await,
            Outcome::Failed { refusal, transaction } => {
                let status = Status::Failed(refusal.reason.as_str().to_owned());
                self.note(status, *transaction).await;
            }
            Outcome::Unknown(transaction) => self.note(Status::Unknown, *transaction).await,
            Outcome::NotSent(_) => self.note(Status::Failed("not_sent".to_owned()), None).await,
        }
    }

    /// Completes the line of the books. What has happened on chain has happened, so that this fails
    /// is no reason to answer anything else.
    pub(crate) async fn note(&self, status: Status, transaction: Option<B256>) {
        let transaction = transaction.map(|hash| hash.to_string());
        let key = self.order.key();
        if let Err(error) = self.payments.complete(&key, status, transaction, now_millis()).await {
            tracing::error!(%key, %error, "the books are behind");
        }
    }
}

pub(crate) fn now_millis() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
