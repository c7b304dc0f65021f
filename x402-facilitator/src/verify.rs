//! Whether a payment could be settled now.

use alloy_primitives::Address;
use tokio::sync::SemaphorePermit;
use x402_types::ErrorReason;
use x402_types::scheme::Refusal;

use crate::order::Order;
use crate::payment::{self, Proof};
use crate::rpc::{Message, Reverted};
use crate::{RpcError, Unavailable};

/// Asks the chain, changing nothing.
pub(crate) async fn verify(order: &Order) -> Result<Result<(), Refusal>, Unavailable> {
    let chain = &order.chain;
    let _turn = turn(order)?;
    let simulation = chain.rpc.simulate(transfer(order));
    check(order, simulation).await.map_err(|error| Unavailable::rpc(&chain.network, error))
}

/// As [`verify`], and finds how much gas the settlement needs.
pub(crate) async fn verify_for_gas(order: &Order) -> Result<Result<u64, Refusal>, RpcError> {
    check(order, order.chain.rpc.estimate_gas(transfer(order))).await
}

/// Whether the payer signed, as far as only the chain can tell.
pub(crate) async fn signed(order: &Order) -> Result<Result<(), Refusal>, RpcError> {
    let Order { chain, payment, .. } = order;
    let gas = chain.limits.gas_limit_cap;
    payment::signed(payment, &chain.rpc, gas, &chain.wallet_factories).await
}

/// As [`signed`], for a payment that nothing else is known of yet: a spoilt copy of a wallet's payment
/// must not be taken for it.
pub(crate) async fn signed_at_all(order: &Order) -> Result<Result<(), Refusal>, Unavailable> {
    let chain = &order.chain;
    let _turn = turn(order)?;
    signed(order).await.map_err(|error| Unavailable::rpc(&chain.network, error))
}

fn turn(order: &Order) -> Result<SemaphorePermit<'_>, Unavailable> {
    let chain = &order.chain;
    let turn = chain.verifications.try_acquire();
    turn.map_err(|_| Unavailable::Busy { network: chain.network.clone() })
}

/// Whether the payer signed, there is code where there must be, and the transfer goes through: at the same
/// time, unless the signature is one that anybody could have made up.
async fn check<T>(
    order: &Order,
    simulation: impl Future<Output = Result<Result<T, Reverted>, RpcError>>,
) -> Result<Result<T, Refusal>, RpcError> {
    let (signed, missing, simulated) = match order.payment.proof {
        Proof::Key(_) => tokio::try_join!(signed(order), missing(order), simulation)?,
        Proof::Wallet { .. } => {
            if let Err(refusal) = signed(order).await? {
                return Ok(Err(refusal));
            }
            let (missing, simulated) = tokio::try_join!(missing(order), simulation)?;
            (Ok(()), missing, simulated)
        }
    };
    if let Err(refusal) = signed {
        return Ok(Err(refusal));
    }
    if let Some(refusal) = missing {
        return Ok(Err(refusal));
    }
    match simulated {
        Ok(value) => Ok(Ok(value)),
        Err(reverted) => order.payment.diagnose(&order.chain.rpc, &reverted).await.map(Err),
    }
}

/// What has no code and should: a call to an address without code succeeds.
async fn missing(order: &Order) -> Result<Option<Refusal>, RpcError> {
    let asset = order.payment.asset;
    let proxy = Some(order.payment.to).filter(|to| *to != asset);
    let (has_asset, has_proxy) = tokio::try_join!(is_deployed(order, asset), async {
        match proxy {
            Some(proxy) => is_deployed(order, proxy).await,
            None => Ok(true),
        }
    })?;
    let (reason, contract) = match proxy {
        _ if !has_asset => (ErrorReason::AssetNotDeployedContract, asset),
        Some(proxy) if !has_proxy => (ErrorReason::Permit2ProxyNotDeployed, proxy),
        _ => return Ok(None),
    };
    Ok(Some(Refusal::new(reason, format!("there is no contract at {contract}"))))
}

async fn is_deployed(order: &Order, contract: Address) -> Result<bool, RpcError> {
    let chain = &order.chain;
    if chain.deployed.has(contract) {
        return Ok(true);
    }
    let deployed = chain.rpc.has_code(contract).await?;
    if deployed {
        chain.deployed.saw(contract);
    }
    Ok(deployed)
}

/// The call that settles the payment, as the simulation makes it.
fn transfer(order: &Order) -> Message {
    let Order { chain, payment, .. } = order;
    Message {
        from: payment.only_from.unwrap_or_else(|| chain.first_signer()),
        to: payment.to,
        input: payment.input.clone(),
        gas: chain.limits.gas_limit_cap,
    }
}
