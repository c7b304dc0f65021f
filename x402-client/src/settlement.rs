use std::error::Error;
use std::fmt;

use x402_ledger::{PaymentKey, Status};
use x402_types::{ErrorReason, Fault};

use crate::outstanding::Doubt;
use crate::{Challenge, Receipt, SignedPayment, Untrusted};

/// The seller asked for money again instead of taking what it got.
///
/// The payment can still be taken until [`Receipt::valid_before`]. Until then the same purchase is
/// tried again with this payment as long as the seller offers the same terms.
pub struct Rejected {
    /// What was paid. Its status is [`Status::Failed`] only where the seller says that no money
    /// moved.
    pub receipt: Box<Receipt>,
    /// Why, where it is a reason of the protocol.
    pub reason: Option<ErrorReason>,
    /// Why, in the seller's words.
    pub message: Option<Untrusted>,
}

/// A payment was sent and nothing came back.
///
/// It may have been taken. The same purchase is tried again with this payment, and with no other
/// one, until it has expired.
#[derive(Debug, thiserror::Error)]
#[error(
    "a payment was sent and nothing came back; it may be taken until {valid_before} (seconds since 1970) and is sent again, never replaced, until then"
)]
pub struct OutcomeUnknown {
    /// The payment.
    pub key: PaymentKey,
    /// The second since 1970 from which on it cannot be taken.
    pub valid_before: u64,
    /// What happened instead of an answer.
    pub source: Box<dyn Error + Send + Sync>,
}

impl SignedPayment {
    /// Tells what the request with the payment was answered, and what that means:
    ///
    /// | answer | receipt | the purchase |
    /// |---|---|---|
    /// | 2xx, and the seller says that it is settled | settled | is done |
    /// | 2xx otherwise | unknown | is done |
    /// | 402 | [`Rejected`] | is tried again with this payment |
    /// | another, and the seller says that it is settled | settled | is done, unless 5xx |
    /// | another | unknown | is tried again with this payment |
    ///
    /// The seller's word counts where it is about this payer, network and amount; that it settled
    /// over nothing, which takes no transaction, counts with a 2xx only. `headers` gives all values
    /// of a header by its name; `body` matters to a 402 of version 1 only.
    ///
    /// Safe to drop: the books may then lack what came of the payment.
    ///
    /// # Errors
    /// [`Rejected`].
    pub async fn conclude<'h, I>(
        mut self,
        status: u16,
        headers: impl Fn(&str) -> I,
        body: &[u8],
    ) -> Result<Receipt, Rejected>
    where
        I: Iterator<Item = &'h [u8]>,
    {
        let mut receipt = self.sent.receipt.clone();
        receipt.hear(&headers);
        let served = matches!(status, 200..=299);
        let named = receipt.named_transaction().is_some();
        let said = receipt.is_settled();
        // With neither goods nor a transaction nothing keeps the seller from settling after all.
        let settled = said && (served || named);
        let refusal = (status == 402).then(|| Refusal::read(&receipt, &headers, body));
        drop(headers);
        receipt.payment.transaction = receipt.named_transaction();
        receipt.payment.status = match &refusal {
            _ if settled => Status::Settled,
            Some(refusal) if !said => refusal.status(named),
            _ => Status::Unknown,
        };
        receipt.payment.updated_at = self.payer.now_in_books();

        let outstanding = &self.payer.inner.outstanding;
        let done = served || settled && status != 402 && status < 500;
        match &receipt.payment.status {
            _ if done => outstanding.done(&self.sent),
            Status::Failed(_) => outstanding.doubt(&self.sent, Doubt::Rejected),
            _ => outstanding.doubt(&self.sent, Doubt::Unknown),
        }
        self.concluded = true;
        let Receipt { payment, .. } = &receipt;
        tracing::info!(payment = %payment.key, amount = %payment.amount, status = %payment.status, "paid");
        let (outcome, transaction) = (payment.status.clone(), payment.transaction.clone());
        self.payer.complete(&payment.key, outcome, transaction).await;
        match refusal {
            None => Ok(receipt),
            Some(Refusal { reason, message }) => {
                Err(Rejected { receipt: Box::new(receipt), reason, message })
            }
        }
    }

    /// Tells that nothing came back: a broken connection, a timeout.
    ///
    /// Safe to drop.
    pub async fn lost(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> OutcomeUnknown {
        self.payer.inner.outstanding.doubt(&self.sent, Doubt::Unknown);
        self.concluded = true;
        let Receipt { payment, valid_before, .. } = &self.sent.receipt;
        let source = source.into();
        self.payer.complete(&payment.key, Status::Unknown, None).await;
        OutcomeUnknown { key: payment.key.clone(), valid_before: *valid_before, source }
    }
}

/// What a 402 says of the payment that it answers.
struct Refusal {
    reason: Option<ErrorReason>,
    message: Option<Untrusted>,
}

impl Refusal {
    fn read<'h, I>(receipt: &Receipt, headers: impl Fn(&str) -> I, body: &[u8]) -> Self
    where
        I: Iterator<Item = &'h [u8]>,
    {
        if let Some(said) = &receipt.settlement {
            let reason = said.error_reason.as_ref();
            let words = said.error_message.as_deref().or(reason.map(ErrorReason::as_str));
            return Self {
                reason: reason.filter(|reason| is_known(reason)).cloned(),
                message: words.map(Untrusted::new),
            };
        }
        let challenge = Challenge::read(402, headers, body).ok().flatten();
        let message = challenge.and_then(|challenge| challenge.error().cloned());
        let reason = message.as_ref().and_then(|message| {
            let text = message.as_untrusted_str();
            let code = text.split_once(':').map_or(text, |(code, _)| code);
            Some(ErrorReason::from(code.trim())).filter(is_known)
        });
        Self { reason, message }
    }

    /// What it means for the books.
    fn status(&self, has_transaction: bool) -> Status {
        match self.reason.as_ref().map(ErrorReason::fault) {
            Some(Fault::Unsettled) if has_transaction => Status::Pending,
            // A nonce that is used was used by this payment: it is random.
            Some(Fault::Unsettled | Fault::Replay) => Status::Unknown,
            _ => Status::Failed(
                self.reason
                    .as_ref()
                    .map_or("refused by the seller", ErrorReason::as_str)
                    .to_owned(),
            ),
        }
    }
}

fn is_known(reason: &ErrorReason) -> bool {
    !matches!(reason, ErrorReason::Other(_))
}

impl fmt::Debug for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rejected")
            .field("payment", self.receipt.payment())
            .field("reason", &self.reason)
            .field("message", &self.message)
            .finish()
    }
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Receipt { payment, asset, .. } = &*self.receipt;
        write!(f, "the seller did not take the payment of {}", asset.in_words(payment.amount))?;
        match &self.reason {
            Some(reason) => write!(f, ": {reason}"),
            None => f.write_str(", and gave no reason that the protocol knows"),
        }
    }
}

impl Error for Rejected {}
