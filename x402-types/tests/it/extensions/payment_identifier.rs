use proptest::prelude::*;
use serde_json::json;
use x402_types::extensions::payment_identifier::{Declaration, Id, Info};
use x402_types::extensions::{Declared, merge};

use super::{get, raw, read, schema_of};

#[test]
fn a_declaration_is_that_of_the_npm_package() {
    let golden = json!({"info":{"required":true},"schema":{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object","properties":{"required":{"type":"boolean"},"id":{"type":"string","minLength":16,"maxLength":128,"pattern":"^[a-zA-Z0-9_-]+$"}},"required":["required"]}});
    let ours: Declaration = Declared::new(Info { required: true, id: None }).unwrap();
    assert_eq!(serde_json::to_value(&ours).unwrap(), golden);
    let theirs = get::<Declaration>(&json!({"payment-identifier": golden})).unwrap().unwrap();
    assert_eq!(theirs.info, ours.info);
    assert_eq!(super::again(&ours), ours);
}

#[test]
fn an_answer_of_the_npm_package_is_read_whole() {
    let answer = json!({"payment-identifier":{"info":{"required":true,"id":"pay_ed024a07cbf14be09f663189d579f0cb"}}});
    let info = get::<Declaration>(&answer).unwrap().unwrap().info;
    assert!(info.required);
    assert_eq!(info.id.unwrap().as_str(), "pay_ed024a07cbf14be09f663189d579f0cb");
}

#[test]
fn a_client_adds_its_id_to_what_the_server_requires() {
    let declared = json!({"payment-identifier": {"info": {"required": true, "x": [1]}}});
    let id = Id::from_random([1; 16]);
    let added = json!({"payment-identifier": {"info": {"required": false, "id": id}}});
    let merged = merge(Some(&raw(&declared)), Some(&raw(&added))).unwrap().unwrap();
    assert_eq!(
        merged.as_str(),
        r#"{"payment-identifier":{"info":{"required":true,"x":[1],"id":"pay_01010101010101010101010101010101"}}}"#
    );
}

#[test]
fn an_id_has_16_to_128_characters_of_its_alphabet() {
    let ours: Declaration = Declared::new(Info::default()).unwrap();
    let schema = schema_of(&ours);
    for (id, good) in [
        ("a".repeat(16), true),
        ("a".repeat(15), false),
        ("Z9_-".repeat(32), true),
        ("a".repeat(129), false),
        ("pay_7.aaaaaaaaaaaaaaaa".to_owned(), false),
        ("pay 7aaaaaaaaaaaaaaaaa".to_owned(), false),
        ("é".repeat(16), false),
        (String::new(), false),
    ] {
        assert_eq!(id.parse::<Id>().is_ok(), good, "{id}");
        let info = json!({"required": false, "id": id});
        assert_eq!(read::<Info>(&info).is_some(), good, "{id}");
        assert_eq!(schema.is_valid(&info), good, "{id}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes_make_an_id_that_comes_back(bytes in any::<[u8; 16]>()) {
        let id = Id::from_random(bytes);
        prop_assert_eq!(id.as_str().len(), 36);
        prop_assert_eq!(id.as_str().parse::<Id>(), Ok(id.clone()));
        let json = serde_json::to_value(&id).unwrap();
        prop_assert_eq!(serde_json::from_value::<Id>(json).unwrap(), id);
    }
}
