use url::Url;
use x402_evm::offer_receipt::{PublicKey, ReceiptError, Verified, VerifyError, verify, verify_by};
use x402_types::JsonError;
use x402_types::extensions::offer_receipt::{Receipt as SignedReceipt, ReceiptDeclaration};
use x402_types::extensions::{ExtensionError, Extensions};

use crate::{Receipt, Untrusted};

/// Why a receipt that a seller signed is not one for what was paid. The answer was paid for all the
/// same.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SignedReceiptError {
    /// The settlement's extensions cannot be read.
    #[error("the settlement's extensions cannot be read")]
    Extensions(#[source] JsonError),
    /// It is not well formed.
    #[error(transparent)]
    Malformed(#[from] ExtensionError),
    /// Its signature is not believed.
    #[error("the receipt's signature: {0}")]
    Signature(#[from] VerifyError),
    /// Somebody else than the payee signed it. Where its key is known to be the seller's, ask
    /// [`Receipt::signed_receipt_by`].
    #[error("somebody else than the payee signed the receipt")]
    NotThePayee {
        /// The name of the key, in the signer's words.
        kid: Option<Untrusted>,
    },
    /// It is for something else than what was bought.
    #[error(transparent)]
    Other(#[from] ReceiptError),
    /// It names another transaction than the seller did.
    #[error("the receipt names another transaction than the settlement")]
    Transaction,
}

type Signed = Result<SignedReceipt, SignedReceiptError>;

impl Receipt {
    /// The receipt that the payee signed (the extension `offer-receipt`), for others to believe who
    /// was paid by whom for what and when. `None` where the seller sent none.
    ///
    /// It is for the address that was bought from, on this network, of this payer and written within
    /// the hour before the answer; and the key is that of the account that was paid.
    ///
    /// # Errors
    /// [`SignedReceiptError`] where what the seller sent is something else.
    pub fn signed_receipt(&self) -> Option<Signed> {
        self.verified(|declared| {
            let verified = verify(&declared.info.receipt)?;
            if verified.is_signed_by(self.pay_to()) {
                return Ok(verified);
            }
            let kid = verified.kid.as_deref().map(Untrusted::new);
            Err(SignedReceiptError::NotThePayee { kid })
        })
    }

    /// The same, signed by a key that is known to be the seller's: found where a `did:web` points, or
    /// agreed on.
    ///
    /// # Errors
    /// [`SignedReceiptError`].
    pub fn signed_receipt_by(&self, key: &PublicKey) -> Option<Signed> {
        self.verified(|declared| Ok(verify_by(&declared.info.receipt, key)?))
    }

    fn verified(
        &self,
        verify: impl FnOnce(&ReceiptDeclaration) -> Result<Verified<SignedReceipt>, SignedReceiptError>,
    ) -> Option<Signed> {
        let declared = self.declared().transpose()?;
        Some(declared.and_then(|declared| {
            let verified = verify(&declared)?;
            self.check(&verified)?;
            Ok(verified.payload)
        }))
    }

    fn declared(&self) -> Result<Option<ReceiptDeclaration>, SignedReceiptError> {
        let extensions = self.settlement().and_then(|said| said.extensions.as_ref());
        let Some(extensions) = extensions else { return Ok(None) };
        let extensions = Extensions::read(extensions).map_err(SignedReceiptError::Extensions)?;
        Ok(extensions.get()?)
    }

    fn check(&self, verified: &Verified<SignedReceipt>) -> Result<(), SignedReceiptError> {
        let receipt = &verified.payload;
        let bought = self.purchase().split_once(' ').map_or("", |(_, url)| url);
        // Two spellings of one address, such as with and without its port, are the same.
        let same = Url::parse(&receipt.resource_url).is_ok_and(|said| said.as_str() == bought);
        let bought = if same { &receipt.resource_url } else { bought };
        let heard_at = u64::try_from(self.payment().updated_at).unwrap_or_default() / 1000;
        verified.check_purchase(bought, self.network(), self.payer(), heard_at)?;
        let settled = self.settlement().map_or("", |said| &said.transaction);
        match &receipt.transaction {
            Some(said) if !said.is_empty() && !said.eq_ignore_ascii_case(settled) => {
                Err(SignedReceiptError::Transaction)
            }
            _ => Ok(()),
        }
    }
}
