//! Whatever stands in the payment headers: no panic, and no admission but for a sound payment.

use crate::common;
use crate::common::{Double, Head, Payer};
use proptest::collection::vec;
use proptest::prelude::*;
use x402_ledger::MemoryStore;
use x402_server::{Admission, Gate, Paywall};
use x402_types::header::encode_json;

const NAMES: [&str; 3] = ["payment-signature", "x-payment-signature", "x-payment"];

fn names() -> impl Strategy<Value = &'static str> {
    proptest::sample::select(&NAMES)
}

async fn open() -> (Gate, Double) {
    let double = Double::default();
    let builder = common::builder(&double, &MemoryStore::new()).accept_v1();
    let paywall: Paywall = builder.build().await.unwrap();
    (paywall.price("$0.01").unwrap().gate().unwrap(), double)
}

async fn terms(gate: &Gate) -> x402_types::PaymentRequired {
    match gate.admit(&Head::with(Vec::new())).await {
        Admission::Reject(reply) => {
            x402_types::decode(reply.header("payment-required").unwrap().as_bytes(), 65_536)
                .unwrap()
        }
        other => panic!("{other:?}"),
    }
}

fn run<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(test)
}

/// Is refused, and nobody was asked.
async fn assert_refused(headers: Vec<(&'static str, Vec<u8>)>) -> Result<(), TestCaseError> {
    let (gate, double) = open().await;
    let admission = gate.admit(&Head::with(headers)).await;
    let Admission::Reject(reply) = admission else {
        return Err(TestCaseError::fail("admitted"));
    };
    prop_assert!(matches!(reply.status, 400 | 402), "{}", reply.status);
    prop_assert_eq!(reply.is_challenge(), reply.status == 402);
    prop_assert!(serde_json::from_str::<serde_json::Value>(reply.text()).is_ok());
    prop_assert_eq!(double.calls(), 0);
    Ok(())
}

/// JSON of the shape of a payment, with anything in its places.
fn payment_like() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        Just("NaN".to_owned()),
        any::<i64>().prop_map(|number| number.to_string()),
        "\"[ -~]{0,80}\"",
        "\"0x[0-9a-fA-F]{0,140}\"",
    ];
    let key = proptest::sample::select(
        &[
            "x402Version",
            "scheme",
            "network",
            "accepted",
            "payload",
            "authorization",
            "signature",
            "extra",
            "resource",
            "from",
            "value",
            "nonce",
            "validBefore",
        ][..],
    );
    leaf.prop_recursive(6, 64, 8, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(|items| format!("[{}]", items.join(","))),
            vec((key.clone(), inner), 0..8).prop_map(|entries| {
                let entries = entries.into_iter().map(|(key, value)| format!("\"{key}\":{value}"));
                format!("{{{}}}", entries.collect::<Vec<_>>().join(","))
            }),
        ]
    })
}

proptest! {
    #[test]
    fn arbitrary_bytes_are_refused(headers in vec((names(), vec(any::<u8>(), 0..600)), 1..4)) {
        run(assert_refused(headers))?;
    }

    #[test]
    fn arbitrary_bytes_in_base64_are_refused(
        name in names(), bytes in vec(any::<u8>(), 0..600),
    ) {
        run(assert_refused(vec![(name, encode_json(&bytes).into_bytes())]))?;
    }

    #[test]
    fn arbitrary_json_is_refused(name in names(), json in payment_like()) {
        run(assert_refused(vec![(name, encode_json(json.as_bytes()).into_bytes())]))?;
    }

    #[test]
    fn a_payment_with_a_changed_byte_is_the_same_payment_or_none(
        at in any::<proptest::sample::Index>(), byte in any::<u8>(), v1 in any::<bool>(),
    ) {
        run(async {
            let (gate, double) = open().await;
            let payer = Payer::number(1);
            let payment = payer.pay(&terms(&gate).await).await;
            let (name, text) =
                if v1 { ("x-payment", payment.v1_text()) } else { (NAMES[0], payment.text()) };
            let mut bytes = text.into_bytes();
            let at = at.index(bytes.len());
            bytes[at] = byte;
            let headers = vec![(name, encode_json(&bytes).into_bytes())];
            match gate.admit(&Head::with(headers)).await {
                Admission::Admit(ticket) => {
                    prop_assert_eq!(ticket.payment().payer(), payer.address());
                    prop_assert_eq!(ticket.payment().amount().to_string(), "10000");
                }
                Admission::Reject(reply) => {
                    prop_assert!(matches!(reply.status, 400 | 402), "{}", reply.status);
                    prop_assert_eq!(double.calls(), 0);
                }
                Admission::Free | Admission::GivenAway(_) | Admission::Again(_) => prop_assert!(false, "free"),
            }
            Ok(())
        })?;
    }
}
