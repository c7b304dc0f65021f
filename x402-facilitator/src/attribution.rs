//! Who took part in a payment, behind the calldata that settles it (ERC-8021).

use x402_types::extensions::builder_code::{Code, Info};
use x402_types::facilitator::Request;

use crate::payment::Payment;

/// A facilitator's own part of the extension `builder-code`. See
/// [`FacilitatorBuilder::builder_codes`](crate::FacilitatorBuilder::builder_codes).
///
/// The app and up to ten services are read from the payment. Nothing signs them: whoever asks to
/// settle could have written them, and the server is the one to hold them against what it declared.
/// What of them is no code is passed over, and no payment is refused for it.
///
/// All codes together are at most 469 bytes: some 7,500 gas on top of a settlement, which count
/// toward `gas_limit_cap`. A token must let bytes stand behind a call, as Solidity's decoder does.
///
/// ```
/// use x402_facilitator::{BuilderCodes, EvmFacilitator};
///
/// let codes = BuilderCodes::default().wallet("my_wallet".parse()?).service("my_service".parse()?);
/// let facilitator = EvmFacilitator::builder().builder_codes(codes);
/// # Ok::<(), x402_types::extensions::builder_code::CodeError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct BuilderCodes {
    wallet: Option<Code>,
    service: Option<Code>,
}

impl BuilderCodes {
    /// The code of the wallet that settles.
    #[must_use]
    pub fn wallet(mut self, code: Code) -> Self {
        self.wallet = Some(code);
        self
    }

    /// The code of this facilitator as a service. It stands behind those that came with the payment,
    /// where it is not among them.
    #[must_use]
    pub fn service(mut self, code: Code) -> Self {
        self.service = Some(code);
        self
    }

    /// Appends the codes to the call that settles this payment. Version 1 has no extensions, so there
    /// it is only this facilitator's own.
    pub(crate) fn append(&self, payment: &mut Payment, request: &Request) {
        let extensions = match request {
            Request::V2(request) => request.payment_payload.extensions.as_ref(),
            Request::V1(_) => None,
        };
        let named = extensions.map(Info::named_in).unwrap_or_default();
        let suffix = named
            .settled_by(self.wallet.clone(), self.service.clone())
            .and_then(|codes| codes.suffix());
        match suffix {
            Ok(suffix) if suffix.is_empty() => {}
            Ok(suffix) => payment.input = [&payment.input[..], &suffix].concat().into(),
            Err(error) => tracing::warn!(%error, "settled without builder codes"),
        }
    }
}
