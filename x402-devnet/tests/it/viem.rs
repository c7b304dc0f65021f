//! viem works against the chain unmodified. Needs `node`, and viem in the workspace's
//! `interop/node_modules` (`npm install` there first), or in another folder that the variable
//! `X402_INTEROP` names.

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use x402_devnet::{DEV_ACCOUNTS, Devnet};

#[tokio::test(flavor = "multi_thread")]
async fn viem_reads_writes_signs_and_waits() {
    let devnet = Devnet::new();
    let server = devnet.serve("127.0.0.1:0").await.unwrap();
    let (url, key) = (server.url(), DEV_ACCOUNTS[0].private_key.to_string());

    let Output { status, stdout, stderr } = tokio::task::spawn_blocking(move || {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let interop = env::var_os("X402_INTEROP").map(PathBuf::from);
        // The script is read from standard input, so that its imports are looked up where it runs.
        Command::new("node")
            .args(["--input-type=module", "-"])
            .args([url, key])
            .current_dir(interop.unwrap_or_else(|| here.join("../interop")))
            .stdin(std::fs::File::open(here.join("tests/viem.mjs")).unwrap())
            .output()
            .expect("node is installed, and the folder `interop` is there")
    })
    .await
    .unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    assert!(status.success(), "{stdout}\n{stderr}");
    assert!(stdout.contains("all is well"), "{stdout}\n{stderr}");
}
