use alloy_primitives::{Address, B256, hex};
use serde::{Deserialize, Serialize};
use x402_types::scheme::{Check, CheckedPayment, Refusal, Terms};
use x402_types::{Amount, ErrorReason, PaymentRequirements, RawObject, TransferMethod};

use super::authorization::{Permit2Authorization, domain_separator};
use super::contracts::{EXACT_PROXY, UPTO_PROXY};
use crate::offer::{Extra, Parties, has_key, unsound};
use crate::payment::{self, EXPIRY_MARGIN};
use crate::text::excerpt;
use crate::upto::UPTO;
use crate::{Domain, EXACT, Signature};

/// What a payer sends by Permit2: `payload` of the payment.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Permit2Payload {
    /// `0x` and hexadecimal digits. Kept as text: what is sound is decided in one place, with a
    /// reason.
    pub signature: String,
    /// What was signed.
    #[serde(deserialize_with = "x402_types::from_object")]
    pub permit2_authorization: Permit2Authorization,
}

impl std::fmt::Debug for Permit2Payload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Permit2Payload")
            .field("permit2_authorization", &self.permit2_authorization)
            .finish_non_exhaustive()
    }
}

/// An offer in an asset that moves by Permit2, of `exact` or `upto`, read and ready to check
/// payments against.
#[derive(Clone, Debug)]
pub struct Permit2Terms {
    parties: Parties,
    /// `upto` only.
    facilitator: Option<Address>,
    token: Option<Domain>,
    domain_separator: B256,
}

impl Permit2Terms {
    /// Reads an offer.
    ///
    /// # Errors
    /// [`Refusal`] where the scheme is neither, the network or `assetTransferMethod` is another, an
    /// address is none, or `upto` names no facilitator.
    pub fn new(offer: &PaymentRequirements) -> Result<Self, Refusal> {
        let extra = Extra::of(offer)?;
        let facilitator = match offer.scheme.as_str() {
            EXACT => None,
            UPTO => Some(extra.facilitator()?),
            other => {
                return Err(unsound(
                    ErrorReason::UnsupportedScheme,
                    format!("the scheme is {:?}, neither \"exact\" nor \"upto\"", excerpt(other)),
                ));
            }
        };
        let method = extra.asset_transfer_method(facilitator.map(|_| TransferMethod::Permit2))?;
        if method != TransferMethod::Permit2 {
            return Err(unsound(
                ErrorReason::UnsupportedPayloadType,
                "the offer is not by Permit2".to_owned(),
            ));
        }
        let parties = Parties::of(offer)?;
        let token = match (extra.name, extra.version) {
            (Some(name), Some(version)) => Some(Domain {
                name: name.into(),
                version: version.into(),
                chain_id: parties.chain_id,
                verifying_contract: parties.asset,
            }),
            _ => None,
        };
        let domain_separator = domain_separator(parties.chain_id);
        Ok(Self { parties, facilitator, token, domain_separator })
    }

    /// The chain's id.
    pub fn chain_id(&self) -> u64 {
        self.parties.chain_id
    }

    /// The token.
    pub fn asset(&self) -> Address {
        self.parties.asset
    }

    /// Who is paid.
    pub fn pay_to(&self) -> Address {
        self.parties.pay_to
    }

    /// How much, in atomic units: of `upto` at the most.
    pub fn amount(&self) -> Amount {
        self.parties.amount
    }

    /// Who alone may settle: of `upto` only.
    pub fn facilitator(&self) -> Option<Address> {
        self.facilitator
    }

    /// The token's own signing domain, where the offer says what it is: for permits of EIP-2612.
    pub fn token(&self) -> Option<&Domain> {
        self.token.as_ref()
    }

    /// Who may spend what is signed: the proxy of the scheme.
    pub fn spender(&self) -> Address {
        if self.facilitator.is_some() { UPTO_PROXY } else { EXACT_PROXY }
    }

    /// Reads a payload of Permit2.
    ///
    /// # Errors
    /// [`ErrorReason::UnsupportedPayloadType`] where it is EIP-3009's, otherwise
    /// [`ErrorReason::InvalidPayload`].
    pub fn read(payload: &RawObject) -> Result<Permit2Payload, Refusal> {
        payload.parse::<Permit2Payload>().map_err(|error| {
            let reason = if has_key(payload, "permit2Authorization") {
                ErrorReason::InvalidPayload
            } else {
                ErrorReason::UnsupportedPayloadType
            };
            Refusal::new(reason, excerpt(&format!("payload: {error}")))
        })
    }

