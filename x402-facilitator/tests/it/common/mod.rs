//! A facilitator on a development chain, and a wire between the two that can be cut.

mod contract;
mod permit2;
mod wire;

pub(crate) use contract::{caller, forwarder, yes_man};
pub(crate) use permit2::Permit2Payment;
pub(crate) use wire::{Fault, Wire};

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use alloy_consensus::{SignableTransaction, TxEip1559};
use alloy_primitives::{Address, Bytes, TxKind, U256, address};
use alloy_provider::Provider;
use alloy_sol_types::SolCall;
use x402_devnet::{DEV_ACCOUNTS, DevUsdc, Devnet};
use x402_evm::{
    ExactEvmPayer, ExactPayload, LocalSigner, Signer, TypedData, eip3009::Authorization,
    exact_offer,
};
use x402_facilitator::{Chain, EvmFacilitator, FacilitatorBuilder, Unavailable};
use x402_types::facilitator::{Facilitator, FacilitatorError, Request};
use x402_types::scheme::ClientScheme;
use x402_types::{
    Amount, Asset, Network, PaymentPayload, PaymentRequirements, RawObject, ResourceInfo,
    SettleResponse, Verbatim, VerifyRequest, VerifyResponse, v1,
};

pub(crate) const PRICE: u64 = 10_000;
pub(crate) const PAY_TO: Address = address!("0x209693Bc6afc0C5328bA36FaF03C514EF312287C");

/// A chain, the wire to it, and a payer with a dollar.
pub(crate) struct World {
    pub(crate) devnet: Devnet,
    pub(crate) wire: Wire,
    pub(crate) payer: LocalSigner,
}

impl World {
    pub(crate) fn new(devnet: Devnet) -> Self {
        let wire = Wire::to(&devnet);
        let payer = LocalSigner::random().unwrap();
        devnet.mint(payer.address(), U256::from(1_000_000)).unwrap();
        Self { devnet, wire, payer }
    }

    /// A chain of instant blocks.
    pub(crate) fn instant() -> Self {
        Self::new(Devnet::new())
    }

    /// A chain that mines a block per interval of tokio's time.
    pub(crate) fn every(interval: Duration) -> Self {
        Self::new(Devnet::builder().block_interval(interval).build().unwrap())
    }

    /// A chain that mines when told.
    pub(crate) fn manual() -> Self {
        Self::new(Devnet::builder().manual_mining().build().unwrap())
    }

    pub(crate) fn chain(&self) -> Chain {
        Chain::new(Network::BASE_SEPOLIA, self.wire.provider()).signer(signer(0))
    }

    pub(crate) fn builder(&self) -> FacilitatorBuilder {
        EvmFacilitator::builder().chain(self.chain())
    }

    /// A facilitator with the defaults. What it asked the chain to start is not counted.
    pub(crate) async fn facilitator(&self) -> EvmFacilitator {
        self.facilitator_with(|chain| chain).await
    }

    pub(crate) async fn facilitator_with(
        &self,
        with: impl FnOnce(Chain) -> Chain,
    ) -> EvmFacilitator {
        let chain = with(self.chain());
        let facilitator = EvmFacilitator::builder().chain(chain).build().await.unwrap();
        self.wire.forget_calls();
        facilitator
    }

    /// A facilitator of somebody else.
    pub(crate) async fn facilitator_signed_by(&self, signer: LocalSigner) -> EvmFacilitator {
        let chain = Chain::new(Network::BASE_SEPOLIA, self.wire.provider()).signer(signer);
        EvmFacilitator::builder().chain(chain).build().await.unwrap()
    }

    /// Transactions of the first signer that blocks have.
    pub(crate) async fn nonce(&self) -> u64 {
        self.devnet.provider().get_transaction_count(signer(0).address()).await.unwrap()
    }

    pub(crate) fn payment(&self) -> Payment {
        Payment::new(self.payer.clone())
    }

    /// Lets Permit2 move so much of the payer's.
    pub(crate) async fn allow_permit2(&self, amount: u64) {
        self.devnet.set_balance(self.payer.address(), U256::from(10).pow(U256::from(18)));
        let spender = x402_evm::permit2::PERMIT2;
        let approve = DevUsdc::approveCall { spender, value: U256::from(amount) };
        let input = approve.abi_encode().into();
        call(&self.devnet, &self.payer, x402_devnet::USDC, input, 1).await;
    }

