//! Gets an address, paying for it where it costs at most ten cents.

use std::env;
use std::io::{Write, stdout};

use examples::shop::Error;
use x402_client::{Payer, ReceiptExt};
use x402_evm::LocalSigner;

#[tokio::main]
async fn main() -> Result<(), Error> {
    let url = env::args().nth(1).ok_or("usage: X402_PRIVATE_KEY=0x… agent URL")?;
    let mut payer = Payer::builder()
        .signer(LocalSigner::from_env("X402_PRIVATE_KEY")?)
        .max_per_payment("$0.10");
    // For prices that are limits: those are paid by Permit2, whose allowance is looked up there.
    if let Ok(node) = env::var("X402_RPC") {
        payer = payer.rpc("base-sepolia", node);
    }
    let mut response = payer.build()?.reqwest()?.get(&url).send().await?;

    println!("{}", response.status());
    match response.receipt() {
        Some(receipt) => println!("{}", receipt.payment()),
        None => println!("nothing was paid"),
    }
    while let Some(chunk) = response.chunk().await? {
        stdout().write_all(&chunk)?;
        stdout().flush()?;
    }
    println!();
    Ok(())
}
