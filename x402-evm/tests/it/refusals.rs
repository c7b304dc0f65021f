//! A payment that differs from the offer in one thing is refused, for that reason.

use crate::common::*;
use alloy_primitives::{Address, B256, U256, hex};
use serde_json::json;
use x402_evm::eip3009::Authorization;
use x402_evm::{ExactTerms, LocalSigner};
use x402_types::scheme::{Check, Terms as _};
use x402_types::{Amount, ErrorReason, Network, PaymentRequirements, RawObject};

fn until(valid_before: u64) -> Authorization {
    Authorization { valid_before: Amount::from(valid_before), ..authorization() }
}

fn from(valid_after: u64) -> Authorization {
    Authorization { valid_after: Amount::from(valid_after), ..authorization() }
}

fn over(value: u64) -> Authorization {
    Authorization { value: Amount::from(value), ..authorization() }
}

#[test]
fn payment_needs_six_seconds_before_its_end() {
    let expired = ErrorReason::InvalidExactEvmPayloadAuthorizationValidBefore;
    for end in [0, NOW - 1, NOW, NOW + 5] {
        assert_eq!(reason(&signed(&until(end))), expired, "ends at {end}");
    }
    for end in [NOW + 6, NOW + 7, u64::MAX] {
        assert!(check(&offer(), &signed(&until(end)), Check::Signature).is_ok(), "ends at {end}");
    }
}

#[test]
fn payment_counts_from_the_second_of_its_beginning() {
    let early = ErrorReason::InvalidExactEvmPayloadAuthorizationValidAfter;
    for start in [NOW + 1, NOW + 299, u64::MAX] {
        assert_eq!(reason(&signed(&from(start))), early, "begins at {start}");
    }
    for start in [0, NOW - 1, NOW] {
        assert!(check(&offer(), &signed(&from(start)), Check::Signature).is_ok(), "{start}");
    }
}

#[test]
fn times_beyond_64_bits_are_far_off_not_near() {
    let beyond = Amount::new(U256::from(u64::MAX) + U256::ONE);
    let endless = Authorization { valid_before: beyond, ..authorization() };
    let paid = check(&offer(), &signed(&endless), Check::Signature).unwrap();
    assert_eq!(paid.valid_before, u64::MAX);

    let never = Authorization { valid_after: beyond, ..authorization() };
    assert_eq!(reason(&signed(&never)), ErrorReason::InvalidExactEvmPayloadAuthorizationValidAfter);
}

#[test]
fn one_unit_too_little_or_too_much_is_refused() {
    let mismatch = ErrorReason::InvalidExactEvmPayloadAuthorizationValueMismatch;
    for value in [0, 9_999, 10_001, u64::MAX] {
        assert_eq!(reason(&signed(&over(value))), mismatch, "{value}");
    }
}

#[test]
fn another_payee_is_refused() {
    let elsewhere = Authorization { to: Address::repeat_byte(7), ..authorization() };
    assert_eq!(reason(&signed(&elsewhere)), ErrorReason::InvalidExactEvmRecipientMismatch);
}

#[test]
fn signature_for_another_token_chain_or_domain_is_refused() {
    let extra =
        |name, version| Some(RawObject::new(&json!({"name": name, "version": version})).unwrap());
    let offers = [
        PaymentRequirements { asset: Address::repeat_byte(7).to_string(), ..offer() },
        PaymentRequirements { network: Network::BASE, ..offer() },
        PaymentRequirements { network: Network::eip155(84_533), ..offer() },
        PaymentRequirements { extra: extra("USD Coin", "2"), ..offer() },
        PaymentRequirements { extra: extra("USDC", "1"), ..offer() },
    ];
    for offer in offers {
        let refusal = check(&offer, &payload(), Check::Signature).unwrap_err();
        assert_eq!(refusal.reason, ErrorReason::InvalidExactEvmSignature, "{offer:?}");
    }
}

#[test]
fn signature_of_another_account_is_refused() {
    let thief = LocalSigner::from_bytes(&[9; 32]).unwrap();
    let signature = thief.sign_digest_unseen(authorization().signing_hash(&domain()));
    let payload = signed_with(&signature.to_string());
    assert_eq!(reason(&payload), ErrorReason::InvalidExactEvmSignature);
}

