//! What the offers of all schemes on EVM chains have in common.

use std::collections::BTreeMap;

use alloy_primitives::Address;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use x402_types::scheme::Refusal;
use x402_types::{Amount, Asset, ErrorReason, PaymentRequirements, RawObject, TransferMethod};

use crate::text::{self, address, excerpt};

/// What `extra` of an offer says. Keys that are not here do not matter.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Extra {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) version: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) asset_transfer_method: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) facilitator_address: Option<String>,
}

/// Who is paid how much in what.
#[derive(Clone, Debug)]
pub(crate) struct Parties {
    pub(crate) chain_id: u64,
    pub(crate) asset: Address,
    pub(crate) pay_to: Address,
    pub(crate) amount: Amount,
}

pub(crate) fn unsound(reason: ErrorReason, detail: String) -> Refusal {
    Refusal::new(reason, detail)
}

fn invalid(detail: String) -> Refusal {
    unsound(ErrorReason::InvalidPaymentRequirements, detail)
}

impl Extra {
    pub(crate) fn of(offer: &PaymentRequirements) -> Result<Self, Refusal> {
        match &offer.extra {
            None => Ok(Self::default()),
            Some(extra) => extra.parse().map_err(|error| invalid(format!("extra: {error}"))),
        }
    }

    /// How the asset moves. `otherwise` is what a scheme takes for granted, EIP-3009 where it says
    /// nothing; a method that is not known is never taken for another.
    pub(crate) fn asset_transfer_method(
        &self,
        otherwise: Option<TransferMethod>,
    ) -> Result<TransferMethod, Refusal> {
        match self.asset_transfer_method.as_deref() {
            None => Ok(otherwise.unwrap_or(TransferMethod::Eip3009)),
            Some(method) => TransferMethod::from_wire(method).ok_or_else(|| {
                unsound(
                    ErrorReason::UnsupportedPayloadType,
                    format!("assetTransferMethod {:?} is not supported", excerpt(method)),
                )
            }),
        }
    }

    /// Who alone may settle.
    pub(crate) fn facilitator(&self) -> Result<Address, Refusal> {
        let Some(text) = &self.facilitator_address else {
            return Err(invalid("extra.facilitatorAddress is missing".to_owned()));
        };
        match address(text) {
            Some(address) if !address.is_zero() => Ok(address),
            _ => Err(invalid(format!(
                "extra.facilitatorAddress is not an address: {:?}",
                excerpt(text)
            ))),
        }
    }
}

impl Parties {
    pub(crate) fn of(offer: &PaymentRequirements) -> Result<Self, Refusal> {
        let chain_id = offer.network.chain_id().ok_or_else(|| {
            unsound(
                ErrorReason::InvalidExactEvmNetworkMismatch,
                format!("{} is not an EVM chain", offer.network),
            )
        })?;
        let read = |what: &str, text: &str| {
            address(text)
                .ok_or_else(|| invalid(format!("{what} is not an address: {:?}", excerpt(text))))
        };
        let asset = read("asset", &offer.asset)?;
        let pay_to = read("payTo", &offer.pay_to)?;
        if pay_to.is_zero() {
            return Err(invalid("payTo is the zero address".to_owned()));
        }
        Ok(Self { chain_id, asset, pay_to, amount: offer.amount })
    }
}

/// How an offer's asset moves.
///
/// # Errors
/// [`Refusal`] where `extra` cannot be read or names a method that is not known.
pub(crate) fn transfer_method(offer: &PaymentRequirements) -> Result<TransferMethod, Refusal> {
    Extra::of(offer)?.asset_transfer_method(None)
}

/// An offer of a scheme, put together from its parts.
pub(crate) fn offer(
    scheme: &str,
    asset: &Asset,
    amount: Amount,
    pay_to: &str,
    max_timeout_seconds: u64,
    extra: &Extra,
) -> Result<PaymentRequirements, Refusal> {
    let extra = RawObject::new(extra).map_err(|error| invalid(error.to_string()))?;
    let offer = PaymentRequirements {
        scheme: scheme.to_owned(),
        network: asset.network.clone(),
        amount,
        asset: asset.address.clone().into_owned(),
        pay_to: pay_to.to_owned(),
        max_timeout_seconds,
        extra: Some(extra),
    };
    Parties::of(&offer)?;
    for (field, address) in [("payTo", &offer.pay_to), ("asset", &offer.asset)] {
        if !text::is_checksummed(address) {
            return Err(invalid(format!(
                "the checksum of {field} is wrong, a digit may be mistyped: {address}"
            )));
        }
    }
    Ok(offer)
}

/// Whether an object has a key, however often.
pub(crate) fn has_key(object: &RawObject, key: &str) -> bool {
    object.parse::<BTreeMap<String, IgnoredAny>>().is_ok_and(|keys| keys.contains_key(key))
}
