use alloy_primitives::U256;
use x402_types::scheme::{CheckedPayment, Draft, Refusal, Signed, Signing};
use x402_types::{Amount, ErrorReason, RawObject};

use super::authorization::{Permit2Authorization, TokenPermissions, Witness};
use super::terms::{Permit2Payload, Permit2Terms, checked};
use crate::{Signer, TypedData};

/// Draws up a payment of an offer by Permit2.
pub(crate) fn draft<'s, S: Signer>(
    signer: &'s S,
    terms: &Permit2Terms,
    now: u64,
    lifetime: u64,
) -> Result<Box<dyn Draft + 's>, Refusal> {
    let mut nonce = [0; 32];
    getrandom::fill(&mut nonce).map_err(|error| {
        Refusal::new(ErrorReason::InvalidTransactionState, format!("no randomness: {error}"))
    })?;
    let message = Permit2Authorization {
        from: signer.address(),
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
    Ok(Box::new(Permit2Draft { signer, chain_id: terms.chain_id(), message, payment }))
}

struct Permit2Draft<'s, S> {
    signer: &'s S,
    chain_id: u64,
    message: Permit2Authorization,
    payment: CheckedPayment,
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
            let Self { signer, chain_id, message, .. } = *self;
            let failed = |detail| Refusal::new(ErrorReason::InvalidPermit2Signature, detail);
            let data = TypedData::PermitWitnessTransferFrom { chain_id, message: message.clone() };
            let signature =
                signer.sign_typed_data(&data).await.map_err(|error| failed(error.to_string()))?;
            let payload =
                Permit2Payload { signature: signature.to_string(), permit2_authorization: message };
            let payload = RawObject::new(&payload).map_err(|error| failed(error.to_string()))?;
            Ok(Signed { payload, extensions: None })
        })
    }
}