#[test]
fn signature_over_another_message_is_refused() {
    let other = Authorization { nonce: B256::ZERO, ..authorization() };
    let payload =
        json!({"signature": signed(&other)["signature"], "authorization": authorization()});
    assert_eq!(reason(&payload), ErrorReason::InvalidExactEvmSignature);
}

#[test]
fn unsound_signatures_are_refused_as_signatures() {
    let good = signature();
    let text = |bytes: &[u8]| hex::encode_prefixed(bytes);
    let changed = |at: usize, to: &[u8]| {
        let mut bytes = good;
        bytes[at..at + to.len()].copy_from_slice(to);
        text(&bytes)
    };
    let order = hex!("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141");
    let s = U256::from_be_slice(&good[32..64]);
    let high = (U256::from_be_bytes(order) - s).to_be_bytes::<32>();
    let high = [&good[..32], &high, &[good[64] ^ 27 ^ 28]].concat();
    let mut compact = good[..64].to_vec();
    compact[32] |= (good[64] - 27) << 7;

    let unsound = [
        ("empty", String::new()),
        ("0x", "0x".to_owned()),
        ("truncated", text(&good[..64])),
        ("EIP-2098", text(&compact)),
        ("66 bytes", text(&[&good[..], &[0]].concat())),
        ("an ERC-6492 wrapper", text(&[&good[..], &[0x64, 0x92].repeat(16)].concat())),
        ("no 0x", hex::encode(good)),
        ("0X", text(&good).replace("0x", "0X")),
        ("0x twice", format!("0x{}", text(&good))),
        ("not hexadecimal", text(&good).replace('a', "g")),
        ("v = 29", changed(64, &[29])),
        ("v = 26", changed(64, &[26])),
        ("v = 2", changed(64, &[2])),
        ("v = 37, of EIP-155", changed(64, &[37])),
        ("the other v", changed(64, &[good[64] ^ 27 ^ 28])),
        ("r = 0", changed(0, &[0; 32])),
        ("s = 0", changed(32, &[0; 32])),
        ("r = n", changed(0, &order)),
        ("s = n", changed(32, &order)),
        ("r > n", changed(0, &[0xff; 32])),
        ("high s", text(&high)),
        ("nothing but zeros", text(&[0; 65])),
    ];
    for (name, signature) in unsound {
        let refused = reason(&signed_with(&signature));
        assert_eq!(refused, ErrorReason::InvalidExactEvmSignature, "{name}");
    }
}

#[test]
fn signature_with_the_bare_parity_or_in_capitals_is_the_same() {
    let mut bare = signature();
    bare[64] -= 27;
    let capitals = format!("0x{}", hex::encode_upper(signature()));
    for signature in [hex::encode_prefixed(bare), capitals] {
        assert!(check(&offer(), &signed_with(&signature), Check::Signature).is_ok());
    }
}

#[test]
fn without_signature_just_the_signature_is_skipped() {
    let unsigned = |authorization| json!({"signature": "0x", "authorization": authorization});
    let skipped = check(&offer(), &unsigned(authorization()), Check::WithoutSignature).unwrap();
    assert_eq!(skipped, check(&offer(), &payload(), Check::Signature).unwrap());

    let wrong = [
        Authorization { to: Address::repeat_byte(7), ..authorization() },
        until(NOW + 5),
        from(NOW + 1),
        over(9_999),
    ];
    for authorization in wrong {
        let unsigned = check(&offer(), &unsigned(authorization.clone()), Check::WithoutSignature);
        let signed = check(&offer(), &signed(&authorization), Check::Signature);
        assert_eq!(unsigned, signed);
        assert!(signed.is_err());
    }
    let unread = check(&offer(), &json!({"signature": "0x"}), Check::WithoutSignature);
    assert_eq!(unread.unwrap_err().reason, ErrorReason::InvalidPayload);
}

#[test]
fn signature_is_looked_at_last() {
    let payload = json!({"signature": "0x", "authorization": over(1)});
    let mismatch = ErrorReason::InvalidExactEvmPayloadAuthorizationValueMismatch;
    assert_eq!(reason(&payload), mismatch);
}

#[test]
fn last_second_there_is_does_not_overflow() {
    let terms = ExactTerms::new(&offer()).unwrap();
    let payload = RawObject::new(&payload()).unwrap();
    let refusal = terms.check(&payload, u64::MAX, Check::Signature).unwrap_err();
    assert_eq!(refusal.reason, ErrorReason::InvalidExactEvmPayloadAuthorizationValidBefore);
}
