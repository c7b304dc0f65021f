use std::pin::Pin;

use x402_evm::Signer;
use x402_evm::offer_receipt::{JwsSigner, SignError, sign_jws, sign_typed};
use x402_types::extensions::offer_receipt::{Offer, Receipt, Signed};

/// A signature to come.
pub(super) type Signing<'a, T> =
    Pin<Box<dyn Future<Output = Result<Signed<T>, SignError>> + Send + 'a>>;

/// Signs, whichever way.
pub(super) trait Issuer: Send + Sync + 'static {
    fn offer(&self, offer: Offer) -> Signing<'_, Offer>;

    fn receipt(&self, receipt: Receipt) -> Signing<'_, Receipt>;
}

/// As typed data.
pub(super) struct Eip712<S>(pub(super) S);

impl<S: Signer> Issuer for Eip712<S> {
    fn offer(&self, offer: Offer) -> Signing<'_, Offer> {
        Box::pin(sign_typed(&self.0, offer))
    }

    fn receipt(&self, receipt: Receipt) -> Signing<'_, Receipt> {
        Box::pin(sign_typed(&self.0, receipt))
    }
}

/// As a compact token.
pub(super) struct Jws<S>(pub(super) S);

impl<S: JwsSigner> Issuer for Jws<S> {
    fn offer(&self, offer: Offer) -> Signing<'_, Offer> {
        Box::pin(async move { sign_jws(&self.0, &offer).await })
    }

    fn receipt(&self, receipt: Receipt) -> Signing<'_, Receipt> {
        Box::pin(async move { sign_jws(&self.0, &receipt).await })
    }
}
