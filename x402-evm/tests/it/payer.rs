//! A payer signs what the offer asks for, for the token that it names, and only when told to.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::common::*;
use alloy_primitives::{Address, U256};
use proptest::prelude::*;
use serde_json::json;
use x402_evm::eip3009::Authorization;
use x402_evm::{
    Domain, ExactEvmPayer, ExactTerms, LocalSigner, Signature, Signer, SignerError, TypedData,
};
use x402_types::scheme::{Check, ClientScheme as _, Terms as _};
use x402_types::{Amount, Asset, ErrorReason, Network, PaymentRequirements, RawObject};

/// A wallet that counts how often it was asked, and may refuse.
struct Wallet {
    key: Option<LocalSigner>,
    asked: &'static AtomicUsize,
}

impl Signer for Wallet {
    fn address(&self) -> Address {
        self.key.as_ref().map_or(Address::ZERO, LocalSigner::address)
    }

    async fn sign_typed_data(&self, data: &TypedData) -> Result<Signature, SignerError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        match &self.key {
            Some(key) => key.sign_typed_data(data).await,
            None => Err(SignerError::Refused("the owner said no".into())),
        }
    }
}

#[tokio::test]
async fn signature_is_good_for_the_offer() {
    let payer = ExactEvmPayer::new(signer());
    let draft = payer.draft(&offer(), None, NOW, 300).unwrap();
    let promised = draft.payment().clone();
    let payload = draft.sign().await.unwrap().payload;
    let paid = ExactTerms::new(&offer()).unwrap().check(&payload, NOW, Check::Signature).unwrap();
    assert_eq!(paid, promised);
    assert_eq!(paid.payer, payer.payer());
}

