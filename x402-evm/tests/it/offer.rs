//! Which offers can be paid by EIP-3009, and what is wrong with the others.

use crate::common::*;
use serde_json::{Value, json};
use x402_evm::{EXACT, ExactEvm, ExactTerms, exact_offer};
use x402_types::scheme::ServerScheme as _;
use x402_types::{Amount, Asset, ErrorReason, Network, PaymentRequirements};

fn unsound(offer: &PaymentRequirements) -> ErrorReason {
    let refusal = ExactTerms::new(offer).unwrap_err();
    assert!(refusal.detail.chars().count() <= 300, "{}", refusal.detail.len());
    assert_eq!(ExactEvm.prepare(offer).err(), Some(refusal.clone()));
    refusal.reason
}

#[test]
fn another_scheme_is_refused() {
    for scheme in ["upto", "Exact", "exact ", "", &"x".repeat(10_000)] {
        let offer = PaymentRequirements { scheme: scheme.to_owned(), ..offer() };
        assert_eq!(unsound(&offer), ErrorReason::InvalidExactEvmScheme, "{scheme}");
    }
}

#[test]
fn network_that_is_no_evm_chain_is_refused() {
    let offer = PaymentRequirements { network: Network::SOLANA, ..offer() };
    assert_eq!(unsound(&offer), ErrorReason::InvalidExactEvmNetworkMismatch);
    assert!(!ExactEvm.covers(&Network::SOLANA));
    assert!(ExactEvm.covers(&Network::eip155(31_337)));
    assert_eq!(ExactEvm.scheme(), EXACT);
}

#[test]
fn offer_without_the_signing_domain_is_refused() {
    let missing = ErrorReason::InvalidExactEvmMissingEip712Domain;
    assert_eq!(unsound(&PaymentRequirements { extra: None, ..offer() }), missing);
    let extras = [
        json!({}),
        json!({"name": "USDC"}),
        json!({"version": "2"}),
        json!({"name": "USDC", "version": null}),
        json!({"name": null, "version": "2"}),
    ];
    for extra in extras {
        assert_eq!(unsound(&offer_with(&extra)), missing, "{extra}");
    }
}

#[test]
fn domain_that_is_not_text_is_refused() {
    for other in [json!(2), json!(["2"]), json!({"2": 2}), json!(true)] {
        let extra = json!({"name": "USDC", "version": other});
        assert_eq!(unsound(&offer_with(&extra)), ErrorReason::InvalidPaymentRequirements);
    }
}

#[test]
fn way_to_move_a_token_that_is_not_known_is_refused() {
    let with = |method: Value| {
        offer_with(&json!({"name": "USDC", "version": "2", "assetTransferMethod": method}))
    };
    for method in ["Permit2", "EIP3009", "eip-3009", "", "erc7710", &"x".repeat(10_000)] {
        let reason = unsound(&with(json!(method)));
        assert_eq!(reason, ErrorReason::UnsupportedPayloadType, "{method}");
    }
    assert_eq!(unsound(&with(json!(1))), ErrorReason::InvalidPaymentRequirements);
    assert!(ExactTerms::new(&with(json!("eip3009"))).is_ok());
    assert!(ExactTerms::new(&with(json!(null))).is_ok());
}

#[test]
fn address_that_is_none_is_refused() {
    let zero = format!("0x{}", "0".repeat(40));
    let long = "0x".repeat(10_000);
    for address in ["", "0x", "seller.eth", &PAY_TO[2..], &PAY_TO[..41], &long] {
        let payee = PaymentRequirements { pay_to: address.to_owned(), ..offer() };
        assert_eq!(unsound(&payee), ErrorReason::InvalidPaymentRequirements, "{address}");
        let asset = PaymentRequirements { asset: address.to_owned(), ..offer() };
        assert_eq!(unsound(&asset), ErrorReason::InvalidPaymentRequirements, "{address}");
    }
    let nobody = PaymentRequirements { pay_to: zero, ..offer() };
    assert_eq!(unsound(&nobody), ErrorReason::InvalidPaymentRequirements);
}

#[test]
fn terms_are_those_of_the_offer() {
    let terms = ExactTerms::new(&offer()).unwrap();
    assert_eq!(terms.domain(), &domain());
    assert_eq!(terms.chain_id(), 84_532);
    assert_eq!(terms.asset().to_string(), offer().asset);
    assert_eq!(terms.pay_to().to_string(), PAY_TO);
    assert_eq!(terms.amount(), Amount::from(10_000u64));
}

#[test]
fn our_offer_has_the_domain_in_extra_and_nothing_else() {
    let extra: Value = offer().extra.unwrap().parse().unwrap();
    assert_eq!(extra, json!({"name": "USDC", "version": "2"}));
}

#[test]
fn our_offer_is_not_made_to_an_address_with_a_digit_mistyped() {
    let usdc = Asset::default_for(&Network::BASE).unwrap();
    let to = |pay_to: &str| exact_offer(usdc, Amount::from(1u64), pay_to, 60);
    let mistyped = PAY_TO.replace("9693", "9639");
    let refusal = to(&mistyped).unwrap_err();
    assert_eq!(refusal.reason, ErrorReason::InvalidPaymentRequirements);
    assert!(refusal.detail.contains("payTo") && refusal.detail.contains(&mistyped), "{refusal}");
    for spelling in [PAY_TO.to_owned(), PAY_TO.to_lowercase()] {
        assert_eq!(to(&spelling).unwrap().pay_to, spelling);
    }
    assert!(to(&format!("0x{}", PAY_TO[2..].to_uppercase())).is_ok());
}
