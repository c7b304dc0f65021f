use alloy_primitives::{Address, B256, hex};
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};
use x402_types::scheme::{Check, CheckedPayment, Refusal, ServerScheme, Terms};
use x402_types::{Amount, ErrorReason, Network, PaymentRequirements, RawObject, TransferMethod};

use super::{EXACT, ExactPayload};
use crate::eip3009::Authorization;
use crate::offer::{Extra, Parties, has_key, transfer_method, unsound};
use crate::payment::{self, EXPIRY_MARGIN};
use crate::permit2::Permit2Terms;
use crate::text::excerpt;
use crate::{Domain, Signature};

/// `exact` on EVM chains, for a seller.
#[derive(Clone, Copy, Debug, Default)]
pub struct ExactEvm;

impl ServerScheme for ExactEvm {
    fn scheme(&self) -> &str {
        EXACT
    }

    fn covers(&self, network: &Network) -> bool {
        network.chain_id().is_some()
    }

    fn prepare(&self, offer: &PaymentRequirements) -> Result<Box<dyn Terms>, Refusal> {
        Ok(match transfer_method(offer)? {
            TransferMethod::Permit2 if offer.scheme == EXACT => Box::new(Permit2Terms::new(offer)?),
            _ => Box::new(ExactTerms::new(offer)?),
        })
    }
}

/// An offer of `exact` by EIP-3009, read and ready to check payments against.
#[derive(Clone, Debug)]
pub struct ExactTerms {
    domain: Domain,
    domain_separator: B256,
    pay_to: Address,
    amount: Amount,
}

/// A payment that an offer's terms are met by.
#[derive(Clone, Debug)]
pub struct Verified {
    /// What was signed.
    pub authorization: Authorization,
    /// The signature.
    pub signature: Signature,
}

impl ExactTerms {
    /// Reads an offer.
    ///
    /// # Errors
    /// [`Refusal`] where the scheme, the network or `assetTransferMethod` is another, an address is
    /// none, or the signing domain is missing.
    pub fn new(offer: &PaymentRequirements) -> Result<Self, Refusal> {
        if offer.scheme != EXACT {
            return Err(unsound(
                ErrorReason::InvalidExactEvmScheme,
                format!("the scheme is {:?}, not \"exact\"", excerpt(&offer.scheme)),
            ));
        }
        let Parties { chain_id, asset, pay_to, amount } = Parties::of(offer)?;
        let extra = Extra::of(offer)?;
        if extra.asset_transfer_method(None)? != TransferMethod::Eip3009 {
            return Err(unsound(
                ErrorReason::UnsupportedPayloadType,
                "the offer is not by EIP-3009".to_owned(),
            ));
        }
        let (Some(name), Some(version)) = (extra.name, extra.version) else {
            return Err(unsound(
                ErrorReason::InvalidExactEvmMissingEip712Domain,
                "extra.name or extra.version is missing".to_owned(),
            ));
        };
        let domain = Domain {
            name: name.into(),
            version: version.into(),
            chain_id,
            verifying_contract: asset,
        };
        let domain_separator = domain.separator();
        Ok(Self { domain, domain_separator, pay_to, amount })
    }

    /// The token's signing domain.
    pub fn domain(&self) -> &Domain {
        &self.domain
    }

    /// The chain's id.
    pub fn chain_id(&self) -> u64 {
        self.domain.chain_id
    }

    /// The token.
    pub fn asset(&self) -> Address {
        self.domain.verifying_contract
    }

    /// Who is paid.
    pub fn pay_to(&self) -> Address {
        self.pay_to
    }

    /// How much, in atomic units.
    pub fn amount(&self) -> Amount {
        self.amount
    }

    /// Reads a payload of EIP-3009.
    ///
    /// # Errors
    /// [`ErrorReason::UnsupportedPayloadType`] where it is Permit2's, otherwise
    /// [`ErrorReason::InvalidPayload`].
    pub fn read(payload: &RawObject) -> Result<ExactPayload, Refusal> {
        let read = payload.parse::<Sent>();
        // Counterparts take a payload that has this key for Permit2's, whatever else it has.
        let by_permit2 = match &read {
            Ok(sent) => sent.permit2_authorization,
            Err(_) => has_key(payload, "permit2Authorization"),
        };
        if by_permit2 {
            return Err(Refusal::new(
                ErrorReason::UnsupportedPayloadType,
                "the payment is by Permit2, the offer by EIP-3009",
            ));
        }
        match read {
            Ok(Sent { signature, authorization, .. }) => {
                Ok(ExactPayload { signature, authorization })
            }
            Err(error) => Err(Refusal::new(
                ErrorReason::InvalidPayload,
                excerpt(&format!("payload: {error}")),
            )),
        }
    }