#[tokio::test]
async fn nothing_is_signed_before_it_is_asked_for() {
    static ASKED: AtomicUsize = AtomicUsize::new(0);
    let payer = ExactEvmPayer::new(Wallet { key: Some(signer()), asked: &ASKED });
    payer.can_pay(&offer()).unwrap();
    let draft = payer.draft(&offer(), None, NOW, 120).unwrap();
    let payment = draft.payment();
    assert_eq!(payment.payer, signer().address().to_string().to_lowercase());
    assert_eq!(payment.amount, offer().amount);
    assert_eq!(payment.valid_before, NOW + 120);
    assert_eq!(payment.nonce.len(), "0x".len() + 64);
    assert_eq!(ASKED.load(Ordering::SeqCst), 0);
    draft.sign().await.unwrap();
    assert_eq!(ASKED.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn wallet_that_refuses_is_heard() {
    static ASKED: AtomicUsize = AtomicUsize::new(0);
    let payer = ExactEvmPayer::new(Wallet { key: None, asked: &ASKED });
    let refusal = payer.draft(&offer(), None, NOW, 300).unwrap().sign().await.unwrap_err();
    assert!(refusal.detail.contains("the owner said no"), "{refusal}");
}

#[test]
fn no_two_drafts_share_a_nonce() {
    let payer = ExactEvmPayer::new(signer());
    let nonce = |_| payer.draft(&offer(), None, NOW, 300).unwrap().payment().nonce.clone();
    let nonces: BTreeSet<String> = (0..100).map(nonce).collect();
    assert_eq!(nonces.len(), 100);
}

#[test]
fn lifetime_does_not_overflow() {
    let payer = ExactEvmPayer::new(signer());
    let draft = payer.draft(&offer(), None, u64::MAX, u64::MAX).unwrap();
    assert_eq!(draft.payment().valid_before, u64::MAX);
}

#[test]
fn domain_of_a_known_token_must_be_the_tokens() {
    let payer = ExactEvmPayer::new(signer());
    let wrong = [
        json!({"name": "USD Coin", "version": "2"}),
        json!({"name": "USDC", "version": "1"}),
        json!({"name": "usdc", "version": "2"}),
        json!({"name": "", "version": ""}),
    ];
    for extra in wrong {
        for asset in [offer().asset, offer().asset.to_lowercase()] {
            let offer = PaymentRequirements { asset, ..offer_with(&extra) };
            let refusal = payer.can_pay(&offer).unwrap_err();
            assert_eq!(refusal.reason, ErrorReason::InvalidExactEvmMissingEip712Domain, "{extra}");
            assert_eq!(payer.draft(&offer, None, NOW, 300).err(), Some(refusal));
        }
    }
}

#[test]
fn known_token_that_does_not_move_by_eip3009_is_not_signed_for() {
    let payer = ExactEvmPayer::new(signer());
    let token = Asset::default_for(&Network::MEGAETH).unwrap();
    let offer = PaymentRequirements {
        network: token.network.clone(),
        asset: token.address.to_string(),
        ..offer_with(&json!({"name": token.name, "version": token.version}))
    };
    assert!(ExactTerms::new(&offer).is_ok());
    let refusal = payer.can_pay(&offer).unwrap_err();
    assert_eq!(refusal.reason, ErrorReason::UnsupportedPayloadType);
}

#[test]
fn token_outside_the_table_has_the_domain_that_the_offer_says() {
    let payer = ExactEvmPayer::new(signer());
    let offer = PaymentRequirements {
        network: Network::eip155(31_337),
        ..offer_with(&json!({"name": "Play Money", "version": "7"}))
    };
    assert!(payer.can_pay(&offer).is_ok());
}

#[test]
fn offer_that_is_not_understood_is_refused_before_signing() {
    let payer = ExactEvmPayer::new(signer());
    assert!(payer.covers(&Network::BASE) && !payer.covers(&Network::SOLANA));
    assert_eq!(payer.scheme(), "exact");
    let offers = [
        PaymentRequirements { scheme: "upto".to_owned(), ..offer() },
        PaymentRequirements { network: Network::SOLANA, ..offer() },
        PaymentRequirements { extra: None, ..offer() },
        PaymentRequirements { pay_to: format!("0x{}", "0".repeat(40)), ..offer() },
        offer_with(&json!({"name": "USDC", "version": "2", "assetTransferMethod": "permit3"})),
    ];
    for offer in offers {
        assert_eq!(payer.can_pay(&offer), ExactTerms::new(&offer).map(drop), "{offer:?}");
        assert!(payer.can_pay(&offer).is_err() && payer.draft(&offer, None, NOW, 300).is_err());
    }
}

fn hash_of_json(data: &TypedData) -> alloy_primitives::B256 {
    let read: alloy_dyn_abi::TypedData = serde_json::from_value(data.to_json()).unwrap();
    assert_eq!(read.primary_type, "TransferWithAuthorization");
    read.eip712_signing_hash().unwrap()
}

#[test]
fn json_for_a_wallet_hashes_to_the_same_for_every_token() {
    for domain in Asset::known().iter().filter_map(Domain::of) {
        let data = TypedData::TransferWithAuthorization { domain, message: authorization() };
        assert_eq!(hash_of_json(&data), data.signing_hash());
    }
}

#[test]
fn json_for_a_wallet_is_what_viem_is_given() {
    let data = TypedData::TransferWithAuthorization { domain: domain(), message: authorization() };
    let json = data.to_json();
    assert_eq!(
        json["domain"],
        json!({
            "name": "USDC",
            "version": "2",
            "chainId": 84_532,
            "verifyingContract": "0x036CbD53842c5426634e7929541eC2318f3dCF7e",
        })
    );
    assert_eq!(json["message"], payload()["authorization"]);
    let types = json["types"]["TransferWithAuthorization"].as_array().unwrap();
    let fields: Vec<String> = types
        .iter()
        .map(|field| {
            let text = |key: &str| field[key].as_str().unwrap().to_owned();
            format!("{} {}", text("type"), text("name"))
        })
        .collect();
    assert_eq!(
        fields.join(","),
        "address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce"
    );
}

proptest! {
    #[test]
    fn json_for_a_wallet_hashes_to_the_same_for_every_message(
        addresses in any::<[[u8; 20]; 3]>(),
        numbers in any::<[[u8; 32]; 3]>(),
        nonce in any::<[u8; 32]>(),
        chain_id in any::<u64>(),
        (name, version) in any::<(String, String)>(),
    ) {
        let [from, to, verifying_contract] = addresses.map(Address::from);
        let [value, valid_after, valid_before] =
            numbers.map(|bytes| Amount::new(U256::from_be_bytes(bytes)));
        let message =
            Authorization { from, to, value, valid_after, valid_before, nonce: nonce.into() };
        let domain =
            Domain { name: name.into(), version: version.into(), chain_id, verifying_contract };
        let json = RawObject::new(&message).unwrap();
        prop_assert_eq!(&json.parse::<Authorization>().unwrap(), &message);
        let data = TypedData::TransferWithAuthorization { domain, message };
        prop_assert_eq!(hash_of_json(&data), data.signing_hash());
    }
}
