//! Signatures that are no key's, and payments that have ended.

use crate::common;
use crate::common::{NOW, authorization, offer, payload, signed};
use serde_json::Value;
use x402_evm::eip3009::Authorization;
use x402_evm::{ExactEvm, ExactEvmPayer, ExactTerms, LocalSigner, exact_offer};
use x402_types::scheme::{Check, ClientScheme, ServerScheme, Terms};
use x402_types::{Amount, Asset, ErrorReason, Network, RawObject};

/// The terms of both methods, each with an honest payload.
async fn both() -> [(Box<dyn Terms>, Value); 2] {
    let asset = Asset::default_for(&Network::BASE_SEPOLIA).unwrap().clone().by_permit2();
    let offer_2 = exact_offer(&asset, Amount::from(10_000u64), common::PAY_TO, 60).unwrap();
    let payer = ExactEvmPayer::new(LocalSigner::from_bytes(&[7; 32]).unwrap());
    let by_permit2 = payer.draft(&offer_2, None, NOW, 60).unwrap().sign().await.unwrap().payload;
    let terms = ExactTerms::new(&offer()).unwrap();
    [
        (Box::new(terms), payload()),
        (ExactEvm.prepare(&offer_2).unwrap(), by_permit2.parse().unwrap()),
    ]
}

fn raw(payload: &Value) -> RawObject {
    RawObject::new(payload).unwrap()
}

#[tokio::test]
async fn any_signature_by_its_shape_passes_where_the_payer_may_be_a_contract() {
    let longest = format!("0x{}", "ab".repeat(4096));
    for (terms, mut payload) in both().await {
        let honest = terms.check(&raw(&payload), NOW, Check::SmartWallets).unwrap();
        assert_eq!(terms.check(&raw(&payload), NOW, Check::Signature), Ok(honest.clone()));
        for signature in ["0x00", "0xABcd", &format!("0x{}", "ff".repeat(65)), &longest] {
            payload["signature"] = signature.into();
            let checked = terms.check(&raw(&payload), NOW, Check::SmartWallets);
            assert_eq!(checked, Ok(honest.clone()), "{signature}");
            assert!(terms.check(&raw(&payload), NOW, Check::Signature).is_err(), "{signature}");
        }
        for signature in ["", "0x", "0x0", "0x000", "00", "0xgg", "0x0é", &format!("{longest}ab")]
        {
            payload["signature"] = signature.into();
            let refusal = terms.check(&raw(&payload), NOW, Check::SmartWallets).unwrap_err();
            assert!(
                matches!(
                    refusal.reason,
                    ErrorReason::InvalidExactEvmSignature | ErrorReason::InvalidPermit2Signature
                ),
                "{refusal}"
            );
            assert!(refusal.detail.len() < 200);
        }
    }
}

#[tokio::test]
async fn a_payment_that_has_ended_is_checked_as_of_its_end() {
    for (terms, mut payload) in both().await {
        let honest = terms.check(&raw(&payload), NOW, Check::Signature).unwrap();
        let after = honest.valid_before + 1;
        assert!(terms.check(&raw(&payload), after, Check::Signature).is_err());
        let ended = terms.check_at_its_end(&raw(&payload), Check::Signature);
        assert_eq!(ended, Ok(honest));
        payload["signature"] = "0x01".into();
        assert!(terms.check_at_its_end(&raw(&payload), Check::Signature).is_err());
        assert!(terms.check_at_its_end(&raw(&payload), Check::SmartWallets).is_ok());
    }
}

#[test]
fn a_payment_that_was_never_good_is_not_so_at_its_end() {
    let terms = ExactTerms::new(&offer()).unwrap();
    let end = authorization().valid_before_seconds();
    let from = |second: u64| {
        let late = Authorization { valid_after: Amount::from(second), ..authorization() };
        terms.check_at_its_end(&raw(&signed(&late)), Check::Signature)
    };
    // Six seconds before its end a payment counts as ended.
    assert!(from(end - 6).is_ok());
    let refusal = from(end - 5).unwrap_err();
    assert_eq!(refusal.reason, ErrorReason::InvalidExactEvmPayloadAuthorizationValidAfter);
}