    /// Everything but the signature: payee, window, amount. Costs nothing.
    ///
    /// # Errors
    /// [`Refusal`] with the reason that facilitators give.
    pub fn check_terms(&self, authorization: &Authorization, now: u64) -> Result<(), Refusal> {
        let refused = |reason, detail| Err(Refusal::new(reason, detail));
        if authorization.to != self.pay_to {
            return refused(
                ErrorReason::InvalidExactEvmRecipientMismatch,
                format!("the authorization pays {}, not {}", authorization.to, self.pay_to),
            );
        }
        let valid_before = authorization.valid_before_seconds();
        if valid_before < now.saturating_add(EXPIRY_MARGIN) {
            return refused(
                ErrorReason::InvalidExactEvmPayloadAuthorizationValidBefore,
                format!("the authorization ends at {valid_before}, and it is {now}"),
            );
        }
        let valid_after = authorization.valid_after_seconds();
        if valid_after > now {
            return refused(
                ErrorReason::InvalidExactEvmPayloadAuthorizationValidAfter,
                format!("the authorization begins after {valid_after}, and it is {now}"),
            );
        }
        if authorization.value != self.amount {
            return refused(
                ErrorReason::InvalidExactEvmPayloadAuthorizationValueMismatch,
                format!("the authorization is over {}, not {}", authorization.value, self.amount),
            );
        }
        Ok(())
    }

    /// Whether this account signed this authorization for this token on this chain.
    ///
    /// # Errors
    /// [`ErrorReason::InvalidExactEvmSignature`], for malformed ones too.
    pub fn check_signature(
        &self,
        authorization: &Authorization,
        signature: &str,
    ) -> Result<Signature, Refusal> {
        let digest = || authorization.digest(self.domain_separator);
        let reason = ErrorReason::InvalidExactEvmSignature;
        payment::signed_by(authorization.from, signature, digest, reason)
    }

    /// The whole offline check.
    ///
    /// # Errors
    /// [`Refusal`] with the reason that facilitators give; the signature, which is costly, is
    /// looked at last.
    pub fn verify(&self, payload: &RawObject, now: u64) -> Result<Verified, Refusal> {
        let ExactPayload { signature, authorization } = Self::read(payload)?;
        self.check_terms(&authorization, now)?;
        let signature = self.check_signature(&authorization, &signature)?;
        Ok(Verified { authorization, signature })
    }

    /// The offline check, as of a second that the authorization may have a say in.
    fn check_as_of(
        &self,
        payload: &RawObject,
        second: impl FnOnce(&Authorization) -> u64,
        check: Check,
    ) -> Result<CheckedPayment, Refusal> {
        let ExactPayload { signature, authorization } = Self::read(payload)?;
        self.check_terms(&authorization, second(&authorization))?;
        let whole = || self.check_signature(&authorization, &signature);
        let reason = ErrorReason::InvalidExactEvmSignature;
        payment::check_signature(check, &signature, whole, reason)?;
        Ok(checked(&authorization))
    }
}

impl Terms for ExactTerms {
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
        let end = |it: &Authorization| it.valid_before_seconds().saturating_sub(EXPIRY_MARGIN);
        self.check_as_of(payload, end, check)
    }
}

/// A payload, and whether it is another method's.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sent {
    signature: String,
    #[serde(deserialize_with = "x402_types::from_object")]
    authorization: Authorization,
    #[serde(default, deserialize_with = "is_there")]
    permit2_authorization: bool,
}

fn is_there<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(deserializer).map(|_| true)
}

/// What a payment by EIP-3009 says, in the words that every scheme has.
pub(super) fn checked(authorization: &Authorization) -> CheckedPayment {
    CheckedPayment {
        payer: hex::encode_prefixed(authorization.from),
        nonce: hex::encode_prefixed(authorization.nonce),
        amount: authorization.value,
        valid_before: authorization.valid_before_seconds(),
    }
}
