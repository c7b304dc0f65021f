//! `exact` by Permit2 that somebody settled through a contract of theirs: anybody may call that proxy.
//!
//! What such a transaction called the proxy with is seen of no log. It is taken for a payment's
//! settlement where its input holds what was signed, word for word as the proxy takes it, where the
//! payment's nonce was used in its block, and where it moved the money by the proxy as often as its
//! input holds authorizations that this would have settled. So however many of them a payer signs and
//! puts into one transaction, no transfer counts for two.

use std::collections::HashSet;

use alloy_primitives::{B256, U256};
use alloy_rpc_types_eth::{BlockId, Log as MinedLog};
use alloy_sol_types::{SolEvent, sol};
use x402_evm::eip3009::Token::AuthorizationUsed;
use x402_evm::permit2::{PERMIT2, Permit2Authorization};

use super::permit2::{bit_of, nonces};
use super::{Found, Payment};
use crate::RpcError;
use crate::rpc::Rpc;

sol! {
    event Settled();
    event SettledWithPermit();
}

/// What a call of the proxy has in a row, with an allowance or without: token, amount, nonce, deadline,
/// payer, payee, and since when it is good. Together they are what was signed.
type Terms = [B256; 7];

const WORD: usize = 32;
const AMOUNT: usize = 1;
const NONCE: usize = 2;
const PAYER: usize = 4;
const PAYEE: usize = 5;

/// Whether a transaction that moved just this much from payer to payee, and is no call of the proxy
/// itself, settled this payment.
pub(super) async fn look(
    payment: &Payment,
    authorization: &Permit2Authorization,
    rpc: &Rpc,
    transaction: B256,
    input: &[u8],
) -> Result<Found, RpcError> {
    let Some(receipt) = rpc.receipt(transaction).await? else { return Ok(Found::Unclear) };
    let transfers = transfers(payment, receipt.logs());
    if transfers == 0 {
        return Ok(Found::Nothing);
    }
    let block = receipt.block_number.unwrap_or_default();
    let (before, after) = tokio::try_join!(
        is_used(authorization, rpc, block.saturating_sub(1)),
        is_used(authorization, rpc, block),
    )?;
    Ok(match (before, after) {
        // The nonce was used by another.
        (Some(true), _) | (_, Some(false)) => Found::Nothing,
        (Some(false), Some(true)) if shows(&terms(authorization), input, transfers) => {
            Found::Settled(transaction)
        }
        _ => Found::Unclear,
    })
}

/// Whether the nonce was used after this block. `None` where the node does not have its state.
async fn is_used(
    authorization: &Permit2Authorization,
    rpc: &Rpc,
    block: u64,
) -> Result<Option<bool>, RpcError> {
    let nonce = authorization.nonce.units();
    let question = nonces(authorization.from, nonce);
    match rpc.view_at(BlockId::number(block), PERMIT2, &question).await {
        Ok(Ok(used)) => Ok(Some(used.bit(bit_of(nonce)))),
        Ok(Err(_)) => Ok(None),
        Err(error) if error.is_answer() => Ok(None),
        Err(error) => Err(error),
    }
}

/// How often the logs of a transaction say that the proxy moved the money. What moved by EIP-3009,
/// which its token tells right before, is another payment.
fn transfers(payment: &Payment, logs: &[MinedLog]) -> usize {
    let (mut transfers, mut moved, mut authorized) = (0, false, false);
    for log in logs.iter().map(|log| &log.inner) {
        let event = log.topics().first().copied().unwrap_or_default();
        if log.address == payment.to
            && [Settled::SIGNATURE_HASH, SettledWithPermit::SIGNATURE_HASH].contains(&event)
        {
            transfers += usize::from(moved);
            moved = false;
        } else if payment.is_transfer(log) {
            moved |= !authorized;
        }
        authorized = log.address == payment.asset && event == AuthorizationUsed::SIGNATURE_HASH;
    }
    transfers
}

fn terms(authorization: &Permit2Authorization) -> Terms {
    let Permit2Authorization { from, permitted, nonce, deadline, witness, .. } = authorization;
    let number = |number: U256| B256::from(number);
    [
        permitted.token.into_word(),
        number(permitted.amount.units()),
        number(nonce.units()),
        number(deadline.units()),
        from.into_word(),
        witness.to.into_word(),
        number(witness.valid_after.units()),
    ]
}

/// Whether an input holds these terms, no others of the same nonce, and of those that move as much to
/// the same payee no more than were settled.
fn shows(terms: &Terms, input: &[u8], settled: usize) -> bool {
    let [token, amount, nonce, _, payer, payee, _] = terms;
    let own: Vec<u8> = terms.iter().flat_map(|word| word.0).collect();
    let mut alike = HashSet::new();
    for at in 0..input.len() {
        let word = |index: usize| input.get(at + index * WORD..at + (index + 1) * WORD);
        let is = |index: usize, expected: &B256| word(index) == Some(expected.as_slice());
        if !is(PAYER, payer) {
            continue;
        }
        let Some(found) = input.get(at..at + own.len()) else { continue };
        if is(NONCE, nonce) && found != own {
            return false;
        }
        if is(0, token) && is(AMOUNT, amount) && is(PAYEE, payee) {
            alike.insert(found);
        }
    }
    alike.contains(own.as_slice()) && alike.len() <= settled
}