    pub(crate) fn paid(&self) -> u64 {
        self.devnet.token_balance(PAY_TO).unwrap().to()
    }
}

/// An account that pays for gas.
pub(crate) fn signer(at: usize) -> LocalSigner {
    LocalSigner::from_bytes(&DEV_ACCOUNTS[at].private_key).unwrap()
}

pub(crate) fn usdc() -> Asset {
    Asset::default_for(&Network::BASE_SEPOLIA).unwrap().clone()
}

pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// A payment that can be spoilt before it is signed.
#[derive(Clone)]
pub(crate) struct Payment {
    pub(crate) payer: LocalSigner,
    pub(crate) offer: PaymentRequirements,
    pub(crate) authorization: Authorization,
    /// What for.
    pub(crate) resource: String,
    pub(crate) extensions: Option<RawObject>,
}

impl Payment {
    pub(crate) fn new(payer: LocalSigner) -> Self {
        let pay_to = PAY_TO.to_string();
        let offer = exact_offer(&usdc(), Amount::from(PRICE), &pay_to, 300).unwrap();
        let draft = ExactEvmPayer::new(payer.clone());
        let draft = draft.draft(&offer, None, now(), 300).unwrap();
        let nonce = draft.payment().nonce.parse().unwrap();
        let authorization = Authorization {
            from: payer.address(),
            to: PAY_TO,
            value: Amount::from(PRICE),
            valid_after: Amount::ZERO,
            valid_before: Amount::from(now() + 300),
            nonce,
        };
        let resource = "https://api.example.com/weather".to_owned();
        Self { payer, offer, authorization, resource, extensions: None }
    }

    pub(crate) fn of_resource(mut self, address: &str) -> Self {
        self.resource = address.to_owned();
        self
    }

    pub(crate) fn with_offer(mut self, change: impl FnOnce(&mut PaymentRequirements)) -> Self {
        change(&mut self.offer);
        self
    }

    pub(crate) fn with(mut self, change: impl FnOnce(&mut Authorization)) -> Self {
        change(&mut self.authorization);
        self
    }

    /// Signs for the real token, whatever the offer says.
    pub(crate) async fn payload(&self) -> ExactPayload {
        let domain = x402_evm::Domain::of(&usdc()).unwrap();
        self.payload_for(domain).await
    }

    pub(crate) async fn payload_for(&self, domain: x402_evm::Domain) -> ExactPayload {
        let message = self.authorization.clone();
        let data = TypedData::TransferWithAuthorization { domain, message: message.clone() };
        let signature = self.payer.sign_typed_data(&data).await.unwrap();
        ExactPayload { signature: signature.to_string(), authorization: message }
    }

    /// The call that settles it, whoever makes it.
    pub(crate) async fn calldata(&self) -> Bytes {
        let signature = self.payload().await.signature.parse().unwrap();
        self.authorization.calldata(signature)
    }

    pub(crate) async fn v2(&self) -> Request {
        self.v2_of(RawObject::new(&self.payload().await).unwrap())
    }

    pub(crate) fn v2_of(&self, payload: RawObject) -> Request {
        self.v2_accepting(self.offer.clone(), payload)
    }

    pub(crate) fn v2_accepting(
        &self,
        accepted: PaymentRequirements,
        payload: RawObject,
    ) -> Request {
        let payment = PaymentPayload {
            x402_version: Default::default(),
            resource: Some(ResourceInfo::new(&self.resource)),
            accepted: Verbatim::new(accepted).unwrap(),
            payload,
            extensions: self.extensions.clone(),
        };
        Request::v2(VerifyRequest {
            x402_version: Default::default(),
            payment_payload: Verbatim::new(payment).unwrap(),
            payment_requirements: Verbatim::new(self.offer.clone()).unwrap(),
        })
    }

    pub(crate) async fn v1(&self) -> Request {
        let payload = RawObject::new(&self.payload().await).unwrap();
        let resource = ResourceInfo::new(&self.resource);
        let offer = v1::PaymentRequirements::from_v2(&self.offer, &resource).unwrap();
        let payment = v1::PaymentPayload {
            x402_version: Default::default(),
            scheme: offer.scheme.clone(),
            network: offer.network.clone(),
            payload,
        };
        Request::v1(v1::VerifyRequest {
            x402_version: Default::default(),
            payment_payload: Verbatim::new(payment).unwrap(),
            payment_requirements: Verbatim::new(offer).unwrap(),
        })
    }
}

