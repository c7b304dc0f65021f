//! Whether a payment could be settled now.

use alloy_primitives::{Address, U256};
use tokio::sync::SemaphorePermit;
use x402_evm::Deployment;
use x402_types::ErrorReason;
use x402_types::scheme::Refusal;

use crate::approve;
use crate::order::Order;
use crate::payment::{self, Answering, Proof};
use crate::rpc::{Message, Reverted};
use crate::{RpcError, Unavailable};

/// What a good payment needs.
#[derive(Debug)]
pub(crate) enum Checked<T> {
    /// Nothing but its transaction, of which this is known.
    Ready(T),
    /// This must be done first, and then it goes through.
    After(Preparation),
}

/// What is done for a payment before its transaction.
#[derive(Debug)]
pub(crate) enum Preparation {
    /// The payer's wallet is deployed.
    Deployment(Deployment),
    /// The payer's approval of Permit2, which came with the payment, is brought to the chain.
    Approval,
}

/// Asks the chain, changing nothing.
pub(crate) async fn verify(order: &Order) -> Result<Result<(), Refusal>, Unavailable> {
    let chain = &order.chain;
    let _turn = turn(order)?;
    let simulation = chain.rpc.simulate(transfer(order));
    let checked = check(order, simulation).await;
    let checked = checked.map_err(|error| Unavailable::rpc(&chain.network, error))?;
    Ok(checked.map(drop))
}

/// As [`verify`], and finds how much gas the settlement needs.
pub(crate) async fn verify_for_gas(
    order: &Order,
) -> Result<Result<Checked<u64>, Refusal>, RpcError> {
    check(order, order.chain.rpc.estimate_gas(transfer(order))).await
}

/// Whether the payer signed, as far as only the chain can tell.
pub(crate) async fn signed(order: &Order) -> Result<Result<Answering, Refusal>, RpcError> {
    payment::signed(&order.payment, &order.chain, transfer(order)).await
}

/// As [`signed`], for a payment that nothing else is known of yet: a spoilt copy of a wallet's payment
/// must not be taken for it.
pub(crate) async fn signed_at_all(order: &Order) -> Result<Result<(), Refusal>, Unavailable> {
    let chain = &order.chain;
    let _turn = turn(order)?;
    let signed = signed(order).await;
    let signed = signed.map_err(|error| Unavailable::rpc(&chain.network, error))?;
    Ok(signed.map(drop))
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
) -> Result<Result<Checked<T>, Refusal>, RpcError> {
    let (missing, simulated) = match order.payment.proof {
        Proof::Key(_) => {
            let (signed, missing, simulated) =
                tokio::try_join!(signed(order), missing(order), simulation)?;
            if let Err(refusal) = signed {
                return Ok(Err(refusal));
            }
            (missing, simulated.map(Checked::Ready))
        }
        Proof::Wallet { .. } => match signed(order).await? {
            Err(refusal) => return Ok(Err(refusal)),
            Ok(Answering::Payer) => {
                let (missing, simulated) = tokio::try_join!(missing(order), simulation)?;
                (missing, simulated.map(Checked::Ready))
            }
            // Simulated already: without the deployment it cannot be.
            Ok(Answering::Deployed(deployment, paid)) => (
                missing(order).await?,
                paid.map(|()| Checked::After(Preparation::Deployment(deployment))),
            ),
        },
    };
    if let Some(refusal) = missing {
        return Ok(Err(refusal));
    }
    let reverted = match simulated {
        Ok(checked) => {
            if order.payment.approval.is_some() {
                // It goes through, so the approval is there.
                order.chain.given.forget(order.payment.payer);
            }
            return Ok(Ok(checked));
        }
        Err(reverted) => reverted,
    };
    let refusal = order.payment.diagnose(&order.chain.rpc, &reverted).await?;
    match &order.payment.approval {
        Some(approval) if refusal.reason == ErrorReason::Permit2AllowanceRequired => {
            let approved = approve::check(order, approval, transfer(order)).await?;
            Ok(approved.map(|()| Checked::After(Preparation::Approval)))
        }
        _ => Ok(Err(refusal)),
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
        value: U256::ZERO,
        input: payment.input.clone(),
        gas: chain.limits.gas_limit_cap,
    }
}
