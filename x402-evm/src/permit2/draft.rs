use std::fmt;
use std::sync::Arc;

use x402_types::extensions::{
    self, Declared, Extension, Extensions, eip2612_gas_sponsoring as by_permit,
    erc20_approval_gas_sponsoring as by_approval,
};
use x402_types::scheme::{CheckedPayment, Draft, Refusal, Signed, Signing};
use x402_types::{Amount, ErrorReason, RawObject};

use super::authorization::{Permit2Authorization, TokenPermissions, Witness};
use super::contracts::PERMIT2;
use super::terms::{Permit2Payload, Permit2Terms, checked};
use crate::approval::{self, Approval};
use crate::chain_reader::{ask, unread};
use crate::eip2612::{Allowances, Permit};
use crate::payment::nonce;
use crate::{ChainReader, Domain, Signer, TypedData};

/// Who pays, and what it may ask before it signs.
#[derive(Clone)]
pub(crate) struct Account<S> {
    pub(crate) signer: S,
    chain: Option<Arc<dyn ChainReader>>,
    approves: bool,
}

impl<S> Account<S> {
    pub(crate) fn new(signer: S) -> Self {
        Self { signer, chain: None, approves: false }
    }

    pub(crate) fn reading(&mut self, chain: impl ChainReader) {
        self.chain = Some(Arc::new(chain));
    }

    pub(crate) fn approving(&mut self) {
        self.approves = true;
    }
}

impl<S: fmt::Debug> fmt::Debug for Account<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account").field("signer", &self.signer).finish_non_exhaustive()
    }
}

/// Draws up a payment of an offer by Permit2.
pub(crate) fn draft<'s, S: Signer>(
    account: &'s Account<S>,
    terms: Permit2Terms,
    extensions: Option<&RawObject>,
    now: u64,
    lifetime: u64,
) -> Result<Box<dyn Draft + 's>, Refusal> {
    let message = Permit2Authorization {
        from: account.signer.address(),
        permitted: TokenPermissions { token: terms.asset(), amount: terms.amount() },
        spender: terms.spender(),
        nonce: Amount::new(nonce()?.into()),
        deadline: Amount::from(now.saturating_add(lifetime)),
        witness: Witness {
            to: terms.pay_to(),
            facilitator: terms.facilitator(),
            valid_after: Amount::ZERO,
        },
    };
    let payment = checked(&message);
    let declared = extensions.and_then(|raw| Extensions::read(raw).ok()).unwrap_or_default();
    Ok(Box::new(Permit2Draft { account, terms, declared, message, payment }))
}

struct Permit2Draft<'s, S> {
    account: &'s Account<S>,
    terms: Permit2Terms,
    /// What the seller offers besides.
    declared: Extensions,
    message: Permit2Authorization,
    payment: CheckedPayment,
}

