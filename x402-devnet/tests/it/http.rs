//! JSON-RPC over HTTP, as clients in other languages see it.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::needless_pass_by_value,
    reason = "a test fails by panicking, in its helpers too"
)]

use crate::support::{authorization, settle, sign, signer, wallet};
use reqwest::{Client, Response, StatusCode};
use serde_json::{Value, json};
use x402_devnet::{DEV_ACCOUNTS, Devnet, Server};

use alloy_network::EthereumWallet;
use alloy_primitives::U256;
use alloy_provider::{Provider, ProviderBuilder};
use alloy_rpc_types_eth::TransactionRequest;

async fn served() -> (Devnet, Server) {
    let devnet = Devnet::new();
    let server = devnet.serve("127.0.0.1:0").await.unwrap();
    (devnet, server)
}

async fn post(server: &Server, body: impl Into<String>) -> Response {
    Client::new().post(server.url()).body(body.into()).send().await.unwrap()
}

async fn ask(server: &Server, body: Value) -> Value {
    post(server, body.to_string()).await.json().await.unwrap()
}

fn request(method: &str, params: Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": 7, "method": method, "params": params })
}

async fn code(server: &Server, body: &str) -> i64 {
    let answer: Value = post(server, body).await.json().await.unwrap();
    answer["error"]["code"].as_i64().unwrap_or_else(|| panic!("{body} was answered {answer}"))
}

#[tokio::test]
async fn a_request_is_answered_under_its_own_identifier() {
    let (_devnet, server) = served().await;
    for id in [json!(7), json!("seven"), json!(-1), json!(1.5)] {
        let body = json!({ "jsonrpc": "2.0", "id": id, "method": "eth_chainId" });
        let answer = ask(&server, body).await;
        assert_eq!(answer, json!({ "jsonrpc": "2.0", "id": id, "result": "0x14a34" }));
    }
}

#[tokio::test]
async fn simple_methods_answer_as_nodes_do() {
    let (_devnet, server) = served().await;
    let result = async |method| ask(&server, request(method, json!([]))).await["result"].take();
    assert_eq!(result("net_version").await, "84532");
    assert_eq!(result("eth_syncing").await, false);
    assert_eq!(result("eth_blockNumber").await, "0x0");
    assert_eq!(result("eth_accounts").await.as_array().unwrap().len(), 10);
    assert!(result("web3_clientVersion").await.as_str().unwrap().starts_with("x402-devnet/"));
}

