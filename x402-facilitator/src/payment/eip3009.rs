//! `exact` by EIP-3009: the token itself takes the signature.

use alloy_primitives::{B256, Log};
use alloy_rpc_types_eth::{Filter, Log as MinedLog};
use alloy_sol_types::SolEvent;
use x402_evm::eip3009::Token::{self, AuthorizationUsed, Transfer};
use x402_evm::{Domain, EXACT, ExactTerms};
use x402_types::scheme::Refusal;
use x402_types::{ErrorReason, TransferMethod};

use super::{
    Found, Given, Method, Payment, PaymentId, Proof, Reasons, check_domain, expired_or_refused,
};
use crate::RpcError;
use crate::order::Refused;
use crate::rpc::{Reverted, Rpc};

pub(super) static REASONS: Reasons = Reasons {
    scheme: ErrorReason::InvalidExactEvmScheme,
    network: ErrorReason::InvalidExactEvmNetworkMismatch,
    asset: ErrorReason::InvalidPayload,
    recipient: ErrorReason::InvalidExactEvmRecipientMismatch,
    amount: ErrorReason::InvalidExactEvmPayloadAuthorizationValueMismatch,
    signature: ErrorReason::InvalidExactEvmSignature,
    used: ErrorReason::InvalidExactEvmNonceAlreadyUsed,
    simulation: ErrorReason::InvalidExactEvmTransactionSimulationFailed,
    transaction: ErrorReason::InvalidExactEvmTransactionFailed,
};

pub(super) fn read(given: &Given<'_>) -> Result<Payment, Refused> {
    let terms = ExactTerms::new(given.requirements)?;
    let token = given.token(terms.asset())?;
    if token.transfer_method != TransferMethod::Eip3009 {
        return Err(Refusal::new(
            ErrorReason::InvalidExactEvmEip3009NotSupported,
            format!("{} does not move by EIP-3009", terms.asset()),
        )
        .into());
    }
    check_domain(token, terms.domain())?;
    let payload = ExactTerms::read(given.payload)?;
    let authorization = payload.authorization;
    let payer = authorization.from;
    let of_payer = |refusal| Refused { refusal, payer: Some(payer) };
    let expired = match terms.check_terms(&authorization, given.now) {
        Ok(()) => None,
        Err(refusal) => {
            let expiry = &ErrorReason::InvalidExactEvmPayloadAuthorizationValidBefore;
            let once = authorization.valid_after_seconds();
            expired_or_refused(refusal, expiry, || terms.check_terms(&authorization, once))
                .map_err(of_payer)?
        }
    };
    let signed = terms.check_signature(&authorization, &payload.signature);
    let proof = Proof::read(signed, &payload.signature).map_err(of_payer)?;
    let input = match &proof {
        Proof::Key(signature) => authorization.calldata(*signature),
        Proof::Wallet { signature, .. } => authorization.wallet_calldata(signature.bytes().clone()),
    };
    Ok(Payment {
        scheme: EXACT,
        id: PaymentId::new(terms.chain_id(), terms.asset(), payer, authorization.nonce),
        nonce: authorization.nonce.to_string(),
        asset: terms.asset(),
        payer,
        pay_to: authorization.to,
        amount: authorization.value,
        is_metered: false,
        digest: authorization.signing_hash(terms.domain()),
        proof,
        begins: authorization.valid_after_seconds(),
        ends: authorization.valid_before_seconds(),
        expired,
        to: terms.asset(),
        input,
        approval: None,
        only_from: None,
        reasons: &REASONS,
        method: Method::Eip3009 { domain: terms.domain().clone(), nonce: authorization.nonce },
    })
}

pub(super) async fn diagnose(
    payment: &Payment,
    domain: &Domain,
    nonce: B256,
    rpc: &Rpc,
    reverted: &Reverted,
) -> Result<Refusal, RpcError> {
    let (token, payer) = (payment.asset, payment.payer);
    let is_used = Token::authorizationStateCall { authorizer: payer, nonce };
    let balance = Token::balanceOfCall { account: payer };
    let (is_used, balance, name, version) = tokio::try_join!(
        rpc.view(token, &is_used),
        rpc.view(token, &balance),
        rpc.view(token, &Token::nameCall {}),
        rpc.view(token, &Token::versionCall {}),
    )?;
    let refusal = |reason, detail: String| Ok(Refusal::new(reason, detail));
    match is_used {
        Err(_) => {
            return refusal(
                ErrorReason::InvalidExactEvmEip3009NotSupported,
                format!("{token} has no authorizationState: it does not know EIP-3009"),
            );
        }
        Ok(true) => {
            return refusal(
                REASONS.used.clone(),
                "the authorization was used or cancelled".to_owned(),
            );
        }
        Ok(false) => {}
    }
    // A token without these getters may still be signed for, so only an answer counts.
    if let Ok(name) = name
        && name != domain.name
    {
        return refusal(
            ErrorReason::InvalidExactEvmTokenNameMismatch,
            format!("the token's name is {:?}", name.chars().take(64).collect::<String>()),
        );
    }
    if let Ok(version) = version
        && version != domain.version
    {
        return refusal(
            ErrorReason::InvalidExactEvmTokenVersionMismatch,
            format!("the token's version is {:?}", version.chars().take(64).collect::<String>()),
        );
    }
    if let Ok(balance) = balance
        && balance < payment.amount.units()
    {
        return refusal(
            ErrorReason::InvalidExactEvmInsufficientBalance,
            format!("the payer holds {balance}, {} are needed", payment.amount),
        );
    }
    refusal(REASONS.simulation.clone(), reverted.reason.clone())
}

/// Who submitted the authorization does not matter. But its payer can sign several of one nonce, and
/// use many in one transaction: the transfer counts that the token tells of right after the use.
pub(super) async fn find_transfer(
    payment: &Payment,
    nonce: B256,
    rpc: &Rpc,
    from: u64,
    to: u64,
) -> Result<Found, RpcError> {
    // Both events have the payer as their first topic.
    let filter = Filter::new()
        .address(payment.asset)
        .event_signature(vec![AuthorizationUsed::SIGNATURE_HASH, Transfer::SIGNATURE_HASH])
        .topic1(payment.payer.into_word())
        .from_block(from)
        .to_block(to);
    let logs = rpc.logs(&filter).await?;
    let logs: Vec<&MinedLog> = logs.iter().filter(|log| !log.removed).collect();
    let used = logs.iter().filter(|log| is_use(payment, nonce, &log.inner));
    let settles = |used: &&&MinedLog| {
        let next = used.log_index.and_then(|index| index.checked_add(1));
        logs.iter().any(|log| {
            log.transaction_hash == used.transaction_hash
                && log.log_index.is_some()
                && log.log_index == next
                && payment.is_transfer(&log.inner)
        })
    };
    let settled = used.filter(settles).find_map(|log| log.transaction_hash);
    Ok(settled.map_or(Found::Nothing, Found::Settled))
}

pub(super) fn is_use(payment: &Payment, nonce: B256, log: &Log) -> bool {
    log.address == payment.asset
        && AuthorizationUsed::decode_log(log)
            .is_ok_and(|event| event.authorizer == payment.payer && event.nonce == nonce)
}
