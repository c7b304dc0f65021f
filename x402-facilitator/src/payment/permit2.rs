//! `exact` and `upto` by Permit2, each through its proxy.

use alloy_primitives::{Address, B256, U256};
use alloy_rpc_types_eth::{Filter, Log as MinedLog};
use alloy_sol_types::{SolError, SolEvent, sol};
use serde::Deserialize;
use x402_evm::UPTO;
use x402_evm::eip2612::Allowances;
use x402_evm::eip3009::Token::{self, Transfer};
use x402_evm::permit2::{PERMIT2, Permit2, Permit2Authorization, Permit2Terms};
use x402_types::scheme::Refusal;
use x402_types::{ErrorReason, PaymentRequirements, TransferMethod};

use super::{
    Found, Given, Method, Payment, PaymentId, Proof, Reasons, approval, expired_or_refused,
    sponsoring, wrapped,
};
use crate::RpcError;
use crate::order::{Operation, Refused};
use crate::rpc::{Reverted, Rpc};

pub(super) static EXACT_REASONS: Reasons = Reasons {
    scheme: ErrorReason::InvalidExactEvmScheme,
    network: ErrorReason::InvalidExactEvmNetworkMismatch,
    asset: ErrorReason::Permit2TokenMismatch,
    recipient: ErrorReason::InvalidPermit2RecipientMismatch,
    amount: ErrorReason::Permit2AmountMismatch,
    signature: ErrorReason::InvalidPermit2Signature,
    used: ErrorReason::Permit2InvalidNonce,
    simulation: ErrorReason::Permit2SimulationFailed,
    transaction: ErrorReason::InvalidExactEvmTransactionFailed,
};

pub(super) static UPTO_REASONS: Reasons = Reasons {
    scheme: ErrorReason::InvalidUptoEvmScheme,
    network: ErrorReason::InvalidUptoEvmNetworkMismatch,
    asset: ErrorReason::Permit2TokenMismatch,
    recipient: ErrorReason::InvalidPermit2RecipientMismatch,
    amount: ErrorReason::Permit2AmountMismatch,
    signature: ErrorReason::InvalidPermit2Signature,
    used: ErrorReason::Permit2InvalidNonce,
    simulation: ErrorReason::Permit2SimulationFailed,
    transaction: ErrorReason::InvalidUptoEvmTransactionFailed,
};

sol! {
    error InvalidAmount();
    error InvalidDestination();
    error InvalidOwner();
    error PaymentTooEarly();
    error Permit2612AmountMismatch();
    error AmountExceedsPermitted();
    error UnauthorizedFacilitator();
}

/// Candidates that are looked at for one payment in a stretch of blocks.
const MOST_CANDIDATES: usize = 64;

/// Whether an offer of `exact` says that its asset moves by Permit2.
pub(super) fn is_named(requirements: &PaymentRequirements) -> bool {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Extra {
        asset_transfer_method: String,
    }
    let extra = requirements.extra.as_ref().and_then(|extra| extra.parse::<Extra>().ok());
    extra.is_some_and(|extra| extra.asset_transfer_method == TransferMethod::Permit2.as_str())
}

