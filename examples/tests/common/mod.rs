//! Chains to hold the examples' shop on: devnet in this process, and anvil beside it.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use alloy_primitives::{Address, B256, U256};
use alloy_provider::{Provider, RootProvider};
use alloy_rpc_types_eth::TransactionRequest;
use alloy_sol_types::SolCall;
use examples::shop::Error;
use serde_json::json;
use x402_devnet::{DEV_ACCOUNTS, DevUsdc, Devnet, USDC, runtime_code};

/// The folder with the npm packages.
pub(crate) fn interop() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../interop")
}

/// A real node, ended when dropped.
#[derive(Debug)]
pub(crate) struct Anvil {
    process: Child,
    pub(crate) url: String,
}

impl Anvil {
    /// Starts anvil with the token at its address. `arguments` come after those that every test
    /// wants.
    pub(crate) fn start(arguments: &[&str]) -> Result<Self, Error> {
        let os = if cfg!(target_os = "macos") { "darwin" } else { "linux" };
        let cpu = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
        let binary = format!("node_modules/@foundry-rs/anvil-{os}-{cpu}/bin/anvil");
        let binary = interop().join(binary);
        let mut process = Command::new(&binary)
            .args(["--port", "0", "--chain-id", "84532"])
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{}: {error}. ./test installs it", binary.display()))?;
        let output = process.stdout.take().ok_or("anvil has no output")?;
        let mut lines = BufReader::new(output).lines();
        let url = loop {
            let line = lines.next().ok_or("anvil ended")??;
            if let Some(address) = line.strip_prefix("Listening on ") {
                break format!("http://{address}");
            }
        };
        // Anvil writes on; nobody reading would stop it in the end.
        std::thread::spawn(move || lines.for_each(drop));
        Ok(Self { process, url })
    }

    /// A provider of this node, with the token in place.
    pub(crate) async fn provider(&self) -> Result<RootProvider, Error> {
        let provider = RootProvider::new_http(self.url.parse()?);
        let code = json!([USDC, runtime_code()]);
        provider.raw_request::<_, ()>("anvil_setCode".into(), code).await?;
        Ok(provider)
    }
}

impl Drop for Anvil {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Gives an account tokens, by a transaction of the last development account.
pub(crate) async fn mint(provider: &RootProvider, to: Address, units: u64) -> Result<(), Error> {
    let call = DevUsdc::mintCall { to, amount: U256::from(units) };
    let transaction = TransactionRequest::default()
        .from(DEV_ACCOUNTS[9].address)
        .to(USDC)
        .input(call.abi_encode().into());
    let hash: B256 =
        provider.raw_request("eth_sendTransaction".into(), json!([transaction])).await?;
    while provider.get_transaction_receipt(hash).await?.is_none() {
        tokio::task::yield_now().await;
    }
    Ok(())
}

/// The chain of this process, with tokens for its second account.
pub(crate) fn devnet() -> Result<Devnet, Error> {
    let devnet = Devnet::new();
    devnet.mint(DEV_ACCOUNTS[1].address, U256::from(1_000_000))?;
    Ok(devnet)
}
