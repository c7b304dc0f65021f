//! A receipt says that money moved: it is read wherever its meaning is certain.

use x402_types::{ErrorReason, Network, SettleResponse, SupportedResponse, VerifyResponse, header};

fn read(text: &str) -> SettleResponse {
    header::from_json(text).unwrap()
}

#[test]
fn a_receipt_without_transaction_and_network_is_read() {
    for text in [
        r#"{"success":true}"#,
        r#"{"success":true,"transaction":null,"network":null}"#,
        r#"{"success":true,"transaction":"","network":""}"#,
    ] {
        let receipt = read(text);
        assert!(receipt.success);
        assert_eq!((receipt.transaction.as_str(), receipt.network()), ("", None));
        let written = serde_json::to_string(&receipt).unwrap();
        assert_eq!(written, r#"{"success":true,"transaction":"","network":""}"#);
    }
}

#[test]
fn the_network_may_be_named_as_in_either_version() {
    for name in ["eip155:84532", "base-sepolia"] {
        let receipt = read(&format!(r#"{{"success":true,"network":"{name}"}}"#));
        assert_eq!(receipt.network(), Some(Network::BASE_SEPOLIA));
        assert_eq!(receipt.network, name, "kept as it came");
    }
    assert_eq!(read(r#"{"success":true,"network":"the moon"}"#).network(), None);
}

#[test]
fn success_itself_is_never_guessed() {
    for text in ["{}", r#"{"transaction":"0x1"}"#, r#"{"success":null}"#, r#"{"error":"no"}"#] {
        assert!(header::from_json::<SettleResponse>(text).is_err(), "{text}");
    }
}

#[test]
fn answers_are_written_as_the_sdks_write_them() {
    let settled = SettleResponse::settled("0xa", "0xb", "eip155:84532");
    assert_eq!(
        serde_json::to_value(&settled).unwrap(),
        serde_json::json!({"success": true, "payer": "0xa", "transaction": "0xb", "network": "eip155:84532"})
    );
    let failed =
        SettleResponse::failed(ErrorReason::InsufficientFunds, None, "", Network::BASE.as_str());
    assert_eq!(
        serde_json::to_value(&failed).unwrap(),
        serde_json::json!({"success": false, "errorReason": "insufficient_funds", "transaction": "", "network": "eip155:8453"})
    );
    assert_eq!(
        serde_json::to_value(VerifyResponse::valid("0xa")).unwrap(),
        serde_json::json!({"isValid": true, "payer": "0xa"})
    );
    let invalid = VerifyResponse::invalid("x".into(), Some("0xa".to_owned()));
    assert_eq!(
        serde_json::to_value(&invalid).unwrap(),
        serde_json::json!({"isValid": false, "invalidReason": "x", "payer": "0xa"})
    );
}

#[test]
fn an_older_facilitator_tells_neither_extensions_nor_signers() {
    let kinds = r#"[{"x402Version":1,"scheme":"exact","network":"base-sepolia"},{"x402Version":2,"scheme":"exact","network":"eip155:8453"}]"#;
    let supported: SupportedResponse =
        header::from_json(&format!(r#"{{"kinds":{kinds}}}"#)).unwrap();
    assert!(supported.extensions.is_empty() && supported.signers.is_empty());
    assert!(supported.kind("exact", &Network::BASE).is_some());
    assert!(supported.kind("upto", &Network::BASE).is_none());
    assert!(supported.kind("exact", &Network::BASE_SEPOLIA).is_none(), "version 1 only");
}
