use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};
use x402_server::ChargeError;
use x402_types::Amount;

use crate::Payment;

impl Payment {
    /// Charges so much of a payment by `upto`, in atomic units of the asset, instead of the whole
    /// price. The last call counts; see [`x402_server::Payment::charge`].
    ///
    /// ```
    /// use x402_actix::{NotCharged, Payment};
    ///
    /// async fn answer(payment: Payment) -> Result<String, NotCharged> {
    ///     let (text, tokens) = ("an answer".to_owned(), 21u64);
    ///     payment.charge(tokens * 10)?;
    ///     Ok(text)
    /// }
    /// ```
    ///
    /// # Errors
    /// [`NotCharged`]; what was charged before stands.
    pub fn charge(&self, amount: impl Into<Amount>) -> Result<(), NotCharged> {
        Ok(x402_server::Payment::charge(self, amount)?)
    }

    /// [`charge`](Self::charge), with the amount in words, such as `$0.005` or `0.005 USDC`; see
    /// [`x402_server::Payment::charge_price`].
    ///
    /// # Errors
    /// [`NotCharged`]; what was charged before stands.
    pub fn charge_price(&self, price: &str) -> Result<(), NotCharged> {
        Ok(x402_server::Payment::charge_price(self, price)?)
    }

    /// Charges so much more of a payment by `upto`, in atomic units of the asset, on top of what was
    /// charged so far: for what is counted while it is made. See [`x402_server::Payment::charge_more`].
    ///
    /// # Errors
    /// [`NotCharged`]; what was charged before stands. Above the limit it is time to stop.
    pub fn charge_more(&self, amount: impl Into<Amount>) -> Result<(), NotCharged> {
        Ok(x402_server::Payment::charge_more(self, amount)?)
    }
}

/// The handler charges what cannot be charged, such as more than was signed.
///
/// As a handler's answer it is a 500, so that nothing is settled for it. Why stands in the log, and not
/// in the answer. What else is to be answered is found by [`reason`](Self::reason).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the handler charges what cannot be charged: {0}")]
pub struct NotCharged(#[from] ChargeError);

impl NotCharged {
    /// Why it cannot be charged.
    pub fn reason(&self) -> &ChargeError {
        &self.0
    }
}

impl ResponseError for NotCharged {
    fn status_code(&self) -> StatusCode {
        StatusCode::INTERNAL_SERVER_ERROR
    }

    fn error_response(&self) -> HttpResponse {
        tracing::error!("{self}");
        HttpResponse::new(self.status_code())
    }
}
