//! What is answered when, by whose fault it is. The one place that decides it.
//!
//! | what happened | status | fresh challenge | the payment |
//! |---|---|---|---|
//! | no payment | 402 | yes | – |
//! | two payments, or an unreadable one | 400 | no | unused |
//! | a version that is not spoken here, no such offer, another resource | 402 | yes | unused |
//! | the payer's fault: expired, too little, no balance | 402 | yes | unused |
//! | the payer has not allowed Permit2 to move the token | 412 | yes | unused |
//! | the payer's software's fault | 400 | no | unused |
//! | a payment that must have a name and has none, or one that is no name | 400 | no | unused |
//! | a name that another payment or request has | 409 | no | as before |
//! | used before | 409 | no | used |
//! | in use right now | 409 | no | in use |
//! | a seller's hook or price function refuses | its own, never 402 | no | unused |
//! | our own configuration | 500 | no | unused |
//! | an answer too long to be held back, or one that broke off | 500 | no | unused |
//! | our store full or broken | 503 | no | unused |
//! | too many payments under way | 503 | no | unused |
//! | the facilitator is out of reach, or answers nonsense, before settlement | 502 | no | unused |
//! | sent to be settled and not confirmed | 503 | no | held until known |
//! | sent to be settled, and the answer lost or nonsense | 502 | no | held until known |
//! | settlement failed by the payer's fault | 402 | yes, and the failed receipt | unused |
//!
//! After a payment that may have moved money there is never a fresh challenge: a client would sign
//! a second one.

use x402_ledger::ClaimState;
use x402_types::{ErrorReason, Fault, JsonError, SettleResponse, encode};

use super::challenge::Challenge;
use super::refused::Refused;
use super::reply::Reply;
use crate::foreign::excerpt;

/// Seconds after which a client may ask again for a payment whose outcome is not known yet.
const RETRY_AFTER: &str = "5";
/// Seconds after which a client may ask again where nothing stands in the way but others.
const RETRY_SOON: &str = "1";
/// Characters of a foreign reason that are passed on.
const REASON_LIMIT: usize = 128;

/// Why a request is not served.
#[derive(Debug)]
pub(crate) enum Why {
    Unpaid,
    Ambiguous,
    Malformed(String),
    Version(u64),
    NoSuchOffer,
    OtherResource,
    Refused(ErrorReason),
    Taken(ClaimState),
    /// The payment has no name, and must.
    Unnamed,
    /// The payment's name is none.
    Misnamed,
    /// The name is another's.
    Renamed,
    StoreFailed,
    /// The facilitator has been asked as much as it may be at one time.
    Busy,
    FacilitatorFailed,
    Internal,
    SettlementFailed {
        reason: ErrorReason,
        response: Box<SettleResponse>,
        header: &'static str,
    },
    SettlementPending {
        transaction: String,
    },
    SettlementUnknown,
    /// A seller's hook says so.
    Hooked(Refused),
}

impl Why {
    /// The answer to what went wrong on our side, before there were any terms.
    pub(crate) fn internal() -> Reply {
        internal()
    }

    /// The answer. `url` is the address that was asked for.
    pub(crate) fn reply(self, challenge: &Challenge, url: &str) -> Reply {
        self.try_reply(challenge, url).unwrap_or_else(|error| {
            tracing::error!(%error, "the answer does not serialize");
            internal()
        })
    }

