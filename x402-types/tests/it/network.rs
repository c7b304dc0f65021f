//! Networks, as version 2 and version 1 name them.

use x402_types::Network;

const NAMES: &[(&str, &str)] = &[
    ("ethereum", "eip155:1"),
    ("sepolia", "eip155:11155111"),
    ("abstract", "eip155:2741"),
    ("abstract-testnet", "eip155:11124"),
    ("base-sepolia", "eip155:84532"),
    ("base", "eip155:8453"),
    ("avalanche-fuji", "eip155:43113"),
    ("avalanche", "eip155:43114"),
    ("iotex", "eip155:4689"),
    ("sei", "eip155:1329"),
    ("sei-testnet", "eip155:1328"),
    ("polygon", "eip155:137"),
    ("polygon-amoy", "eip155:80002"),
    ("peaq", "eip155:3338"),
    ("story", "eip155:1514"),
    ("educhain", "eip155:41923"),
    ("skale-base-sepolia", "eip155:324705682"),
    ("megaeth", "eip155:4326"),
    ("monad", "eip155:143"),
    ("stable", "eip155:988"),
    ("stable-testnet", "eip155:2201"),
    ("celo", "eip155:42220"),
    ("flare", "eip155:14"),
    ("solana", "solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp"),
    ("solana-devnet", "solana:EtWTRABZaYq6iMfeYKouRu166VU2xqa1"),
    ("solana-testnet", "solana:4uhcVJyU9pJkvQyS88uRDiswHXSCkY3z"),
];

#[test]
fn every_name_of_version_1_leads_to_its_network_and_back() {
    for (name, caip2) in NAMES {
        let network = Network::from_v1_name(name).unwrap();
        assert_eq!(network.as_str(), *caip2);
        assert_eq!(network.v1_name(), Some(*name));
        assert_eq!(Network::from_caip2(caip2).unwrap(), network);
        assert_eq!(name.parse::<Network>().unwrap(), network);
        assert_eq!(caip2.parse::<Network>().unwrap(), network);
    }
}

#[test]
fn names_and_caip_2_are_not_mixed_up() {
    for (name, caip2) in NAMES {
        assert!(Network::from_caip2(name).is_err());
        assert!(Network::from_v1_name(caip2).is_err());
        assert!(serde_json::from_str::<Network>(&format!("\"{name}\"")).is_err(), "{name}");
        assert!(serde_json::from_str::<Network>(&format!("\"{caip2}\"")).is_ok());
    }
    for unknown in ["Base", "BASE", "base ", "base_sepolia", "mainnet", "base-goerli", ""] {
        assert!(unknown.parse::<Network>().is_err(), "{unknown:?}");
    }
}

#[test]
fn other_networks_of_caip_2_are_read() {
    for text in [
        "eip155:42161",
        "eip155:18446744073709551615",
        "solana:abc",
        "cosmos:cosmoshub-3",
        "bip122:000000000019d6689c085ae165831e93",
        "abc:_",
        "a-1-b-2-:-",
    ] {
        let network = Network::from_caip2(text).unwrap();
        assert_eq!(network.to_string(), text);
        assert_eq!(format!("{network:?}"), text);
        assert_eq!(network.v1_name(), None);
        assert_eq!(format!("{}:{}", network.namespace(), network.reference()), text);
    }
}

#[test]
fn what_caip_2_does_not_allow_is_refused() {
    for text in [
        "",
        ":",
        "eip155",
        "eip155:",
        ":1",
        "ab:1",
        "abcdefghi:1",
        "EIP155:1",
        "eip155:1:2",
        "eip155: 1",
        " eip155:1",
        "eip155:1 ",
        "eip155:1\n",
        "eip155:*",
        "solana:*",
        "solana:",
        "solana:ab.c",
        "solana:é",
        "eip155/1",
        "e_p:1",
        "solana:123456789012345678901234567890123",
    ] {
        assert!(Network::from_caip2(text).is_err(), "{text:?}");
    }
}

#[test]
fn an_evm_chain_has_one_spelling() {
    for text in [
        "eip155:084532",
        "eip155:0",
        "eip155:00",
        "eip155:+1",
        "eip155:-1",
        "eip155:0x1",
        "eip155:1e3",
        "eip155:1_000",
        "eip155:18446744073709551616",
        "eip155:base",
        "eip155:٣",
    ] {
        assert!(Network::from_caip2(text).is_err(), "{text}");
        assert!(serde_json::from_str::<Network>(&format!("\"{text}\"")).is_err(), "{text}");
    }
}

#[test]
fn an_evm_chain_is_named_by_its_id() {
    assert_eq!(Network::eip155(84532), Network::BASE_SEPOLIA);
    assert_eq!(Network::eip155(31337).as_str(), "eip155:31337");
    assert_eq!(Network::eip155(u64::MAX).chain_id(), Some(u64::MAX));
    assert_eq!(Network::BASE.chain_id(), Some(8453));
    assert_eq!(Network::SOLANA.chain_id(), None);
}

#[test]
fn an_error_quotes_the_text_in_part() {
    let error = "x".repeat(1_000_000).parse::<Network>().unwrap_err();
    assert!(error.to_string().len() < 300);
}
