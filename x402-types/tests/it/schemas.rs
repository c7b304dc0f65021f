//! The published schemas are those of the types, and say what the types accept.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::common::{MESSAGES, Message, json};
use jsonschema::Validator;
use serde_json::{Value, json};
use x402_types::schema;

/// Fields of a resource whose unsound values are dropped on reading: a schema is stricter there,
/// because who writes such a value would not find it again.
const FORGIVEN: &[&str] = &["url", "serviceName", "tags", "iconUrl", "routeTemplate"];

mod setup {
    use super::*;

    pub(super) fn folder() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("schemas")
    }

    /// The messages that have a schema of their own, with it.
    pub(super) fn with_schema() -> Vec<(&'static Message, Validator)> {
        let messages = schema::messages();
        let pairs: Vec<_> = messages
            .iter()
            .map(|(path, schema)| {
                let message =
                    MESSAGES.iter().find(|message| *path == format!("{}.json", message.name));
                let validator = jsonschema::options()
                    .with_draft(jsonschema::Draft::Draft202012)
                    .build(schema.as_value())
                    .unwrap();
                (message.unwrap_or_else(|| panic!("no examples for {path}")), validator)
            })
            .collect();
        assert_eq!(pairs.len(), MESSAGES.len() - 1, "all but an entry of `kinds`");
        pairs
    }

    /// Every way to a value within, as JSON pointers.
    pub(super) fn pointers(value: &Value, here: &str, found: &mut Vec<String>) {
        found.push(here.to_owned());
        match value {
            Value::Object(entries) => {
                for (key, value) in entries {
                    let key = key.replace('~', "~0").replace('/', "~1");
                    pointers(value, &format!("{here}/{key}"), found);
                }
            }
            Value::Array(items) => {
                for (index, value) in items.iter().enumerate() {
                    pointers(value, &format!("{here}/{index}"), found);
                }
            }
            _ => {}
        }
    }
}

use setup::{folder, pointers, with_schema};

#[test]
fn the_published_files_are_those_of_the_types() {
    let mut expected = BTreeSet::new();
    for (path, schema) in schema::published() {
        let file = folder().join(path);
        let published = fs::read_to_string(&file).unwrap_or_default();
        assert!(
            published == schema::to_file(&schema).unwrap(),
            "{path} is not up to date: cargo run -p x402-types --features schema --example schemas"
        );
        expected.insert(file);
    }
    let files = ["", "v1", "extensions", "roles"].into_iter().flat_map(|part| {
        fs::read_dir(folder().join(part)).unwrap().map(|entry| entry.unwrap().path())
    });
    let found: BTreeSet<_> =
        files.filter(|path| path.extension().is_some_and(|end| end == "json")).collect();
    assert_eq!(found, expected, "no file is left of a message that is gone");
}

#[test]
fn the_table_of_the_published_files_is_complete() {
    let readme = fs::read_to_string(folder().join("README.md")).unwrap();
    for (path, _) in schema::published() {
        assert!(readme.contains(&format!("](./{path})")), "{path}");
    }
}

#[test]
fn every_schema_is_one_of_draft_2020_12_and_stands_for_itself() {
    for (path, schema) in schema::published() {
        let schema = schema.as_value();
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
        assert_eq!(schema["$id"], path);
        assert!(schema["title"].is_string() && schema["description"].is_string(), "{path}");
        assert!(jsonschema::meta::is_valid(schema), "{path}");
        let mut all = Vec::new();
        pointers(schema, "", &mut all);
        for pointer in all.iter().filter(|pointer| pointer.ends_with("/$ref")) {
            let target = schema.pointer(pointer).and_then(Value::as_str).unwrap();
            let target = target.strip_prefix('#').unwrap_or_else(|| panic!("{path} {target}"));
            assert!(schema.pointer(target).is_some(), "{path} {target}");
        }
    }
}

#[test]
fn every_example_is_valid() {
    for (message, validator) in with_schema() {
        for (file, text) in message.examples() {
            let errors: Vec<_> =
                validator.iter_errors(&json(&text)).map(|error| error.to_string()).collect();
            assert!(errors.is_empty(), "{file}: {errors:?}");
        }
    }
}

#[test]
fn what_is_written_is_valid() {
    for (message, validator) in with_schema() {
        for (file, text) in message.examples() {
            assert!(validator.is_valid(&json(&(message.reread)(&text).unwrap())), "{file}");
        }
    }
}

