//! Every role by every implementation, on a real node.

use std::path::Path;
use std::process::Command;

type Error = Box<dyn std::error::Error>;

/// `matrix.mjs` runs the combinations, writes `INTEROP.md`, and fails where one does. What went over
/// the wire meanwhile is checked against the published schemas, and the types made of them.
#[test]
fn every_role_works_with_every_implementation_and_all_that_is_said_is_valid() -> Result<(), Error> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let record = std::env::temp_dir().join(format!("x402-matrix-{}.jsonl", std::process::id()));
    let matrix = Command::new("node")
        .arg("matrix.mjs")
        .current_dir(folder)
        .env("X402_RECORD", &record)
        .env("OUR_BUYER", env!("CARGO_BIN_EXE_buyer"))
        .env("OUR_SELLER", env!("CARGO_BIN_EXE_seller"))
        .env("OUR_FACILITATOR", env!("CARGO_BIN_EXE_facilitator"))
        .status()?;
    assert!(matrix.success());
    let types =
        Command::new("./check.sh").arg(&record).current_dir(folder.join("types")).status()?;
    std::fs::remove_file(&record)?;
    assert!(types.success());
    Ok(())
}
