//! Digests, signatures and calldata are those of the official SDKs, byte for byte.

use crate::common;
use crate::common::{check, read, vectors};
use alloy_primitives::{b256, hex, keccak256};
use alloy_sol_types::{SolCall as _, SolStruct as _};
use x402_evm::eip3009::{Authorization, Token};
use x402_evm::{Domain, ExactPayload, ExactTerms, LocalSigner, Signature};
use x402_types::scheme::{Check, Terms as _};
use x402_types::{Asset, ErrorReason, PaymentPayload, RawObject, TransferMethod, header};

#[test]
fn typehash_is_that_of_the_standard() {
    let expected = b256!("7c7c6cdb67a18743f49ec6fa9b35f50d52ed05cbed4cc592e13b44501c1a2267");
    assert_eq!(common::authorization().to_sol().eip712_type_hash(), expected);
}

#[test]
fn selectors_are_those_of_the_deployed_tokens() {
    assert_eq!(Token::transferWithAuthorizationCall::SELECTOR, hex!("e3ee160e"));
    assert_eq!(Token::authorizationStateCall::SELECTOR, hex!("e94a0102"));
    assert_eq!(Token::balanceOfCall::SELECTOR, hex!("70a08231"));
}

#[test]
fn golden_vector_comes_out_byte_for_byte() {
    let golden = vectors().golden;
    let signer = LocalSigner::from_hex(&golden.private_key).unwrap();
    assert_eq!(signer.address(), golden.signer);

    let domain = Domain::of(Asset::default_for(&golden.network).unwrap()).unwrap();
    assert_eq!(domain.separator(), golden.domain_separator);
    assert_eq!(golden.authorization.to.to_string(), golden.pay_to);
    let digest = golden.authorization.signing_hash(&domain);
    assert_eq!(digest, golden.digest);
    assert_eq!(signer.sign_digest_unseen(digest).to_string(), golden.signature);
}

#[test]
fn every_token_that_moves_by_eip3009_is_signed_for_as_the_python_sdk_does() {
    let tokens = vectors().tokens;
    let signer = LocalSigner::from_hex(&tokens.private_key).unwrap();
    assert_eq!(tokens.authorization.from, signer.address());
    assert_eq!(tokens.authorization.to_sol().eip712_hash_struct(), tokens.struct_hash);

    for token in &tokens.rows {
        let name = format!("{} on {}", token.symbol, token.network);
        let asset = Asset::find(&token.network, &token.asset.to_string()).expect(&name);
        assert_eq!(asset.symbol, token.symbol, "{name}");
        let domain = Domain::of(asset).unwrap();
        assert_eq!(domain.name, token.name, "{name}");
        assert_eq!(domain.version, token.version, "{name}");
        assert_eq!(domain.separator(), token.domain_separator, "{name}");
        let digest = tokens.authorization.signing_hash(&domain);
        assert_eq!(digest, token.digest, "{name}");
        assert_eq!(tokens.authorization.digest(token.domain_separator), digest, "{name}");
        assert_eq!(signer.sign_digest_unseen(digest).to_string(), token.signature, "{name}");
        let signature: Signature = token.signature.parse().unwrap();
        assert_eq!(signature.recover(digest), Ok(signer.address()), "{name}");
    }

    let covered = |asset: &&Asset| {
        tokens
            .rows
            .iter()
            .any(|row| row.network == asset.network && asset.address.parse() == Ok(row.asset))
    };
    let moved = Asset::known().iter().filter(|a| a.transfer_method == TransferMethod::Eip3009);
    assert_eq!(moved.clone().filter(covered).count(), moved.count(), "a token has no vector");
}

