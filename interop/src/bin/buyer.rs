//! Buys one resource with our client and prints what came of it as JSON.
//!
//! `PRIVATE_KEY=0x… [RPC_URL=http://…] buyer URL`

use alloy_primitives::Address;
use interop::{Error, setting};
use serde_json::{Value, json};
use x402_client::{Payer, ReceiptExt};
use x402_evm::{LocalSigner, Signature, Signer, SignerError, TypedData};

#[tokio::main]
async fn main() {
    let bought = buy().await;
    println!("{}", bought.unwrap_or_else(|error| json!({ "error": chain(error.as_ref()) })));
}

async fn buy() -> Result<Value, Error> {
    let url = std::env::args().nth(1).ok_or("usage: buyer URL")?;
    let key = LocalSigner::from_env("PRIVATE_KEY")?;
    let mut payer = match setting("WALLET") {
        Ok(address) => Payer::builder().signer(Wallet { address: address.parse()?, owner: key }),
        Err(_) => Payer::builder().signer(key),
    };
    if let Ok(node) = setting("RPC_URL") {
        payer = payer.rpc("base-sepolia", node).approve_permit2();
    }
    let answer = payer.build()?.reqwest()?.get(url).send().await?;
    let receipt = answer.receipt().and_then(|receipt| receipt.settlement().cloned());
    let status = answer.status().as_u16();
    let body = answer.text().await?;
    Ok(json!({ "status": status, "body": body, "receipt": receipt, "messages": {} }))
}

/// A wallet with code, which signs with its owner's key.
struct Wallet {
    address: Address,
    owner: LocalSigner,
}

impl Signer for Wallet {
    fn address(&self) -> Address {
        self.address
    }

    async fn sign_typed_data(&self, data: &TypedData) -> Result<Signature, SignerError> {
        self.owner.sign_typed_data(data).await
    }
}

/// An error with its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
