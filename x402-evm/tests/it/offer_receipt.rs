//! What a server signs is what the official TypeScript SDK signs and verifies, and what others sign in
//! its name is refused.

use crate::common;
use std::sync::Arc;

use crate::common::{PAY_TO, read};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proptest::prelude::*;
use serde_json::{Value, json};
use x402_evm::offer_receipt::{
    JwsSigner, KeyError, OfferError, PublicKey, ReceiptError, SIZE_LIMIT, SignError, Verified,
    VerifyError, WithKid, sign_jws, sign_typed, verify, verify_by, verify_offer,
};
use x402_evm::{LocalSigner, SignatureError, TypedData};
use x402_types::extensions::Signature;
use x402_types::extensions::offer_receipt::{Format, Offer, Receipt, Signed};
use x402_types::{Amount, Network, PaymentRequired};

const KEY: &str = "0x0123456789012345678901234567890123456789012345678901234567890123";
const ADDRESS: &str = "0x14791697260E4c9A71f18484C9f997B308e59325";
const USDC: &str = "0x036CbD53842c5426634e7929541eC2318f3dCF7e";
const URL: &str = "https://api.example.com/weather";
const DID_KEY: &str = "did:key:zQ3shUJGPyhJVcEpPC9j26qm8YZJaHSi8x2FGLkAAekm772yr";
/// The second at which the SDK signed.
const NOW: u64 = 1_767_225_600;

