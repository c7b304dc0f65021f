use std::sync::Arc;

use x402_ledger::PaymentKey;
use x402_types::SettleResponse;
use x402_types::extensions::offer_receipt::{Paid, Receipt, ReceiptDeclaration};
use x402_types::extensions::{Declared, Extensions};

use super::{OfferReceipts, RECEIPT_TIMEOUT, Unsigned, signed};
use crate::engine::seconds_since_1970;

impl OfferReceipts {
    /// The signed receipt of what was settled and served; `None` where it cannot be signed.
    pub(crate) async fn receipt(
        self: &Arc<Self>,
        settled: &SettleResponse,
        key: &PaymentKey,
        resource_url: &str,
    ) -> Option<ReceiptDeclaration> {
        let transaction = Some(&settled.transaction).filter(|hash| !hash.is_empty());
        let receipt = Receipt {
            version: 1,
            network: key.network().clone(),
            resource_url: resource_url.to_owned(),
            payer: settled.payer.as_deref().unwrap_or(key.payer()).to_owned(),
            issued_at: seconds_since_1970(),
            transaction: transaction.filter(|_| self.tells_transaction).cloned(),
        };
        let issuer = Arc::clone(&self.issuer);
        let signing = async move { Ok::<_, Unsigned>(issuer.receipt(receipt).await?) };
        let receipt = signed(signing, RECEIPT_TIMEOUT).await;
        let receipt = receipt.map_err(|error| tracing::error!(%error, "a receipt is not signed"));
        let declared = Declared::new(Paid { receipt: receipt.ok()? });
        declared.map_err(|error| tracing::error!(%error, "a receipt is not declared")).ok()
    }
}

/// What a payer may be told of a settlement beside its whole, the fullest first: with what is signed
/// and what the facilitator adds, and then with less and less of it.
pub(crate) fn told(
    settled: &SettleResponse,
    signed: Option<ReceiptDeclaration>,
) -> Vec<SettleResponse> {
    let full = settled.clone();
    let bare =
        SettleResponse { error_message: None, extensions: None, extra: None, ..full.clone() };
    let Some(signed) = signed else { return vec![bare] };
    let short = Declared { schema: None, ..signed.clone() };
    let signed = [with(full, &signed), with(bare.clone(), &signed), with(bare.clone(), &short)];
    signed.into_iter().flatten().chain([bare]).collect()
}

fn with(settled: SettleResponse, signed: &ReceiptDeclaration) -> Option<SettleResponse> {
    let extensions = settled.extensions.as_ref().map(Extensions::read).transpose().ok()?;
    let mut extensions = extensions.unwrap_or_default();
    extensions.set(signed).ok()?;
    Some(SettleResponse { extensions: extensions.to_raw().ok()?, ..settled })
}
