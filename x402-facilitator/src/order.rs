//! What is asked, read and checked as far as that goes without asking the chain.

use std::sync::Arc;

use alloy_primitives::{Address, B256};
use x402_evm::{EXACT, ExactTerms, Signature, eip3009::Authorization};
use x402_ledger::PaymentKey;
use x402_types::facilitator::Request;
use x402_types::scheme::Refusal;
use x402_types::{Amount, ErrorReason, PaymentRequirements, RawObject};

use crate::builder::Chains;
use crate::chain::{Served, Token};

/// A payment that is sound as far as can be told without the chain.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    pub(crate) chain: Arc<Served>,
    pub(crate) terms: ExactTerms,
    pub(crate) authorization: Authorization,
    pub(crate) signature: Signature,
    /// What was signed, in 32 bytes.
    pub(crate) digest: B256,
    /// What for, as the asker or the payer says.
    pub(crate) purchase: String,
    /// Set where the payment is too old to be settled, though it may have been settled in time.
    pub(crate) expired: Option<Refusal>,
}

/// What makes a payment one of its payer's: the chain lets each be used once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct PaymentId {
    chain_id: u64,
    asset: Address,
    payer: Address,
    nonce: B256,
}

impl PaymentId {
    pub(crate) fn new(chain_id: u64, asset: Address, payer: Address, nonce: B256) -> Self {
        Self { chain_id, asset, payer, nonce }
    }
}

/// A payment that is not good.
#[derive(Clone, Debug)]
pub(crate) struct Refused {
    pub(crate) refusal: Refusal,
    pub(crate) payer: Option<Address>,
}

/// The request in the words of version 2, whichever version it came in.
struct Asked<'a> {
    requirements: PaymentRequirements,
    payload: &'a RawObject,
    purchase: &'a str,
}

impl Order {
    /// Reads a request. The signature, which is the costly part, is looked at last.
    pub(crate) fn read(chains: &Chains, request: &Request, now: u64) -> Result<Self, Refused> {
        let Asked { requirements, payload, purchase } = Asked::of(request)?;
        let chain = chains.get(&requirements.network).ok_or_else(|| {
            Refusal::new(
                ErrorReason::InvalidNetwork,
                format!("this facilitator does not settle on {}", requirements.network),
            )
        })?;
        let terms = ExactTerms::new(&requirements)?;
        let token = chain.assets.get(&terms.asset()).ok_or_else(|| {
            Refusal::new(
                ErrorReason::InvalidPaymentRequirements,
                format!("this facilitator does not settle {} on {}", terms.asset(), chain.network),
            )
        })?;
        check_domain(token, &terms)?;
        let payload = ExactTerms::read(payload)?;
        let authorization = payload.authorization;
        let of_payer = |refusal| Refused { refusal, payer: Some(authorization.from) };
        let expired = check_terms(&terms, &authorization, now).map_err(of_payer)?;
        let signature =
            terms.check_signature(&authorization, &payload.signature).map_err(of_payer)?;
        Ok(Self {
            chain: Arc::clone(chain),
            digest: authorization.signing_hash(terms.domain()),
            terms,
            authorization,
            signature,
            purchase: purchase.chars().take(2048).collect(),
            expired,
        })
    }

    pub(crate) fn id(&self) -> PaymentId {
        let Self { terms, authorization, .. } = self;
        PaymentId::new(terms.chain_id(), terms.asset(), authorization.from, authorization.nonce)
    }

    pub(crate) fn key(&self) -> PaymentKey {
        PaymentKey::new(
            self.chain.network.clone(),
            &self.terms.asset().to_string(),
            &self.payer().to_string(),
            &self.authorization.nonce.to_string(),
        )
    }

    pub(crate) fn payer(&self) -> Address {
        self.authorization.from
    }

    pub(crate) fn amount(&self) -> Amount {
        self.authorization.value
    }

    /// That this payment is refused.
    pub(crate) fn refused(&self, refusal: Refusal) -> Refused {
        Refused { refusal, payer: Some(self.payer()) }
    }
}

