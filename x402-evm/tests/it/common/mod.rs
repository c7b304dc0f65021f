//! A good payment, and payments that other SDKs made.

#![allow(dead_code, reason = "each test file uses its part of this")]

use alloy_primitives::{Address, B256, Bytes};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use x402_evm::eip3009::Authorization;
use x402_evm::{Domain, ExactTerms, LocalSigner, exact_offer};
use x402_types::scheme::{Check, CheckedPayment, Refusal, Terms as _};
use x402_types::{Amount, Asset, ErrorReason, Network, PaymentRequirements, RawObject};

/// The second at which the good payment is looked at.
pub(crate) const NOW: u64 = 1_767_225_660;
pub(crate) const PAY_TO: &str = "0x209693Bc6afc0C5328bA36FaF03C514EF312287C";

/// What stands in `vectors.json`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Vectors {
    pub(crate) golden: Golden,
    pub(crate) tokens: Tokens,
    pub(crate) payments: Vec<Payment>,
    pub(crate) refused_at: u64,
    pub(crate) refused: Vec<Refused>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Golden {
    pub(crate) private_key: String,
    pub(crate) signer: Address,
    pub(crate) network: Network,
    pub(crate) pay_to: String,
    pub(crate) authorization: Authorization,
    pub(crate) domain_separator: B256,
    pub(crate) digest: B256,
    pub(crate) signature: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Tokens {
    pub(crate) private_key: String,
    pub(crate) authorization: Authorization,
    pub(crate) struct_hash: B256,
    pub(crate) rows: Vec<Token>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Token {
    pub(crate) network: Network,
    pub(crate) symbol: String,
    pub(crate) asset: Address,
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) domain_separator: B256,
    pub(crate) digest: B256,
    pub(crate) signature: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Payment {
    pub(crate) name: String,
    pub(crate) private_key: String,
    pub(crate) signer: Address,
    pub(crate) now: u64,
    pub(crate) offer: PaymentRequirements,
    pub(crate) payload: Value,
    pub(crate) domain_separator: Option<B256>,
    pub(crate) struct_hash: Option<B256>,
    pub(crate) digest: Option<B256>,
    pub(crate) calldata: Option<Bytes>,
    pub(crate) header: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct Refused {
    pub(crate) name: String,
    pub(crate) offer: PaymentRequirements,
    pub(crate) payload: Value,
    pub(crate) reason: Option<ErrorReason>,
}

pub(crate) fn vectors() -> Vectors {
    serde_json::from_str(include_str!("../../vectors.json")).unwrap()
}

pub(crate) fn read<T: DeserializeOwned>(value: &Value) -> T {
    T::deserialize(value).unwrap()
}

/// The payer of the good payment.
pub(crate) fn signer() -> LocalSigner {
    LocalSigner::from_hex(&"01".repeat(32)).unwrap()
}

/// The offer that the good payment is for.
pub(crate) fn offer() -> PaymentRequirements {
    let usdc = Asset::default_for(&Network::BASE_SEPOLIA).unwrap();
    exact_offer(usdc, Amount::from(10_000u64), PAY_TO, 300).unwrap()
}

/// The offer with another `extra`.
pub(crate) fn offer_with(extra: &Value) -> PaymentRequirements {
    PaymentRequirements { extra: Some(RawObject::new(extra).unwrap()), ..offer() }
}

/// What the good payment says.
pub(crate) fn authorization() -> Authorization {
    Authorization {
        from: signer().address(),
        to: PAY_TO.parse().unwrap(),
        value: Amount::from(10_000u64),
        valid_after: Amount::ZERO,
        valid_before: Amount::from(NOW + 300),
        nonce: B256::repeat_byte(0x5a),
    }
}

/// The domain that the good payment is signed for.
pub(crate) fn domain() -> Domain {
    Domain::of(Asset::default_for(&Network::BASE_SEPOLIA).unwrap()).unwrap()
}

/// The payload that the good payer makes of an authorization, good or not.
pub(crate) fn signed(authorization: &Authorization) -> Value {
    let signature = signer().sign_digest_unseen(authorization.signing_hash(&domain()));
    json!({"signature": signature.to_string(), "authorization": authorization})
}

/// The payload of the good payment.
pub(crate) fn payload() -> Value {
    signed(&authorization())
}

/// The payload of the good payment with another signature.
pub(crate) fn signed_with(signature: &str) -> Value {
    json!({"signature": signature, "authorization": authorization()})
}

/// The good payment's signature.
pub(crate) fn signature() -> [u8; 65] {
    signer().sign_digest_unseen(authorization().signing_hash(&domain())).to_bytes()
}

pub(crate) fn check(
    offer: &PaymentRequirements,
    payload: &Value,
    check: Check,
) -> Result<CheckedPayment, Refusal> {
    ExactTerms::new(offer)?.check(&RawObject::new(payload).unwrap(), NOW, check)
}

/// Why this payload does not pay the good offer.
pub(crate) fn reason(payload: &Value) -> ErrorReason {
    check(&offer(), payload, Check::Signature).unwrap_err().reason
}
