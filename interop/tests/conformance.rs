//! What conformance tools of others say of our server and our facilitator.
//!
//! `x402conf` finds nothing. `x402-validate` judges the protocol and has opinions beside it: those of
//! its checks that are opinions are named here, with the reason.

use std::path::{Path, PathBuf};
use std::process::Command;

use alloy_primitives::U256;
use examples::shop::{self, Error, Shop};
use serde_json::Value;
use x402_devnet::{DEV_ACCOUNTS, Devnet};
use x402_evm::LocalSigner;

/// Checks of `x402-validate` that are no part of the protocol.
const OPINIONS: [&str; 3] = [
    // The specification knows no manifest below the resource's own address.
    "manifest_discovery",
    // The same manifest, at the root.
    "discovery_resource_listing",
    // `resource` within an offer is version 1's; version 2 has it once, beside the offers.
    "accepts_completeness",
];

fn tool(folder: &str, name: &str) -> PathBuf {
    let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance");
    tools.join(folder).join(".venv/bin").join(name)
}

async fn open() -> Result<Shop, Error> {
    let devnet = Devnet::new();
    devnet.mint(DEV_ACCOUNTS[1].address, U256::from(1_000_000))?;
    let settler = LocalSigner::from_bytes(&DEV_ACCOUNTS[0].private_key.0)?;
    shop::open(devnet.provider(), settler, DEV_ACCOUNTS[2].address, 0).await
}

/// Runs a tool and gives its exit code and what it printed.
async fn run(mut tool: Command) -> Result<(Option<i32>, String), Error> {
    let output = tokio::task::spawn_blocking(move || tool.output()).await??;
    Ok((output.status.code(), String::from_utf8(output.stdout)?))
}

/// The checks of the one address that a tool was given.
fn checks(said: &Value) -> Result<&Vec<Value>, Error> {
    Ok(said.pointer("/results/0/checks").and_then(Value::as_array).ok_or("no checks")?)
}

async fn has_no_finding(what: &str, url: &str) -> Result<(), Error> {
    let mut x402conf = Command::new(tool("x402-conformance", "x402conf"));
    x402conf.args([what, url, "--fail-on-error"]);
    let (code, said) = run(x402conf).await?;
    assert_eq!(code, Some(0), "{said}");
    let said: Value = serde_json::from_str(&said)?;
    let checks = checks(&said)?;
    assert!(checks.len() >= 4, "{said}");
    for check in checks {
        assert_eq!(check.get("pass"), Some(&Value::Bool(true)), "{check}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn x402conf_finds_nothing_in_our_server() -> Result<(), Error> {
    let shop = open().await?;
    has_no_finding("resource", &format!("{}/weather", shop.url)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn x402conf_finds_nothing_in_our_facilitator() -> Result<(), Error> {
    let shop = open().await?;
    has_no_finding("live", &shop.facilitator).await
}

#[tokio::test(flavor = "multi_thread")]
async fn x402_validate_finds_nothing_that_is_of_the_protocol() -> Result<(), Error> {
    let shop = open().await?;
    let folder = std::env::temp_dir().join(format!("x402-validate-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let (urls, results) = (folder.join("urls.txt"), folder.join("results.json"));
    std::fs::write(&urls, format!("{}/weather\n", shop.url))?;
    let mut validate = Command::new(tool("x402-conformance-suite", "x402-validate"));
    validate.arg(&urls).args(["--output", "json", "--output-path"]).arg(&results);
    run(validate).await?;
    let said: Value = serde_json::from_slice(&std::fs::read(&results)?)?;
    std::fs::remove_dir_all(&folder)?;
    let checks = checks(&said)?;
    let (opinions, others): (Vec<_>, Vec<_>) = checks.iter().partition(|check| {
        OPINIONS.iter().any(|opinion| check.get("check_name").is_some_and(|name| name == opinion))
    });
    assert_eq!(opinions.len(), OPINIONS.len(), "{said}");
    assert!(others.len() >= 4, "{said}");
    for check in others {
        assert!(check.get("status").is_some_and(|status| status == "PASS"), "{check}");
    }
    Ok(())
}
