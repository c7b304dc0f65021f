//! Payments by Permit2 that can be spoilt before they are signed.

use alloy_primitives::{Bytes, U256};
use x402_evm::eip2612::Permit;
use x402_evm::permit2::{
    EXACT_PROXY, PERMIT2, Permit2Authorization, Permit2Payload, TokenPermissions, UPTO_PROXY,
    Witness,
};
use x402_evm::{LocalSigner, Signature, Signer, TypedData, upto_offer};
use x402_types::facilitator::Request;
use x402_types::{Amount, PaymentPayload, PaymentRequirements, RawObject, Verbatim, VerifyRequest};

use super::{PAY_TO, PRICE, now, signer, usdc};

/// A payment by Permit2.
#[derive(Clone)]
pub(crate) struct Permit2Payment {
    pub(crate) payer: LocalSigner,
    pub(crate) offer: PaymentRequirements,
    pub(crate) authorization: Permit2Authorization,
    pub(crate) extensions: Option<RawObject>,
}

impl Permit2Payment {
    pub(crate) fn exact(payer: &LocalSigner) -> Self {
        let mut offer = upto(PRICE);
        offer.scheme = "exact".to_owned();
        let extra = r#"{"assetTransferMethod":"permit2"}"#;
        offer.extra = Some(extra.parse().unwrap());
        Self::new(payer, offer, false)
    }

    pub(crate) fn upto(payer: &LocalSigner) -> Self {
        Self::new(payer, upto(PRICE), true)
    }

    fn new(payer: &LocalSigner, offer: PaymentRequirements, metered: bool) -> Self {
        let authorization = Permit2Authorization {
            from: payer.address(),
            permitted: TokenPermissions { token: x402_devnet::USDC, amount: Amount::from(PRICE) },
            spender: if metered { UPTO_PROXY } else { EXACT_PROXY },
            nonce: Amount::new(U256::from_be_slice(
                LocalSigner::random().unwrap().address().as_slice(),
            )),
            deadline: Amount::from(now() + 300),
            witness: Witness {
                to: PAY_TO,
                facilitator: metered.then(|| signer(0).address()),
                valid_after: Amount::ZERO,
            },
        };
        Self { payer: payer.clone(), offer, authorization, extensions: None }
    }

    pub(crate) fn with(mut self, change: impl FnOnce(&mut Permit2Authorization)) -> Self {
        change(&mut self.authorization);
        self
    }

    pub(crate) fn with_offer(mut self, change: impl FnOnce(&mut PaymentRequirements)) -> Self {
        change(&mut self.offer);
        self
    }

    pub(crate) fn with_extra(self, extra: &str) -> Self {
        self.with_offer(|offer| offer.extra = Some(extra.parse().unwrap()))
    }

    pub(crate) async fn signature(&self) -> Signature {
        let message = self.authorization.clone();
        let data = TypedData::PermitWitnessTransferFrom { chain_id: 84532, message };
        self.payer.sign_typed_data(&data).await.unwrap()
    }

    /// The call that settles it, whoever makes it.
    pub(crate) async fn calldata(&self) -> Bytes {
        let signature = self.signature().await.to_bytes().into();
        self.authorization.calldata(self.authorization.permitted.amount, signature, None)
    }

    pub(crate) async fn v2(&self) -> Request {
        self.asking(|_| {}).await
    }

    /// The request to settle just so much.
    pub(crate) async fn over(&self, amount: u64) -> Request {
        self.asking(|terms| terms.amount = Amount::from(amount)).await
    }

    /// A request whose own terms are others than those that the payer accepted.
    pub(crate) async fn asking(&self, change: impl FnOnce(&mut PaymentRequirements)) -> Request {
        self.signed_by(&self.signature().await.to_string(), change)
    }

    pub(crate) fn signed_by(
        &self,
        signature: &str,
        change: impl FnOnce(&mut PaymentRequirements),
    ) -> Request {
        let payload = Permit2Payload {
            signature: signature.to_owned(),
            permit2_authorization: self.authorization.clone(),
        };
        let payment = PaymentPayload {
            x402_version: Default::default(),
            resource: None,
            accepted: Verbatim::new(self.offer.clone()).unwrap(),
            payload: RawObject::new(&payload).unwrap(),
            extensions: self.extensions.clone(),
        };
        let mut terms = self.offer.clone();
        change(&mut terms);
        Request::v2(VerifyRequest {
            x402_version: Default::default(),
            payment_payload: Verbatim::new(payment).unwrap(),
            payment_requirements: Verbatim::new(terms).unwrap(),
        })
    }

    /// The allowance that goes with it, and its signature.
    pub(crate) async fn permit(&self, nonce: u64) -> (Permit, Signature) {
        let message = Permit {
            owner: self.payer.address(),
            spender: PERMIT2,
            value: self.authorization.permitted.amount,
            nonce: Amount::from(nonce),
            deadline: self.authorization.deadline,
        };
        let signature = self.sign_permit(&message).await;
        (message, signature)
    }

    pub(crate) async fn sign_permit(&self, message: &Permit) -> Signature {
        let domain = x402_evm::Domain::of(&usdc()).unwrap();
        let data = TypedData::Permit { domain, message: message.clone() };
        self.payer.sign_typed_data(&data).await.unwrap()
    }
}

fn upto(amount: u64) -> PaymentRequirements {
    let facilitator = signer(0).address().to_string();
    upto_offer(&usdc(), Amount::from(amount), &PAY_TO.to_string(), 300, &facilitator).unwrap()
}
