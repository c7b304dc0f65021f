//! A payment, whichever way it moves. What depends on the way stands in one file for each:
//! [`eip3009`] and [`permit2`], with [`sponsoring`] and [`mod@approval`] of the allowance that the latter needs. Whoever
//! settles sees a [`Payment`] and no way.

mod approval;
mod eip3009;
mod permit2;
mod signature;
mod sponsoring;
mod wrapped;

pub(crate) use approval::Approval;
pub(crate) use signature::{Answering, Proof, signed};

use std::time::Duration;

use alloy_primitives::{Address, B256, Bytes, Log};
use alloy_rpc_types_eth::Log as MinedLog;
use alloy_sol_types::SolEvent;
use x402_evm::eip3009::Token::Transfer;
use x402_evm::permit2::Permit2Authorization;
use x402_evm::{Domain, EXACT, UPTO};
use x402_types::scheme::Refusal;
use x402_types::{Amount, ErrorReason, PaymentRequirements, RawObject};

use crate::RpcError;
use crate::chain::{Served, Token};
use crate::order::{Operation, Refused};
use crate::rpc::{Reverted, Rpc};

/// A payment that is sound as far as can be told without the chain.
#[derive(Clone)]
pub(crate) struct Payment {
    /// The scheme's name on the wire.
    pub(crate) scheme: &'static str,
    pub(crate) id: PaymentId,
    /// What the payer used once, as the books have it.
    pub(crate) nonce: String,
    pub(crate) asset: Address,
    pub(crate) payer: Address,
    pub(crate) pay_to: Address,
    /// What is to be moved.
    pub(crate) amount: Amount,
    /// Whether the one who settles says how much, up to what was signed.
    pub(crate) is_metered: bool,
    /// What was signed, in 32 bytes.
    pub(crate) digest: B256,
    pub(crate) proof: Proof,
    /// The second since 1970 before which it could not be settled.
    pub(crate) begins: u64,
    /// The second since 1970 from which on it cannot be settled.
    pub(crate) ends: u64,
    /// Set where the payment is too old to be settled, though it may have been settled in time.
    pub(crate) expired: Option<Refusal>,
    /// The contract that is called.
    pub(crate) to: Address,
    /// The call that settles it. Holds the signature.
    pub(crate) input: Bytes,
    /// What lets it go through where the payer gave Permit2 no allowance yet.
    pub(crate) approval: Option<Approval>,
    /// Who alone may call.
    pub(crate) only_from: Option<Address>,
    pub(crate) reasons: &'static Reasons,
    method: Method,
}

/// What blocks show of a payment whose nonce was used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// This transaction settled it.
    Settled(B256),
    /// Money moved that may have been this payment's, and nothing shows whether it was.
    Unclear,
    /// No money moved that can have been this payment's.
    Nothing,
}

/// What is particular to a way of moving.
#[derive(Clone)]
enum Method {
    Eip3009 { domain: Domain, nonce: B256 },
    Permit2(Box<Permit2Authorization>),
}

/// What makes a payment one of its payer's: the chain lets each be used once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct PaymentId {
    chain_id: u64,
    /// The contract that knows which nonces were used: the token, or Permit2 for all tokens.
    keeper: Address,
    payer: Address,
    nonce: B256,
}

impl PaymentId {
    pub(crate) fn new(chain_id: u64, keeper: Address, payer: Address, nonce: B256) -> Self {
        Self { chain_id, keeper, payer, nonce }
    }
}

/// What a method's faults are called.
#[derive(Debug)]
pub(crate) struct Reasons {
    pub(crate) scheme: ErrorReason,
    pub(crate) network: ErrorReason,
    pub(crate) asset: ErrorReason,
    pub(crate) recipient: ErrorReason,
    pub(crate) amount: ErrorReason,
    pub(crate) signature: ErrorReason,
    pub(crate) used: ErrorReason,
    pub(crate) simulation: ErrorReason,
    pub(crate) transaction: ErrorReason,
}

/// How a payment for these terms moves, and what its faults are called.
#[derive(Clone, Copy)]
pub(crate) enum Way {
    Eip3009,
    ExactPermit2,
    UptoPermit2,
}

impl Way {
    /// `None` where the scheme is not known. A transfer method that is not known is left to the one
    /// that reads the terms, and refused there.
    pub(crate) fn of(requirements: &PaymentRequirements) -> Option<Self> {
        match requirements.scheme.as_str() {
            UPTO => Some(Self::UptoPermit2),
            EXACT if permit2::is_named(requirements) => Some(Self::ExactPermit2),
            EXACT => Some(Self::Eip3009),
            _ => None,
        }
    }

    /// Whether the one who settles says how much.
    pub(crate) fn is_metered(self) -> bool {
        matches!(self, Self::UptoPermit2)
    }