/// Of `offer()`, by viem through the SDK.
const OFFER_TYPED: &str = "0x5bf1d286146ec4bb7e88faf829b4ce648e32184563080e24b5d6d54e4aa50e6f112b42e1232645d0561e0c6cab89074218dbda38b19b683768ec2fc9ef5a89e91c";
/// Of `receipt()`, by the same.
const RECEIPT_TYPED: &str = "0x2a1d010ef50eb2f72edb7a43f9159b6213c2640b79934cfe1ef946d42c7f87fa3849d0b4bbd690eab1b6dd2e715020457aa152ec53232619149dff374cb7626b1b";
/// Of `receipt()` without its transaction.
const RECEIPT_TYPED_WITHOUT: &str = "0x100c626bf125333f48873e7080b2a97ef3eda290b57520bc238b9282fea152ee5845a152146591c4d8e3b3a56e1e6b184363997ed98fb93e001b71d14d47cd681c";
/// Of `offer()`, by the SDK with a `did:key`.
const OFFER_TOKEN: &str = "eyJhbGciOiJFUzI1NksiLCJraWQiOiJkaWQ6a2V5OnpRM3NoVUpHUHloSlZjRXBQQzlqMjZxbThZWkphSFNpOHgyRkdMa0FBZWttNzcyeXIifQ.eyJhbW91bnQiOiIxMDAwMCIsImFzc2V0IjoiMHgwMzZDYkQ1Mzg0MmM1NDI2NjM0ZTc5Mjk1NDFlQzIzMThmM2RDRjdlIiwibmV0d29yayI6ImVpcDE1NTo4NDUzMiIsInBheVRvIjoiMHgxNDc5MTY5NzI2MEU0YzlBNzFmMTg0ODRDOWY5OTdCMzA4ZTU5MzI1IiwicmVzb3VyY2VVcmwiOiJodHRwczovL2FwaS5leGFtcGxlLmNvbS93ZWF0aGVyIiwic2NoZW1lIjoiZXhhY3QiLCJ2YWxpZFVudGlsIjoxNzY3MjI1OTAwLCJ2ZXJzaW9uIjoxfQ.Lr8xCktjNBOTDyBB2nqx1OdgOZf375IAfmvMOiMWcY5smxdEfM4O2SDUfViVzmy0p4K3flyRjPqQGdVrkfFZ5A";
/// The same with a `did:jwk` and a fragment.
const OFFER_TOKEN_JWK: &str = "eyJhbGciOiJFUzI1NksiLCJraWQiOiJkaWQ6andrOmV5SnJkSGtpT2lKRlF5SXNJbU55ZGlJNkluTmxZM0F5TlRack1TSXNJbmdpT2lKYWJGZ3ROMVV3YUZSRFdXVkRiWFJXVVRWV1dtSjRPRlZrY1dRNWJWcFdaelZoYW1adE5HOWhUbEpWSWl3aWVTSTZJa2xZTmtrelVWaHdUMDlmWkdOaVRFMDBlVXRmUVdSeFYzcFZTVWxsZVU1MWFqRkNSRVpZY1dOQ2J6UWlmUSMwIn0.eyJhbW91bnQiOiIxMDAwMCIsImFzc2V0IjoiMHgwMzZDYkQ1Mzg0MmM1NDI2NjM0ZTc5Mjk1NDFlQzIzMThmM2RDRjdlIiwibmV0d29yayI6ImVpcDE1NTo4NDUzMiIsInBheVRvIjoiMHgxNDc5MTY5NzI2MEU0YzlBNzFmMTg0ODRDOWY5OTdCMzA4ZTU5MzI1IiwicmVzb3VyY2VVcmwiOiJodHRwczovL2FwaS5leGFtcGxlLmNvbS93ZWF0aGVyIiwic2NoZW1lIjoiZXhhY3QiLCJ2YWxpZFVudGlsIjoxNzY3MjI1OTAwLCJ2ZXJzaW9uIjoxfQ.H04eOi6NGCgrxRUKgQvDBcnphdvLxH51gxJAZNIoL-pl5AIclFB1IpstkzoRlh7P4t_eW8KDd7nQS1e3tcxB4g";
/// The same signed by OpenSSL, with s in the upper half.
const OFFER_TOKEN_HIGH: &str = "eyJhbGciOiJFUzI1NksiLCJraWQiOiJkaWQ6a2V5OnpRM3NoVUpHUHloSlZjRXBQQzlqMjZxbThZWkphSFNpOHgyRkdMa0FBZWttNzcyeXIifQ.eyJhbW91bnQiOiIxMDAwMCIsImFzc2V0IjoiMHgwMzZDYkQ1Mzg0MmM1NDI2NjM0ZTc5Mjk1NDFlQzIzMThmM2RDRjdlIiwibmV0d29yayI6ImVpcDE1NTo4NDUzMiIsInBheVRvIjoiMHgxNDc5MTY5NzI2MEU0YzlBNzFmMTg0ODRDOWY5OTdCMzA4ZTU5MzI1IiwicmVzb3VyY2VVcmwiOiJodHRwczovL2FwaS5leGFtcGxlLmNvbS93ZWF0aGVyIiwic2NoZW1lIjoiZXhhY3QiLCJ2YWxpZFVudGlsIjoxNzY3MjI1OTAwLCJ2ZXJzaW9uIjoxfQ.DjGC6-XRtCNqRqU58uwBnIxfLKNKL7sActbT8YHGbyXyGOdiikAmxg-voaUcO0gYk768S0KYH2mSd9hiqY0QKQ";
/// Of `receipt()`, with a `did:key` and its fragment.
const RECEIPT_TOKEN: &str = "eyJhbGciOiJFUzI1NksiLCJraWQiOiJkaWQ6a2V5OnpRM3NoVUpHUHloSlZjRXBQQzlqMjZxbThZWkphSFNpOHgyRkdMa0FBZWttNzcyeXIjelEzc2hVSkdQeWhKVmNFcFBDOWoyNnFtOFlaSmFIU2k4eDJGR0xrQUFla203NzJ5ciJ9.eyJpc3N1ZWRBdCI6MTc2NzIyNTYwMCwibmV0d29yayI6ImVpcDE1NTo4NDUzMiIsInBheWVyIjoiMHgyMDk2OTNCYzZhZmMwQzUzMjhiQTM2RmFGMDNDNTE0RUYzMTIyODdDIiwicmVzb3VyY2VVcmwiOiJodHRwczovL2FwaS5leGFtcGxlLmNvbS93ZWF0aGVyIiwidHJhbnNhY3Rpb24iOiIweGFiYWJhYmFiYWJhYmFiYWJhYmFiYWJhYmFiYWJhYmFiYWJhYmFiYWJhYmFiYWJhYmFiYWJhYmFiYWJhYmFiYWIiLCJ2ZXJzaW9uIjoxfQ.U2W5nF9AMAoFECSKwqGvvJgVDMet2c9jYaM0Eq3sqsYRz89oViIwAmRNlHPTWYyELZ0229HUYz0Xs8dJ2glbVA";
/// Of `receipt()` without its transaction, with a `did:web`.
const RECEIPT_TOKEN_WEB: &str = "eyJhbGciOiJFUzI1NksiLCJraWQiOiJkaWQ6d2ViOmFwaS5leGFtcGxlLmNvbSNrZXktMSJ9.eyJpc3N1ZWRBdCI6MTc2NzIyNTYwMCwibmV0d29yayI6ImVpcDE1NTo4NDUzMiIsInBheWVyIjoiMHgyMDk2OTNCYzZhZmMwQzUzMjhiQTM2RmFGMDNDNTE0RUYzMTIyODdDIiwicmVzb3VyY2VVcmwiOiJodHRwczovL2FwaS5leGFtcGxlLmNvbS93ZWF0aGVyIiwidmVyc2lvbiI6MX0.QtsWllIE5iQc1Wv9D4IhdFMExs6XsTNRJrKuEe9IR2AVG3a_S_Ki8L-tXFWXzwBwsn7lnNXIoLjVSZPMmUPDwA";
/// Of `offer()`, by the SDK with Ed25519.
const OFFER_TOKEN_EDDSA: &str = "eyJhbGciOiJFZERTQSIsImtpZCI6ImRpZDprZXk6ejZNa3BRNXpKNGJKZDdnUzE4cjJ1c0hNN2lKSHlZZm1id1dENXBCaTI1YUd5eDViIn0.eyJhbW91bnQiOiIxMDAwMCIsImFzc2V0IjoiMHgwMzZDYkQ1Mzg0MmM1NDI2NjM0ZTc5Mjk1NDFlQzIzMThmM2RDRjdlIiwibmV0d29yayI6ImVpcDE1NTo4NDUzMiIsInBheVRvIjoiMHgxNDc5MTY5NzI2MEU0YzlBNzFmMTg0ODRDOWY5OTdCMzA4ZTU5MzI1IiwicmVzb3VyY2VVcmwiOiJodHRwczovL2FwaS5leGFtcGxlLmNvbS93ZWF0aGVyIiwic2NoZW1lIjoiZXhhY3QiLCJ2YWxpZFVudGlsIjoxNzY3MjI1OTAwLCJ2ZXJzaW9uIjoxfQ.bWtK7qzZXT5M5Rj-Fbk_hfJ5IY4uEYHnAccnIclQOvWXewZffvErRHp_5g6AQjqLEdjCX_t6xlCwLHkWqz0eCQ";
/// Of `offer()`, with HMAC under the public key of the `did:key`.
const OFFER_TOKEN_HS256: &str = "eyJhbGciOiJIUzI1NiIsImtpZCI6ImRpZDprZXk6elEzc2hVSkdQeWhKVmNFcFBDOWoyNnFtOFlaSmFIU2k4eDJGR0xrQUFla203NzJ5ciJ9.eyJhbW91bnQiOiIxMDAwMCIsImFzc2V0IjoiMHgwMzZDYkQ1Mzg0MmM1NDI2NjM0ZTc5Mjk1NDFlQzIzMThmM2RDRjdlIiwibmV0d29yayI6ImVpcDE1NTo4NDUzMiIsInBheVRvIjoiMHgxNDc5MTY5NzI2MEU0YzlBNzFmMTg0ODRDOWY5OTdCMzA4ZTU5MzI1IiwicmVzb3VyY2VVcmwiOiJodHRwczovL2FwaS5leGFtcGxlLmNvbS93ZWF0aGVyIiwic2NoZW1lIjoiZXhhY3QiLCJ2YWxpZFVudGlsIjoxNzY3MjI1OTAwLCJ2ZXJzaW9uIjoxfQ.WEaIwnUlGkYaAutntv8jYNMrWRwtL1lINpR9gT-uBuA";

