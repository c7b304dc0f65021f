//! What is asked of a node before Permit2 is approved, and what becomes of its answers.

use crate::common;
use crate::common::{Buyer, Call, Reply, Seller, challenge, offer, reply, terms};
use axum::body::Body;
use serde_json::{Value, json};
use x402_client::{PayError, PaymentError};
use x402_evm::permit2::PERMIT2;
use x402_types::ErrorReason;
use x402_types::extensions::erc20_approval_gas_sponsoring::{Declaration, Info};
use x402_types::extensions::{Declared, Info as _};

const ACCOUNT: &str = "0x70997970c51812dc3a010c7d01b50e0d17dc79c8";

/// A node on which Permit2 may move nothing, and of which one method answers in another way.
fn answer(call: &Call, other: Option<(&str, &Value)>) -> Reply {
    let question: Value = serde_json::from_slice(&call.body).unwrap();
    let method = question["method"].as_str().unwrap();
    let params = &question["params"];
    let result = match method {
        _ if let Some((_, result)) = other.filter(|(name, _)| *name == method) => result.clone(),
        "eth_call" => json!(format!("0x{:064x}", 0)),
        "eth_getTransactionCount" => {
            assert_eq!(params, &json!([ACCOUNT, "pending"]));
            json!("0x2a")
        }
        "eth_feeHistory" => {
            assert_eq!(params, &json!(["0x1", "latest", []]));
            json!({"oldestBlock": "0x1", "baseFeePerGas": ["0x1", "0x3b9aca00"], "gasUsedRatio": [0.5]})
        }
        "eth_maxPriorityFeePerGas" => json!("0x5f5e100"),
        _ => panic!("{method} is not asked"),
    };
    let body = json!({"jsonrpc": "2.0", "id": question["id"], "result": result});
    reply(200).body(Body::from(body.to_string())).unwrap()
}

/// Buys where an approval is needed and offered to be put on chain.
async fn buy(
    approves: bool,
    other: Option<(&'static str, Value)>,
) -> (Result<Value, ErrorReason>, usize) {
    let node = Seller::start(move |call| {
        answer(call, other.as_ref().map(|(method, result)| (*method, result)))
    })
    .await;
    let mut offer = offer("1000");
    offer["extra"] = json!({"assetTransferMethod": "permit2"});
    let mut terms = terms(&[offer]);
    let declared: Declaration = Declared::new(Info::default()).unwrap();
    terms["extensions"] = json!({Info::KEY: declared});
    let seller = Seller::start(move |call| match call.payment() {
        None => challenge(&terms),
        Some(_) => reply(200).body(Body::empty()).unwrap(),
    })
    .await;
    let buyer = Buyer::with(|builder| {
        let builder = builder.rpc("base-sepolia", node.url("/"));
        if approves { builder.approve_permit2() } else { builder }
    });
    let result = buyer.get(&seller.url("/goods")).await;
    let calls = seller.paid_calls();
    match calls.first() {
        Some(call) => (Ok(call.paid()), buyer.signatures()),
        None => match common::refusal(result) {
            PaymentError::Pay(PayError::Signing(why)) => (Err(why.reason), buyer.signatures()),
            error => panic!("{error}"),
        },
    }
}

#[tokio::test]
async fn approval_has_the_nonce_and_the_fees_that_the_node_tells() {
    let (paid, signatures) = buy(true, None).await;
    let info = paid.unwrap()["extensions"][Info::KEY]["info"].clone();
    assert_eq!(signatures, 2);
    assert_eq!(info["spender"], json!(PERMIT2.to_string()));
    // Chain 84532, nonce 42, a tip of 0.1 gwei, twice the base fee of 1 gwei and the tip, gas 70000.
    let transaction = info["signedTransaction"].as_str().unwrap();
    let start = "83014a342a8405f5e100847d2b750083011170";
    assert!(transaction["0x02f8b3".len()..].starts_with(start), "{transaction}");
}

#[tokio::test]
async fn nothing_is_signed_without_the_owners_word() {
    let (paid, signatures) = buy(false, None).await;
    assert_eq!((paid.unwrap_err(), signatures), (ErrorReason::Permit2AllowanceRequired, 0));
}

#[tokio::test]
async fn nothing_is_signed_on_what_a_node_should_not_say() {
    let (unread, dear) =
        (ErrorReason::InvalidTransactionState, ErrorReason::Permit2AllowanceRequired);
    let huge = json!(format!("0x{}", "f".repeat(64)));
    for (method, result, reason) in [
        ("eth_getTransactionCount", Value::Null, &unread),
        ("eth_getTransactionCount", huge.clone(), &unread),
        ("eth_getTransactionCount", json!("soon"), &unread),
        ("eth_feeHistory", json!({"baseFeePerGas": []}), &unread),
        ("eth_feeHistory", json!({"baseFeePerGas": ["0x1", "0x3635c9adc5dea00000"]}), &dear),
        ("eth_feeHistory", json!({"oldestBlock": "0x1"}), &unread),
        ("eth_maxPriorityFeePerGas", huge, &unread),
        ("eth_maxPriorityFeePerGas", json!("0x3635c9adc5dea00000"), &dear),
        ("eth_maxPriorityFeePerGas", Value::Null, &unread),
    ] {
        let (paid, signatures) = buy(true, Some((method, result.clone()))).await;
        assert_eq!((&paid.unwrap_err(), signatures), (reason, 0), "{method} {result}");
    }
}
