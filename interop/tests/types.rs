//! TypeScript and Python read the official SDKs' messages with types made of our schemas.

use std::fs;
use std::path::Path;
use std::process::Command;

/// `check.sh` on a recording, or on the one beside it.
fn check(recording: Option<&Path>) -> bool {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("types/check.sh");
    Command::new(script).args(recording).status().is_ok_and(|status| status.success())
}

#[test]
fn other_languages_read_recorded_messages_with_types_made_of_the_schemas() {
    assert!(check(None));
}

#[test]
fn a_recording_with_a_message_that_is_none_fails() {
    let recording = Path::new(env!("CARGO_TARGET_TMPDIR")).join("a_message_that_is_none.jsonl");
    let line = r#"{"role":"buyer","implementation":"none","direction":"sent","message":"PaymentPayload","json":{"x402Version":2}}"#;
    fs::write(&recording, line).unwrap();
    assert!(!check(Some(&recording)));
}
