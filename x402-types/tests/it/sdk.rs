//! What the official TypeScript SDK sends and accepts, captured from it.

use serde_json::Value;
use x402_types::{
    ErrorReason, Fault, Network, PaymentPayload, PaymentRequired, PaymentRequirements,
    SettleResponse, SupportedResponse, Verbatim, VerifyResponse, decode, encode, facilitator,
    header, v1,
};

const CAPTURED: &str = include_str!("../sdk-ts-2.27.json");

mod captured {
    use super::*;

    pub(super) fn all() -> Value {
        serde_json::from_str(CAPTURED).unwrap()
    }

    pub(super) fn list(name: &str) -> Vec<Value> {
        all()[name].as_array().unwrap().clone()
    }

    /// Reads a header as its message, and checks that its text is written again to the letter.
    pub(super) fn read<T: serde::de::DeserializeOwned>(value: &Value) -> Verbatim<T> {
        let value = value.as_str().unwrap();
        let message: Verbatim<T> = decode(value.as_bytes(), header::PAYMENT_LIMIT).unwrap();
        assert_eq!(encode(&message).unwrap(), value);
        message
    }

    /// Reads a body as its message, and checks that nothing of it is lost.
    pub(super) fn body<T>(value: &Value) -> T
    where
        T: serde::Serialize + serde::de::DeserializeOwned,
    {
        let message: T = header::from_json(&value.to_string()).unwrap();
        assert_eq!(serde_json::to_value(&message).unwrap(), *value);
        message
    }

    pub(super) fn value<T>(message: &Verbatim<T>) -> Value {
        serde_json::from_str(message.as_str()).unwrap()
    }
}

use captured::{all, body, list, read, value};

#[test]
fn every_payment_is_read_and_written_to_the_letter() {
    let payments = list("payments");
    assert_eq!(payments.len(), 7);
    for captured in &payments {
        let terms: Verbatim<PaymentRequired> = read(&captured["paymentRequired"]);
        let _: PaymentRequirements = body(&captured["requirements"]);
        let payment: Verbatim<PaymentPayload> = read(&captured["payment"]);
        assert_eq!(value(&terms.accepts[0]), captured["requirements"]);
        assert_eq!(payment.accepted, terms.accepts[0], "echoed to the letter");
        assert_eq!(payment.resource.as_ref(), Some(&terms.resource));
        assert_eq!(serde_json::to_value(&*payment).unwrap(), value(&payment));

        let valid: VerifyResponse = body(&captured["verify"]);
        let settled: SettleResponse = body(&captured["settle"]);
        assert!(valid.is_valid && settled.success);
        assert_eq!(settled.network(), Some(Network::BASE_SEPOLIA));
        assert_eq!(*read::<SettleResponse>(&captured["paymentResponse"]), settled);
    }
}

#[test]
fn every_payment_of_version_1_is_read_and_written_to_the_letter() {
    let payments = list("payments_v1");
    assert_eq!(payments.len(), 2);
    for captured in &payments {
        let requirements: v1::PaymentRequirements = body(&captured["requirements"]);
        assert_eq!(requirements.to_v2().unwrap().network, Network::BASE_SEPOLIA);
        let payment: Verbatim<v1::PaymentPayload> = read(&captured["payment"]);
        assert_eq!(payment.network, requirements.network);
        assert_eq!(serde_json::to_value(&*payment).unwrap(), value(&payment));
        if let Some(settled) = captured.get("settle") {
            let terms: v1::PaymentRequired = body(&captured["paymentRequired"]);
            assert_eq!(*terms.accepts[0], requirements);
            assert_eq!(body::<SettleResponse>(settled).network(), Some(Network::BASE_SEPOLIA));
        }
    }
}

#[test]
fn a_facilitator_is_asked_with_the_payment_to_the_letter() {
    for captured in list("payments").iter().chain(&list("payments_v1")) {
        let text = header::decode_to_json(captured["payment"].as_str().unwrap().as_bytes(), 16_384)
            .unwrap();
        let requirements = &captured["requirements"];
        let version = x402_types::peek_version(&text).unwrap();
        let asked = format!(
            r#"{{"x402Version":{version},"paymentPayload":{text},"paymentRequirements":{requirements}}}"#
        );
        let request: facilitator::Request = header::from_json(&asked).unwrap();
        assert_eq!(request.network(), Some(Network::BASE_SEPOLIA));
        assert_eq!(matches!(request, facilitator::Request::V1(_)), version == 1);
        assert_eq!(serde_json::to_string(&request).unwrap(), asked);
    }
}

#[test]
fn every_refusal_has_a_reason_that_is_known() {
    let refused = list("refused");
    assert_eq!(refused.len(), 12);
    for captured in &refused {
        if let Some(payment) = captured.get("payload") {
            let _: PaymentPayload = body(payment);
        }
        if let Some(requirements) = captured.get("requirements") {
            let _: PaymentRequirements = body(requirements);
        }
        if let Some(answer) = captured.get("verify") {
            let answer: VerifyResponse = body(answer);
            let reason = answer.invalid_reason.unwrap();
            assert!(!answer.is_valid && ErrorReason::KNOWN.contains(&reason), "{reason}");
            assert!(matches!(reason.fault(), Fault::Payer | Fault::Replay), "{reason}");
        }
        if let Some(answer) = captured.get("settle") {
            let answer: SettleResponse = body(answer);
            assert!(!answer.success && answer.transaction.is_empty());
            assert!(ErrorReason::KNOWN.contains(&answer.error_reason.unwrap()));
        }
    }
}

#[test]
fn what_the_facilitator_supports_is_read() {
    let supported: SupportedResponse = body(&all()["supported"]);
    assert!(supported.kind("exact", &Network::BASE_SEPOLIA).is_some());
    let upto = supported.kind("upto", &Network::BASE_SEPOLIA).unwrap();
    assert!(upto.extra.as_ref().unwrap().as_str().contains("facilitatorAddress"));
}

#[test]
fn further_headers_hold_their_messages() {
    for captured in list("paymentRequired") {
        let terms: Verbatim<PaymentRequired> = read(&captured["header"]);
        assert_eq!(value(&terms), captured["json"]);
        let _: PaymentRequired = body(&captured["json"]);
    }
    for captured in list("paymentResponses") {
        let answer: Verbatim<SettleResponse> = read(&captured["header"]);
        assert_eq!(value(&answer), captured["json"]);
        let _: SettleResponse = body(&captured["json"]);
    }
}