pub(super) fn read(given: &Given<'_>, scheme: &'static str) -> Result<Payment, Refused> {
    let is_metered = scheme == UPTO;
    let mut requirements = given.requirements.clone();
    let authorization = Permit2Terms::read(given.payload)?;
    let (authorization, signature) = (authorization.permit2_authorization, authorization.signature);
    let asked = requirements.amount;
    if is_metered && given.operation == Operation::Settle {
        // What was signed was for the most; what is asked now is what was used.
        requirements.amount = authorization.permitted.amount;
    }
    let terms = Permit2Terms::new(&requirements)?;
    let token = given.token(terms.asset())?;
    let payer = authorization.from;
    let of_payer = |refusal| Refused { refusal, payer: Some(payer) };
    check_facilitator(given, &terms, &authorization).map_err(of_payer)?;
    let expired = match terms.check_terms(&authorization, given.now) {
        Ok(()) => None,
        Err(refusal) => {
            let once = authorization.valid_after_seconds();
            expired_or_refused(refusal, &ErrorReason::Permit2DeadlineExpired, || {
                terms.check_terms(&authorization, once)
            })
            .map_err(of_payer)?
        }
    };
    if given.accepted != authorization.permitted.amount {
        return Err(of_payer(Refusal::new(
            ErrorReason::Permit2AmountMismatch,
            "the payment accepted another amount than it signed",
        )));
    }
    let signed = terms.check_signature(&authorization, &signature);
    let proof = Proof::read(signed, &signature).map_err(of_payer)?;
    if asked > authorization.permitted.amount {
        return Err(of_payer(Refusal::new(
            ErrorReason::InvalidUptoEvmPayloadSettlementExceedsAmount,
            format!("{asked} are to be settled, {} were signed", authorization.permitted.amount),
        )));
    }
    let allowance = sponsoring::permit(given, token, &terms, &authorization).map_err(of_payer)?;
    let approval = match allowance {
        Some(_) => None,
        None => approval::read(given, terms.asset(), &authorization).map_err(of_payer)?,
    };
    let allowance = allowance.as_ref().map(|(permit, signature)| (permit, *signature));
    let bytes = proof.signature().bytes().clone();
    let nonce = B256::from(authorization.nonce.units());
    Ok(Payment {
        scheme,
        id: PaymentId::new(terms.chain_id(), PERMIT2, payer, nonce),
        nonce: authorization.nonce.to_string(),
        asset: terms.asset(),
        payer,
        pay_to: authorization.witness.to,
        amount: asked,
        is_metered,
        digest: terms.digest(&authorization),
        proof,
        begins: authorization.valid_after_seconds(),
        // The second of the deadline still counts.
        ends: authorization.deadline_seconds().saturating_add(1),
        expired,
        to: terms.spender(),
        input: authorization.calldata(asked, bytes, allowance),
        approval,
        only_from: authorization.witness.facilitator,
        reasons: if is_metered { &UPTO_REASONS } else { &EXACT_REASONS },
        method: Method::Permit2(Box::new(authorization)),
    })
}

/// Whether the payer named one of our signers. Spender and payee come first in the order in which
/// faults are told.
fn check_facilitator(
    given: &Given<'_>,
    terms: &Permit2Terms,
    authorization: &Permit2Authorization,
) -> Result<(), Refusal> {
    let witness = &authorization.witness;
    let Some(named) = terms.facilitator() else { return Ok(()) };
    if authorization.spender != terms.spender() || witness.to != terms.pay_to() {
        return Ok(());
    }
    if given.chain.senders.iter().any(|sender| sender.address() == named) {
        return Ok(());
    }
    Err(Refusal::new(
        ErrorReason::UptoFacilitatorMismatch,
        format!("{named} is not a signer of this facilitator"),
    ))
}

/// Looks first at what cannot be mended: a payment that was used is not told to bring an allowance,
/// which settling it may just have used up.
pub(super) async fn diagnose(
    payment: &Payment,
    authorization: &Permit2Authorization,
    rpc: &Rpc,
    reverted: &Reverted,
) -> Result<Refusal, RpcError> {
    let (token, payer) = (payment.asset, payment.payer);
    let needed = payment.amount.units();
    let nonce = authorization.nonce.units();
    let nonces = nonces(payer, nonce);
    let balance = Token::balanceOfCall { account: payer };
    let allowance = Allowances::allowanceCall { owner: payer, spender: PERMIT2 };
    let (proxy, permit2, used, balance, allowance) = tokio::try_join!(
        rpc.has_code(payment.to),
        rpc.has_code(PERMIT2),
        rpc.view(PERMIT2, &nonces),
        rpc.view(token, &balance),
        rpc.view(token, &allowance),
    )?;
    let refusal = |reason, detail: String| Ok(Refusal::new(reason, detail));
    if !proxy || !permit2 {
        let missing = if proxy { PERMIT2 } else { payment.to };
        return refusal(
            ErrorReason::Permit2ProxyNotDeployed,
            format!("there is no contract at {missing}"),
        );
    }
    if used.is_ok_and(|used| used.bit(bit_of(nonce))) {
        return refusal(payment.reasons.used.clone(), "the nonce was used or given up".to_owned());
    }
    if let Ok(balance) = balance
        && balance < needed
    {
        return refusal(
            ErrorReason::Permit2InsufficientBalance,
            format!("the payer holds {balance}, {needed} are needed"),
        );
    }
    if let Ok(allowance) = allowance
        && allowance < needed
    {
        return refusal(
            ErrorReason::Permit2AllowanceRequired,
            format!("Permit2 may move {allowance} of the payer's, {needed} are needed"),
        );
    }
    let reason = reverted.selector.and_then(reason_of);
    refusal(reason.unwrap_or_else(|| payment.reasons.simulation.clone()), reverted.reason.clone())
}

