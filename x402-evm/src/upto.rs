//! `upto`: the payer signs a limit, and what is settled is what was used.

use x402_types::scheme::{ClientScheme, Draft, Refusal, ServerScheme, Terms};
use x402_types::{
    Amount, Asset, ErrorReason, Network, PaymentRequirements, RawObject, TransferMethod,
};

use crate::offer::{Extra, offer, unsound};
use crate::permit2::{self, Account, Permit2Terms};
use crate::{ChainReader, Signer, text};

/// The scheme's name on the wire.
pub const UPTO: &str = "upto";

/// `upto` on EVM chains, for a seller.
#[derive(Clone, Copy, Debug, Default)]
pub struct UptoEvm;

impl ServerScheme for UptoEvm {
    fn scheme(&self) -> &str {
        UPTO
    }

    fn covers(&self, network: &Network) -> bool {
        network.chain_id().is_some()
    }

    fn prepare(&self, offer: &PaymentRequirements) -> Result<Box<dyn Terms>, Refusal> {
        Ok(Box::new(terms(offer)?))
    }
}

/// `upto` on EVM chains, for a payer. What is signed can be settled up to the whole amount, by the
/// facilitator that the offer names and by nobody else.
#[derive(Clone, Debug)]
pub struct UptoEvmPayer<S> {
    account: Account<S>,
}

impl<S: Signer> UptoEvmPayer<S> {
    /// Pays from this signer's account.
    pub fn new(signer: S) -> Self {
        Self { account: Account::new(signer) }
    }

    /// Looks at the chain before it signs, as
    /// [`ExactEvmPayer::reading`](crate::ExactEvmPayer::reading) does.
    pub fn reading(mut self, chain: impl ChainReader) -> Self {
        self.account.reading(chain);
        self
    }

    /// Approves Permit2 where it has to, as
    /// [`ExactEvmPayer::approving_permit2`](crate::ExactEvmPayer::approving_permit2) does.
    pub fn approving_permit2(mut self) -> Self {
        self.account.approving();
        self
    }
}

impl<S: Signer> ClientScheme for UptoEvmPayer<S> {
    fn scheme(&self) -> &str {
        UPTO
    }

    fn covers(&self, network: &Network) -> bool {
        network.chain_id().is_some()
    }

    fn payer(&self) -> String {
        self.account.signer.address().to_string().to_lowercase()
    }

    fn can_pay(&self, offer: &PaymentRequirements) -> Result<(), Refusal> {
        terms(offer).map(drop)
    }

    fn draft(
        &self,
        offer: &PaymentRequirements,
        extensions: Option<&RawObject>,
        now: u64,
        lifetime: u64,
    ) -> Result<Box<dyn Draft + '_>, Refusal> {
        permit2::draft(&self.account, terms(offer)?, extensions, now, lifetime)
    }
}

fn terms(offer: &PaymentRequirements) -> Result<Permit2Terms, Refusal> {
    if offer.scheme != UPTO {
        return Err(unsound(
            ErrorReason::InvalidUptoEvmScheme,
            format!("the scheme is {:?}, not \"upto\"", text::excerpt(&offer.scheme)),
        ));
    }
    Permit2Terms::new(offer)
}

/// An offer of `upto`, at most `amount`, to be settled by this facilitator's address alone.
///
/// # Errors
/// [`Refusal`] where an address is none: one in mixed case whose checksum is wrong has a digit
/// mistyped.
pub fn upto_offer(
    asset: &Asset,
    amount: Amount,
    pay_to: &str,
    max_timeout_seconds: u64,
    facilitator: &str,
) -> Result<PaymentRequirements, Refusal> {
    let extra = Extra {
        name: Some(asset.name.clone().into_owned()),
        version: Some(asset.version.clone().into_owned()),
        asset_transfer_method: Some(TransferMethod::Permit2.as_str().to_owned()),
        facilitator_address: Some(facilitator.to_owned()),
    };
    let offer = offer(UPTO, asset, amount, pay_to, max_timeout_seconds, &extra)?;
    Permit2Terms::new(&offer)?;
    Ok(offer)
}
