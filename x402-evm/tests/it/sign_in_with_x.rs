//! A wallet's signature of a challenge: as viem signs it, and as nobody else does.

use crate::common;
use std::sync::Arc;

use crate::common::{PAY_TO, read};
use alloy_primitives::{B256, b256};
use proptest::prelude::*;
use serde_json::{Value, json};
use x402_evm::sign_in_with_x::{SignInError, TEXT_LIMIT, personal_digest, sign, verify};
use x402_evm::{LocalSigner, Signature, Signer, SignerError, TypedData};
use x402_types::Network;
use x402_types::extensions::sign_in_with_x::{
    Challenge, Expected, Info, Message, SignatureType, SiwxError, SupportedChain,
};

const KEY: &str = "0x0123456789012345678901234567890123456789012345678901234567890123";
const ADDRESS: &str = "0x14791697260E4c9A71f18484C9f997B308e59325";
const ORIGIN: &str = "https://api.example.com";
/// 2026-01-01T00:00:00Z.
const NOW: u64 = 1_767_225_600;
/// Of `challenge()`, by the TypeScript SDK with viem.
const SIGNATURE: &str = "0x7733b6d041edb4e65a568f67de332db4748527622beb1cd6f595199a83e8a07206883d31be54188586376b3bb93fe3d03cefcca4322f9a8b2fed463c54d505661b";

fn signer() -> LocalSigner {
    LocalSigner::from_hex(KEY).unwrap()
}

fn challenge() -> Challenge {
    let info: Info = read(&json!({
        "domain": "api.example.com",
        "uri": "https://api.example.com/weather",
        "version": "1",
        "nonce": "0123456789abcdef0123456789abcdef",
        "issuedAt": "2026-01-01T00:00:00.000Z",
        "expirationTime": "2026-01-01T00:05:00.000Z",
        "statement": "Sign in to read the weather",
        "resources": ["https://api.example.com/weather"],
    }));
    let chains = [Network::BASE_SEPOLIA, Network::SOLANA_DEVNET];
    Challenge::new(info, chains.into_iter().filter_map(SupportedChain::new).collect()).unwrap()
}

/// What the TypeScript SDK sends.
fn sent() -> Value {
    let mut message = serde_json::to_value(challenge().info).unwrap();
    message["address"] = json!(ADDRESS);
    message["chainId"] = json!("eip155:84532");
    message["type"] = json!("eip191");
    message["signature"] = json!(SIGNATURE);
    message
}

fn changed(field: &str, value: &str) -> Message {
    let mut message = sent();
    message[field] = json!(value);
    read(&message)
}

#[tokio::test]
async fn texts_are_signed_as_viem_signs_them() {
    let golden: [(&str, B256, &str); 3] = [
        (
            "hello, world",
            b256!("0xe17ed4064151f5ac9614cdf8699d8b8a194e52db9b39308f1aad726df91efe44"),
            "0xdde447b798100bc6693cfbcd919e121ce38672abcdd82d22ebfa77b2b5b925036299132f1d8485f23fd560202d935d6cdbd25c57e278def31d6e64f2d647ad401c",
        ),
        (
            "Größe\n€",
            b256!("0x01709d2098ecb19e97ec3e680bce1acbed400ef832ebbf3660c1c535d10a1578"),
            "0xad746c591de99f3fb498f80844cf9e9d775de73e379dfe49a6e4c5e17f63ed6129c01022239b20767a7c9f058dc1d57ee2a8d7d722e5c29c19b03da08d9af29b1c",
        ),
        (
            "",
            b256!("0x5f35dce98ba4fba25530a026ed80b2cecdaa31091ba4958b99b52ea1d068adad"),
            "0xf93927710a3a451d0a5e5c00013078156e6e1de125513ef855322bb7cd82f8464973d0cf7adc5809004833afc97f5eb98ab3ed5a8a5ad38b2d4e10e071b36faf1b",
        ),
    ];
    for (text, digest, signature) in golden {
        assert_eq!(personal_digest(text), digest);
        assert_eq!(signer().sign_message(text).await.unwrap().to_string(), signature);
        assert_eq!(Arc::new(signer()).sign_message(text).await.unwrap().to_string(), signature);
    }
}

