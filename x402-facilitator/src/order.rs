//! What is asked, read and checked as far as that goes without asking the chain.

use std::sync::Arc;

use alloy_primitives::Address;
use x402_ledger::PaymentKey;
use x402_types::facilitator::Request;
use x402_types::scheme::Refusal;
use x402_types::{Amount, ErrorReason, PaymentRequirements, RawObject};

use crate::builder::Chains;
use crate::chain::Served;
use crate::payment::{Given, Payment, Reasons, Way};

/// A payment that is sound as far as can be told without the chain, and where and what for.
#[derive(Clone)]
pub(crate) struct Order {
    pub(crate) chain: Arc<Served>,
    pub(crate) payment: Payment,
    /// The address of what is paid for, as the asker or the payer says. Empty where neither does.
    pub(crate) resource: String,
}

/// Characters of the resource's address that the books keep.
const PURCHASE_LIMIT: usize = 2048;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    Verify,
    Settle,
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
    way: Way,
    accepted: Amount,
    payload: &'a RawObject,
    extensions: Option<&'a RawObject>,
    resource: &'a str,
}

impl Order {
    /// Reads a request. The signature, which is the costly part, is looked at last.
    pub(crate) fn read(
        chains: &Chains,
        request: &Request,
        operation: Operation,
        now: u64,
    ) -> Result<Self, Refused> {
        let Asked { requirements, way, accepted, payload, extensions, resource } =
            Asked::of(request, operation)?;
        let chain = chains.get(&requirements.network).ok_or_else(|| {
            Refusal::new(
                ErrorReason::InvalidNetwork,
                format!("this facilitator does not settle on {}", requirements.network),
            )
        })?;
        let given = Given {
            chain,
            requirements: &requirements,
            accepted,
            payload,
            extensions,
            operation,
            now,
        };
        let payment = Payment::read(way, &given)?;
        Ok(Self { chain: Arc::clone(chain), payment, resource: resource.to_owned() })
    }

    /// What for, as the books have it.
    pub(crate) fn purchase(&self) -> String {
        self.resource.chars().take(PURCHASE_LIMIT).collect()
    }

    pub(crate) fn key(&self) -> PaymentKey {
        let Payment { asset, payer, nonce, .. } = &self.payment;
        let network = self.chain.network.clone();
        PaymentKey::new(network, &asset.to_string(), &payer.to_string(), nonce)
    }

    /// That this payment is refused.
    pub(crate) fn refused(&self, refusal: Refusal) -> Refused {
        Refused { refusal, payer: Some(self.payment.payer) }
    }
}

impl<'a> Asked<'a> {
    fn of(request: &'a Request, operation: Operation) -> Result<Self, Refusal> {
        match request {
            Request::V2(request) => {
                let offer: &PaymentRequirements = &request.payment_requirements;
                let payment = &request.payment_payload;
                let way = Way::of(offer).ok_or_else(|| unknown_scheme(&offer.scheme))?;
                same_scheme_and_network(
                    way.reasons(),
                    (&offer.scheme, offer.network.as_str()),
                    (&payment.accepted.scheme, payment.accepted.network.as_str()),
                )?;
                same_parties(way.reasons(), offer, &payment.accepted)?;
                let is_what_was_used = way.is_metered() && operation == Operation::Settle;
                if !is_what_was_used && payment.accepted.amount != offer.amount {
                    return Err(accepted_another(&way.reasons().amount, "amount"));
                }
                let resource = payment.resource.as_ref();
                Ok(Self {
                    requirements: offer.clone(),
                    way,
                    accepted: payment.accepted.amount,
                    payload: &payment.payload,
                    extensions: payment.extensions.as_ref(),
                    resource: resource.map_or("", |resource| &resource.url),
                })
            }
            Request::V1(request) => {
                let offer = &request.payment_requirements;
                let payment = &request.payment_payload;
                if offer.scheme != x402_evm::EXACT {
                    return Err(unknown_scheme(&offer.scheme));
                }
                // Version 1 knows nothing else, and terms that say so are refused when they are read.
                let way = Way::Eip3009;
                same_scheme_and_network(
                    way.reasons(),
                    (&offer.scheme, &offer.network),
                    (&payment.scheme, &payment.network),
                )?;
                let requirements = offer.to_v2().map_err(|error| {
                    Refusal::new(ErrorReason::InvalidNetwork, error.to_string())
                })?;
                Ok(Self {
                    way,
                    accepted: requirements.amount,
                    requirements,
                    payload: &payment.payload,
                    extensions: None,
                    resource: &offer.resource,
                })
            }
        }
    }
}

fn unknown_scheme(scheme: &str) -> Refusal {
    let scheme: String = scheme.chars().take(64).collect();
    Refusal::new(
        ErrorReason::UnsupportedScheme,
        format!("this facilitator does not know the scheme {scheme:?}"),
    )
}

fn same_scheme_and_network(
    reasons: &Reasons,
    offer: (&str, &str),
    payment: (&str, &str),
) -> Result<(), Refusal> {
    if payment.0 != offer.0 {
        return Err(Refusal::new(
            reasons.scheme.clone(),
            "the payment is of another scheme than the terms",
        ));
    }
    if payment.1 != offer.1 {
        return Err(Refusal::new(
            reasons.network.clone(),
            "the payment is for another network than the terms",
        ));
    }
    Ok(())
}

/// Whether the payer says that it accepted what the server asks for. What it signed is looked at
/// besides; this tells it apart from a payment for another offer.
fn same_parties(
    reasons: &Reasons,
    offer: &PaymentRequirements,
    accepted: &PaymentRequirements,
) -> Result<(), Refusal> {
    if !accepted.asset.eq_ignore_ascii_case(&offer.asset) {
        return Err(accepted_another(&reasons.asset, "asset"));
    }
    if !accepted.pay_to.eq_ignore_ascii_case(&offer.pay_to) {
        return Err(accepted_another(&reasons.recipient, "payTo"));
    }
    Ok(())
}

fn accepted_another(reason: &ErrorReason, what: &str) -> Refusal {
    Refusal::new(reason.clone(), format!("the payment accepted another {what} than the terms"))
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
