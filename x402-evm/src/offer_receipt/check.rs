use x402_types::extensions::offer_receipt::{Offer, Receipt, Signed};
use x402_types::{Network, PaymentRequired, PaymentRequirements};

use super::{Verified, VerifyError, verify};

/// How old a receipt may be, in seconds.
pub const MAX_RECEIPT_AGE_SECONDS: u64 = 60 * 60;
/// How far a server's clock may be ahead, in seconds.
const AHEAD_SECONDS: u64 = 60;

/// Why an offer does not stand for what a 402 asks.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OfferError {
    /// The signature is not believed.
    #[error(transparent)]
    Verify(#[from] VerifyError),
    /// Not of version 1.
    #[error("the offer is of version {0}, not 1")]
    Version(u64),
    /// For another resource.
    #[error("the offer is for another resource")]
    Resource,
    /// `acceptIndex` is none of an entry.
    #[error("the offer is about entry {0} of `accepts`, which has none such")]
    NoEntry(u64),
    /// This field is not as in the entry.
    #[error("the offer and the entry of `accepts` differ in `{0}`")]
    Field(&'static str),
    /// No entry is as the offer has it.
    #[error("no entry of `accepts` is as the offer has it")]
    NoSuchEntry,
    /// Over, since this second after 1970.
    #[error("the offer was valid until {0}")]
    Expired(u64),
}

/// [`verify`] and [`Verified::check`] in one: what is offered, and the entry of `accepts` that it is
/// about. Who offers it is yet to be held against the payee or a key that you know.
///
/// `now` is in seconds since 1970.
///
/// # Errors
/// [`OfferError`].
pub fn verify_offer(
    signed: &Signed<Offer>,
    required: &PaymentRequired,
    now: u64,
) -> Result<(Verified<Offer>, usize), OfferError> {
    let verified = verify(signed)?;
    let index = verified.check(required, now)?;
    Ok((verified, index))
}

impl Verified<Offer> {
    /// The entry of `accepts` that this offer is about: the one that `acceptIndex` names, else the
    /// first that is the same. `extra` and `maxTimeoutSeconds` are not part of an offer.
    ///
    /// `now` is in seconds since 1970. An offer without `validUntil` stands for ever.
    ///
    /// # Errors
    /// [`OfferError`].
    pub fn check(&self, required: &PaymentRequired, now: u64) -> Result<usize, OfferError> {
        let offer = &self.payload;
        if offer.version != 1 {
            return Err(OfferError::Version(offer.version));
        }
        if offer.resource_url != required.resource.url {
            return Err(OfferError::Resource);
        }
        if let Some(until) = offer.valid_until.filter(|until| *until < now) {
            return Err(OfferError::Expired(until));
        }
        let Some(index) = self.accept_index else {
            let same = |entry: &PaymentRequirements| difference(offer, entry).is_none();
            return required
                .accepts
                .iter()
                .position(|entry| same(entry))
                .ok_or(OfferError::NoSuchEntry);
        };
        let position = usize::try_from(index).map_err(|_| OfferError::NoEntry(index))?;
        let entry = required.accepts.get(position).ok_or(OfferError::NoEntry(index))?;
        match difference(offer, entry) {
            Some(field) => Err(OfferError::Field(field)),
            None => Ok(position),
        }
    }
}

/// The first field that is not the same, to the letter.
fn difference(offer: &Offer, entry: &PaymentRequirements) -> Option<&'static str> {
    [
        ("scheme", offer.scheme == entry.scheme),
        ("network", offer.network == entry.network),
        ("asset", offer.asset == entry.asset),
        ("payTo", offer.pay_to == entry.pay_to),
        ("amount", offer.amount == entry.amount),
    ]
    .into_iter()
    .find_map(|(field, same)| (!same).then_some(field))
}

/// Why a receipt is not one for what was offered and paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReceiptError {
    /// Not of version 1.
    #[error("the receipt is of version {0}, not 1")]
    Version(u64),
    /// This field is not as it was offered or paid.
    #[error("the receipt's `{0}` is not the one that was offered or paid")]
    Field(&'static str),
    /// Written more than an hour ago.
    #[error("the receipt was written more than an hour ago")]
    TooOld,
    /// Written in the future.
    #[error("the receipt was written in the future")]
    InFuture,
}

impl Verified<Receipt> {
    /// Whether this is the receipt of what was offered and of who paid, written within the hour.
    /// On EVM chains a payer's address is compared in any case.
    ///
    /// `now` is in seconds since 1970. That offer and receipt are of one signer is not asked here:
    /// a server may have more keys than one.
    ///
    /// # Errors
    /// [`ReceiptError`].
    pub fn check(&self, offer: &Offer, payer: &str, now: u64) -> Result<(), ReceiptError> {
        self.check_purchase(&offer.resource_url, &offer.network, payer, now)
    }

    /// [`check`](Self::check) where no offer was signed: whether this is the receipt of what was bought,
    /// and where.
    ///
    /// # Errors
    /// [`ReceiptError`].
    pub fn check_purchase(
        &self,
        resource_url: &str,
        network: &Network,
        payer: &str,
        now: u64,
    ) -> Result<(), ReceiptError> {
        let receipt = &self.payload;
        if receipt.version != 1 {
            return Err(ReceiptError::Version(receipt.version));
        }
        let evm = receipt.network.chain_id().is_some();
        let fields = [
            ("resourceUrl", receipt.resource_url == resource_url),
            ("network", receipt.network == *network),
            ("payer", receipt.payer == payer || (evm && receipt.payer.eq_ignore_ascii_case(payer))),
        ];
        if let Some((field, _)) = fields.into_iter().find(|(_, same)| !same) {
            return Err(ReceiptError::Field(field));
        }
        if receipt.issued_at > now.saturating_add(AHEAD_SECONDS) {
            return Err(ReceiptError::InFuture);
        }
        if now.saturating_sub(receipt.issued_at) > MAX_RECEIPT_AGE_SECONDS {
            return Err(ReceiptError::TooOld);
        }
        Ok(())
    }
}
