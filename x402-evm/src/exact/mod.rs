//! `exact`: the payer signs a transfer of just the amount that is asked.
//!
//! [`terms`] is the seller's side and [`payer`] the payer's; both read an offer by EIP-3009 in
//! [`ExactTerms`], and one by Permit2 in [`Permit2Terms`](crate::permit2::Permit2Terms).

mod payer;
mod terms;

pub use payer::ExactEvmPayer;
pub use terms::{ExactEvm, ExactTerms, Verified};

use serde::{Deserialize, Serialize};
use x402_types::scheme::{Refusal, ServerScheme};
use x402_types::{Amount, Asset, PaymentRequirements, TransferMethod};

use crate::eip3009::Authorization;
use crate::offer::{Extra, offer};

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

/// An offer of `exact`.
///
/// By EIP-3009 `extra` holds the signing domain and nothing else: no `assetTransferMethod`, because
/// it is the default and some deployed clients echo just those two. By Permit2 the domain is there
/// where an allowance can be given by signature.
///
/// # Errors
/// [`Refusal`] where an address is none: one in mixed case whose checksum is wrong has a digit
/// mistyped, and what is paid to it is lost.
pub fn exact_offer(
    asset: &Asset,
    amount: Amount,
    pay_to: &str,
    max_timeout_seconds: u64,
) -> Result<PaymentRequirements, Refusal> {
    let by_permit2 = asset.transfer_method == TransferMethod::Permit2;
    let has_domain = !by_permit2 || asset.supports_eip2612;
    let extra = Extra {
        name: has_domain.then(|| asset.name.clone().into_owned()),
        version: has_domain.then(|| asset.version.clone().into_owned()),
        asset_transfer_method: by_permit2.then(|| TransferMethod::Permit2.as_str().to_owned()),
        facilitator_address: None,
    };
    let offer = offer(EXACT, asset, amount, pay_to, max_timeout_seconds, &extra)?;
    ExactEvm.prepare(&offer)?;
    Ok(offer)
}