fn signer() -> LocalSigner {
    LocalSigner::from_hex(KEY).unwrap()
}

fn offer() -> Offer {
    Offer {
        version: 1,
        resource_url: URL.to_owned(),
        scheme: "exact".to_owned(),
        network: Network::BASE_SEPOLIA,
        asset: USDC.to_owned(),
        pay_to: ADDRESS.to_owned(),
        amount: Amount::from(10_000u64),
        valid_until: Some(NOW + 300),
    }
}

fn receipt() -> Receipt {
    Receipt {
        version: 1,
        network: Network::BASE_SEPOLIA,
        resource_url: URL.to_owned(),
        payer: PAY_TO.to_owned(),
        issued_at: NOW,
        transaction: Some(format!("0x{}", "ab".repeat(32))),
    }
}

fn typed<T>(payload: T, signature: &str) -> Signed<T> {
    let signature = Signature::new(signature);
    Signed { format: Format::Eip712, accept_index: Some(0), payload: Some(payload), signature }
}

fn token<T>(token: &str) -> Signed<T> {
    let signature = Signature::new(token);
    Signed { format: Format::Jws, accept_index: Some(0), payload: None, signature }
}

/// A token with this header and the payload of the good one, signed by the good key all the same.
async fn with_header(header: &str) -> Signed<Offer> {
    let payload = offer().to_canonical().unwrap();
    let input = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
    let signature = signer().sign_jws(&input).await.unwrap();
    token(&format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature)))
}

fn refused(token_text: &str) -> VerifyError {
    verify(&token::<Offer>(token_text)).unwrap_err()
}

/// A 402 with the offer's entry, and another before it.
fn required() -> PaymentRequired {
    let entry = |amount: &str| {
        json!({
            "scheme": "exact", "network": "eip155:84532", "amount": amount, "asset": USDC,
            "payTo": ADDRESS, "maxTimeoutSeconds": 300, "extra": {"name": "USDC", "version": "2"},
        })
    };
    read(&json!({
        "x402Version": 2,
        "resource": {"url": URL},
        "accepts": [entry("20000"), entry("10000")],
    }))
}

#[tokio::test]
async fn typed_data_is_signed_as_the_typescript_sdk_signs_it() {
    let offered = sign_typed(&signer(), offer()).await.unwrap();
    assert_eq!(offered.signature.as_str(), OFFER_TYPED);
    let paid = sign_typed(&signer(), receipt()).await.unwrap();
    assert_eq!(paid.signature.as_str(), RECEIPT_TYPED);
    let without = Receipt { transaction: None, ..receipt() };
    let paid = sign_typed(&signer(), without).await.unwrap();
    assert_eq!(paid.signature.as_str(), RECEIPT_TYPED_WITHOUT);
    assert_eq!(paid.payload.unwrap().transaction.as_deref(), Some(""));
}