/// Changes every value of every example in many ways, and asks both.
#[test]
fn a_schema_accepts_what_the_type_accepts() {
    let others = [
        json!(null),
        json!(true),
        json!(0),
        json!(1),
        json!(2),
        json!(-1),
        json!(1.5),
        json!(""),
        json!("0"),
        json!("7"),
        json!("007"),
        json!("-7"),
        json!("eip155:1"),
        json!("eip155:01"),
        json!("eip155:0"),
        json!("eip155:*"),
        json!("solana:abc"),
        json!("a:b"),
        json!("base-sepolia"),
        json!("https://a"),
        json!("Zürich"),
        json!("x".repeat(40)),
        json!("9".repeat(79)),
        json!([]),
        json!([1]),
        json!(["a", "b", "c", "d", "e", "f"]),
        json!({}),
        json!({"a": 1}),
    ];
    let (mut accepted, mut refused) = (0, 0);
    for (message, validator) in with_schema() {
        for (file, text) in message.examples() {
            let example = json(&text);
            let mut all = Vec::new();
            pointers(&example, "", &mut all);
            for pointer in all {
                let mut changed: Vec<Value> = Vec::new();
                for other in &others {
                    let mut value = example.clone();
                    *value.pointer_mut(&pointer).unwrap() = other.clone();
                    changed.push(value);
                }
                let (parent, key) = pointer.rsplit_once('/').unwrap_or_default();
                let mut without = example.clone();
                if let Some(Value::Object(entries)) = without.pointer_mut(parent) {
                    entries.remove(key);
                    changed.push(without);
                }
                for value in changed {
                    let valid = validator.is_valid(&value);
                    let read = (message.reread)(&value.to_string()).is_ok();
                    let forgiven =
                        FORGIVEN.iter().any(|field| pointer.contains(&format!("/{field}")))
                            || message.name == "resource-info";
                    assert!(
                        valid == read || (read && forgiven),
                        "{file} {pointer}: valid {valid}, read {read}: {value}"
                    );
                    *(if read { &mut accepted } else { &mut refused }) += 1;
                }
            }
        }
    }
    assert!(accepted > 1_000 && refused > 1_000, "{accepted} {refused}");
}

#[test]
fn what_is_valid_is_read_whole() {
    let resource = with_schema().into_iter().find(|(message, _)| message.name == "resource-info");
    let (message, validator) = resource.unwrap();
    let mut kept = 0;
    for name in [json!("a"), json!("ü"), json!(""), json!("x".repeat(32)), json!("x".repeat(33))] {
        for tags in [json!([]), json!(["ü".repeat(32)]), json!(["x".repeat(33)]), json!([1])] {
            for icon in [
                json!("http://a"),
                json!("ftp://a"),
                json!("https://".to_owned() + &"ü".repeat(2040)),
            ] {
                let value = json!({"url": "u", "serviceName": name, "tags": tags, "iconUrl": icon});
                let written = json(&(message.reread)(&value.to_string()).unwrap());
                assert_eq!(validator.is_valid(&value), written == value, "{value}");
                kept += usize::from(written == value);
            }
        }
    }
    assert_eq!(kept, 2 * 2 * 2);
}

#[test]
fn a_facilitators_request_has_a_schema_for_both_versions() {
    let schema = schemars::schema_for!(x402_types::facilitator::Request);
    let validator = jsonschema::validator_for(schema.as_value()).unwrap();
    for name in ["verify-request", "v1/verify-request"] {
        let message = MESSAGES.iter().find(|message| message.name == name).unwrap();
        let mut value = message.full();
        assert!(validator.is_valid(&value));
        value["x402Version"] = json!(3);
        assert!(!validator.is_valid(&value));
    }
}

#[test]
fn a_role_reads_each_of_its_messages_and_nothing_else() {
    let examples = |path: &str| {
        let message = MESSAGES.iter().find(|message| path == format!("{}.json", message.name));
        message.unwrap().examples()
    };
    let mut read = BTreeSet::new();
    for (role, schema) in schema::roles() {
        let validator = jsonschema::draft202012::new(schema.as_value()).unwrap();
        for (path, message) in schema::messages() {
            let title = message.as_value()["title"].as_str().unwrap();
            let property = title[..1].to_lowercase() + &title[1..];
            let known = schema.as_value()["properties"].get(&property).is_some();
            for (file, text) in examples(path) {
                assert_eq!(validator.is_valid(&json!({ &property: json(&text) })), known, "{file}");
                assert!(
                    !known || !validator.is_valid(&json!({ &property: 7 })),
                    "{role} {property}"
                );
            }
            if known {
                read.insert(path);
            }
        }
    }
    let parts = ["payment-requirements.json", "v1/payment-requirements.json", "resource-info.json"];
    assert_eq!(read.len() + parts.len(), schema::messages().len(), "{read:?}");
}

/// What generators of code need, to make one type for each name.
#[test]
fn a_name_means_one_thing_in_all_roles_and_stands_alone_where_it_is_referred_to() {
    let roles = schema::roles();
    for (role, schema) in &roles {
        let schema = schema.as_value();
        for (name, definition) in schema["$defs"].as_object().unwrap() {
            for (other, another) in &roles {
                let same = another.as_value()["$defs"].get(name).is_none_or(|it| it == definition);
                assert!(same, "{name} differs between {role} and {other}");
            }
            let stem = name.trim_end_matches(|last: char| last.is_ascii_digit());
            assert!(stem == name || schema["$defs"].get(stem).is_none(), "two types are a {stem}");
        }
        let mut all = Vec::new();
        pointers(schema, "", &mut all);
        for pointer in all.iter().filter_map(|pointer| pointer.strip_suffix("/$ref")) {
            let beside = schema.pointer(pointer).and_then(Value::as_object).unwrap();
            assert_eq!(beside.len(), 1, "{role} {pointer}");
        }
    }
}
