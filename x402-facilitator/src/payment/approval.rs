//! `erc20ApprovalGasSponsoring`: the payer gives Permit2 its allowance by a signed transaction, and the
//! facilitator brings that to the chain, with gas for it where the payer has none.

use alloy_consensus::{Signed, TxEip1559};
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, hex};
use alloy_sol_types::{SolCall, sol};
use serde::Deserialize;
use serde::de::IgnoredAny;
use x402_evm::Signature;
use x402_evm::permit2::{PERMIT2, Permit2Authorization};
use x402_types::extensions::erc20_approval_gas_sponsoring::{self as extension, KEY};
use x402_types::extensions::{Declared, Extensions};
use x402_types::scheme::Refusal;
use x402_types::{ErrorReason, RawObject};

use super::Given;

sol! {
    function approve(address spender, uint256 amount) external returns (bool);
}

/// The longest transaction that is read, in bytes: many times what an approval takes.
const LONGEST: usize = 2048;

/// A payer's transaction that lets Permit2 spend.
#[derive(Clone)]
pub(crate) struct Approval {
    pub(crate) raw: Bytes,
    pub(crate) hash: B256,
    pub(crate) nonce: u64,
    pub(crate) input: Bytes,
    pub(crate) gas: u64,
    pub(crate) max_fee: u128,
}

impl Approval {
    /// What an account must hold, in wei, that sends it.
    pub(crate) fn cost(&self) -> U256 {
        U256::from(self.gas).saturating_mul(U256::from(self.max_fee))
    }
}

