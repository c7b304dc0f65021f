//! `eip2612GasSponsoring`: the payer gives Permit2 its allowance by signature, and the facilitator
//! brings it along.

use alloy_primitives::Address;
use serde::Deserialize;
use serde::de::IgnoredAny;
use x402_evm::eip2612::Permit;
use x402_evm::permit2::{PERMIT2, Permit2Authorization, Permit2Terms};
use x402_evm::{Domain, Signature};
use x402_types::extensions::eip2612_gas_sponsoring::{self as extension, KEY};
use x402_types::extensions::{Declared, Extensions};
use x402_types::scheme::Refusal;
use x402_types::{ErrorReason, RawObject};

use super::{Given, check_domain};
use crate::chain::Token;

/// Seconds before its end at which a permit counts as expired.
const EXPIRY_MARGIN: u64 = 6;

/// What tells an answer from a bare echo of what the server declared.
#[derive(Deserialize)]
struct Echo {
    info: Answered,
}

#[derive(Deserialize)]
struct Answered {
    #[serde(default)]
    from: Option<IgnoredAny>,
    #[serde(default)]
    signature: Option<IgnoredAny>,
}

/// The allowance that came with a payment, if one did.
pub(super) fn permit(
    given: &Given<'_>,
    token: &Token,
    terms: &Permit2Terms,
    authorization: &Permit2Authorization,
) -> Result<Option<(Permit, Signature)>, Refusal> {
    let Some(info) = given.extensions.map(answer).transpose()?.flatten() else { return Ok(None) };
    let [from, asset, spender] = [&info.from, &info.asset, &info.spender].map(|text| address(text));
    let (from, asset, spender) = (from?, asset?, spender?);
    let refused = |reason, detail: String| Err(Refusal::new(reason, detail));
    if info.version != "1" {
        return Err(malformed("its version is not 1"));
    }
    if from != authorization.from {
        return refused(
            ErrorReason::Eip2612FromMismatch,
            format!("the permit is {}'s, the payment {}'s", from, authorization.from),
        );
    }
    if asset != terms.asset() {
        return refused(
            ErrorReason::Eip2612AssetMismatch,
            format!("the permit is for {}, the payment in {}", asset, terms.asset()),
        );
    }
    if spender != PERMIT2 {
        return refused(
            ErrorReason::Eip2612SpenderNotPermit2,
            format!("the permit is for {}, not for Permit2", spender),
        );
    }
    let deadline = u64::try_from(info.deadline.units()).unwrap_or(u64::MAX);
    // Where the payment is too old itself, that is what is told.
    if deadline < given.now.saturating_add(EXPIRY_MARGIN)
        && authorization.deadline_seconds() >= given.now.saturating_add(EXPIRY_MARGIN)
    {
        return refused(
            ErrorReason::Eip2612DeadlineExpired,
            format!("the permit ends at {deadline}, and it is {}", given.now),
        );
    }
    if info.amount != authorization.permitted.amount {
        return refused(
            ErrorReason::Permit22612AmountMismatch,
            format!(
                "the permit is over {}, the payment over {}",
                info.amount, authorization.permitted.amount
            ),
        );
    }
    if let Some(said) = terms.token() {
        check_domain(token, said)?;
    }
    let permit = Permit {
        owner: from,
        spender,
        value: info.amount,
        nonce: info.nonce,
        deadline: info.deadline,
    };
    let signature = signature(&permit, &token.domain, info.signature.as_str())?;
    Ok(Some((permit, signature)))
}

fn answer(extensions: &RawObject) -> Result<Option<extension::Permit>, Refusal> {
    let extensions = Extensions::read(extensions).map_err(|error| malformed(&error.to_string()))?;
    let Some(raw) = extensions.raw(KEY) else { return Ok(None) };
    let echo = raw.parse::<RawObject>().and_then(|object| object.parse::<Echo>());
    if let Ok(Echo { info: Answered { from: None, signature: None } }) = echo {
        return Ok(None);
    }
    let read = extensions.get::<extension::Answer>();
    let read = read.map_err(|error| malformed(&error.to_string()))?;
    Ok(read.map(|Declared { info, .. }| info))
}

fn address(text: &str) -> Result<Address, Refusal> {
    text.parse().map_err(|_| malformed("an address is none"))
}

/// The permit's signature. No reason of its own is known for one that is not the payer's.
fn signature(permit: &Permit, token: &Domain, text: &str) -> Result<Signature, Refusal> {
    let signature: Signature = text.parse().map_err(|error| malformed(&format!("{error}")))?;
    match signature.recover(permit.signing_hash(token)) {
        Ok(signer) if signer == permit.owner => Ok(signature),
        _ => Err(malformed(&format!("{} did not sign it", permit.owner))),
    }
}

fn malformed(what: &str) -> Refusal {
    let what: String = what.chars().take(200).collect();
    Refusal::new(ErrorReason::InvalidEip2612ExtensionFormat, format!("the permit: {what}"))
}