    fn try_reply(self, challenge: &Challenge, url: &str) -> Result<Reply, JsonError> {
        Ok(match self {
            Self::Unpaid => challenge.unpaid(url)?,
            Self::Ambiguous => Reply::error(
                400,
                "ambiguous_payment",
                "Send one payment header, once: several payments in one request cannot be told apart.",
            ),
            Self::Malformed(detail) => Reply::error(400, "invalid_payload", &detail),
            Self::Version(version) => {
                challenge.refused(url, &format!("Unsupported x402 version: {version}"))?
            }
            Self::NoSuchOffer => challenge.refused(url, "No matching payment requirements")?,
            Self::OtherResource => {
                challenge.refused(url, "No matching payment requirements: the payment names another resource, or none where it must")?
            }
            Self::Refused(reason) => refused(&reason, challenge, url)?,
            Self::Taken(state) => taken(&state),
            Self::Unnamed => Reply::error(
                400,
                "payment_identifier_required",
                "Name the payment: put an id into the extension payment-identifier.",
            ),
            Self::Misnamed => Reply::error(
                400,
                "invalid_payment_identifier",
                "A payment's id has 16 to 128 letters, digits, `_` and `-`.",
            ),
            Self::Renamed => Reply::error(
                409,
                "payment_identifier_conflict",
                "The id came with another payment or for another request, or the payment with another id.",
            ),
            Self::StoreFailed => Reply::error(
                503,
                "payments_unavailable",
                "Payments cannot be taken at the moment. Nothing was charged.",
            )
            .with_header("retry-after", RETRY_AFTER),
            Self::Busy => Reply::error(
                503,
                "too_many_payments",
                "Too many payments are under way. Nothing was charged: send the same payment again.",
            )
            .with_header("retry-after", RETRY_SOON),
            Self::FacilitatorFailed => Reply::error(
                502,
                "facilitator_unavailable",
                "The payment could not be verified or settled. Nothing was charged.",
            ),
            Self::Internal => internal(),
            Self::SettlementFailed { reason, response, header } => {
                refused(&reason, challenge, url)?.with_header(header, encode(&told(*response))?)
            }
            Self::SettlementPending { transaction } => Reply::json(
                503,
                serde_json::json!({
                    "error": "settlement_pending",
                    "message": "The payment was sent and is not confirmed yet. Do not pay again: ask again with the same payment.",
                    "transaction": transaction,
                })
                .to_string(),
            )
            .with_header("retry-after", RETRY_AFTER),
            Self::SettlementUnknown => Reply::error(
                502,
                "settlement_unknown",
                "It is not known whether the payment was settled. Do not pay again: ask again with the same payment.",
            )
            .with_header("retry-after", RETRY_AFTER),
            Self::Hooked(refused) => refused.reply(),
        })
    }
}

/// A failed receipt as a client may see it: the reason, not the facilitator's own words, and nothing
/// that is too long for a header.
fn told(response: SettleResponse) -> SettleResponse {
    let SettleResponse { success, error_reason, payer, transaction, network, amount, .. } =
        response;
    let short = |text: &String| text.len() <= REASON_LIMIT;
    SettleResponse {
        success,
        error_reason: error_reason.map(|it| excerpt(it.as_str(), REASON_LIMIT).as_str().into()),
        error_message: None,
        payer: payer.filter(short),
        transaction: Some(transaction).filter(short).unwrap_or_default(),
        network: Some(network).filter(short).unwrap_or_default(),
        amount,
        extensions: None,
        extra: None,
    }
}

fn internal() -> Reply {
    Reply::error(500, "internal_error", "The payment could not be processed. Nothing was charged.")
}

/// A payment that was found wanting, by us or by the facilitator.
fn refused(reason: &ErrorReason, challenge: &Challenge, url: &str) -> Result<Reply, JsonError> {
    Ok(match reason.fault() {
        Fault::Payer if *reason == ErrorReason::Permit2AllowanceRequired => {
            Reply { status: 412, ..challenge.refused(url, reason.as_str())? }
        }
        Fault::Payer => challenge.refused(url, &excerpt(reason.as_str(), REASON_LIMIT))?,
        Fault::Malformed => {
            Reply::error(400, &excerpt(reason.as_str(), REASON_LIMIT), "The payment is malformed.")
        }
        Fault::Replay => Reply::error(
            409,
            &excerpt(reason.as_str(), REASON_LIMIT),
            "The payment has been used before.",
        ),
        Fault::Seller => internal(),
        Fault::Facilitator => Why::FacilitatorFailed.try_reply(challenge, url)?,
        Fault::Unsettled => Why::SettlementUnknown.try_reply(challenge, url)?,
    })
}

fn taken(state: &ClaimState) -> Reply {
    match state {
        ClaimState::InFlight => Reply::error(
            409,
            "payment_in_progress",
            "The payment is being used by another request at this moment.",
        ),
        ClaimState::Unresolved => Reply::error(
            503,
            "settlement_pending",
            "It is not known yet whether the payment was settled. Do not pay again: ask again with the same payment.",
        )
        .with_header("retry-after", RETRY_AFTER),
        ClaimState::Owed(_) => Reply::error(
            409,
            "payment_for_other_resource",
            "The payment was made for another resource, where it is still owed.",
        ),
        ClaimState::Used => {
            Reply::error(409, "payment_already_used", "The payment has been used before.")
        }
    }
}
