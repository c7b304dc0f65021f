//! Permit2 and EIP-2612 against digests and signatures that another implementation made, and the
//! offline checks of both schemes.

use crate::common::{NOW, PAY_TO};
use alloy_primitives::{Address, Bytes, address, b256, hex};
use serde_json::{Value, json};
use x402_evm::eip2612::Permit;
use x402_evm::permit2::{
    EXACT_PROXY, PERMIT2, Permit2Authorization, Permit2Terms, TokenPermissions, UPTO_PROXY,
    Witness, domain_separator,
};
use x402_evm::{
    Domain, ExactEvm, ExactEvmPayer, LocalSigner, Signer as _, TypedData, UptoEvm, UptoEvmPayer,
    exact_offer, upto_offer,
};
use x402_types::scheme::{Check, ClientScheme, Refusal, ServerScheme};
use x402_types::{Amount, Asset, ErrorReason, Network, PaymentRequirements, RawObject};

const KEY: &str = "0x0123456789012345678901234567890123456789012345678901234567890123";
const FACILITATOR: Address = address!("0x1111111111111111111111111111111111111111");

fn usdc() -> Asset {
    Asset::default_for(&Network::BASE_SEPOLIA).unwrap().clone()
}

fn authorization(facilitator: Option<Address>) -> Permit2Authorization {
    Permit2Authorization {
        from: address!("0x14791697260E4c9A71f18484C9f997B308e59325"),
        permitted: TokenPermissions {
            token: usdc().address.parse().unwrap(),
            amount: Amount::from(10_000u64),
        },
        spender: if facilitator.is_some() { UPTO_PROXY } else { EXACT_PROXY },
        nonce: Amount::from(123_456_789u64),
        deadline: Amount::from(1_893_456_000u64),
        witness: Witness { to: PAY_TO.parse().unwrap(), facilitator, valid_after: Amount::ZERO },
    }
}

async fn signed(data: TypedData) -> String {
    LocalSigner::from_hex(KEY).unwrap().sign_typed_data(&data).await.unwrap().to_string()
}

#[tokio::test]
async fn digests_and_signatures_are_those_of_other_implementations() {
    let chain_id = 84532;
    assert_eq!(
        domain_separator(chain_id),
        b256!("0x010f27a92fb9a32622f44f001dc4d15706a85b33499cfc2ce9033113ab26592c")
    );
    let exact = TypedData::PermitWitnessTransferFrom { chain_id, message: authorization(None) };
    assert_eq!(
        exact.signing_hash(),
        b256!("0xc869dc0c0c9b9b74d9591732c6d0f52216063c2d1d0edd22ac7ad5166d6a556f")
    );
    assert_eq!(
        signed(exact).await,
        "0xacf4f961c5d68601ff2412c6239080652653d15132f96a0d50f25a9e289d15f7498ba6a741abe299268c5c6639050aca89789bcaa616719f060787c4a5a7ecc61c"
    );
    let message = authorization(Some(FACILITATOR));
    let upto = TypedData::PermitWitnessTransferFrom { chain_id, message };
    assert_eq!(
        upto.signing_hash(),
        b256!("0xc9adf44d54caa8362c762c68d28f063a1dab2e86439a26b0461d55d830cfb928")
    );
    assert_eq!(
        signed(upto).await,
        "0xc161fb0334f8be9a29ae81c70defee2e6f9b178b72364528f3e1511e4699a8926ee2e42b32d8be63fa09eec05c68e1fe43452f9ea9fc3b4389f69c96cc0cd7551c"
    );
    let permit = TypedData::Permit {
        domain: Domain::of(&usdc()).unwrap(),
        message: Permit {
            owner: address!("0x14791697260E4c9A71f18484C9f997B308e59325"),
            spender: PERMIT2,
            value: Amount::from(10_000u64),
            nonce: Amount::ZERO,
            deadline: Amount::from(1_893_456_000u64),
        },
    };
    assert_eq!(
        permit.signing_hash(),
        b256!("0x920b9141e82fd12ccea53d8b14815b7e9b2704adcfb23e487860c470a7df6b66")
    );
    assert_eq!(
        signed(permit).await,
        "0x7696670a8ede13778f426bce245fb0567a7d0f9e9059fd690b7b3ef5d44622587bfd8af51f5a1352005e3f2f56cb9b384e216f97eb3b44948b14ad89b4c537321c"
    );
}