/// The question for the nonces among which this one is.
pub(super) fn nonces(owner: Address, nonce: U256) -> Permit2::nonceBitmapCall {
    Permit2::nonceBitmapCall { owner, word: nonce >> 8usize }
}

/// The bit of a nonce within its word.
pub(super) fn bit_of(nonce: U256) -> usize {
    usize::from(nonce.byte(0))
}

/// What the proxies' own errors say.
fn reason_of(selector: [u8; 4]) -> Option<ErrorReason> {
    Some(match selector {
        InvalidAmount::SELECTOR => ErrorReason::Permit2InvalidAmount,
        InvalidDestination::SELECTOR => ErrorReason::Permit2InvalidDestination,
        InvalidOwner::SELECTOR => ErrorReason::Permit2InvalidOwner,
        PaymentTooEarly::SELECTOR => ErrorReason::Permit2PaymentTooEarly,
        Permit2612AmountMismatch::SELECTOR => ErrorReason::Permit22612AmountMismatch,
        AmountExceedsPermitted::SELECTOR => ErrorReason::UptoAmountExceedsPermitted,
        UnauthorizedFacilitator::SELECTOR => ErrorReason::UptoUnauthorizedFacilitator,
        _ => return None,
    })
}

/// Permit2 logs no nonces, and a payer may pay one payee the same twice: so it is not enough that
/// the money moved. The transaction must be a call of the proxy on this very authorization, or show
/// that it made one ([`wrapped`]).
pub(super) async fn find_transfer(
    payment: &Payment,
    authorization: &Permit2Authorization,
    rpc: &Rpc,
    from: u64,
    to: u64,
) -> Result<Found, RpcError> {
    let filter = Filter::new()
        .address(payment.asset)
        .event_signature(Transfer::SIGNATURE_HASH)
        .topic1(payment.payer.into_word())
        .topic2(payment.pay_to.into_word())
        .from_block(from)
        .to_block(to);
    let logs = rpc.logs(&filter).await?;
    let is_candidate = |log: &&MinedLog| !log.removed && payment.is_transfer(&log.inner);
    let hashes = logs.iter().rev().filter(is_candidate).filter_map(|log| log.transaction_hash);
    let mut hashes: Vec<B256> = hashes.collect();
    hashes.dedup();
    let mut found = Found::Nothing;
    if hashes.len() > MOST_CANDIDATES {
        hashes.truncate(MOST_CANDIDATES);
        found = Found::Unclear;
    }
    for hash in hashes {
        let Some(call) = rpc.transaction(hash).await? else {
            // The node knows its logs, but not yet what was called.
            found = Found::Unclear;
            continue;
        };
        let settled = if call.to == Some(payment.to) {
            authorization.is_settled_by(payment.amount, &call.input)
        } else if payment.only_from.is_some() {
            // That proxy takes calls of our signer alone, so none through a contract.
            false
        } else {
            match wrapped::look(payment, authorization, rpc, hash, &call.input).await? {
                Found::Settled(_) => true,
                Found::Nothing => false,
                Found::Unclear => {
                    found = Found::Unclear;
                    false
                }
            }
        };
        if settled {
            return Ok(Found::Settled(hash));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nonce_is_the_bit_of_its_lowest_byte() {
        assert_eq!(bit_of(U256::from(0x1_05)), 5);
        assert_eq!(bit_of(U256::MAX), 255);
    }

    #[test]
    fn an_error_of_a_proxy_is_told_by_its_name() {
        for (selector, reason) in [
            (InvalidAmount::SELECTOR, "permit2_invalid_amount"),
            (PaymentTooEarly::SELECTOR, "permit2_payment_too_early"),
            (AmountExceedsPermitted::SELECTOR, "upto_amount_exceeds_permitted"),
            (UnauthorizedFacilitator::SELECTOR, "upto_unauthorized_facilitator"),
        ] {
            assert_eq!(reason_of(selector).unwrap().as_str(), reason);
        }
        assert_eq!(reason_of([0; 4]), None);
    }
}
