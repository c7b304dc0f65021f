use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use x402_types::{Amount, Asset};

use crate::{PaymentKey, StoreError};

/// A line of the books: who paid how much for what, when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Payment {
    /// Network, asset, payer and nonce.
    pub key: PaymentKey,
    /// Who is paid.
    pub pay_to: String,
    /// How much, in atomic units of the asset.
    pub amount: Amount,
    /// How it is paid, such as `exact`.
    pub scheme: String,
    /// What for: the method and address.
    pub purchase: String,
    /// When the line was written, in milliseconds since 1970.
    pub created_at: i64,
    /// When it last changed, in milliseconds since 1970.
    pub updated_at: i64,
    /// What came of it.
    pub status: Status,
    /// The transaction, where one is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transaction: Option<String>,
}

/// What came of a payment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Status {
    /// Money is about to move. What a crash leaves behind.
    Intended,
    /// Money moved.
    Settled,
    /// A transaction was sent and is not confirmed.
    Pending,
    /// It is not known whether money moved.
    Unknown,
    /// Money did not move, for this reason.
    Failed(String),
}

/// Who paid how much for what, when.
pub trait Payments: Send + Sync + 'static {
    /// Writes a line, or replaces the line of the same key. Called before money can move.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]; the caller then lets no money move.
    fn record(&self, payment: Payment) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Completes the line of this key. `at` is in milliseconds since 1970; a transaction that is
    /// `None` leaves the one that is known.
    ///
    /// # Errors
    /// [`StoreError::Missing`], [`StoreError::Unavailable`].
    fn complete(
        &self,
        key: &PaymentKey,
        status: Status,
        transaction: Option<String>,
        at: i64,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// The line of this key.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    fn payment(
        &self,
        key: &PaymentKey,
    ) -> impl Future<Output = Result<Option<Payment>, StoreError>> + Send;

    /// The newest lines, newest first, at most so many.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    fn recent(&self, limit: usize)
    -> impl Future<Output = Result<Vec<Payment>, StoreError>> + Send;
}

impl Status {
    /// Whether nothing more will come of it.
    pub const fn is_final(&self) -> bool {
        matches!(self, Self::Settled | Self::Failed(_))
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Intended => f.write_str("intended"),
            Self::Settled => f.write_str("settled"),
            Self::Pending => f.write_str("pending"),
            Self::Unknown => f.write_str("unknown"),
            Self::Failed(reason) => write!(f, "failed ({reason})"),
        }
    }
}

impl fmt::Display for Payment {
    /// One line: when, who, how much, to whom, for what, where, what came of it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, pay_to, amount, purchase, status, .. } = self;
        let network = key.network();
        match Timestamp::from_millisecond(self.created_at) {
            Ok(at) => write!(f, "{at:.3}")?,
            Err(_) => write!(f, "{}", self.created_at)?,
        }
        write!(f, "  {} paid ", key.payer())?;
        match Asset::find(network, key.asset()) {
            Some(asset) => f.write_str(&asset.in_words(*amount))?,
            None => write!(f, "{amount} units of {}", key.asset())?,
        }
        write!(f, " to {pay_to} for {purchase} on {network}: {status}")?;
        match &self.transaction {
            Some(transaction) => write!(f, ", transaction {transaction}"),
            None => Ok(()),
        }
    }
}
