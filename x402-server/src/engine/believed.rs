//! Asking the facilitator, which is believed as far as it agrees with what we have read ourselves.

use std::pin::pin;
use std::sync::Arc;
use std::time::Instant;

use tokio::time::timeout;
use x402_types::facilitator::Request;
use x402_types::{Amount, ErrorReason, Fault, SettleResponse};

use super::answers::Why;
use super::caught::caught;
use super::payment::Payment;
use super::seen_through::Panicked;
use super::settlement::Settlement;
use super::shared::Shared;
use crate::foreign::excerpt;

/// How one call to the facilitator ended.
pub(super) type Call = Result<Arc<SettleResponse>, Unsettled>;

/// How a call ended that did not settle.
pub(super) enum Unsettled {
    Failed(Box<SettleResponse>),
    Pending { transaction: String },
    Unknown,
    NotSent,
}

/// Bytes of a transaction's name.
pub(super) const TRANSACTION_LIMIT: usize = 256;
/// Bytes of a network's name.
const NETWORK_LIMIT: usize = 64;

/// Has a payment verified.
pub(super) async fn verify(
    shared: &Shared,
    request: &Request,
    payment: &Payment,
) -> Result<(), Why> {
    let asked = shared.facilitator.verify(request);
    let response = match timeout(shared.rules.verify_timeout, asked).await {
        Ok(Ok(response)) => response,
        Ok(Err(error)) => {
            tracing::error!(%error, "the facilitator did not verify; nothing is served");
            return Err(Why::FacilitatorFailed);
        }
        Err(_) => {
            tracing::error!("the facilitator did not verify in time; nothing is served");
            return Err(Why::FacilitatorFailed);
        }
    };
    if !response.is_valid {
        let Some(reason) = response.invalid_reason else { return Err(Why::FacilitatorFailed) };
        let message = response.invalid_message.map(|message| excerpt(&message, 256));
        let said = excerpt(reason.as_str(), 128);
        match reason.fault() {
            Fault::Seller => {
                tracing::error!(reason = said, message, "the facilitator refused our own terms");
            }
            _ => tracing::info!(reason = said, message, "the facilitator refused"),
        }
        return Err(Why::Refused(reason));
    }
    match &response.payer {
        Some(payer) if !payment.is_payer(payer) => {
            tracing::error!(payer, "the facilitator verified another payer's payment");
            Err(Why::FacilitatorFailed)
        }
        _ => Ok(()),
    }
}

/// Has a payment settled.
pub(super) async fn settle(shared: &Shared, settlement: &Settlement) -> Call {
    if settlement.amount.is_zero() {
        return Ok(Arc::new(nothing(settlement)));
    }
    // What was verified is not turned away for a moment's rush. It waits where nothing was sent yet.
    let waiting = pin!(timeout(shared.rules.settle_timeout, shared.calls.acquire()));
    let Ok(Ok(Ok(_turn))) = caught(waiting).await else {
        tracing::error!("too many payments are under way; this one was not sent to be settled");
        return Err(Unsettled::NotSent);
    };
    let began = Instant::now();
    // It may panic before there is anything to wait for.
    let asked = async { shared.facilitator.settle(&settlement.request).await };
    let asked = pin!(timeout(shared.rules.settle_timeout, asked));
    let answered = caught(asked).await;
    settlement.seen.tally.settled(began);
    match answered {
        Ok(Ok(Ok(response))) => judge(response, settlement),
        Ok(Ok(Err(error))) if error.is_definite() => {
            tracing::error!(%error, "the facilitator was not reached; nothing was settled");
            Err(Unsettled::NotSent)
        }
        Ok(Ok(Err(error))) => {
            tracing::error!(%error, "the outcome of a settlement is not known");
            Err(Unsettled::Unknown)
        }
        Err(Panicked) => {
            tracing::error!("the outcome of a settlement is not known: it panicked");
            Err(Unsettled::Unknown)
        }
        Ok(Err(_)) => {
            tracing::error!("the outcome of a settlement is not known: no answer in time");
            Err(Unsettled::Unknown)
        }
    }
}

/// The receipt of a payment on which nothing is charged. Nobody is asked: nothing moves.
fn nothing(settlement: &Settlement) -> SettleResponse {
    let payment = &settlement.payment;
    let settled = SettleResponse::settled(payment.payer(), "", payment.network().as_str());
    SettleResponse { amount: Some(Amount::ZERO), ..settled }
}

/// Believes the facilitator only as far as it agrees with what was asked.
fn judge(mut response: SettleResponse, settlement: &Settlement) -> Call {
    let payment = &settlement.payment;
    if response.success {
        let same_payer = response.payer.as_deref().is_none_or(|payer| payment.is_payer(payer));
        let same_network = response.network().is_none_or(|network| network == *payment.network());
        let same_amount = response.amount.is_none_or(|amount| amount == settlement.amount);
        // It is never asked to settle nothing, which alone needs no transaction.
        let transaction = 1..=TRANSACTION_LIMIT;
        let sound = transaction.contains(&response.transaction.len())
            && response.network.len() <= NETWORK_LIMIT;
        if !sound || !same_payer || !same_network || !same_amount {
            tracing::error!("the facilitator settled something else than it was asked to");
            return Err(Unsettled::Unknown);
        }
        if payment.is_metered() {
            response.amount = Some(settlement.amount);
        }
        return Ok(Arc::new(response));
    }
    let sent = !response.transaction.is_empty();
    let in_doubt = match &response.error_reason {
        // Says that something went wrong, not that nothing was sent; or that a transaction
        // succeeded, though not as it should have.
        Some(
            ErrorReason::UnexpectedSettleError | ErrorReason::InvalidExactEvmTransferEventMismatch,
        ) => true,
        // Nothing that we know to be an end.
        Some(ErrorReason::Other(_)) | None => sent,
        Some(reason) => match reason.fault() {
            Fault::Unsettled => true,
            // It was good a moment ago and we hold the claim: who used it may have been ourselves.
            Fault::Replay => settlement.verified || sent,
            _ => false,
        },
    };
    Err(match (in_doubt, sent) {
        (false, _) => Unsettled::Failed(Box::new(response)),
        (true, true) => Unsettled::Pending { transaction: response.transaction },
        (true, false) => Unsettled::Unknown,
    })
}
