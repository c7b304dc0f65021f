//! Why a settlement does not go through, in the words that the SDKs use.

use x402_evm::eip3009::Token;
use x402_types::ErrorReason;
use x402_types::scheme::Refusal;

use crate::RpcError;
use crate::order::Order;

/// Asks the chain why this payment's transfer fails; `reverted` is what the failure itself said.
///
/// # Errors
/// Where the chain does not answer. A payment is never blamed for that.
pub(crate) async fn diagnose(order: &Order, reverted: &str) -> Result<Refusal, RpcError> {
    let rpc = &order.chain.rpc;
    let (token, payer) = (order.terms.asset(), order.payer());
    let is_used =
        Token::authorizationStateCall { authorizer: payer, nonce: order.authorization.nonce };
    let balance = Token::balanceOfCall { account: payer };
    let (is_used, balance, name, version) = tokio::try_join!(
        rpc.view(token, &is_used),
        rpc.view(token, &balance),
        rpc.view(token, &Token::nameCall {}),
        rpc.view(token, &Token::versionCall {}),
    )?;
    let refusal = |reason, detail: String| Ok(Refusal::new(reason, detail));
    let domain = order.terms.domain();
    match is_used {
        Err(_) => {
            return refusal(
                ErrorReason::InvalidExactEvmEip3009NotSupported,
                format!("{token} has no authorizationState: it does not know EIP-3009"),
            );
        }
        Ok(true) => {
            return refusal(
                ErrorReason::InvalidExactEvmNonceAlreadyUsed,
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
        && balance < order.amount().units()
    {
        return refusal(
            ErrorReason::InvalidExactEvmInsufficientBalance,
            format!("the payer holds {balance}, {} are needed", order.amount()),
        );
    }
    refusal(ErrorReason::InvalidExactEvmTransactionSimulationFailed, reverted.to_owned())
}