#[tokio::test]
async fn tokens_are_those_of_the_typescript_sdk_to_the_letter() {
    let offered = sign_jws(&signer(), &offer()).await.unwrap();
    assert_eq!(offered.signature.as_str(), OFFER_TOKEN);
    let named =
        WithKid::new(signer(), verify(&token::<Offer>(OFFER_TOKEN_JWK)).unwrap().kid.unwrap());
    assert_eq!(sign_jws(&named, &offer()).await.unwrap().signature.as_str(), OFFER_TOKEN_JWK);
    let (_, fragment) = DID_KEY.rsplit_once(':').unwrap();
    let named = Arc::new(WithKid::new(signer(), format!("{DID_KEY}#{fragment}")));
    assert_eq!(sign_jws(&named, &receipt()).await.unwrap().signature.as_str(), RECEIPT_TOKEN);
    let named = WithKid::new(signer(), "did:web:api.example.com#key-1");
    let without = Receipt { transaction: None, ..receipt() };
    assert_eq!(sign_jws(&named, &without).await.unwrap().signature.as_str(), RECEIPT_TOKEN_WEB);
}

#[test]
fn what_the_typescript_sdk_signed_is_verified() {
    for signed in [
        typed(offer(), OFFER_TYPED),
        token(OFFER_TOKEN),
        token(OFFER_TOKEN_JWK),
        token(OFFER_TOKEN_HIGH),
    ] {
        let verified = verify(&signed).unwrap();
        assert_eq!(verified.payload, offer());
        assert_eq!(verified.signer, Some(signer().address()));
        assert!(verified.is_signed_by(ADDRESS) && verified.is_signed_by(&ADDRESS.to_lowercase()));
        assert!(!verified.is_signed_by(PAY_TO) && !verified.is_signed_by("somebody"));
    }
    for signed in [typed(receipt(), RECEIPT_TYPED), token(RECEIPT_TOKEN)] {
        let verified = verify(&signed).unwrap();
        assert_eq!((verified.payload, verified.signer), (receipt(), Some(signer().address())));
    }
    let kid = verify(&token::<Offer>(OFFER_TOKEN)).unwrap().kid;
    assert_eq!(kid.as_deref(), Some(DID_KEY));
}

#[test]
fn json_for_wallets_hashes_to_what_is_signed() {
    for message in [offer(), Offer { valid_until: None, ..offer() }] {
        same_hash(&TypedData::Offer { message });
    }
    for message in [receipt(), Receipt { transaction: None, issued_at: u64::MAX, ..receipt() }] {
        same_hash(&TypedData::Receipt { message });
    }
}

fn same_hash(data: &TypedData) {
    let generic: alloy_dyn_abi::TypedData = serde_json::from_value(data.to_json()).unwrap();
    assert_eq!(generic.eip712_signing_hash().unwrap(), data.signing_hash());
}

#[test]
fn an_offer_is_no_receipt_though_the_key_is_the_same() {
    assert!(matches!(verify(&token::<Receipt>(OFFER_TOKEN)).unwrap_err(), VerifyError::Payload(_)));
    let swapped = verify(&typed(receipt(), OFFER_TYPED));
    assert!(swapped.map_or(true, |verified| verified.signer != Some(signer().address())));
}

#[test]
fn nothing_and_zero_are_one_thing_in_typed_data() {
    let zero = Receipt { transaction: Some(String::new()), ..receipt() };
    let nothing = Receipt { transaction: None, ..receipt() };
    for signed in
        [typed(zero, RECEIPT_TYPED_WITHOUT), typed(nothing.clone(), RECEIPT_TYPED_WITHOUT)]
    {
        assert_eq!(verify(&signed).unwrap().payload, nothing);
    }
}

