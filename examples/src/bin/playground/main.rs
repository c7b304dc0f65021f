//! A chain and a facilitator on this machine, for the sellers and the agent among the examples.

use examples::playground::{AGENT, Playground, SELLER};
use examples::shop::Error;

/// Where the sellers are, unless told another port.
const SHOP: &str = "http://127.0.0.1:3000";

#[tokio::main]
async fn main() -> Result<(), Error> {
    let playground = Playground::open().await?;
    println!("# For the shell that a seller is started in:");
    for (name, value) in playground.seller(SHOP) {
        println!("export {name}={value}");
    }
    println!("# For the shell that the agent is started in:");
    for (name, value) in playground.agent() {
        println!("export {name}={value}");
    }
    println!("# Open until Ctrl-C. These dollars are worth nothing anywhere else.");
    tokio::signal::ctrl_c().await?;

    for (who, account) in [("agent", AGENT), ("seller", SELLER)] {
        let millionths = playground.devnet.token_balance(account.address)?;
        println!("# the {who} has {millionths} millionths of a dollar");
    }
    Ok(())
}