#[test]
fn payments_of_the_typescript_sdk_are_good() {
    let payments = vectors().payments;
    assert!(payments.len() >= 4);
    for payment in payments {
        let name = &payment.name;
        let terms = ExactTerms::new(&payment.offer).unwrap();
        let payload = RawObject::new(&payment.payload).unwrap();
        let paid = terms.check(&payload, payment.now, Check::Signature).expect(name);
        assert_eq!(paid.payer, payment.signer.to_string().to_lowercase(), "{name}");
        assert_eq!(paid.amount, payment.offer.amount, "{name}");

        let verified = terms.verify(&payload, payment.now).expect(name);
        let digest = verified.authorization.signing_hash(terms.domain());
        let separator = terms.domain().separator();
        assert_eq!(separator, payment.domain_separator.unwrap_or(separator), "{name}");
        assert_eq!(digest, payment.digest.unwrap_or(digest), "{name}");
        let hash = verified.authorization.to_sol().eip712_hash_struct();
        assert_eq!(hash, payment.struct_hash.unwrap_or(hash), "{name}");
        let calldata = verified.authorization.calldata(verified.signature);
        assert_eq!(calldata, payment.calldata.unwrap_or_else(|| calldata.clone()), "{name}");

        let ours = LocalSigner::from_hex(&payment.private_key).unwrap().sign_digest_unseen(digest);
        assert_eq!(ours, verified.signature, "{name}");
        assert_eq!(read::<ExactPayload>(&payment.payload).signature, ours.to_string(), "{name}");
        if let Some(value) = payment.header {
            let sent: PaymentPayload =
                header::decode(value.as_bytes(), header::PAYMENT_LIMIT).expect(name);
            assert_eq!(*sent.accepted, payment.offer, "{name}");
            assert_eq!(terms.check(&sent.payload, payment.now, Check::Signature), Ok(paid));
        }
    }
}

#[test]
fn payload_is_spelled_as_the_typescript_sdk_spells_it() {
    for payment in vectors().payments {
        let payload: ExactPayload = read(&payment.payload);
        assert_eq!(serde_json::to_value(&payload).unwrap(), payment.payload, "{}", payment.name);
    }
}

#[test]
fn calldata_is_the_call_that_settled() {
    let payments = vectors().payments;
    let settled = payments.iter().filter_map(|p| Some((&p.payload, p.calldata.as_ref()?)));
    assert_eq!(settled.clone().count(), 3);
    for (payload, calldata) in settled {
        let ExactPayload { signature, authorization } = read(payload);
        assert_eq!(&authorization.calldata(signature.parse().unwrap()), calldata);
    }
}

#[test]
fn reasons_for_refusals_are_those_of_the_typescript_facilitator() {
    let vectors = vectors();
    assert!(vectors.refused.len() >= 10);
    for refused in &vectors.refused {
        let payload = RawObject::new(&refused.payload).unwrap();
        let refusal = ExactTerms::new(&refused.offer)
            .unwrap()
            .check(&payload, vectors.refused_at, Check::Signature)
            .expect_err(&refused.name);
        // The facilitator served one chain only and had no reason for another.
        let expected = refused.reason.as_ref().unwrap_or(&ErrorReason::InvalidExactEvmSignature);
        assert_eq!(refusal.reason, *expected, "{}", refused.name);
    }
}

#[test]
fn digest_is_the_hash_that_the_standard_defines() {
    let authorization: Authorization = common::authorization();
    let separator = common::domain().separator();
    let message = authorization.to_sol().eip712_hash_struct();
    let expected = keccak256([&[0x19, 0x01], separator.as_slice(), message.as_slice()].concat());
    assert_eq!(authorization.digest(separator), expected);
    assert_eq!(authorization.to_sol().eip712_signing_hash(&common::domain().to_eip712()), expected);
}

#[test]
fn good_payment_is_good() {
    let paid = check(&common::offer(), &common::payload(), Check::Signature).unwrap();
    assert_eq!(paid.payer, common::signer().address().to_string().to_lowercase());
    assert_eq!(paid.nonce, common::authorization().nonce.to_string());
    assert_eq!(paid.amount, common::offer().amount);
    assert_eq!(paid.valid_before, common::NOW + 300);
}
