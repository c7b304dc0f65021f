//! Gets an address, paying for it where it costs at most ten cents.
//!
//! `X402_PRIVATE_KEY=0x… cargo run --bin agent -- http://127.0.0.1:4021/weather`

use examples::shop::Error;
use x402_client::{Payer, ReceiptExt};
use x402_evm::LocalSigner;

#[tokio::main]
async fn main() -> Result<(), Error> {
    let url = std::env::args().nth(1).ok_or("usage: X402_PRIVATE_KEY=0x… agent URL")?;
    let payer = Payer::builder()
        .signer(LocalSigner::from_env("X402_PRIVATE_KEY")?)
        .max_per_payment("$0.10")
        .build()?;
    let response = payer.reqwest()?.get(&url).send().await?;

    println!("{}", response.status());
    match response.receipt() {
        Some(receipt) => println!("{}", receipt.payment()),
        None => println!("nothing was paid"),
    }
    println!("{}", response.text().await?);
    Ok(())
}