#[tokio::test]
async fn a_key_in_did_web_is_passed_by_who_found_it() {
    let signed = token::<Receipt>(RECEIPT_TOKEN_WEB);
    assert!(matches!(verify(&signed).unwrap_err(), VerifyError::Key(KeyError::Elsewhere)));
    let key = PublicKey::from(&signer());
    let verified = verify_by(&signed, &key).unwrap();
    assert_eq!(verified.signer, Some(signer().address()));
    assert_eq!(verified.kid.as_deref(), Some("did:web:api.example.com#key-1"));

    let nameless = with_header(r#"{"alg":"ES256K"}"#).await;
    assert!(matches!(verify(&nameless).unwrap_err(), VerifyError::NoKey));
    assert!(verify_by(&nameless, &key).is_ok());
}

#[test]
fn what_another_key_signed_is_refused_where_the_key_is_known() {
    let key = PublicKey::from(&common::signer());
    for signed in [token::<Offer>(OFFER_TOKEN), token(OFFER_TOKEN_JWK), token(OFFER_TOKEN_HIGH)] {
        assert!(matches!(verify_by(&signed, &key).unwrap_err(), VerifyError::Signature));
    }
    let signed = typed(offer(), OFFER_TYPED);
    assert!(matches!(verify_by(&signed, &key).unwrap_err(), VerifyError::OtherKey));
    assert!(verify_by(&signed, &PublicKey::from(&signer())).is_ok());
}

#[tokio::test]
async fn a_token_that_names_another_key_is_refused() {
    let other = PublicKey::from(&common::signer());
    for kid in [other.to_did_key(), other.to_did_jwk()] {
        let signed = sign_jws(&WithKid::new(signer(), kid), &offer()).await.unwrap();
        assert!(matches!(verify(&signed).unwrap_err(), VerifyError::Signature));
    }
}

#[tokio::test]
async fn another_algorithm_is_refused_before_anything_else() {
    let [_, payload, signature] = parts(OFFER_TOKEN);
    for alg in ["none", "None", "NONE", "", "HS256", "ES256", "eddsa", "Ed448", "es256k", "RS256"] {
        let header = json!({"alg": alg, "kid": DID_KEY}).to_string();
        let signed = with_header(&header).await;
        let error = verify(&signed).unwrap_err();
        assert!(matches!(error, VerifyError::Algorithm(ref other) if other == alg), "{alg}");
        let key = PublicKey::from(&signer());
        assert!(matches!(verify_by(&signed, &key).unwrap_err(), VerifyError::Algorithm(_)));
        let bare = format!("{}.{payload}.", URL_SAFE_NO_PAD.encode(&header));
        assert!(matches!(refused(&bare), VerifyError::Algorithm(_)));
        let kept = format!("{}.{payload}.{signature}", URL_SAFE_NO_PAD.encode(&header));
        assert!(matches!(refused(&kept), VerifyError::Algorithm(_)));
    }
    assert!(matches!(refused(OFFER_TOKEN_HS256), VerifyError::Algorithm(_)));
}

#[test]
fn a_token_that_the_typescript_sdk_signed_with_ed25519_is_verified() {
    let signed = token::<Offer>(OFFER_TOKEN_EDDSA);
    let verified = verify(&signed).unwrap();
    assert_eq!((&verified.payload, verified.signer), (&offer(), None));
    assert!(!verified.is_signed_by(ADDRESS) && !verified.is_signed_by("somebody"));
    let kid = verified.kid.unwrap();
    let key = PublicKey::from_did(&kid).unwrap();
    assert_eq!((key.to_did_key(), key.address(), key.to_bytes().len()), (kid, None, 32));
    for read in [
        PublicKey::from_did(&key.to_did_jwk()),
        PublicKey::from_jwk(&key.to_jwk()),
        PublicKey::from_ed25519(&key.to_bytes()),
    ] {
        assert_eq!(read, Ok(key));
    }
    assert_eq!(verify_by(&signed, &key).unwrap().payload, offer());

    let [header, _, signature] = parts(OFFER_TOKEN_EDDSA);
    let cheaper = Offer { amount: Amount::from(1u64), ..offer() }.to_canonical().unwrap();
    let forged = format!("{header}.{}.{signature}", URL_SAFE_NO_PAD.encode(cheaper));
    assert!(matches!(refused(&forged), VerifyError::Signature));
    assert!(matches!(refused(&format!("{}AA", &OFFER_TOKEN_EDDSA)), VerifyError::Signature));
}

#[tokio::test]
async fn a_key_verifies_with_its_own_algorithm_only() {
    let edwards = verify(&token::<Offer>(OFFER_TOKEN_EDDSA)).unwrap().kid.unwrap();
    let edwards = PublicKey::from_did(&edwards).unwrap();
    let ours = PublicKey::from(&signer());
    for (signed, key) in [(OFFER_TOKEN_EDDSA, ours), (OFFER_TOKEN, edwards)] {
        let error = verify_by(&token::<Offer>(signed), &key).unwrap_err();
        assert!(matches!(error, VerifyError::Key(KeyError::Kind)), "{error}");
    }
    for (alg, kid) in [("EdDSA", DID_KEY), ("ES256K", &edwards.to_did_key())] {
        let signed = with_header(&json!({"alg": alg, "kid": kid}).to_string()).await;
        assert!(matches!(verify(&signed).unwrap_err(), VerifyError::Key(KeyError::Kind)), "{alg}");
    }
}

#[test]
fn a_key_of_ed25519_that_anybody_can_sign_for_is_none() {
    let mut neutral = [0; 32];
    neutral[0] = 1;
    for bytes in [&neutral[..], &[0; 32], &[], &[7; 31], &[7; 33]] {
        assert_eq!(PublicKey::from_ed25519(bytes), Err(KeyError::Point), "{bytes:?}");
    }
    let x = URL_SAFE_NO_PAD.encode(neutral);
    let jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": x}).to_string();
    assert_eq!(PublicKey::from_jwk(&jwk), Err(KeyError::Point));
    let jwk = json!({"kty": "OKP", "crv": "Ed25519", "alg": "ES256K", "x": x}).to_string();
    assert_eq!(PublicKey::from_jwk(&jwk), Err(KeyError::Kind));
}

#[tokio::test]
async fn a_header_that_says_two_things_or_asks_for_more_is_refused() {
    for header in [
        r#"{"alg":"none","alg":"ES256K","kid":"KID"}"#,
        r#"{"alg":"ES256K","kid":"KID","kid":"KID"}"#,
        r#"{"alg":"ES256K","kid":"KID","crit":["exp"]}"#,
        r#"{"alg":"ES256K","kid":"KID","crit":null}"#,
        r#"{"alg":"ES256K","kid":"KID","b64":false}"#,
        r#"{"alg":["ES256K"],"kid":"KID"}"#,
        r#"{"alg":"ES256K","kid":7}"#,
        r#"{"alg":"ES256K","kid":null}"#,
        r#"{"kid":"KID"}"#,
        r#"["ES256K"]"#,
        "ES256K",
        "",
    ] {
        let signed = with_header(&header.replace("KID", DID_KEY)).await;
        assert!(matches!(verify(&signed).unwrap_err(), VerifyError::Header), "{header}");
    }
    let header = json!({"alg": "ES256K", "kid": DID_KEY, "typ": "JWT"}).to_string();
    assert!(verify(&with_header(&header).await).is_ok());
}

#[tokio::test]
async fn a_key_that_the_header_brings_itself_counts_for_nothing() {
    let jwk: Value = serde_json::from_str(&PublicKey::from(&signer()).to_jwk()).unwrap();
    let signed = with_header(&json!({"alg": "ES256K", "jwk": jwk}).to_string()).await;
    assert!(matches!(verify(&signed).unwrap_err(), VerifyError::NoKey));
}

#[test]
fn a_cut_token_is_refused_wherever_it_is_cut() {
    for length in 0..OFFER_TOKEN.len() {
        assert!(verify(&token::<Offer>(&OFFER_TOKEN[..length])).is_err(), "{length}");
    }
    for extra in [".", "=", "A", ".AAAA", " ", "\n"] {
        assert!(verify(&token::<Offer>(&format!("{OFFER_TOKEN}{extra}"))).is_err(), "{extra:?}");
        assert!(verify(&token::<Offer>(&format!("{extra}{OFFER_TOKEN}"))).is_err(), "{extra:?}");
    }
}

#[test]
fn a_changed_payload_is_refused() {
    let [header, _, signature] = parts(OFFER_TOKEN);
    let cheaper = Offer { amount: Amount::from(1u64), ..offer() }.to_canonical().unwrap();
    let forged = format!("{header}.{}.{signature}", URL_SAFE_NO_PAD.encode(cheaper));
    assert!(matches!(refused(&forged), VerifyError::Signature));
    let changed = typed(Offer { amount: Amount::from(1u64), ..offer() }, OFFER_TYPED);
    assert!(verify(&changed).map_or(true, |verified| !verified.is_signed_by(ADDRESS)));
}

#[test]
fn numbers_that_are_no_signature_are_refused() {
    let [header, payload, _] = parts(OFFER_TOKEN);
    for bytes in [vec![0; 64], vec![0xff; 64], vec![1; 63], vec![1; 65], vec![], vec![0x30; 70]] {
        let forged = format!("{header}.{payload}.{}", URL_SAFE_NO_PAD.encode(bytes));
        assert!(matches!(refused(&forged), VerifyError::Signature));
    }
}

#[test]
fn typed_data_with_s_in_the_upper_half_is_refused() {
    // The order of the curve without s, and the other v.
    let high = "0x5bf1d286146ec4bb7e88faf829b4ce648e32184563080e24b5d6d54e4aa50e6feed4bd1edcd9ba2fa9e1f3935476f8bca1d302adfdad380456e62ec2e0dbb7581b";
    let error = verify(&typed(offer(), high)).unwrap_err();
    assert!(matches!(error, VerifyError::Typed(SignatureError::HighS)), "{error}");
}

#[test]
fn typed_data_with_a_token_and_a_token_with_typed_data_are_refused() {
    assert!(matches!(
        verify(&typed(offer(), OFFER_TOKEN)).unwrap_err(),
        VerifyError::Typed(SignatureError::Format)
    ));
    assert!(matches!(refused(OFFER_TYPED), VerifyError::Token));
    let without = Signed { payload: None, ..typed(offer(), OFFER_TYPED) };
    assert!(matches!(verify(&without).unwrap_err(), VerifyError::Payload(_)));
}

#[tokio::test]
async fn more_than_16_kib_is_neither_signed_nor_read() {
    let fits = Offer { resource_url: "a".repeat(11_000), ..offer() };
    let signed = sign_jws(&signer(), &fits).await.unwrap();
    assert!(signed.signature.as_str().len() <= SIZE_LIMIT);
    assert_eq!(verify(&signed).unwrap().payload, fits);

    let large = Offer { resource_url: "a".repeat(SIZE_LIMIT), ..offer() };
    assert!(matches!(sign_jws(&signer(), &large).await.unwrap_err(), SignError::TooLong));
    assert!(matches!(refused(&"a".repeat(SIZE_LIMIT + 1)), VerifyError::TooLong));
    assert!(matches!(refused(&"a".repeat(SIZE_LIMIT)), VerifyError::Token));
    let error = sign_typed(&signer(), large.clone()).await.unwrap_err();
    assert!(matches!(error, SignError::TooLong));
    assert!(matches!(verify(&typed(large, OFFER_TYPED)).unwrap_err(), VerifyError::TooLong));
}

#[tokio::test]
async fn a_number_that_no_token_can_hold_is_not_signed() {
    let forever = Offer { valid_until: Some(u64::MAX), ..offer() };
    assert!(matches!(sign_jws(&signer(), &forever).await.unwrap_err(), SignError::Canonical(_)));
    assert!(sign_typed(&signer(), forever).await.is_ok());
}

#[test]
fn keys_are_read_as_they_are_written() {
    let key = PublicKey::from(&signer());
    assert_eq!(key.to_did_key(), DID_KEY);
    assert_eq!(key.address(), Some(signer().address()));
    for did in [key.to_did_key(), key.to_did_jwk(), format!("{DID_KEY}#any")] {
        assert_eq!(PublicKey::from_did(&did), Ok(key));
    }
    assert_eq!(PublicKey::from_jwk(&key.to_jwk()), Ok(key));
    assert_eq!(PublicKey::from_sec1(&key.to_bytes()), Ok(key));
}

#[test]
fn what_holds_no_key_of_the_curve_is_refused() {
    let p256 = "did:key:zDnaeaXrZghvXUNXE33knx9jSvWBH2PNpVAdu6inEvaCwnAzK";
    let did_jwk = |jwk: &Value| format!("did:jwk:{}", URL_SAFE_NO_PAD.encode(jwk.to_string()));
    let jwk: Value = serde_json::from_str(&PublicKey::from(&signer()).to_jwk()).unwrap();
    let changed = |name: &str, value: Value| {
        let mut jwk = jwk.clone();
        jwk[name] = value;
        did_jwk(&jwk)
    };
    for (did, error) in [
        (p256.to_owned(), KeyError::Kind),
        (changed("crv", json!("P-256")), KeyError::Kind),
        (changed("alg", json!("HS256")), KeyError::Kind),
        (did_jwk(&json!({"kty": "oct", "k": "AAAA"})), KeyError::Kind),
        (changed("d", json!("AAAA")), KeyError::Format),
        (changed("y", jwk["x"].clone()), KeyError::Point),
        (changed("x", json!("")), KeyError::Point),
        (format!("{DID_KEY}2"), KeyError::Kind),
        (format!("did:key:z{}", "1".repeat(900)), KeyError::Kind),
        (format!("did:key:z{}", "1".repeat(9000)), KeyError::Format),
        ("did:key:zOI0l".to_owned(), KeyError::Format),
        (DID_KEY.replace(":z", ":f"), KeyError::Format),
        ("did:jwk:e30".to_owned(), KeyError::Format),
        ("did:jwk:?".to_owned(), KeyError::Format),
        ("did:web:localhost%3A8080".to_owned(), KeyError::Elsewhere),
        ("did:key".to_owned(), KeyError::Format),
        (ADDRESS.to_owned(), KeyError::Format),
        (String::new(), KeyError::Format),
    ] {
        assert_eq!(PublicKey::from_did(&did), Err(error), "{did}");
    }
    assert_eq!(PublicKey::from_sec1(&[]), Err(KeyError::Point));
    assert_eq!(PublicKey::from_sec1(&[2; 32]), Err(KeyError::Point));
}

#[test]
fn an_offer_stands_for_the_entry_that_it_names_or_for_the_first_that_is_the_same() {
    for (hint, expected) in [(Some(1), 1), (None, 1)] {
        let signed = Signed { accept_index: hint, ..token(OFFER_TOKEN) };
        let (verified, index) = verify_offer(&signed, &required(), NOW).unwrap();
        assert_eq!((verified.signer, index), (Some(signer().address()), expected));
    }
    for hint in [2, u64::MAX] {
        let signed = Signed { accept_index: Some(hint), ..token(OFFER_TOKEN) };
        let error = verify_offer(&signed, &required(), NOW).unwrap_err();
        assert!(matches!(error, OfferError::NoEntry(index) if index == hint));
    }
    let signed = Signed { accept_index: Some(0), ..token(OFFER_TOKEN) };
    let error = verify_offer(&signed, &required(), NOW).unwrap_err();
    assert!(matches!(error, OfferError::Field("amount")), "{error}");
}

#[tokio::test]
async fn an_offer_that_is_not_what_the_402_asks_is_refused() {
    let field = |error| match error {
        OfferError::Field(field) => field,
        error => panic!("{error}"),
    };
    let other = || PAY_TO.to_owned();
    for (offer, expected) in [
        (Offer { scheme: "upto".to_owned(), ..offer() }, "scheme"),
        (Offer { network: Network::BASE, ..offer() }, "network"),
        (Offer { asset: other(), ..offer() }, "asset"),
        (Offer { pay_to: other(), ..offer() }, "payTo"),
        (Offer { amount: Amount::from(9_999u64), ..offer() }, "amount"),
    ] {
        let signed = sign_typed(&signer(), offer).await.unwrap();
        let error = verify_offer(&signed, &required(), NOW).unwrap_err();
        assert!(matches!(error, OfferError::NoSuchEntry));
        let signed = Signed { accept_index: Some(1), ..signed };
        assert_eq!(field(verify_offer(&signed, &required(), NOW).unwrap_err()), expected);
    }
    let elsewhere = Offer { resource_url: format!("{URL}/x"), ..offer() };
    let signed = sign_jws(&signer(), &elsewhere).await.unwrap();
    let error = verify_offer(&signed, &required(), NOW).unwrap_err();
    assert!(matches!(error, OfferError::Resource));
    let signed = sign_jws(&signer(), &Offer { version: 2, ..offer() }).await.unwrap();
    let error = verify_offer(&signed, &required(), NOW).unwrap_err();
    assert!(matches!(error, OfferError::Version(2)));
}

#[tokio::test]
async fn an_offer_stands_to_the_last_second_of_its_time() {
    let until = NOW + 300;
    let signed = Signed { accept_index: Some(1), ..token(OFFER_TOKEN) };
    assert!(verify_offer(&signed, &required(), until).is_ok());
    let error = verify_offer(&signed, &required(), until + 1).unwrap_err();
    assert!(matches!(error, OfferError::Expired(time) if time == until));

    let forever = Offer { valid_until: None, ..offer() };
    let signed = sign_typed(&signer(), forever.clone()).await.unwrap();
    assert!(verify_offer(&signed, &required(), u64::MAX).is_ok());
    let signed = sign_jws(&signer(), &forever).await.unwrap();
    assert!(verify_offer(&signed, &required(), u64::MAX).is_ok());
    let never = Offer { valid_until: Some(0), ..offer() };
    let signed = sign_jws(&signer(), &never).await.unwrap();
    assert!(verify_offer(&signed, &required(), NOW).is_err());
}

#[test]
fn a_receipt_is_one_for_what_was_offered_and_who_paid_within_the_hour() {
    let verified: Verified<Receipt> = verify(&token(RECEIPT_TOKEN)).unwrap();
    for payer in [PAY_TO, &PAY_TO.to_lowercase()] {
        assert_eq!(verified.check(&offer(), payer, NOW), Ok(()));
    }
    assert_eq!(verified.check(&offer(), PAY_TO, NOW + 3600), Ok(()));
    assert_eq!(verified.check(&offer(), PAY_TO, NOW + 3601), Err(ReceiptError::TooOld));
    assert_eq!(verified.check(&offer(), PAY_TO, NOW - 60), Ok(()));
    assert_eq!(verified.check(&offer(), PAY_TO, NOW - 61), Err(ReceiptError::InFuture));
    assert_eq!(verified.check(&offer(), ADDRESS, NOW), Err(ReceiptError::Field("payer")));
    let other = Offer { network: Network::BASE, ..offer() };
    assert_eq!(verified.check(&other, PAY_TO, NOW), Err(ReceiptError::Field("network")));
    let other = Offer { resource_url: String::new(), ..offer() };
    assert_eq!(verified.check(&other, PAY_TO, NOW), Err(ReceiptError::Field("resourceUrl")));
}

fn parts(token: &str) -> [&str; 3] {
    token.split('.').collect::<Vec<_>>().try_into().unwrap()
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in prop_oneof![
        any::<String>(),
        "[A-Za-z0-9_-]{0,80}\\.[A-Za-z0-9_-]{0,80}\\.[A-Za-z0-9_-]{0,88}",
        "0x[0-9a-f]{130}",
        "did:(key|jwk|web):z?[A-Za-z0-9#]{0,60}",
    ]) {
        prop_assert!(verify(&token::<Offer>(&text)).is_err());
        let signed = verify(&typed(receipt(), &text));
        prop_assert!(signed.map_or(true, |verified| !verified.is_signed_by(ADDRESS)));
        let _ = PublicKey::from_did(&text);
        let _ = PublicKey::from_jwk(&text);
        let _ = PublicKey::from_sec1(text.as_bytes());
    }

    #[test]
    fn no_bytes_in_a_token_make_it_panic(
        header in proptest::collection::vec(any::<u8>(), 0..100),
        kid in any::<String>(),
        payload in proptest::collection::vec(any::<u8>(), 0..100),
        signature in proptest::collection::vec(any::<u8>(), 64),
    ) {
        let known = json!({"alg": "ES256K", "kid": kid}).to_string().into_bytes();
        let ours = json!({"alg": "ES256K", "kid": DID_KEY}).to_string().into_bytes();
        for header in [header, known, ours] {
            let parts = [&header, &payload, &signature].map(|part| URL_SAFE_NO_PAD.encode(part));
            prop_assert!(verify(&token::<Offer>(&parts.join("."))).is_err());
        }
    }

    #[test]
    fn a_token_with_one_letter_changed_is_refused(
        at in 0..OFFER_TOKEN.len(),
        letter in "[A-Za-z0-9_.-]",
    ) {
        let mut changed = OFFER_TOKEN.to_owned();
        changed.replace_range(at..=at, &letter);
        prop_assume!(changed != OFFER_TOKEN);
        prop_assert!(verify(&token::<Offer>(&changed)).is_err());
    }
}