#[test]
fn data_for_a_wallet_has_the_digest_that_is_signed() {
    for data in [
        TypedData::PermitWitnessTransferFrom { chain_id: 84532, message: authorization(None) },
        TypedData::PermitWitnessTransferFrom {
            chain_id: 84532,
            message: authorization(Some(FACILITATOR)),
        },
        TypedData::Permit {
            domain: Domain::of(&usdc()).unwrap(),
            message: Permit {
                owner: FACILITATOR,
                spender: PERMIT2,
                value: Amount::MAX,
                nonce: Amount::from(7u64),
                deadline: Amount::from(NOW),
            },
        },
    ] {
        let json = data.to_json();
        // Wallets that miss it put in one without fields, and sign something else.
        assert!(json["types"]["EIP712Domain"].as_array().is_some_and(|fields| fields.len() >= 3));
        let generic: alloy_dyn_abi::TypedData = serde_json::from_value(json).unwrap();
        assert_eq!(generic.eip712_signing_hash().unwrap(), data.signing_hash());
    }
}

#[test]
fn calls_have_the_selectors_of_the_proxies() {
    let selector = |facilitator, allowance: bool| {
        let permit = Permit {
            owner: FACILITATOR,
            spender: PERMIT2,
            value: Amount::from(1u64),
            nonce: Amount::ZERO,
            deadline: Amount::from(NOW),
        };
        let signature = LocalSigner::from_hex(KEY).unwrap().sign_digest_unseen([1; 32].into());
        let calldata = authorization(facilitator).calldata(
            Amount::from(1u64),
            Bytes::new(),
            allowance.then_some((&permit, signature)),
        );
        hex::encode(&calldata[..4])
    };
    assert_eq!(selector(None, false), "13cd3b53");
    assert_eq!(selector(None, true), "fa340378");
    assert_eq!(selector(Some(FACILITATOR), false), "ff11e7b4");
    assert_eq!(selector(Some(FACILITATOR), true), "016c1748");
}

fn exact() -> PaymentRequirements {
    exact_offer(&usdc().by_permit2(), Amount::from(10_000u64), PAY_TO, 300).unwrap()
}

fn upto() -> PaymentRequirements {
    let facilitator = FACILITATOR.to_string();
    upto_offer(&usdc(), Amount::from(10_000u64), PAY_TO, 300, &facilitator).unwrap()
}

async fn pays(offer: &PaymentRequirements) -> Value {
    let signer = || LocalSigner::from_hex(KEY).unwrap();
    let scheme: Box<dyn ClientScheme> = match offer.scheme.as_str() {
        "exact" => Box::new(ExactEvmPayer::new(signer())),
        _ => Box::new(UptoEvmPayer::new(signer())),
    };
    scheme.can_pay(offer).unwrap();
    let signed = scheme.draft(offer, None, NOW, 300).unwrap().sign().await.unwrap();
    signed.payload.parse().unwrap()
}

fn check(offer: &PaymentRequirements, payload: &Value, now: u64) -> Result<(), Refusal> {
    let scheme: Box<dyn ServerScheme> = match offer.scheme.as_str() {
        "exact" => Box::new(ExactEvm),
        _ => Box::new(UptoEvm),
    };
    let payload = RawObject::new(payload).unwrap();
    let paid = scheme.prepare(offer).unwrap().check(&payload, now, Check::Signature)?;
    assert_eq!(paid.amount, offer.amount);
    assert_eq!(paid.payer, "0x14791697260e4c9a71f18484c9f997b308e59325");
    assert_eq!(paid.valid_before, NOW + 300);
    Ok(())
}

#[tokio::test]
async fn what_the_payer_signs_the_seller_takes() {
    for offer in [exact(), upto()] {
        let payload = pays(&offer).await;
        check(&offer, &payload, NOW).unwrap();
        assert_eq!(
            payload["permit2Authorization"]["witness"].get("facilitator").is_some(),
            offer.scheme == "upto"
        );
    }
}

#[test]
fn offers_say_what_other_sdks_read() {
    let extra = |offer: PaymentRequirements| offer.extra.unwrap().parse::<Value>().unwrap();
    assert_eq!(
        extra(exact()),
        json!({"name": "USDC", "version": "2", "assetTransferMethod": "permit2"})
    );
    assert_eq!(
        extra(upto()),
        json!({
            "name": "USDC", "version": "2", "assetTransferMethod": "permit2",
            "facilitatorAddress": "0x1111111111111111111111111111111111111111",
        })
    );
}