#[tokio::test]
async fn a_batch_is_answered_in_order_and_notifications_not_at_all() {
    let (_devnet, server) = served().await;
    let batch = json!([
        { "jsonrpc": "2.0", "id": 1, "method": "eth_chainId" },
        { "jsonrpc": "2.0", "method": "evm_mine" },
        { "jsonrpc": "2.0", "id": 2, "method": "no_such" },
        17,
        { "jsonrpc": "2.0", "id": 3, "method": "eth_blockNumber" },
    ]);
    let answers = ask(&server, batch).await;
    let ids: Vec<&Value> = answers.as_array().unwrap().iter().map(|answer| &answer["id"]).collect();
    assert_eq!(ids, [&json!(1), &json!(2), &Value::Null, &json!(3)]);
    assert_eq!(answers[1]["error"]["code"], -32601);
    assert_eq!(answers[2]["error"]["code"], -32600);
    assert_eq!(answers[3]["result"], "0x1");

    let alone = post(&server, r#"{"jsonrpc":"2.0","method":"evm_mine"}"#).await;
    assert_eq!(alone.status(), StatusCode::OK);
    assert!(alone.bytes().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_revert_carries_its_reason_and_its_bytes() {
    let (devnet, server) = served().await;
    let payer = signer(1);
    let message = authorization(&devnet, payer.address(), 1);
    let call = settle(&message, &sign(&message, &payer));
    for method in ["eth_call", "eth_estimateGas"] {
        let answer = ask(&server, request(method, json!([call, "latest"]))).await;
        let error = &answer["error"];
        assert_eq!(error["code"], 3);
        assert_eq!(error["message"], "execution reverted: ERC20: transfer amount exceeds balance");
        assert!(error["data"].as_str().unwrap().starts_with("0x08c379a0"));
    }
    let nothing = ask(&server, request("eth_getTransactionReceipt", json!([message.nonce]))).await;
    assert_eq!(nothing, json!({ "jsonrpc": "2.0", "id": 7, "result": null }));
}

#[tokio::test]
async fn both_ways_lead_to_the_same_chain() {
    let (devnet, server) = served().await;
    let sent = wallet(&devnet, signer(0))
        .send_transaction(TransactionRequest::default().to(DEV_ACCOUNTS[1].address))
        .await
        .unwrap();
    let receipt = ask(&server, request("eth_getTransactionReceipt", json!([sent.tx_hash()]))).await;
    assert_eq!(receipt["result"]["status"], "0x1");
    assert_eq!(receipt["result"]["blockNumber"], "0x1");
}

#[tokio::test]
async fn alloy_over_http_sends_and_waits() {
    let (devnet, server) = served().await;
    let provider = ProviderBuilder::new()
        .wallet(EthereumWallet::from(signer(0)))
        .connect_http(server.url().parse().unwrap());
    let payee = alloy_primitives::Address::repeat_byte(0x77);
    let request = TransactionRequest::default().to(payee).value(U256::from(5));
    let receipt = provider.send_transaction(request).await.unwrap().get_receipt().await.unwrap();
    assert!(receipt.status());
    assert_eq!(devnet.balance(payee), U256::from(5));
}

#[tokio::test]
async fn browsers_of_every_origin_may_ask() {
    let (_devnet, server) = served().await;
    let preflight = Client::new()
        .request(reqwest::Method::OPTIONS, server.url())
        .header("origin", "https://shop.example")
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "content-type")
        .send()
        .await
        .unwrap();
    assert!(preflight.status().is_success());
    assert_eq!(preflight.headers()["access-control-allow-origin"], "*");
    assert_eq!(preflight.headers()["access-control-allow-headers"], "*");
    let answer = post(&server, request("eth_chainId", json!([])).to_string()).await;
    assert_eq!(answer.headers()["access-control-allow-origin"], "*");
    assert_eq!(answer.headers()["content-type"], "application/json");
}

#[tokio::test]
async fn a_dropped_server_stops_listening() {
    let (_devnet, server) = served().await;
    let url = server.url();
    drop(server);
    let gone = async || Client::new().post(&url).body("{}").send().await.is_err();
    while !gone().await {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn what_is_no_request_is_an_error_of_its_own_kind() {
    let (_devnet, server) = served().await;
    for body in ["", "{", "nonsense", "[1,", "\u{1}", "{\"jsonrpc\":\"2.0\"}}"] {
        assert_eq!(code(&server, body).await, -32700, "{body}");
    }
    for body in [
        "17",
        "null",
        "\"eth_chainId\"",
        "{}",
        "[]",
        r#"{"jsonrpc":"1.0","id":1,"method":"eth_chainId"}"#,
        r#"{"jsonrpc":"2.0","id":{},"method":"eth_chainId"}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":5}"#,
        r#"{"jsonrpc":"2.0","id":1,"id":2,"method":"eth_chainId"}"#,
    ] {
        assert_eq!(code(&server, body).await, -32600, "{body}");
    }
    let many = format!("[{}]", vec!["0"; 1001].join(","));
    assert_eq!(code(&server, &many).await, -32600);
}

#[tokio::test]
async fn a_body_too_large_is_not_read() {
    let (_devnet, server) = served().await;
    let answer = post(&server, " ".repeat(1024 * 1024 + 1)).await;
    assert_eq!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE);
    let other = Client::new().get(server.url()).send().await.unwrap();
    assert_eq!(other.status(), StatusCode::METHOD_NOT_ALLOWED);
}

/// Every method with every kind of nonsense: an answer each time, and a chain that still works.
#[tokio::test(flavor = "multi_thread")]
async fn no_parameters_bring_the_chain_down() {
    let (devnet, server) = served().await;
    let methods = [
        "eth_feeHistory",
        "eth_getBlockByNumber",
        "eth_getBlockByHash",
        "eth_getBlockReceipts",
        "eth_getTransactionByHash",
        "eth_getTransactionByBlockNumberAndIndex",
        "eth_getTransactionByBlockHashAndIndex",
        "eth_getTransactionReceipt",
        "eth_sendRawTransaction",
        "eth_getLogs",
        "eth_newFilter",
        "eth_getFilterChanges",
        "eth_getFilterLogs",
        "eth_uninstallFilter",
        "eth_getBalance",
        "eth_getCode",
        "eth_getStorageAt",
        "eth_getTransactionCount",
        "eth_call",
        "eth_estimateGas",
        "evm_mine",
        "anvil_mine",
        "evm_setAutomine",
        "evm_increaseTime",
        "evm_setNextBlockTimestamp",
        "evm_revert",
        "anvil_setBalance",
        "anvil_setCode",
        "anvil_setStorageAt",
        "anvil_setNextBlockBaseFeePerGas",
        "anvil_dropTransaction",
        "\u{0}",
        "",
    ];
    let max = format!("0x{}", "f".repeat(64));
    let address = DEV_ACCOUNTS[0].address;
    let deep = format!("{}{}", "[".repeat(5000), "]".repeat(5000));
    let deep: &serde_json::value::RawValue = serde_json::from_str(&deep).unwrap();
    let nonsense = [
        json!(null),
        json!({}),
        json!([[]]),
        json!([null, null, null]),
        json!([-1, -1, -1]),
        json!([1.5, 1.5]),
        json!([u64::MAX, "latest", [0.0, 100.0]]),
        json!([max, max, max]),
        json!(["0x", "0x", "0x"]),
        json!(["0x1g", "pending"]),
        json!(["", "", ""]),
        json!([address, max, "latest"]),
        json!([address, "0x0", "0xffffffffffffffff"]),
        json!([true, false]),
        json!([{ "to": address, "gas": max }]),
        json!([{ "from": address, "value": max, "gas": "0x1" }, "latest"]),
        json!([{ "data": "0x5b600056", "gas": "0xffffffffffffffff" }, "pending"]),
        json!([{ "data": format!("0x{}", "5b".repeat(60_000)) }]),
        json!([{ "gasPrice": "0x1", "maxFeePerGas": "0x1" }]),
        json!([{ "gasPrice": format!("0x{}", "f".repeat(32)), "from": address }]),
        json!([{ "maxPriorityFeePerGas": "0x2", "maxFeePerGas": "0x1" }]),
        json!([{ "blobVersionedHashes": [max], "maxFeePerBlobGas": "0x1", "to": address }]),
        json!([{ "authorizationList": [], "to": address }]),
        json!([{ "fromBlock": "0xffffffffffffffff" }]),
        json!([{ "fromBlock": "0x5", "toBlock": "0x1" }]),
        json!([{ "address": [], "topics": [[], [], [], [], []] }]),
        json!(["0x02c0"]),
        json!(["0x01"]),
        json!(["0x03f8"]),
        json!(["0xf8ff"]),
        json!(["0xc0"]),
    ];
    for method in methods {
        for params in &nonsense {
            let answer = ask(&server, request(method, params.clone())).await;
            assert!(answer.get("result").is_some() || answer["error"]["code"].is_i64(), "{answer}");
        }
        let body =
            format!(r#"{{"jsonrpc":"2.0","id":1,"method":{},"params":[{deep}]}}"#, json!(method));
        assert_eq!(post(&server, body).await.status(), StatusCode::OK);
    }
    devnet.set_instant(true);
    devnet.set_base_fee(1);
    assert!(devnet.mine() > 0);
    assert_eq!(devnet.provider().get_chain_id().await.unwrap(), 84532);
}

/// Snapshots of a valid transaction, cut short and with every byte changed once.
#[tokio::test(flavor = "multi_thread")]
async fn no_bytes_for_a_transaction_bring_the_chain_down() {
    use alloy_eips::eip2718::Encodable2718;
    use alloy_network::{NetworkWallet, TransactionBuilder};
    let devnet = Devnet::new();
    let request = TransactionRequest::default()
        .to(DEV_ACCOUNTS[1].address)
        .nonce(0)
        .with_chain_id(84532)
        .gas_limit(50_000)
        .max_fee_per_gas(1_000_000_000)
        .max_priority_fee_per_gas(1)
        .from(DEV_ACCOUNTS[0].address);
    let wallet = EthereumWallet::from(signer(0));
    let raw = NetworkWallet::<alloy_network::Ethereum>::sign_request(&wallet, request)
        .await
        .unwrap()
        .encoded_2718();
    let provider = devnet.provider();
    for at in 0..raw.len() {
        assert!(provider.send_raw_transaction(&raw[..at]).await.is_err());
        let mut changed = raw.clone();
        changed[at] ^= 0xff;
        let _ = provider.send_raw_transaction(&changed).await;
    }
    assert_eq!(devnet.balance(DEV_ACCOUNTS[1].address), devnet.balance(DEV_ACCOUNTS[2].address));
    assert!(provider.send_raw_transaction(&raw).await.is_ok());
}