pub(crate) async fn verify(facilitator: &EvmFacilitator, request: &Request) -> VerifyResponse {
    Facilitator::verify(facilitator, request).await.unwrap()
}

pub(crate) async fn settle(facilitator: &EvmFacilitator, request: &Request) -> SettleResponse {
    Facilitator::settle(facilitator, request).await.unwrap()
}

/// Settles, and gives back why there was no answer.
pub(crate) async fn no_settlement(facilitator: &EvmFacilitator, request: &Request) -> Unavailable {
    unavailable(Facilitator::settle(facilitator, request).await.unwrap_err())
}

/// Begins to settle. What comes without an answer is a failure whose reason says why.
pub(crate) fn start(
    facilitator: &EvmFacilitator,
    payment: Payment,
) -> tokio::task::JoinHandle<SettleResponse> {
    let facilitator = facilitator.clone();
    tokio::spawn(async move {
        match Facilitator::settle(&facilitator, &payment.v2().await).await {
            Ok(answer) => answer,
            Err(error) => {
                let reason = unavailable(error).to_string().as_str().into();
                SettleResponse::failed(reason, None, "", "")
            }
        }
    })
}

/// Submits a payment to the chain without a facilitator, at this many times the chain's fee. Gives
/// the transaction's hash.
pub(crate) async fn submit(
    devnet: &Devnet,
    signer: &LocalSigner,
    payment: &Payment,
    outbids: u128,
) -> String {
    let input = payment.calldata().await;
    call(devnet, signer, x402_devnet::USDC, input, outbids).await
}

/// Sends a call to the chain without a facilitator, at this many times the chain's fee. Gives the
/// transaction's hash.
pub(crate) async fn call(
    devnet: &Devnet,
    signer: &LocalSigner,
    to: Address,
    input: Bytes,
    outbids: u128,
) -> String {
    let provider = devnet.provider();
    let fees = provider.estimate_eip1559_fees().await.unwrap();
    let transaction = TxEip1559 {
        chain_id: devnet.chain_id(),
        nonce: provider.get_transaction_count(signer.address()).pending().await.unwrap(),
        gas_limit: 600_000,
        max_fee_per_gas: fees.max_fee_per_gas * outbids,
        max_priority_fee_per_gas: fees.max_priority_fee_per_gas * outbids,
        to: TxKind::Call(to),
        value: U256::ZERO,
        access_list: Default::default(),
        input,
    };
    let signature = signer.sign_digest_unseen(transaction.signature_hash()).to_bytes();
    let signature = alloy_primitives::Signature::from_raw_array(&signature).unwrap();
    let mut raw = Vec::new();
    transaction.into_signed(signature).eip2718_encode(&mut raw);
    provider.send_raw_transaction(&raw).await.unwrap().tx_hash().to_string()
}

pub(crate) fn unavailable(error: FacilitatorError) -> Unavailable {
    assert!(error.is_definite(), "{error}");
    let FacilitatorError::NotSent(source) = error else { panic!("{error}") };
    *source.downcast().unwrap()
}

/// The reason of a refusal.
pub(crate) fn reason(answer: &SettleResponse) -> &str {
    assert!(!answer.success, "settled by {}", answer.transaction);
    answer.error_reason.as_ref().unwrap().as_str()
}

/// The reason for which a payment is not good, which settling gives too.
pub(crate) async fn refusal(facilitator: &EvmFacilitator, request: &Request) -> String {
    let verified = verify(facilitator, request).await;
    assert!(!verified.is_valid);
    let verified = verified.invalid_reason.unwrap();
    let settled = settle(facilitator, request).await;
    assert_eq!(reason(&settled), verified.as_str());
    assert_eq!(settled.transaction, "");
    verified.as_str().to_owned()
}

/// What was settled without this facilitator is not good any more, and found when it is to be settled.
pub(crate) async fn is_found(
    facilitator: &EvmFacilitator,
    request: &Request,
    transaction: &str,
    used: &str,
) {
    let verified = verify(facilitator, request).await;
    assert_eq!(verified.invalid_reason.unwrap().as_str(), used);
    let settled = settle(facilitator, request).await;
    assert!(settled.success, "{settled:?}");
    assert_eq!(settled.transaction, transaction);
}

pub(crate) async fn until(condition: impl Fn() -> bool) {
    while !condition() {
        tokio::task::yield_now().await;
    }
}