#[tokio::test]
async fn every_change_of_a_payment_is_refused_with_its_reason() {
    let other = json!("0x2222222222222222222222222222222222222222");
    for offer in [exact(), upto()] {
        let payment = pays(&offer).await;
        let later = NOW + 295;
        for (pointer, value, reason) in [
            ("/spender", &other, ErrorReason::InvalidPermit2Spender),
            ("/witness/to", &other, ErrorReason::InvalidPermit2RecipientMismatch),
            ("/permitted/token", &other, ErrorReason::Permit2TokenMismatch),
            ("/permitted/amount", &json!("9999"), ErrorReason::Permit2AmountMismatch),
            ("/permitted/amount", &json!("10001"), ErrorReason::Permit2AmountMismatch),
            ("/witness/validAfter", &json!("1893456000"), ErrorReason::Permit2NotYetValid),
            ("/deadline", &json!(NOW.to_string()), ErrorReason::Permit2DeadlineExpired),
            ("/nonce", &json!("1"), ErrorReason::InvalidPermit2Signature),
            ("/from", &other, ErrorReason::InvalidPermit2Signature),
            ("/witness/facilitator", &other, ErrorReason::UptoFacilitatorMismatch),
            ("/nonce", &json!("0x1"), ErrorReason::InvalidPayload),
            ("/permitted", &json!(["0x", "1"]), ErrorReason::InvalidPayload),
        ] {
            let mut changed = payment.clone();
            let parent = &mut changed["permit2Authorization"];
            let (path, key) = pointer.rsplit_once('/').unwrap();
            parent.pointer_mut(path).unwrap()[key] = value.clone();
            let refusal = check(&offer, &changed, NOW).unwrap_err();
            assert_eq!(refusal.reason, reason, "{pointer}: {refusal}");
        }
        let expired = check(&offer, &payment, later).unwrap_err();
        assert_eq!(expired.reason, ErrorReason::Permit2DeadlineExpired);
    }
}

#[tokio::test]
async fn payment_of_one_scheme_or_method_is_not_one_of_another() {
    let by_eip3009 = exact_offer(&usdc(), Amount::from(10_000u64), PAY_TO, 300).unwrap();
    for (offer, payload) in [
        (exact(), pays(&by_eip3009).await),
        (by_eip3009.clone(), pays(&exact()).await),
        (upto(), pays(&by_eip3009).await),
    ] {
        let refusal = check(&offer, &payload, NOW).unwrap_err();
        assert_eq!(refusal.reason, ErrorReason::UnsupportedPayloadType);
    }
    for (offer, payload) in [(exact(), pays(&upto()).await), (upto(), pays(&exact()).await)] {
        let refusal = check(&offer, &payload, NOW).unwrap_err();
        assert_eq!(refusal.reason, ErrorReason::InvalidPermit2Spender);
    }
}

#[test]
fn offers_that_nobody_can_pay_are_refused() {
    let with = |mut offer: PaymentRequirements, key: &str, value: Value| {
        let mut extra: Value = offer.extra.unwrap().parse().unwrap();
        extra[key] = value;
        offer.extra = Some(RawObject::new(&extra).unwrap());
        Permit2Terms::new(&offer).map(drop).map_err(|refusal| refusal.reason)
    };
    let invalid = Err(ErrorReason::InvalidPaymentRequirements);
    assert_eq!(with(upto(), "facilitatorAddress", Value::Null), invalid);
    assert_eq!(with(upto(), "facilitatorAddress", json!(Address::ZERO)), invalid);
    assert_eq!(with(upto(), "facilitatorAddress", json!("0x12")), invalid);
    for method in ["eip3009", "erc7710", ""] {
        let refused = with(upto(), "assetTransferMethod", json!(method));
        assert_eq!(refused, Err(ErrorReason::UnsupportedPayloadType), "{method}");
    }
    let mut deferred = exact();
    deferred.scheme = "deferred".to_owned();
    assert!(Permit2Terms::new(&deferred).is_err());
    assert!(ExactEvmPayer::new(LocalSigner::random().unwrap()).can_pay(&deferred).is_err());
    assert!(UptoEvmPayer::new(LocalSigner::random().unwrap()).can_pay(&exact()).is_err());
}