    /// Everything but the signature: spender, payee, facilitator, window, amount, token. Costs
    /// nothing.
    ///
    /// # Errors
    /// [`Refusal`] with the reason that facilitators give.
    pub fn check_terms(
        &self,
        authorization: &Permit2Authorization,
        now: u64,
    ) -> Result<(), Refusal> {
        let refused = |reason, detail| Err(Refusal::new(reason, detail));
        let Permit2Authorization { permitted, spender, witness, .. } = authorization;
        if *spender != self.spender() {
            return refused(
                ErrorReason::InvalidPermit2Spender,
                format!("the spender is {spender}, not {}", self.spender()),
            );
        }
        if witness.to != self.pay_to() {
            return refused(
                ErrorReason::InvalidPermit2RecipientMismatch,
                format!("the authorization pays {}, not {}", witness.to, self.pay_to()),
            );
        }
        if witness.facilitator != self.facilitator {
            return refused(
                ErrorReason::UptoFacilitatorMismatch,
                "the authorization is for another facilitator".to_owned(),
            );
        }
        let deadline = authorization.deadline_seconds();
        if deadline < now.saturating_add(EXPIRY_MARGIN) {
            return refused(
                ErrorReason::Permit2DeadlineExpired,
                format!("the authorization ends at {deadline}, and it is {now}"),
            );
        }
        let valid_after = authorization.valid_after_seconds();
        if valid_after > now {
            return refused(
                ErrorReason::Permit2NotYetValid,
                format!("the authorization begins at {valid_after}, and it is {now}"),
            );
        }
        if permitted.amount != self.amount() {
            return refused(
                ErrorReason::Permit2AmountMismatch,
                format!("the authorization is over {}, not {}", permitted.amount, self.amount()),
            );
        }
        if permitted.token != self.asset() {
            return refused(
                ErrorReason::Permit2TokenMismatch,
                format!("the authorization is in {}, not {}", permitted.token, self.asset()),
            );
        }
        Ok(())
    }

    /// The digest that this authorization's signer signed, on the chain of the offer.
    pub fn digest(&self, authorization: &Permit2Authorization) -> B256 {
        authorization.digest(self.domain_separator)
    }

    /// Whether this account signed this authorization on this chain.
    ///
    /// # Errors
    /// [`ErrorReason::InvalidPermit2Signature`], for malformed ones too.
    pub fn check_signature(
        &self,
        authorization: &Permit2Authorization,
        signature: &str,
    ) -> Result<Signature, Refusal> {
        let digest = || self.digest(authorization);
        let reason = ErrorReason::InvalidPermit2Signature;
        payment::signed_by(authorization.from, signature, digest, reason)
    }

    /// The offline check, as of a second that the authorization may have a say in.
    fn check_as_of(
        &self,
        payload: &RawObject,
        second: impl FnOnce(&Permit2Authorization) -> u64,
        check: Check,
    ) -> Result<CheckedPayment, Refusal> {
        let Permit2Payload { signature, permit2_authorization: authorization } =
            Self::read(payload)?;
        self.check_terms(&authorization, second(&authorization))?;
        let whole = || self.check_signature(&authorization, &signature);
        let reason = ErrorReason::InvalidPermit2Signature;
        payment::check_signature(check, &signature, whole, reason)?;
        Ok(checked(&authorization))
    }
}

impl Terms for Permit2Terms {
    fn check(
        &self,
        payload: &RawObject,
        now: u64,
        check: Check,
    ) -> Result<CheckedPayment, Refusal> {
        self.check_as_of(payload, |_| now, check)
    }

    fn check_at_its_end(
        &self,
        payload: &RawObject,
        check: Check,
    ) -> Result<CheckedPayment, Refusal> {
        let end = |it: &Permit2Authorization| it.deadline_seconds().saturating_sub(EXPIRY_MARGIN);
        self.check_as_of(payload, end, check)
    }
}

/// What a payment by Permit2 says, in the words that every scheme has.
pub(crate) fn checked(authorization: &Permit2Authorization) -> CheckedPayment {
    CheckedPayment {
        payer: hex::encode_prefixed(authorization.from),
        nonce: authorization.nonce.to_string(),
        amount: authorization.permitted.amount,
        valid_before: authorization.deadline_seconds(),
    }
}
