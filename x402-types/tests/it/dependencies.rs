//! The crate stays light.

use std::collections::BTreeSet;
use std::process::Command;

#[test]
fn the_normal_tree_has_at_most_20_crates() {
    let tree = Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--locked", "--package", "x402-types"])
        .args(["--edges", "normal", "--prefix", "none", "--format", "{p}"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let told = String::from_utf8(tree.stdout).unwrap();
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    let crates: BTreeSet<&str> = told
        .lines()
        .filter_map(|line| line.split(' ').next())
        .filter(|name| !name.is_empty())
        .collect();
    assert!(crates.contains("serde_json"), "{told}");
    assert!(crates.len() <= 20, "{crates:#?}");
}
