//! What a scheme of payment does for a seller and for a payer, apart from any chain.
//!
//! A crate for a family of chains implements these; servers and clients know only them.

use std::pin::Pin;

use crate::{Amount, ErrorReason, Network, PaymentRequirements, RawObject};

/// A scheme on a family of networks, as a seller needs it.
pub trait ServerScheme: Send + Sync + 'static {
    /// The scheme's name on the wire, such as `exact`.
    fn scheme(&self) -> &str;

    /// Whether this implementation covers the network.
    fn covers(&self, network: &Network) -> bool;

    /// Reads an offer once, so that every payment for it can be checked cheaply.
    ///
    /// # Errors
    /// [`Refusal`] where nobody could pay this offer as it stands; its detail says why.
    fn prepare(&self, offer: &PaymentRequirements) -> Result<Box<dyn Terms>, Refusal>;
}

/// An offer that payments can be checked against without asking anybody.
pub trait Terms: Send + Sync + 'static {
    /// Checks everything about a payment that needs no chain: its window, amount, payee, asset,
    /// and with [`Check::Signature`] its signature. `now` is in seconds since 1970.
    ///
    /// # Errors
    /// [`Refusal`] with the reason that facilitators give.
    fn check(&self, payload: &RawObject, now: u64, check: Check)
    -> Result<CheckedPayment, Refusal>;

    /// The same check as of the last second at which the payment could be settled, whenever that
    /// was or will be: for a payment that has ended and may still be owed.
    ///
    /// # Errors
    /// [`Refusal`] with the reason that facilitators give.
    fn check_at_its_end(
        &self,
        payload: &RawObject,
        check: Check,
    ) -> Result<CheckedPayment, Refusal>;
}

/// How much of a payment is checked offline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// All of it: the signature is that of the payer's key.
    Signature,
    /// All that can be told offline of a payer that may be a contract: of the signature only that it
    /// is one by its shape. Whose it is the facilitator asks the chain.
    SmartWallets,
    /// All but the signature, which is the costly part: the facilitator will.
    WithoutSignature,
}

/// What a sound payment says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckedPayment {
    /// Who pays, in canonical spelling: on EVM chains in lower case. Unproven unless the signature was checked to be
    /// that of the payer's key.
    pub payer: String,
    /// What makes this payment one of its payer's, in canonical spelling: together with network,
    /// asset and payer the key under which it can be used once.
    pub nonce: String,
    /// How much at the most.
    pub amount: Amount,
    /// The second since 1970 from which on the payment cannot be settled any more.
    pub valid_before: u64,
}

/// A scheme on a family of networks, as a payer needs it: with the key, or the way to one.
pub trait ClientScheme: Send + Sync + 'static {
    /// The scheme's name on the wire, such as `exact`.
    fn scheme(&self) -> &str;

    /// Whether this implementation covers the network.
    fn covers(&self, network: &Network) -> bool;

    /// The address that pays.
    fn payer(&self) -> String;

    /// Whether this offer could be signed, without signing.
    ///
    /// # Errors
    /// [`Refusal`] where the offer is not understood to the last detail.
    fn can_pay(&self, offer: &PaymentRequirements) -> Result<(), Refusal>;

    /// Draws up what will be signed: afterwards its nonce and lifetime are known, and nothing is
    /// signed yet. `extensions` are those of the terms, which a payment may answer; `now` is in
    /// seconds since 1970, `lifetime` in seconds.
    ///
    /// # Errors
    /// [`Refusal`] as [`can_pay`](Self::can_pay), or where no random nonce can be had.
    fn draft(
        &self,
        offer: &PaymentRequirements,
        extensions: Option<&RawObject>,
        now: u64,
        lifetime: u64,
    ) -> Result<Box<dyn Draft + '_>, Refusal>;
}

/// A payment drawn up but not signed.
pub trait Draft: Send {
    /// What the payment will say.
    fn payment(&self) -> &CheckedPayment;

    /// Signs it.
    ///
    /// Where the future is dropped, a remote signer may have signed all the same.
    fn sign<'a>(self: Box<Self>) -> Signing<'a>
    where
        Self: 'a;
}

/// A signature under way.
pub type Signing<'a> = Pin<Box<dyn Future<Output = Result<Signed, Refusal>> + Send + 'a>>;

/// A signed payment, as the scheme says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// `payload` of the payment.
    pub payload: RawObject,
    /// What the payer answers to extensions that the terms have, by key: an object of objects.
    pub extensions: Option<RawObject>,
}

/// Why a scheme does not take an offer or a payment.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}: {detail}")]
pub struct Refusal {
    /// The reason on the wire.
    pub reason: ErrorReason,
    /// The same in words, for a log or the other side's developer.
    pub detail: String,
}

impl Refusal {
    /// A refusal for this reason.
    pub fn new(reason: ErrorReason, detail: impl Into<String>) -> Self {
        Self { reason, detail: detail.into() }
    }
}