#[tokio::test]
async fn a_challenge_is_signed_as_the_typescript_sdk_signs_it() {
    let message = sign(&signer(), &challenge(), &Network::BASE_SEPOLIA, ORIGIN).await.unwrap();
    assert_eq!(message.signature.as_str(), SIGNATURE);
    assert_eq!(serde_json::to_value(&message).unwrap(), sent());
    assert_eq!(verify(&message), Ok(signer().address()));
    let chains = challenge().supported_chains;
    assert_eq!(message.check(&Expected { origin: ORIGIN, chains: &chains, now: NOW }), Ok(()));
}

#[test]
fn what_the_typescript_sdk_sends_is_verified_however_the_address_is_spelled() {
    assert_eq!(verify(&read(&sent())), Ok(signer().address()));
    // That SDK, too, writes the checksum into the text itself.
    assert_eq!(verify(&changed("address", &ADDRESS.to_lowercase())), Ok(signer().address()));
}

#[test]
fn whoever_did_not_sign_is_not_signed_in() {
    assert_eq!(verify(&changed("address", PAY_TO)), Err(SiwxError::Signature));
    let other = common::signer().address().to_string();
    assert_eq!(verify(&changed("address", &other)), Err(SiwxError::Signature));
    for nobody in ["", "0x", "0x12", "somebody", &ADDRESS[2..], &format!("{ADDRESS}\n")] {
        assert_eq!(verify(&changed("address", nobody)), Err(SiwxError::Malformed), "{nobody:?}");
    }
}

#[test]
fn whatever_is_changed_in_the_message_the_signature_is_not_its_any_more() {
    for (field, value) in [
        ("domain", "evil.example.com"),
        ("uri", "https://api.example.com/other"),
        ("version", "2"),
        ("nonce", "0123456789abcdef0123456789abcdee"),
        ("issuedAt", "2026-01-01T00:00:01.000Z"),
        ("expirationTime", "2027-01-01T00:05:00.000Z"),
        ("notBefore", "2026-01-01T00:00:00.000Z"),
        ("statement", "Sign in to read the news"),
        ("requestId", "1"),
        ("chainId", "eip155:8453"),
    ] {
        assert_eq!(verify(&changed(field, value)), Err(SiwxError::Signature), "{field}");
    }
    let mut message: Message = read(&sent());
    message.info.resources.clear();
    assert_eq!(verify(&message), Err(SiwxError::Signature));
}

#[test]
fn a_message_that_would_break_its_lines_is_refused() {
    assert_eq!(verify(&changed("statement", "a\n\nURI: b")), Err(SiwxError::Malformed));
    assert_eq!(verify(&changed("nonce", "short")), Err(SiwxError::Nonce));
    let long = "a".repeat(TEXT_LIMIT);
    assert_eq!(verify(&changed("statement", &long)), Err(SiwxError::Malformed));
}

#[test]
fn accounts_of_other_chains_do_not_sign_so() {
    assert_eq!(
        verify(&changed("chainId", Network::SOLANA_DEVNET.as_str())),
        Err(SiwxError::UnsupportedChain)
    );
    assert_eq!(verify(&changed("type", "ed25519")), Err(SiwxError::ChainId));
}