impl<S: Signer> Permit2Draft<'_, S> {
    /// The extensions' answers: an allowance to Permit2, where it needs one.
    async fn allowance(&self) -> Result<Extensions, Refusal> {
        let mut answers = Extensions::default();
        let Some(chain) = self.account.chain.as_deref() else { return Ok(answers) };
        let Permit2Authorization { from: owner, permitted, .. } = &self.message;
        let (owner, token) = (*owner, permitted.token);
        let question = Allowances::allowanceCall { owner, spender: PERMIT2 };
        let allowed = ask(chain, self.terms.chain_id(), token, question).await?;
        if allowed >= permitted.amount.units() {
            return Ok(answers);
        }
        let domain = self.terms.token().filter(|_| self.offers::<by_permit::Declaration>());
        let short = format!("{owner} has not allowed Permit2 to move its {token}");
        if let Some(domain) = domain {
            answers.set(&self.permit(chain, domain).await?).map_err(unsigned)?;
        } else if !self.offers::<by_approval::Declaration>() {
            return Err(unallowed(short));
        } else if !self.account.approves {
            return Err(unallowed(format!("{short}, and the payer was not told to approve it")));
        } else {
            answers.set(&self.approval(chain).await?).map_err(unsigned)?;
        }
        Ok(answers)
    }

    /// Whether this would put an allowance on chain.
    fn offers<E: Extension>(&self) -> bool {
        matches!(self.declared.get::<E>(), Ok(Some(_)))
    }

    /// An allowance over just the amount, which is good for as long as the payment.
    async fn permit(
        &self,
        chain: &dyn ChainReader,
        domain: &Domain,
    ) -> Result<by_permit::Answer, Refusal> {
        let Permit2Authorization { from: owner, permitted, deadline, .. } = &self.message;
        let (owner, token) = (*owner, permitted.token);
        let question = Allowances::noncesCall { owner };
        let nonce = Amount::new(ask(chain, self.terms.chain_id(), token, question).await?);
        let (value, deadline) = (permitted.amount, *deadline);
        let message = Permit { owner, spender: PERMIT2, value, nonce, deadline };
        let data = TypedData::Permit { domain: domain.clone(), message };
        let signature = self.account.signer.sign_typed_data(&data).await.map_err(unsigned)?;
        let info = by_permit::Permit {
            from: owner.to_string(),
            asset: token.to_string(),
            spender: PERMIT2.to_string(),
            amount: value,
            nonce,
            deadline,
            signature: extensions::Signature::new(signature.to_string()),
            version: "1".to_owned(),
        };
        Ok(Declared { info, schema: None })
    }

    /// An allowance without limit or end.
    async fn approval(&self, chain: &dyn ChainReader) -> Result<by_approval::Answer, Refusal> {
        let Permit2Authorization { from: owner, permitted, .. } = &self.message;
        let (owner, token, chain_id) = (*owner, permitted.token, self.terms.chain_id());
        let nonce = chain.transaction_count(chain_id, owner).await;
        let nonce = nonce.map_err(|error| unread("the account's nonce", error))?;
        let fees = chain.fees(chain_id).await.map_err(|error| unread("the fees", error))?;
        let Some((max_fee_per_gas, max_priority_fee_per_gas)) = fees.bid() else {
            return Err(unallowed(format!(
                "to let Permit2 move {token} would cost more than {} wei a unit of gas",
                approval::MAX_FEE_PER_GAS
            )));
        };
        let transaction = Approval {
            owner,
            chain_id,
            token,
            spender: PERMIT2,
            amount: Amount::MAX,
            nonce,
            gas: approval::GAS,
            max_fee_per_gas,
            max_priority_fee_per_gas,
        };
        let data = TypedData::Approval { transaction: transaction.clone() };
        let signature = self.account.signer.sign_typed_data(&data).await.map_err(unsigned)?;
        if signature.recover(data.signing_hash()).map_err(unsigned)? != owner {
            return Err(unsigned(format!("{owner} did not sign the transaction it was given")));
        }
        let info = by_approval::Approval {
            from: owner.to_string(),
            asset: token.to_string(),
            spender: PERMIT2.to_string(),
            amount: transaction.amount,
            signed_transaction: extensions::Signature::new(transaction.raw(signature).to_string()),
            version: "1".to_owned(),
        };
        Ok(Declared { info, schema: None })
    }
}

impl<S: Signer> Draft for Permit2Draft<'_, S> {
    fn payment(&self) -> &CheckedPayment {
        &self.payment
    }

    fn sign<'a>(self: Box<Self>) -> Signing<'a>
    where
        Self: 'a,
    {
        Box::pin(async move {
            let extensions = self.allowance().await?.to_raw().map_err(unsigned)?;
            let Self { account, terms, message, .. } = *self;
            let data = TypedData::PermitWitnessTransferFrom {
                chain_id: terms.chain_id(),
                message: message.clone(),
            };
            let signature = account.signer.sign_typed_data(&data).await.map_err(unsigned)?;
            let payload =
                Permit2Payload { signature: signature.to_string(), permit2_authorization: message };
            let payload = RawObject::new(&payload).map_err(unsigned)?;
            Ok(Signed { payload, extensions })
        })
    }
}

fn unsigned(error: impl fmt::Display) -> Refusal {
    Refusal::new(ErrorReason::InvalidPermit2Signature, error.to_string())
}

fn unallowed(detail: String) -> Refusal {
    Refusal::new(ErrorReason::Permit2AllowanceRequired, detail)
}