impl<'a> Asked<'a> {
    fn of(request: &'a Request) -> Result<Self, Refusal> {
        match request {
            Request::V2(request) => {
                let offer: &PaymentRequirements = &request.payment_requirements;
                let payment = &request.payment_payload;
                is_exact(&offer.scheme)?;
                same_scheme_and_network(
                    (&offer.scheme, offer.network.as_str()),
                    (&payment.accepted.scheme, payment.accepted.network.as_str()),
                )?;
                same_terms(offer, &payment.accepted)?;
                let resource = payment.resource.as_ref();
                Ok(Self {
                    requirements: offer.clone(),
                    payload: &payment.payload,
                    purchase: resource.map_or("", |resource| &resource.url),
                })
            }
            Request::V1(request) => {
                let offer = &request.payment_requirements;
                let payment = &request.payment_payload;
                is_exact(&offer.scheme)?;
                same_scheme_and_network(
                    (&offer.scheme, &offer.network),
                    (&payment.scheme, &payment.network),
                )?;
                let requirements = offer.to_v2().map_err(|error| {
                    Refusal::new(ErrorReason::InvalidNetwork, error.to_string())
                })?;
                Ok(Self { requirements, payload: &payment.payload, purchase: &offer.resource })
            }
        }
    }
}

fn is_exact(scheme: &str) -> Result<(), Refusal> {
    if scheme == EXACT {
        return Ok(());
    }
    let scheme: String = scheme.chars().take(64).collect();
    Err(Refusal::new(
        ErrorReason::UnsupportedScheme,
        format!("this facilitator does not know the scheme {scheme:?}"),
    ))
}

fn same_scheme_and_network(offer: (&str, &str), payment: (&str, &str)) -> Result<(), Refusal> {
    if payment.0 != offer.0 {
        return Err(Refusal::new(
            ErrorReason::InvalidExactEvmScheme,
            "the payment is of another scheme than the terms",
        ));
    }
    if payment.1 != offer.1 {
        return Err(Refusal::new(
            ErrorReason::InvalidExactEvmNetworkMismatch,
            "the payment is for another network than the terms",
        ));
    }
    Ok(())
}

/// Whether the payer says that it accepted what the server asks for. What it signed is looked at
/// besides; this tells it apart from a payment for another offer.
fn same_terms(offer: &PaymentRequirements, accepted: &PaymentRequirements) -> Result<(), Refusal> {
    let refused = |reason, what: &str| {
        Err(Refusal::new(reason, format!("the payment accepted another {what} than the terms")))
    };
    if !accepted.asset.eq_ignore_ascii_case(&offer.asset) {
        return refused(ErrorReason::InvalidPayload, "asset");
    }
    if !accepted.pay_to.eq_ignore_ascii_case(&offer.pay_to) {
        return refused(ErrorReason::InvalidExactEvmRecipientMismatch, "payTo");
    }
    if accepted.amount != offer.amount {
        return refused(ErrorReason::InvalidExactEvmPayloadAuthorizationValueMismatch, "amount");
    }
    Ok(())
}

/// The domain of an accepted token is known from its owner: terms that say otherwise could be met
/// by nobody.
fn check_domain(token: &Token, terms: &ExactTerms) -> Result<(), Refusal> {
    let (known, said) = (&token.domain, terms.domain());
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

/// Payee, window and amount. That a payment is too old is not refused here but given back.
fn check_terms(
    terms: &ExactTerms,
    authorization: &Authorization,
    now: u64,
) -> Result<Option<Refusal>, Refusal> {
    let refusal = match terms.check_terms(authorization, now) {
        Ok(()) => return Ok(None),
        Err(refusal) => refusal,
    };
    if refusal.reason != ErrorReason::InvalidExactEvmPayloadAuthorizationValidBefore {
        return Err(refusal);
    }
    // The rest, as it was when the payment was still good.
    let once = authorization.valid_after_seconds();
    match terms.check_terms(authorization, once) {
        Ok(()) => Ok(Some(refusal)),
        Err(other) => Err(other),
    }
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self { refusal, payer: None }
    }
}

/// The network in the words of the request: CAIP-2, or in version 1 its name.
pub(crate) fn network_label(request: &Request) -> &str {
    match request {
        Request::V2(request) => request.payment_requirements.network.as_str(),
        Request::V1(request) => &request.payment_requirements.network,
    }
}