    pub(crate) fn reasons(self) -> &'static Reasons {
        match self {
            Self::Eip3009 => &eip3009::REASONS,
            Self::ExactPermit2 => &permit2::EXACT_REASONS,
            Self::UptoPermit2 => &permit2::UPTO_REASONS,
        }
    }
}

/// What a payment is read from.
pub(crate) struct Given<'a> {
    pub(crate) chain: &'a Served,
    pub(crate) requirements: &'a PaymentRequirements,
    /// How much the payer says that it accepted.
    pub(crate) accepted: Amount,
    pub(crate) payload: &'a RawObject,
    pub(crate) extensions: Option<&'a RawObject>,
    pub(crate) operation: Operation,
    pub(crate) now: u64,
}

impl Given<'_> {
    /// The token, if payments may be in it.
    fn token(&self, address: Address) -> Result<&Token, Refusal> {
        self.chain.assets.get(&address).ok_or_else(|| {
            let network = &self.chain.network;
            Refusal::new(
                ErrorReason::InvalidPaymentRequirements,
                format!("this facilitator does not settle {address} on {network}"),
            )
        })
    }
}

impl Payment {
    /// Reads a payment. The signature, which is the costly part, is looked at last.
    pub(crate) fn read(way: Way, given: &Given<'_>) -> Result<Self, Refused> {
        match way {
            Way::Eip3009 => eip3009::read(given),
            Way::ExactPermit2 => permit2::read(given, EXACT),
            Way::UptoPermit2 => permit2::read(given, UPTO),
        }
    }

    /// Whether nothing is to be moved, and so nothing to be sent.
    pub(crate) fn is_waived(&self) -> bool {
        self.is_metered && self.amount.is_zero()
    }

    /// Asks the chain why this payment does not go through; `reverted` is what the failure itself
    /// said.
    ///
    /// # Errors
    /// Where the chain does not answer. A payment is never blamed for that.
    pub(crate) async fn diagnose(
        &self,
        rpc: &Rpc,
        reverted: &Reverted,
    ) -> Result<Refusal, RpcError> {
        match &self.method {
            Method::Eip3009 { domain, nonce } => {
                eip3009::diagnose(self, domain, *nonce, rpc, reverted).await
            }
            Method::Permit2(authorization) => {
                permit2::diagnose(self, authorization, rpc, reverted).await
            }
        }
    }

    /// Whether the logs of our own transaction, which succeeded, say that it moved the money.
    pub(crate) fn is_proven_by(&self, logs: &[MinedLog]) -> bool {
        let used = match &self.method {
            Method::Eip3009 { nonce, .. } => {
                logs.iter().any(|log| eip3009::is_use(self, *nonce, &log.inner))
            }
            // Permit2 logs no nonces. That the call was ours says which one it was.
            Method::Permit2(_) => true,
        };
        used && logs.iter().any(|log| self.is_transfer(&log.inner))
    }

    /// The transaction of these blocks that settled this very payment, whoever sent it.
    pub(crate) async fn find_transfer(
        &self,
        rpc: &Rpc,
        from: u64,
        to: u64,
    ) -> Result<Found, RpcError> {
        match &self.method {
            Method::Eip3009 { nonce, .. } => {
                eip3009::find_transfer(self, *nonce, rpc, from, to).await
            }
            Method::Permit2(authorization) => {
                permit2::find_transfer(self, authorization, rpc, from, to).await
            }
        }
    }

    fn is_transfer(&self, log: &Log) -> bool {
        log.address == self.asset
            && Transfer::decode_log(log).is_ok_and(|event| {
                event.from == self.payer
                    && event.to == self.pay_to
                    && event.value == self.amount.units()
            })
    }

    /// How long it can still be settled.
    pub(crate) fn left(&self, now: u64) -> Duration {
        Duration::from_secs(self.ends.saturating_sub(now))
    }
}

/// What a payment came with that is too old but may have been good once: the check repeated at
/// the time of its beginning.
fn expired_or_refused(
    refusal: Refusal,
    expiry: &ErrorReason,
    once: impl FnOnce() -> Result<(), Refusal>,
) -> Result<Option<Refusal>, Refusal> {
    if refusal.reason != *expiry {
        return Err(refusal);
    }
    once().map(|()| Some(refusal))
}

/// The domain of an accepted token is known from its owner: terms that say otherwise could be met
/// by nobody.
fn check_domain(token: &Token, said: &Domain) -> Result<(), Refusal> {
    let known = &token.domain;
    if known.name != said.name {
        return Err(Refusal::new(
            ErrorReason::InvalidExactEvmTokenNameMismatch,
            format!("extra.name is not the token's, {:?}", known.name),
        ));
    }
    if known.version != said.version {
        return Err(Refusal::new(
            ErrorReason::InvalidExactEvmTokenVersionMismatch,
            format!("extra.version is not the token's, {:?}", known.version),
        ));
    }
    Ok(())
}
