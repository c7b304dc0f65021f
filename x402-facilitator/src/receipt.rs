//! What a receipt proves, and where to look if it proves nothing.

use std::time::Duration;

use alloy_primitives::{B256, Log};
use alloy_rpc_types_eth::{Filter, Log as MinedLog, TransactionReceipt};
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

/// Blocks that are looked through beyond the time span: clocks differ, and some chains make blocks
/// as they are needed.
const SLACK: u64 = 256;
/// Blocks that are looked through at a time. Where the node refuses that it is a tenth, in the end
/// the last of these.
const BLOCKS_AT_A_TIME: [u64; 3] = [1000, 100, 10];
/// How often it is asked at the most.
const MOST_QUESTIONS: u64 = 100;

/// The transaction that used this authorization to pay the payee, if one did in the latest time.
///
/// An authorization fixes payer, payee and amount, so it does not matter who submitted it.
pub(crate) async fn find_transfer(
    order: &Order,
    since: Duration,
) -> Result<Option<B256>, RpcError> {
    let chain = &order.chain;
    let mut newest = chain.rpc.block_number().await?;
    let blocks = since.as_millis() / chain.block_time.as_millis().max(1);
    let blocks = u64::try_from(blocks).unwrap_or(u64::MAX).saturating_add(SLACK);
    let oldest = newest.saturating_sub(blocks);
    let [mut at_a_time, ref less @ ..] = BLOCKS_AT_A_TIME;
    let mut less = less.iter();
    for _ in 0..MOST_QUESTIONS {
        let from = newest.saturating_sub(at_a_time - 1).max(oldest);
        match transfer_between(order, from, newest).await {
            Ok(None) if from == oldest => break,
            Ok(None) => newest = from - 1,
            Err(error) if error.is_answer() => match less.next() {
                Some(fewer) => at_a_time = *fewer,
                None => return Err(error),
            },
            found_or_trouble => return found_or_trouble,
        }
    }
    Ok(None)
}

async fn transfer_between(order: &Order, from: u64, to: u64) -> Result<Option<B256>, RpcError> {
    // Both events have the payer as their first topic.
    let filter = Filter::new()
        .address(order.terms.asset())
        .event_signature(vec![AuthorizationUsed::SIGNATURE_HASH, Transfer::SIGNATURE_HASH])
        .topic1(order.payer().into_word())
        .from_block(from)
        .to_block(to);
    let logs = order.chain.rpc.logs(&filter).await?;
    let logs: Vec<&MinedLog> = logs.iter().filter(|log| !log.removed).collect();
    let used = logs.iter().filter(|log| is_use(order, &log.inner));
    Ok(used.filter_map(|log| log.transaction_hash).find(|hash| {
        let same = |log: &&&MinedLog| log.transaction_hash == Some(*hash);
        logs.iter().filter(same).any(|log| is_transfer(order, &log.inner))
    }))
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
