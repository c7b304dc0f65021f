//! Terms said in one version mean the same in the other.

use x402_types::{Network, PaymentRequirements, ResourceInfo, header, v1};

fn terms() -> PaymentRequirements {
    header::from_json(
        r#"{"scheme":"exact","network":"eip155:84532","amount":"10000",
            "asset":"0x036CbD53842c5426634e7929541eC2318f3dCF7e",
            "payTo":"0x209693Bc6afc0C5328bA36FaF03C514EF312287C","maxTimeoutSeconds":300,
            "extra":{"version":"2","name":"USDC"}}"#,
    )
    .unwrap()
}

#[test]
fn terms_come_back_from_version_1_as_they_were() {
    let resource = ResourceInfo {
        description: Some("Weather".to_owned()),
        mime_type: Some("application/json".to_owned()),
        ..ResourceInfo::new("https://api.example.com/weather")
    };
    let old = v1::PaymentRequirements::from_v2(&terms(), &resource).unwrap();
    assert_eq!(old.network, "base-sepolia");
    assert_eq!(old.max_amount_required, terms().amount);
    assert_eq!(old.resource, resource.url);
    assert_eq!(old.to_v2().unwrap(), terms());
    assert_eq!(old.resource_info(), resource);

    let written = serde_json::to_string(&old).unwrap();
    assert_eq!(header::from_json::<v1::PaymentRequirements>(&written).unwrap(), old);
}

#[test]
fn a_resource_without_a_description_comes_back_without_one() {
    let resource = ResourceInfo::new("https://a");
    let old = v1::PaymentRequirements::from_v2(&terms(), &resource).unwrap();
    assert_eq!((old.description.as_str(), old.mime_type.as_str()), ("", ""));
    assert_eq!(old.resource_info(), resource);
    // Version 1 has no optional `description`: it is written empty.
    assert_eq!(serde_json::to_value(&old).unwrap()["description"], "");
}

#[test]
fn what_version_1_has_no_room_for_is_left_out() {
    let resource = ResourceInfo {
        service_name: Some("Weather & Co".to_owned()),
        tags: Some(vec!["weather".to_owned()]),
        icon_url: Some("https://a/i.png".to_owned()),
        ..ResourceInfo::new("https://a")
    };
    let old = v1::PaymentRequirements::from_v2(&terms(), &resource).unwrap();
    assert_eq!(old.resource_info(), ResourceInfo::new("https://a"));
}

#[test]
fn a_network_without_a_name_cannot_be_said_in_version_1() {
    let mut terms = terms();
    terms.network = Network::eip155(42161);
    let error = v1::PaymentRequirements::from_v2(&terms, &ResourceInfo::new("u")).unwrap_err();
    assert_eq!(error, v1::NoV1Name(Network::eip155(42161)));
    assert!(error.to_string().contains("eip155:42161"));
}

#[test]
fn a_name_that_is_unknown_cannot_be_said_in_version_2() {
    let mut old = v1::PaymentRequirements::from_v2(&terms(), &ResourceInfo::new("u")).unwrap();
    for name in ["eip155:84532", "Base-Sepolia", "base-goerli", ""] {
        name.clone_into(&mut old.network);
        assert!(old.to_v2().is_err(), "{name}");
    }
}

#[test]
fn description_and_media_type_may_be_missing() {
    let text = r#"{"scheme":"exact","network":"base","maxAmountRequired":"1","asset":"0x1","payTo":"0x2","resource":"u","maxTimeoutSeconds":1}"#;
    let old: v1::PaymentRequirements = header::from_json(text).unwrap();
    assert_eq!((old.description.as_str(), old.mime_type.as_str()), ("", ""));
}
