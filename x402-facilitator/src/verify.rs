//! Whether a payment could be settled now.

use std::sync::Arc;

use x402_types::ErrorReason;
use x402_types::scheme::Refusal;

use crate::chain::Token;
use crate::diagnose::diagnose;
use crate::order::Order;
use crate::rpc::{Message, Reverted};
use crate::{RpcError, Unavailable};

/// Asks the chain, changing nothing.
pub(crate) async fn verify(order: &Order) -> Result<Result<(), Refusal>, Unavailable> {
    let chain = &order.chain;
    let _turn = chain
        .verifications
        .try_acquire()
        .map_err(|_| Unavailable::Busy { network: chain.network.clone() })?;
    let simulation = chain.rpc.simulate(transfer(order));
    check(order, simulation).await.map_err(|error| Unavailable::rpc(&chain.network, error))
}

/// As [`verify`], and finds how much gas the settlement needs.
pub(crate) async fn verify_for_gas(order: &Order) -> Result<Result<u64, Refusal>, RpcError> {
    check(order, order.chain.rpc.estimate_gas(transfer(order))).await
}

/// Whether there is code at the asset, and whether the transfer goes through; at the same time.
async fn check<T>(
    order: &Order,
    simulation: impl Future<Output = Result<Result<T, Reverted>, RpcError>>,
) -> Result<Result<T, Refusal>, RpcError> {
    let (deployed, simulated) = tokio::try_join!(is_deployed(order), simulation)?;
    if !deployed {
        // A call to an address without code succeeds.
        return Ok(Err(Refusal::new(
            ErrorReason::AssetNotDeployedContract,
            format!("there is no contract at {}", order.terms.asset()),
        )));
    }
    match simulated {
        Ok(value) => Ok(Ok(value)),
        Err(Reverted { reason }) => Ok(Err(diagnose(order, &reason).await?)),
    }
}

async fn is_deployed(order: &Order) -> Result<bool, RpcError> {
    let Order { chain, terms, .. } = order;
    let token = chain.assets.get(&terms.asset());
    if token.is_some_and(Token::is_deployed) {
        return Ok(true);
    }
    let deployed = chain.rpc.has_code(terms.asset()).await?;
    if deployed && let Some(token) = token {
        token.seen_deployed();
    }
    Ok(deployed)
}

/// The call that settles the payment, as the simulation makes it.
fn transfer(order: &Order) -> Message {
    let chain: &Arc<_> = &order.chain;
    Message {
        from: chain.simulates_from(),
        to: order.terms.asset(),
        input: order.authorization.calldata(order.signature),
        gas: chain.limits.gas_limit_cap,
    }
}
