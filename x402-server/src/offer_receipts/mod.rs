//! The extension `offer-receipt`: the seller signs what it offers, and that it was paid.
//!
//! | file | what |
//! |---|---|
//! | `issuer` | who signs, whichever way |
//! | `offers` | the offers of a 402, signed once for some time |
//! | `cache` | the offers that were signed |
//! | `receipt` | the receipt beside a settlement |

mod cache;
mod issuer;
mod offers;
mod receipt;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use x402_evm::Signer;
use x402_evm::offer_receipt::{JwsSigner, SignError};

pub(crate) use receipt::told;

use cache::Cache;
use issuer::{Eip712, Issuer, Jws};

/// Signs offers and receipts (the extension `offer-receipt`), for
/// [`PaywallBuilder::offer_receipts`](crate::PaywallBuilder::offer_receipts).
///
/// Payers believe a signature of the payee's own key without asking anybody else. Of any other they
/// must learn elsewhere that it is this site's.
///
/// An offer is signed for each address that is asked for, query and all, and kept for others that ask
/// for the same. A receipt is one signature for each paid request, once that is settled and served.
/// Whatever becomes of signing, things are sold: an offer that is not signed within 2 seconds, while
/// 32 others are, or for which there is no room in the 402's header, is told unsigned; a receipt that
/// is not signed within 5 seconds is left out.
///
/// ```
/// use x402_evm::LocalSigner;
/// use x402_server::{OfferReceipts, PaywallBuilder};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let signer = LocalSigner::random()?;
/// let paywall: PaywallBuilder = PaywallBuilder::new()
///     .pay_to(signer.address().to_string())
///     .offer_receipts(OfferReceipts::eip712(signer));
/// # Ok(())
/// # }
/// ```
pub struct OfferReceipts {
    issuer: Arc<dyn Issuer>,
    /// Half of how long an offer stands, in seconds.
    window: u64,
    tells_transaction: bool,
    cache: Cache,
    /// Offers that may be signed at a time.
    turns: Arc<Semaphore>,
}

const OFFER_SECONDS: u64 = 300;
const OFFERS_AT_A_TIME: usize = 32;
const OFFER_TIMEOUT: Duration = Duration::from_secs(2);
const RECEIPT_TIMEOUT: Duration = Duration::from_secs(5);

impl OfferReceipts {
    /// Signs as typed data (`eip712`).
    pub fn eip712(signer: impl Signer) -> Self {
        Self::by(Eip712(signer))
    }

    /// Signs as compact tokens (`jws`), under the signer's own identifier.
    pub fn jws(signer: impl JwsSigner) -> Self {
        Self::by(Jws(signer))
    }

    fn by(issuer: impl Issuer) -> Self {
        Self {
            issuer: Arc::new(issuer),
            window: OFFER_SECONDS / 2,
            tells_transaction: false,
            cache: Cache::default(),
            turns: Arc::new(Semaphore::new(OFFERS_AT_A_TIME)),
        }
    }

    /// How long an offer stands: for at most so many seconds from when it is told, and for at least
    /// half of them. 300 unless said otherwise.
    #[must_use]
    pub fn offer_validity_seconds(mut self, seconds: u64) -> Self {
        self.window = seconds.div_ceil(2).max(1);
        self
    }

    /// Tells the transaction in receipts. Whoever is shown one can then look up how much was paid.
    #[must_use]
    pub fn include_transaction(mut self) -> Self {
        self.tells_transaction = true;
        self
    }
}

impl fmt::Debug for OfferReceipts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OfferReceipts").finish_non_exhaustive()
    }
}

/// Why nothing was signed.
#[derive(Debug, thiserror::Error)]
enum Unsigned {
    #[error(transparent)]
    Sign(#[from] SignError),
    #[error("too many offers are being signed")]
    Busy,
    #[error("not signed in time")]
    Late,
    #[error("the signer panicked")]
    Panicked,
    #[error("there is no runtime to sign on")]
    NoRuntime,
}

/// Signs in a task apart: nobody's disconnect loses what is made for others too, no panic spreads.
async fn signed<T: Send + 'static>(
    signing: impl Future<Output = Result<T, Unsigned>> + Send + 'static,
    limit: Duration,
) -> Result<T, Unsigned> {
    let runtime = Handle::try_current().map_err(|_| Unsigned::NoRuntime)?;
    // A signer that hangs is given up in the end, and what it holds is for others.
    let signing = async move { timeout(limit * 2, signing).await.unwrap_or(Err(Unsigned::Late)) };
    match timeout(limit, runtime.spawn(signing)).await {
        Ok(Ok(signed)) => signed,
        Ok(Err(_)) => Err(Unsigned::Panicked),
        Err(_) => Err(Unsigned::Late),
    }
}
