//! What a receipt proves, and where to look if it proves nothing.

use std::time::Duration;

use alloy_rpc_types_eth::TransactionReceipt;

use crate::RpcError;
use crate::order::Order;
use crate::payment::Found;

/// What a mined transaction did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The token says that it moved the money.
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
    if order.payment.is_proven_by(receipt.logs()) { Verdict::Settled } else { Verdict::NoTransfer }
}

/// Blocks that are looked through beyond the time span: clocks differ, and some chains make blocks
/// as they are needed.
const SLACK: u64 = 256;
/// Blocks that are looked through at a time. Where the node refuses that it is a tenth, in the end
/// the last of these.
const BLOCKS_AT_A_TIME: [u64; 3] = [1000, 100, 10];
/// How often it is asked at the most.
const MOST_QUESTIONS: u64 = 100;

/// The transaction that used this authorization to pay the payee, as far as the blocks of the latest
/// time show one.
pub(crate) async fn find_transfer(order: &Order, since: Duration) -> Result<Found, RpcError> {
    let chain = &order.chain;
    let mut newest = chain.rpc.block_number().await?;
    let blocks = since.as_millis() / chain.block_time.as_millis().max(1);
    let blocks = u64::try_from(blocks).unwrap_or(u64::MAX).saturating_add(SLACK);
    let oldest = newest.saturating_sub(blocks);
    let [mut at_a_time, ref less @ ..] = BLOCKS_AT_A_TIME;
    let mut less = less.iter();
    let mut found = Found::Nothing;
    for _ in 0..MOST_QUESTIONS {
        let from = newest.saturating_sub(at_a_time - 1).max(oldest);
        match order.payment.find_transfer(&chain.rpc, from, newest).await {
            Ok(Found::Settled(transaction)) => return Ok(Found::Settled(transaction)),
            Ok(unsettled) => {
                if unsettled == Found::Unclear {
                    found = Found::Unclear;
                }
                if from == oldest {
                    break;
                }
                newest = from - 1;
            }
            Err(error) if error.is_answer() => match less.next() {
                Some(fewer) => at_a_time = *fewer,
                None => return Err(error),
            },
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}
