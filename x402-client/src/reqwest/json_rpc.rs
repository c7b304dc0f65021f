use std::collections::BTreeMap;
use std::error::Error;
use std::time::Duration;

use alloy_primitives::{Address, Bytes};
use reqwest::{Client, Url, redirect};
use serde::Deserialize;
use serde_json::json;
use x402_evm::{ChainReader, Reading};

/// Chains read by JSON-RPC, from the nodes that their owner has named.
#[derive(Debug)]
pub(crate) struct JsonRpc {
    client: Client,
    nodes: BTreeMap<u64, Url>,
}

const TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes of an answer.
const LIMIT: usize = 64 * 1024;

#[derive(Deserialize)]
struct Answer {
    result: Option<Bytes>,
}

impl JsonRpc {
    pub(crate) fn new(nodes: BTreeMap<u64, Url>) -> reqwest::Result<Self> {
        let client = Client::builder().timeout(TIMEOUT).redirect(redirect::Policy::none());
        Ok(Self { client: client.build()?, nodes })
    }

    async fn ask(
        &self,
        chain_id: u64,
        contract: Address,
        calldata: Bytes,
    ) -> Result<Bytes, Box<dyn Error + Send + Sync>> {
        let node = self.nodes.get(&chain_id).ok_or("no node is named for this chain")?;
        let question = json!({
            "jsonrpc": "2.0", "id": 1, "method": "eth_call",
            "params": [{"to": contract, "data": calldata}, "latest"],
        });
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
        let answer: Answer = serde_json::from_slice(&body)?;
        Ok(answer.result.ok_or("the node answered with an error")?)
    }
}

impl ChainReader for JsonRpc {
    fn call<'a>(&'a self, chain_id: u64, contract: Address, calldata: Bytes) -> Reading<'a> {
        Box::pin(self.ask(chain_id, contract, calldata))
    }
}
