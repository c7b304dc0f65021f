//! What the protocol's specification shows is read in full, and written as it was.

use std::collections::BTreeSet;
use std::fs;

use crate::common::{MESSAGES, folder, json};
use x402_types::header;

#[test]
fn every_example_is_written_as_it_was_read() {
    for message in MESSAGES {
        for (file, text) in message.examples() {
            let written = (message.reread)(&text).unwrap_or_else(|error| panic!("{file}: {error}"));
            assert_eq!(json(&written), json(&text), "{file}");
        }
    }
}

#[test]
fn every_example_goes_through_a_header() {
    for message in MESSAGES {
        for (file, text) in message.examples() {
            let value = header::encode_json(text.as_bytes());
            let written = (message.reread_header)(value.as_bytes()).unwrap();
            assert_eq!(json(&written), json(&text), "{file}");
        }
    }
}

#[test]
fn every_folder_of_examples_is_read() {
    let folders = |path: &str| -> BTreeSet<String> {
        fs::read_dir(folder().join(path))
            .unwrap()
            .map(|entry| format!("{path}{}", entry.unwrap().file_name().display()))
            .filter(|name| name != "v1" && name != "extensions")
            .collect()
    };
    let found: BTreeSet<String> =
        ["", "v1/", "extensions/"].into_iter().flat_map(folders).collect();
    assert_eq!(found, MESSAGES.iter().map(|message| message.name.to_owned()).collect());
}
