use crate::{ChallengeError, OutcomeUnknown, PayError, Rejected};

/// Why a request that was answered 402 has no other answer.
///
/// It comes as [`reqwest_middleware::Error::Middleware`]; [`PaymentError::of`] gets it out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PaymentError {
    /// The terms cannot be read. Nothing was paid.
    #[error(transparent)]
    Challenge(#[from] ChallengeError),
    /// The request was redirected to, or by way of, another origin, which asks for money. Nothing
    /// was paid: whoever means to buy there asks there.
    #[error("the 402 came by a redirect to another origin, {answered}, and is not paid")]
    Redirected {
        /// Scheme, host and port that answered.
        answered: String,
    },
    /// The request was redirected, and sent on by another method or without its body. Nothing was
    /// paid.
    #[error("the 402 came by a redirect of a {method} request, and is not paid")]
    RedirectedMethod {
        /// The request's method.
        method: String,
    },
    /// The request's body is a stream, which cannot be sent a second time. Nothing was paid.
    #[error(
        "the request's body is a stream and cannot be sent again with a payment: give it as bytes"
    )]
    BodyNotReplayable,
    /// Nothing was paid.
    #[error(transparent)]
    Pay(#[from] PayError),
    /// The seller asked again after it was paid.
    #[error(transparent)]
    Rejected(#[from] Rejected),
    /// The payment was sent and nothing came back.
    #[error(transparent)]
    OutcomeUnknown(#[from] OutcomeUnknown),
}

impl PaymentError {
    /// The error of a payment, where that is why a request failed.
    pub fn of(error: &reqwest_middleware::Error) -> Option<&Self> {
        match error {
            reqwest_middleware::Error::Middleware(error) => error.downcast_ref(),
            reqwest_middleware::Error::Reqwest(_) => None,
        }
    }
}

impl From<PaymentError> for reqwest_middleware::Error {
    fn from(error: PaymentError) -> Self {
        Self::middleware(error)
    }
}
