//! What a receipt proves, and where to look if it proves nothing.

use std::time::Duration;

use alloy_primitives::{B256, Log};
use alloy_rpc_types_eth::{Filter, TransactionReceipt};
use alloy_sol_types::SolEvent;
use x402_evm::eip3009::Token::{AuthorizationUsed, Transfer};

use crate::RpcError;
use crate::order::Order;

/// What a mined transaction did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The token says that it moved the money, on this authorization.
    Settled,
    /// It succeeded, but the token does not say so.
    NoTransfer,
    /// It failed.
    Reverted,
}

/// Judges our own transaction by its receipt.
pub(crate) fn judge(order: &Order, receipt: &TransactionReceipt) -> Verdict {
    if !receipt.status() {
        return Verdict::Reverted;
    }
    let logs = receipt.logs();
    let any = |proof: fn(&Order, &Log) -> bool| logs.iter().any(|log| proof(order, &log.inner));
    if any(is_use) && any(is_transfer) { Verdict::Settled } else { Verdict::NoTransfer }
}

/// Blocks beyond the time span that are looked through: clocks and nodes differ.
const SLACK: u64 = 16;
/// Blocks that are looked through at the most. Nodes refuse longer spans.
const MOST_BLOCKS: u64 = 1000;

/// The transaction that used this authorization to pay the payee, if one did in the latest time.
///
/// An authorization fixes payer, payee and amount, so it does not matter who submitted it.
pub(crate) async fn find_transfer(
    order: &Order,
    since: Duration,
) -> Result<Option<B256>, RpcError> {
    let chain = &order.chain;
    let newest = chain.rpc.block_number().await?;
    let blocks = since.as_millis() / chain.block_time.as_millis().max(1);
    let blocks = u64::try_from(blocks).unwrap_or(u64::MAX).saturating_add(SLACK).min(MOST_BLOCKS);
    // Both events have the payer as their first topic.
    let filter = Filter::new()
        .address(order.terms.asset())
        .event_signature(vec![AuthorizationUsed::SIGNATURE_HASH, Transfer::SIGNATURE_HASH])
        .topic1(order.payer().into_word())
        .from_block(newest.saturating_sub(blocks));
    let logs = chain.rpc.logs(&filter).await?;
    let used = logs.iter().filter(|log| !log.removed && is_use(order, &log.inner));
    let transaction = used.filter_map(|log| log.transaction_hash).find(|hash| {
        logs.iter().any(|log| log.transaction_hash == Some(*hash) && is_transfer(order, &log.inner))
    });
    Ok(transaction)
}

fn is_use(order: &Order, log: &Log) -> bool {
    let authorization = &order.authorization;
    log.address == order.terms.asset()
        && AuthorizationUsed::decode_log(log).is_ok_and(|event| {
            event.authorizer == authorization.from && event.nonce == authorization.nonce
        })
}

fn is_transfer(order: &Order, log: &Log) -> bool {
    let authorization = &order.authorization;
    log.address == order.terms.asset()
        && Transfer::decode_log(log).is_ok_and(|event| {
            event.from == authorization.from
                && event.to == authorization.to
                && event.value == authorization.value.units()
        })
}