#[test]
fn what_is_no_signature_is_malformed() {
    let (r, rest) = SIGNATURE.split_at(66);
    // The order of the curve without s, and the other v.
    let high = format!("{r}f977c2ce41abe77a79c894c446c01c2e7dbf10427d1905b08fe518507b613bdb1c");
    for text in [
        "",
        "0x",
        "0x1234",
        &SIGNATURE[2..],
        &SIGNATURE[..130],
        &format!("{SIGNATURE}00"),
        &format!("{r}{}1d", &rest[..64]),
        &format!("0x{}", "00".repeat(65)),
        &format!("0x{}1b", "ff".repeat(64)),
        &high,
        "not hexadecimal",
        &"a".repeat(100_000),
    ] {
        assert_eq!(verify(&changed("signature", text)), Err(SiwxError::MalformedSignature));
    }
}

#[test]
fn a_contract_cannot_be_asked_here() {
    let mut message = sent();
    message["signatureScheme"] = json!("eip1271");
    assert_eq!(verify(&read(&message)), Ok(signer().address()));
    message["signature"] = json!(format!("0x{}", "ab".repeat(96)));
    assert_eq!(verify(&read(&message)), Err(SiwxError::VerifierError));
    message["signature"] = json!("no signature of any kind");
    assert_eq!(verify(&read(&message)), Err(SiwxError::MalformedSignature));
}

/// A signer of before there were texts to sign.
struct TypedOnly;

impl Signer for TypedOnly {
    fn address(&self) -> alloy_primitives::Address {
        alloy_primitives::Address::ZERO
    }

    async fn sign_typed_data(&self, _: &TypedData) -> Result<Signature, SignerError> {
        Err(SignerError::InvalidKey)
    }
}

#[tokio::test]
async fn a_signer_that_says_nothing_of_texts_signs_none() {
    let error = sign(&TypedOnly, &challenge(), &Network::BASE_SEPOLIA, ORIGIN).await.unwrap_err();
    assert!(matches!(error, SignInError::Signer(SignerError::Refused(_))), "{error}");
}

#[tokio::test]
async fn a_challenge_for_another_origin_or_chain_is_not_signed() {
    let refusal = async |challenge: &Challenge, chain: &Network, origin: &str| match sign(
        &signer(),
        challenge,
        chain,
        origin,
    )
    .await
    .unwrap_err()
    {
        SignInError::Challenge(error) => error,
        error => panic!("{error}"),
    };
    let good = challenge();
    let base = Network::BASE_SEPOLIA;
    assert_eq!(refusal(&good, &base, "https://evil.example.com").await, SiwxError::DomainMismatch);
    assert_eq!(refusal(&good, &base, "http://api.example.com").await, SiwxError::UriMismatch);
    assert_eq!(refusal(&good, &Network::BASE, ORIGIN).await, SiwxError::UnsupportedChain);
    assert_eq!(refusal(&good, &Network::SOLANA_DEVNET, ORIGIN).await, SiwxError::UnsupportedChain);
    let mut confused = challenge();
    confused.supported_chains[1].signature_type = SignatureType::Eip191;
    let devnet = Network::SOLANA_DEVNET;
    assert_eq!(refusal(&confused, &devnet, ORIGIN).await, SiwxError::ChainId);
    let mut long = challenge();
    long.info.statement = Some("a".repeat(TEXT_LIMIT));
    assert_eq!(refusal(&long, &base, ORIGIN).await, SiwxError::Malformed);
    let mut broken = challenge();
    broken.info.statement = Some("a\nb".to_owned());
    assert_eq!(refusal(&broken, &base, ORIGIN).await, SiwxError::Malformed);
}

proptest! {
    #[test]
    fn no_text_in_any_field_makes_it_panic_or_signs_in(
        field in prop_oneof![
            Just("signature"), Just("address"), Just("domain"), Just("uri"), Just("nonce"),
            Just("issuedAt"), Just("statement"), Just("signatureScheme"), Just("requestId"),
        ],
        text in prop_oneof![any::<String>(), "0x[0-9a-f]{130}", "0x[0-9a-fA-F]{40}", "[ -~]{0,99}"],
    ) {
        let message = changed(field, &text);
        let signed_in = verify(&message).is_ok();
        prop_assert_eq!(signed_in, field == "signatureScheme");
    }
}
