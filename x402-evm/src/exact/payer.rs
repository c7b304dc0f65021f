use x402_types::scheme::{CheckedPayment, ClientScheme, Draft, Refusal, Signed, Signing};
use x402_types::{
    Amount, Asset, ErrorReason, Network, PaymentRequirements, RawObject, TransferMethod,
};

use super::{EXACT, ExactPayload, ExactTerms, terms::checked};
use crate::eip3009::Authorization;
use crate::offer::transfer_method;
use crate::payment::nonce;
use crate::permit2::{self, Account, Permit2Terms};
use crate::{ChainReader, Domain, Signer, TypedData};

/// `exact` on EVM chains, for a payer.
///
/// The signing domain of an asset in the pinned table is the table's; what the offer says of it
/// must agree, or the offer is refused. A signature for another domain would be worthless at best.
#[derive(Clone, Debug)]
pub struct ExactEvmPayer<S> {
    account: Account<S>,
}

impl<S: Signer> ExactEvmPayer<S> {
    /// Pays from this signer's account.
    pub fn new(signer: S) -> Self {
        Self { account: Account::new(signer) }
    }

    /// Looks at the chain before it signs for Permit2: whether Permit2 may move the money. Where it
    /// may not and the terms offer to pay the gas (`eip2612GasSponsoring`), an allowance over just
    /// the amount is signed too; where they do not, nothing is signed, unless the payer
    /// [approves Permit2](Self::approving_permit2).
    pub fn reading(mut self, chain: impl ChainReader) -> Self {
        self.account.reading(chain);
        self
    }

    /// Approves Permit2 where its allowance is short and the seller takes no permit, or does not say
    /// what the token's domain is: signs a transaction that lets Permit2 move the token, if the terms
    /// offer to put it on chain (`erc20ApprovalGasSponsoring`). Needs [`reading`](Self::reading);
    /// without it nothing is approved.
    ///
    /// What the owner should know before asking for it: the allowance has no limit and no end, as
    /// the protocol wants it, so that from then on what the account signs for Permit2 can move all of
    /// this token. Which token that is, the seller says. The transaction can be put on chain by
    /// whoever has it, paid or not, until the account has used its nonce. Its gas is the account's:
    /// at most [`GAS`](crate::approval::GAS) times
    /// [`MAX_FEE_PER_GAS`](crate::approval::MAX_FEE_PER_GAS); where more is needed, nothing is signed.
    /// Payments at the same time have transactions of the same nonce, of which one gets through.
    pub fn approving_permit2(mut self) -> Self {
        self.account.approving();
        self
    }

    fn terms(&self, offer: &PaymentRequirements) -> Result<ExactTerms, Refusal> {
        let terms = ExactTerms::new(offer)?;
        let Some(known) = Asset::find(&offer.network, &offer.asset) else { return Ok(terms) };
        if known.transfer_method != TransferMethod::Eip3009 {
            return Err(Refusal::new(
                ErrorReason::UnsupportedPayloadType,
                format!("{} on {} cannot be paid by EIP-3009", known.symbol, known.network),
            ));
        }
        if Domain::of(known).as_ref() != Some(terms.domain()) {
            return Err(Refusal::new(
                ErrorReason::InvalidExactEvmMissingEip712Domain,
                "the offer's name or version is not that of the token it names",
            ));
        }
        Ok(terms)
    }
}

impl<S: Signer> ClientScheme for ExactEvmPayer<S> {
    fn scheme(&self) -> &str {
        EXACT
    }

    fn covers(&self, network: &Network) -> bool {
        network.chain_id().is_some()
    }

    fn payer(&self) -> String {
        self.account.signer.address().to_string().to_lowercase()
    }

    fn can_pay(&self, offer: &PaymentRequirements) -> Result<(), Refusal> {
        match transfer_method(offer)? {
            TransferMethod::Permit2 => by_permit2(offer).map(drop),
            _ => self.terms(offer).map(drop),
        }
    }

    fn draft(
        &self,
        offer: &PaymentRequirements,
        extensions: Option<&RawObject>,
        now: u64,
        lifetime: u64,
    ) -> Result<Box<dyn Draft + '_>, Refusal> {
        if transfer_method(offer)? == TransferMethod::Permit2 {
            return permit2::draft(&self.account, by_permit2(offer)?, extensions, now, lifetime);
        }
        let terms = self.terms(offer)?;
        let message = Authorization {
            from: self.account.signer.address(),
            to: terms.pay_to(),
            value: terms.amount(),
            valid_after: Amount::ZERO,
            valid_before: Amount::from(now.saturating_add(lifetime)),
            nonce: nonce()?,
        };
        let payment = checked(&message);
        let domain = terms.domain().clone();
        Ok(Box::new(ExactDraft { signer: &self.account.signer, domain, message, payment }))
    }
}

fn by_permit2(offer: &PaymentRequirements) -> Result<Permit2Terms, Refusal> {
    if offer.scheme != EXACT {
        return Err(Refusal::new(
            ErrorReason::InvalidExactEvmScheme,
            "the scheme is not \"exact\"",
        ));
    }
    Permit2Terms::new(offer)
}

struct ExactDraft<'s, S> {
    signer: &'s S,
    domain: Domain,
    message: Authorization,
    payment: CheckedPayment,
}

impl<S: Signer> Draft for ExactDraft<'_, S> {
    fn payment(&self) -> &CheckedPayment {
        &self.payment
    }

    fn sign<'a>(self: Box<Self>) -> Signing<'a>
    where
        Self: 'a,
    {
        Box::pin(async move {
            let Self { signer, domain, message, .. } = *self;
            let data = TypedData::TransferWithAuthorization { domain, message: message.clone() };
            let failed = |detail| Refusal::new(ErrorReason::InvalidExactEvmSignature, detail);
            let signature =
                signer.sign_typed_data(&data).await.map_err(|error| failed(error.to_string()))?;
            let payload = ExactPayload { signature: signature.to_string(), authorization: message };
            let payload = RawObject::new(&payload).map_err(|error| failed(error.to_string()))?;
            Ok(Signed { payload, extensions: None })
        })
    }
}
