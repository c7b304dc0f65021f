//! `exact`: the payer signs a transfer of just the amount that is asked.
//!
//! [`terms`] is the seller's side and [`payer`] the payer's; both read an offer in [`ExactTerms`].

mod payer;
mod terms;

pub use payer::ExactEvmPayer;
pub use terms::{ExactEvm, ExactTerms, Verified};

use serde::{Deserialize, Serialize};
use x402_types::scheme::Refusal;
use x402_types::{Amount, Asset, ErrorReason, PaymentRequirements, RawObject, TransferMethod};

use crate::eip3009::Authorization;
use crate::text;

/// The scheme's name on the wire.
pub const EXACT: &str = "exact";

/// What a payer sends by EIP-3009: `payload` of the payment.
#[derive(Clone, Serialize, Deserialize)]
pub struct ExactPayload {
    /// `0x` and 130 hexadecimal digits. Kept as text: what is sound is decided in one place, with a
    /// reason.
    pub signature: String,
    /// What was signed.
    #[serde(deserialize_with = "x402_types::from_object")]
    pub authorization: Authorization,
}

impl std::fmt::Debug for ExactPayload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ExactPayload")
            .field("authorization", &self.authorization)
            .finish_non_exhaustive()
    }
}

/// What `extra` of an offer says. Keys that are not here do not matter to `exact`.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ExactExtra {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) version: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) asset_transfer_method: Option<String>,
}

/// An offer of `exact` in an asset that moves by EIP-3009.
///
/// `extra` holds the signing domain and nothing else: no `assetTransferMethod`, because it is the
/// default and some deployed clients echo just those two.
///
/// # Errors
/// [`Refusal`] where the asset moves in another way, or an address is none: one in mixed case whose
/// checksum is wrong has a digit mistyped, and what is paid to it is lost.
pub fn exact_offer(
    asset: &Asset,
    amount: Amount,
    pay_to: &str,
    max_timeout_seconds: u64,
) -> Result<PaymentRequirements, Refusal> {
    if asset.transfer_method != TransferMethod::Eip3009 {
        return Err(Refusal::new(
            ErrorReason::InvalidPaymentRequirements,
            format!("{} on {} cannot be paid by EIP-3009", asset.symbol, asset.network),
        ));
    }
    let extra = ExactExtra {
        name: Some(asset.name.clone().into_owned()),
        version: Some(asset.version.clone().into_owned()),
        asset_transfer_method: None,
    };
    let extra = RawObject::new(&extra).map_err(|error| {
        Refusal::new(ErrorReason::InvalidPaymentRequirements, error.to_string())
    })?;
    let offer = PaymentRequirements {
        scheme: EXACT.to_owned(),
        network: asset.network.clone(),
        amount,
        asset: asset.address.clone().into_owned(),
        pay_to: pay_to.to_owned(),
        max_timeout_seconds,
        extra: Some(extra),
    };
    ExactTerms::new(&offer)?;
    for (field, address) in [("payTo", &offer.pay_to), ("asset", &offer.asset)] {
        if !text::is_checksummed(address) {
            return Err(Refusal::new(
                ErrorReason::InvalidPaymentRequirements,
                format!("the checksum of {field} is wrong, a digit may be mistyped: {address}"),
            ));
        }
    }
    Ok(offer)
}
