//! Reasons are an open list with two dialects.

use std::collections::BTreeSet;

use x402_types::{ErrorReason, Fault, SettleResponse, VerifyResponse, header};

#[test]
fn every_known_reason_goes_through_its_spelling() {
    let spellings: BTreeSet<&str> = ErrorReason::KNOWN.iter().map(ErrorReason::as_str).collect();
    assert_eq!(spellings.len(), ErrorReason::KNOWN.len(), "no spelling stands twice");
    for reason in ErrorReason::KNOWN {
        assert_eq!(ErrorReason::from(reason.as_str()), *reason);
        assert!(!matches!(reason, ErrorReason::Other(_)));
        assert_eq!(reason.to_string(), reason.as_str());
    }
}

#[test]
fn an_unknown_reason_is_kept_as_it_came() {
    for text in [
        "invalid_batch_settlement_evm_channel_busy",
        "invalid_exact_evm_transaction_failed: execution reverted",
        "Insufficient_Funds",
        " insufficient_funds",
        "",
        "ошибка \"😀\"\n",
    ] {
        let reason: ErrorReason = text.parse().unwrap();
        assert_eq!(reason, ErrorReason::Other(text.into()));
        assert_eq!(reason.canonical(), &reason);
        assert_eq!(reason.fault(), Fault::Payer);

        let body = serde_json::json!({"success": false, "errorReason": text}).to_string();
        let answer: SettleResponse = header::from_json(&body).unwrap();
        assert_eq!(answer.error_reason, Some(reason));
        assert_eq!(serde_json::to_value(&answer).unwrap()["errorReason"], text);
    }
}

#[test]
fn both_spellings_of_a_fault_stay_apart_on_the_wire_and_mean_the_same() {
    for (specification, sdk) in [
        ("insufficient_funds", "invalid_exact_evm_insufficient_balance"),
        ("invalid_exact_evm_payload_signature", "invalid_exact_evm_signature"),
        ("invalid_exact_evm_payload_recipient_mismatch", "invalid_exact_evm_recipient_mismatch"),
        (
            "invalid_exact_evm_authorization_value",
            "invalid_exact_evm_payload_authorization_value_mismatch",
        ),
        ("invalid_network", "invalid_exact_evm_network_mismatch"),
        ("invalid_scheme", "invalid_exact_evm_scheme"),
    ] {
        let read = |text: &str| {
            let body = format!(r#"{{"isValid":false,"invalidReason":"{text}"}}"#);
            let answer: VerifyResponse = header::from_json(&body).unwrap();
            assert_eq!(serde_json::to_value(&answer).unwrap()["invalidReason"], text);
            answer.invalid_reason.unwrap()
        };
        let (specification, sdk) = (read(specification), read(sdk));
        assert_ne!(specification, sdk);
        assert_eq!(specification.canonical(), &sdk);
        assert_eq!(sdk.canonical(), &sdk);
        assert_eq!(specification.fault(), sdk.fault());
    }
}

#[test]
fn what_may_still_have_moved_money_is_nobodys_fault_yet() {
    assert_eq!(ErrorReason::SettlementPending.fault(), Fault::Unsettled);
    assert_eq!(ErrorReason::InvalidExactEvmNonceAlreadyUsed.fault(), Fault::Replay);
    assert_eq!(ErrorReason::UnexpectedSettleError.fault(), Fault::Facilitator);
    assert_eq!(ErrorReason::AssetNotDeployedContract.fault(), Fault::Seller);
}

#[test]
fn a_reason_is_a_string() {
    for wrong in ["1", "true", "{}", "[]"] {
        let body = format!(r#"{{"isValid":false,"invalidReason":{wrong}}}"#);
        assert!(header::from_json::<VerifyResponse>(&body).is_err(), "{wrong}");
    }
}
