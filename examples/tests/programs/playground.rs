//! What the programs are played with.

use std::collections::HashMap;

use examples::shop::Error;
use tokio::process::Command;

use crate::market::Program;

#[tokio::test(flavor = "multi_thread")]
async fn quickstart_buys_and_tells_of_it() -> Result<(), Error> {
    let output = Command::new(env!("CARGO_BIN_EXE_quickstart")).output().await?;
    let told = String::from_utf8(output.stdout)?;
    assert!(output.status.success() && told.contains("settled, transaction 0x"), "{told}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn seller_and_agent_need_nothing_but_what_the_playground_exports() -> Result<(), Error> {
    let mut playground = Program::start(&mut Command::new(env!("CARGO_BIN_EXE_playground")))?;
    let mut exported = HashMap::new();
    loop {
        let line = playground.line().await?;
        if let Some((name, value)) = line.strip_prefix("export ").and_then(|it| it.split_once('='))
        {
            exported.insert(name.to_owned(), value.to_owned());
        } else if line.contains("Ctrl-C") {
            break;
        }
    }

    let mut seller = Command::new(env!("CARGO_BIN_EXE_tokens"));
    let mut seller = Program::start(seller.envs(&exported).env("PORT", "0"))?;
    let question = format!("{}/answer?about=rust", seller.address().await?);
    let mut agent = Command::new(env!("CARGO_BIN_EXE_agent"));
    let bought = agent.arg(question).envs(&exported).output().await?;
    let told = String::from_utf8(bought.stdout)?;
    assert!(bought.status.success() && told.starts_with("200 OK"), "{told}");
    assert!(told.contains(&exported["X402_PAY_TO"]) && told.contains("data: rust"), "{told}");

    assert!(playground.interrupt().await?.success());
    assert_eq!(playground.line().await?, "# the agent has 99990000 millionths of a dollar");
    assert_eq!(playground.line().await?, "# the seller has 10000 millionths of a dollar");
    Ok(())
}
