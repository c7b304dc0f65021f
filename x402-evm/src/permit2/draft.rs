use std::fmt;
use std::sync::Arc;

use alloy_primitives::U256;
use x402_types::extensions::{self, Declared, Extensions, eip2612_gas_sponsoring as sponsoring};
use x402_types::scheme::{CheckedPayment, Draft, Refusal, Signed, Signing};
use x402_types::{Amount, ErrorReason, RawObject};

use super::authorization::{Permit2Authorization, TokenPermissions, Witness};
use super::contracts::PERMIT2;
use super::terms::{Permit2Payload, Permit2Terms, checked};
use crate::chain_reader::ask;
use crate::eip2612::{Allowances, Permit};
use crate::{ChainReader, Signer, TypedData};

/// Who pays, and what it may ask before it signs.
#[derive(Clone)]
pub(crate) struct Account<S> {
    pub(crate) signer: S,
    chain: Option<Arc<dyn ChainReader>>,
}

impl<S> Account<S> {
    pub(crate) fn new(signer: S) -> Self {
        Self { signer, chain: None }
    }

    pub(crate) fn reading(&mut self, chain: impl ChainReader) {
        self.chain = Some(Arc::new(chain));
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
    let mut nonce = [0; 32];
    getrandom::fill(&mut nonce).map_err(|error| {
        Refusal::new(ErrorReason::InvalidTransactionState, format!("no randomness: {error}"))
    })?;
    let message = Permit2Authorization {
        from: account.signer.address(),
        permitted: TokenPermissions { token: terms.asset(), amount: terms.amount() },
        spender: terms.spender(),
        nonce: Amount::new(U256::from_be_bytes(nonce)),
        deadline: Amount::from(now.saturating_add(lifetime)),
        witness: Witness {
            to: terms.pay_to(),
            facilitator: terms.facilitator(),
            valid_after: Amount::ZERO,
        },
    };
    let payment = checked(&message);
    let sponsored = extensions.is_some_and(offers_sponsoring);
    Ok(Box::new(Permit2Draft { account, terms, sponsored, message, payment }))
}

/// Whether a payer's allowance to Permit2 would be put on chain for it.
fn offers_sponsoring(extensions: &RawObject) -> bool {
    let declared =
        Extensions::read(extensions).ok().map(|all| all.get::<sponsoring::Declaration>());
    matches!(declared, Some(Ok(Some(_))))
}

struct Permit2Draft<'s, S> {
    account: &'s Account<S>,
    terms: Permit2Terms,
    sponsored: bool,
    message: Permit2Authorization,
    payment: CheckedPayment,
}

impl<S: Signer> Permit2Draft<'_, S> {
    /// An allowance to Permit2, where it needs one.
    async fn allowance(&self) -> Result<Option<sponsoring::Answer>, Refusal> {
        let Some(chain) = self.account.chain.as_deref() else { return Ok(None) };
        let Permit2Authorization { from: owner, permitted, deadline, .. } = &self.message;
        let (owner, chain_id, token) = (*owner, self.terms.chain_id(), permitted.token);
        let question = Allowances::allowanceCall { owner, spender: PERMIT2 };
        if ask(chain, chain_id, token, question).await? >= permitted.amount.units() {
            return Ok(None);
        }
        let Some(domain) = self.terms.token().filter(|_| self.sponsored) else {
            return Err(Refusal::new(
                ErrorReason::Permit2AllowanceRequired,
                format!("{owner} has not allowed Permit2 to move {} of {token}", permitted.amount),
            ));
        };
        let nonce = ask(chain, chain_id, token, Allowances::noncesCall { owner }).await?;
        let message = Permit {
            owner,
            spender: PERMIT2,
            value: permitted.amount,
            nonce: Amount::new(nonce),
            deadline: *deadline,
        };
        let data = TypedData::Permit { domain: domain.clone(), message };
        let signature = self.account.signer.sign_typed_data(&data).await.map_err(unsigned)?;
        let info = sponsoring::Permit {
            from: owner.to_string(),
            asset: token.to_string(),
            spender: PERMIT2.to_string(),
            amount: permitted.amount,
            nonce: Amount::new(nonce),
            deadline: *deadline,
            signature: extensions::Signature::new(signature.to_string()),
            version: "1".to_owned(),
        };
        Ok(Some(Declared { info, schema: None }))
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
            let extensions = match self.allowance().await? {
                None => None,
                Some(allowance) => {
                    let mut answers = Extensions::default();
                    answers.set(&allowance).map_err(unsigned)?;
                    answers.to_raw().map_err(unsigned)?
                }
            };
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