/// What tells an answer from a bare echo of what the server declared.
#[derive(Deserialize)]
struct Echo {
    info: Answered,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answered {
    #[serde(default)]
    from: Option<IgnoredAny>,
    #[serde(default)]
    signed_transaction: Option<IgnoredAny>,
}

/// The approval that came with a payment, if one did and this chain sponsors it.
pub(super) fn read(
    given: &Given<'_>,
    asset: Address,
    authorization: &Permit2Authorization,
) -> Result<Option<Approval>, Refusal> {
    if given.chain.sponsored_wei.is_none() {
        return Ok(None);
    }
    let Some(info) = given.extensions.map(answer).transpose()?.flatten() else { return Ok(None) };
    let [from, of, spender] = [&info.from, &info.asset, &info.spender].map(|text| address(text));
    let (from, of, spender) = (from?, of?, spender?);
    if info.version != "1" {
        return Err(malformed("its version is not 1"));
    }
    let refused = |reason, detail: String| Err(Refusal::new(reason, detail));
    if from != authorization.from {
        return refused(
            ErrorReason::Erc20ApprovalFromMismatch,
            format!("the approval is {from}'s, the payment {}'s", authorization.from),
        );
    }
    if of != asset {
        return refused(
            ErrorReason::Erc20ApprovalAssetMismatch,
            format!("the approval is for {of}, the payment in {asset}"),
        );
    }
    if spender != PERMIT2 {
        return refused(
            ErrorReason::Erc20ApprovalSpenderNotPermit2,
            format!("the approval is for {spender}, not for Permit2"),
        );
    }
    let (signed, raw) = parse(info.signed_transaction.as_str())?;
    let transaction = signed.tx();
    let cap = given.chain.limits.gas_limit_cap;
    if Some(transaction.chain_id) != given.chain.network.chain_id() {
        return refused(
            ErrorReason::Erc20ApprovalTxParseFailed,
            format!("the transaction is for the chain {}", transaction.chain_id),
        );
    }
    if transaction.to != TxKind::Call(asset) {
        return refused(
            ErrorReason::Erc20ApprovalTxWrongTarget,
            "the transaction does not call the token".to_owned(),
        );
    }
    let called = check_call(&transaction.input)?;
    if called.amount != info.amount.units() || !transaction.value.is_zero() {
        return refused(
            ErrorReason::Erc20ApprovalTxInvalidCalldata,
            "the transaction approves another amount than it says, or sends coins".to_owned(),
        );
    }
    if called.amount < authorization.permitted.amount.units() {
        return refused(
            ErrorReason::Permit2AllowanceRequired,
            format!("the transaction approves only {}", called.amount),
        );
    }
    if transaction.gas_limit > cap {
        return refused(
            ErrorReason::Erc20ApprovalTxFailed,
            format!("the transaction brings more than {cap} gas"),
        );
    }
    check_signer(&signed, from)?;
    Ok(Some(Approval {
        hash: *signed.hash(),
        nonce: transaction.nonce,
        input: transaction.input.clone(),
        gas: transaction.gas_limit,
        max_fee: transaction.max_fee_per_gas,
        raw,
    }))
}

fn answer(extensions: &RawObject) -> Result<Option<extension::Approval>, Refusal> {
    let extensions = Extensions::read(extensions).map_err(|error| malformed(&error.to_string()))?;
    let Some(raw) = extensions.raw(KEY) else { return Ok(None) };
    let echo = raw.parse::<RawObject>().and_then(|object| object.parse::<Echo>());
    if let Ok(Echo { info: Answered { from: None, signed_transaction: None } }) = echo {
        return Ok(None);
    }
    let read = extensions.get::<extension::Answer>();
    let read = read.map_err(|error| malformed(&error.to_string()))?;
    Ok(read.map(|Declared { info, .. }| info))
}

fn parse(text: &str) -> Result<(Signed<TxEip1559>, Bytes), Refusal> {
    let failed = |why: &str| {
        let why = format!("the signed transaction is none of EIP-1559: {why}");
        Refusal::new(ErrorReason::Erc20ApprovalTxParseFailed, why)
    };
    let digits = text.strip_prefix("0x").ok_or_else(|| failed("no 0x"))?;
    if digits.len() > 2 * LONGEST {
        return Err(failed("too long"));
    }
    let raw = hex::decode(digits).map_err(|_| failed("not hexadecimal"))?;
    let rest = &mut raw.as_slice();
    let signed = Signed::<TxEip1559>::eip2718_decode(rest).map_err(|_| failed("not readable"))?;
    if !rest.is_empty() {
        return Err(failed("more follows"));
    }
    Ok((signed, raw.into()))
}

fn check_call(input: &[u8]) -> Result<approveCall, Refusal> {
    if input.get(..4) != Some(&approveCall::SELECTOR) {
        return Err(Refusal::new(
            ErrorReason::Erc20ApprovalTxWrongSelector,
            "the transaction does not call approve",
        ));
    }
    let call = approveCall::abi_decode(input).ok().filter(|call| call.abi_encode() == input);
    let call = call.ok_or_else(|| {
        Refusal::new(
            ErrorReason::Erc20ApprovalTxInvalidCalldata,
            "the transaction does not call approve with a spender and an amount alone",
        )
    })?;
    if call.spender != PERMIT2 {
        return Err(Refusal::new(
            ErrorReason::Erc20ApprovalTxWrongSpender,
            format!("the transaction approves {}, not Permit2", call.spender),
        ));
    }
    Ok(call)
}

fn check_signer(signed: &Signed<TxEip1559>, from: Address) -> Result<(), Refusal> {
    let invalid = || {
        Refusal::new(
            ErrorReason::Erc20ApprovalTxInvalidSignature,
            "the transaction's signature is none",
        )
    };
    let signature = Signature::from_bytes(&signed.signature().as_bytes()).map_err(|_| invalid())?;
    let signer = signature.recover(signed.signature_hash()).map_err(|_| invalid())?;
    if signer != from {
        return Err(Refusal::new(
            ErrorReason::Erc20ApprovalTxSignerMismatch,
            format!("the transaction is {signer}'s, the payment {from}'s"),
        ));
    }
    Ok(())
}

fn address(text: &str) -> Result<Address, Refusal> {
    text.parse().map_err(|_| malformed("an address is none"))
}

fn malformed(what: &str) -> Refusal {
    let what: String = what.chars().take(200).collect();
    Refusal::new(ErrorReason::InvalidErc20ApprovalExtensionFormat, format!("the approval: {what}"))
}
