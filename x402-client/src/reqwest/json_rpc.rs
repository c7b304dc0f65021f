use std::collections::BTreeMap;
use std::error::Error;
use std::time::Duration;

use alloy_primitives::{Address, Bytes, U64, U128};
use reqwest::{Client, Url, redirect};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use x402_evm::{ChainReader, Fees, Reading};

/// Chains read by JSON-RPC, from the nodes that their owner has named.
pub(crate) struct JsonRpc {
    client: Client,
    nodes: BTreeMap<u64, Url>,
}

const TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes of an answer.
const LIMIT: usize = 64 * 1024;

#[derive(Deserialize)]
struct Answer<T> {
    result: Option<T>,
}

/// Of the newest block and of the next.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FeeHistory {
    base_fee_per_gas: Vec<U128>,
}

impl JsonRpc {
    pub(crate) fn new(nodes: BTreeMap<u64, Url>) -> reqwest::Result<Self> {
        let client = Client::builder().timeout(TIMEOUT).redirect(redirect::Policy::none());
        Ok(Self { client: client.build()?, nodes })
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        chain_id: u64,
        method: &str,
        params: Value,
    ) -> Result<T, Box<dyn Error + Send + Sync>> {
        let node = self.nodes.get(&chain_id).ok_or("no node is named for this chain")?;
        let question = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let asked = self.client.post(node.clone()).json(&question).send().await;
        // Addresses of nodes hold keys: errors go without them.
        let mut answer = asked.map_err(reqwest::Error::without_url)?;
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(reqwest::Error::without_url)? {
            if body.len() + chunk.len() > LIMIT {
                return Err("the node's answer is too long".into());
            }
            body.extend_from_slice(&chunk);
        }
        let answer: Answer<T> = serde_json::from_slice(&body)?;
        Ok(answer.result.ok_or("the node answered with an error")?)
    }
}

impl ChainReader for JsonRpc {
    fn call<'a>(&'a self, chain_id: u64, contract: Address, calldata: Bytes) -> Reading<'a> {
        let params = json!([{"to": contract, "data": calldata}, "latest"]);
        Box::pin(self.ask(chain_id, "eth_call", params))
    }

    fn transaction_count<'a>(&'a self, chain_id: u64, account: Address) -> Reading<'a, u64> {
        Box::pin(async move {
            let params = json!([account, "pending"]);
            let count: U64 = self.ask(chain_id, "eth_getTransactionCount", params).await?;
            Ok(count.saturating_to())
        })
    }

    fn fees<'a>(&'a self, chain_id: u64) -> Reading<'a, Fees> {
        Box::pin(async move {
            let params = json!(["0x1", "latest", []]);
            let history: FeeHistory = self.ask(chain_id, "eth_feeHistory", params).await?;
            let base = history.base_fee_per_gas.last().ok_or("the node knows no base fee")?;
            let tip: U128 = self.ask(chain_id, "eth_maxPriorityFeePerGas", json!([])).await?;
            Ok(Fees {
                base_fee_per_gas: base.saturating_to(),
                priority_fee_per_gas: tip.saturating_to(),
            })
        })
    }
}
