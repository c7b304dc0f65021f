use proptest::prelude::*;
use serde_json::json;
use x402_types::extensions::Signature;
use x402_types::extensions::sign_in_with_x::{
    Challenge, Expected, HEADER, Info, MAX_AGE_SECONDS, Message, SignatureType, SiwxError,
    SupportedChain,
};
use x402_types::{Network, decode, encode, header};

use super::schema_of;

const ADDRESS: &str = "0x14791697260E4c9A71f18484C9f997B308e59325";
const ORIGIN: &str = "https://api.example.com";
/// 2026-01-02T03:04:05Z
const NOW: u64 = 1_767_323_045;

fn info() -> Info {
    Info {
        domain: "api.example.com".to_owned(),
        uri: "https://api.example.com/data".to_owned(),
        version: "1".to_owned(),
        nonce: "00112233445566778899aabbccddeeff".to_owned(),
        issued_at: "2026-01-02T03:04:05.678Z".to_owned(),
        resources: vec!["https://api.example.com/data".to_owned()],
        ..Info::default()
    }
}

fn full() -> Info {
    Info {
        statement: Some("Sign in to read".to_owned()),
        expiration_time: Some("2026-01-02T03:09:05.678Z".to_owned()),
        not_before: Some("2026-01-02T03:00:00Z".to_owned()),
        request_id: Some("r-1".to_owned()),
        ..info()
    }
}

fn chains() -> Vec<SupportedChain> {
    [Network::BASE, Network::SOLANA].into_iter().filter_map(SupportedChain::new).collect()
}

fn message(info: Info) -> Message {
    Message {
        info,
        address: ADDRESS.to_owned(),
        chain_id: Network::BASE,
        signature_type: SignatureType::Eip191,
        signature_scheme: None,
        signature: Signature::new("0xsecret"),
    }
}

fn check_at(message: &Message, now: u64) -> Result<(), SiwxError> {
    message.check(&Expected { origin: ORIGIN, chains: &chains(), now })
}

fn check(info: Info) -> Result<(), SiwxError> {
    check_at(&message(info), NOW)
}

#[test]
fn the_text_is_that_of_the_npm_package() {
    let bare = Info { resources: Vec::new(), ..info() };
    let empty = Info { statement: Some(String::new()), ..info() };
    for (info, network, golden) in [
        (
            &bare,
            Network::BASE,
            "api.example.com wants you to sign in with your Ethereum account:\n0x14791697260E4c9A71f18484C9f997B308e59325\n\n\nURI: https://api.example.com/data\nVersion: 1\nChain ID: 8453\nNonce: 00112233445566778899aabbccddeeff\nIssued At: 2026-01-02T03:04:05.678Z",
        ),
        (
            &bare,
            Network::SOLANA,
            "api.example.com wants you to sign in with your Solana account:\n0x14791697260E4c9A71f18484C9f997B308e59325\n\nURI: https://api.example.com/data\nVersion: 1\nChain ID: 5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp\nNonce: 00112233445566778899aabbccddeeff\nIssued At: 2026-01-02T03:04:05.678Z",
        ),
        (
            &full(),
            Network::BASE,
            "api.example.com wants you to sign in with your Ethereum account:\n0x14791697260E4c9A71f18484C9f997B308e59325\n\nSign in to read\n\nURI: https://api.example.com/data\nVersion: 1\nChain ID: 8453\nNonce: 00112233445566778899aabbccddeeff\nIssued At: 2026-01-02T03:04:05.678Z\nExpiration Time: 2026-01-02T03:09:05.678Z\nNot Before: 2026-01-02T03:00:00Z\nRequest ID: r-1\nResources:\n- https://api.example.com/data",
        ),
        (
            &full(),
            Network::SOLANA,
            "api.example.com wants you to sign in with your Solana account:\n0x14791697260E4c9A71f18484C9f997B308e59325\n\nSign in to read\n\nURI: https://api.example.com/data\nVersion: 1\nChain ID: 5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp\nNonce: 00112233445566778899aabbccddeeff\nIssued At: 2026-01-02T03:04:05.678Z\nExpiration Time: 2026-01-02T03:09:05.678Z\nNot Before: 2026-01-02T03:00:00Z\nRequest ID: r-1\nResources:\n- https://api.example.com/data",
        ),
        (
            &empty,
            Network::BASE,
            "api.example.com wants you to sign in with your Ethereum account:\n0x14791697260E4c9A71f18484C9f997B308e59325\n\n\n\nURI: https://api.example.com/data\nVersion: 1\nChain ID: 8453\nNonce: 00112233445566778899aabbccddeeff\nIssued At: 2026-01-02T03:04:05.678Z\nResources:\n- https://api.example.com/data",
        ),
        (
            &empty,
            Network::SOLANA,
            "api.example.com wants you to sign in with your Solana account:\n0x14791697260E4c9A71f18484C9f997B308e59325\n\nURI: https://api.example.com/data\nVersion: 1\nChain ID: 5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp\nNonce: 00112233445566778899aabbccddeeff\nIssued At: 2026-01-02T03:04:05.678Z\nResources:\n- https://api.example.com/data",
        ),
    ] {
        assert_eq!(info.message_text(ADDRESS, &network).unwrap(), golden);
    }
    let other: Network = "cosmos:hub-4".parse().unwrap();
    assert_eq!(info().message_text(ADDRESS, &other), Err(SiwxError::UnsupportedChain));
}

#[test]
fn no_field_breaks_out_of_its_line() {
    let own = "api.example.com\n";
    for broken in [
        Info { domain: own.to_owned(), ..info() },
        Info { uri: "https://api.example.com/\nVersion: 1".to_owned(), ..info() },
        Info { uri: "https://api.example.com/a b".to_owned(), ..info() },
        Info { version: "1\n".to_owned(), ..info() },
        Info { statement: Some("one\ntwo".to_owned()), ..info() },
        Info { statement: Some("one\u{2028}two".to_owned()), ..info() },
        Info { request_id: Some("r\rs".to_owned()), ..info() },
        Info { resources: vec!["a\n- b".to_owned()], ..info() },
        Info { issued_at: "2026-01-02T03:04:05Z\nX".to_owned(), ..info() },
        Info { not_before: Some("\n".to_owned()), ..info() },
    ] {
        let text = broken.message_text(ADDRESS, &Network::BASE);
        assert_eq!(text, Err(SiwxError::Malformed), "{broken:?}");
    }
    for address in ["", "0x1\n\nI owe you", "a b"] {
        assert_eq!(info().message_text(address, &Network::BASE), Err(SiwxError::Malformed));
    }
    for nonce in ["", "short", "0011223344556677-", "ab\ncdefgh", &"a".repeat(129)] {
        let info = Info { nonce: nonce.to_owned(), ..info() };
        assert_eq!(info.message_text(ADDRESS, &Network::BASE), Err(SiwxError::Nonce), "{nonce:?}");
    }
}

#[test]
fn a_message_goes_through_its_header() {
    assert_eq!(HEADER, "SIGN-IN-WITH-X");
    for info in [info(), full()] {
        let message = message(info);
        let value = encode(&message).unwrap();
        let back: Message = decode(value.as_bytes(), header::PAYMENT_LIMIT).unwrap();
        assert_eq!(back, message);
        assert_eq!(back.text(), message.info.message_text(ADDRESS, &Network::BASE));
    }
    assert!(!format!("{:?}", message(info())).contains("secret"));
}

#[test]
fn a_challenge_has_the_shape_of_the_npm_package() {
    let made = Info::new("api.example.com", "https://api.example.com/data", [0xab; 16], NOW)
        .and_then(|info| info.until(NOW + 300))
        .unwrap()
        .statement("Sign in");
    let challenge = Challenge::new(made, chains()).unwrap();
    let value = serde_json::to_value(&challenge).unwrap();
    assert_eq!(
        value["info"],
        json!({"domain": "api.example.com", "uri": "https://api.example.com/data", "version": "1",
            "nonce": "ab".repeat(16), "issuedAt": "2026-01-02T03:04:05Z",
            "expirationTime": "2026-01-02T03:09:05Z", "statement": "Sign in",
            "resources": ["https://api.example.com/data"]})
    );
    assert_eq!(
        value["supportedChains"],
        json!([{"chainId":"eip155:8453","type":"eip191"},{"chainId":"solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp","type":"ed25519"}])
    );
    assert_eq!(
        value["schema"]["required"],
        json!([
            "domain",
            "address",
            "uri",
            "version",
            "chainId",
            "type",
            "nonce",
            "issuedAt",
            "signature"
        ])
    );
    let answer = serde_json::to_value(message(challenge.info.clone())).unwrap();
    assert!(schema_of(&challenge).is_valid(&answer));
    assert_eq!(super::again(&challenge), challenge);
    assert_eq!(check(challenge.info), Ok(()));
    assert!(Info::new("d", "u", [0; 16], u64::MAX).is_err());
}

#[test]
fn every_check_names_what_is_wrong() {
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(check(info()), Ok(()));
    assert_eq!(check(full()), Ok(()));
    for (wrong, expected) in [
        (Info { domain: "example.com".to_owned(), ..info() }, SiwxError::DomainMismatch),
        (Info { domain: "api.example.com:443".to_owned(), ..info() }, SiwxError::DomainMismatch),
        (Info { uri: "nope".to_owned(), ..info() }, SiwxError::UriMismatch),
        (Info { uri: "http://api.example.com/".to_owned(), ..info() }, SiwxError::UriMismatch),
        (
            Info { uri: "https://api.example.com.evil/".to_owned(), ..info() },
            SiwxError::UriMismatch,
        ),
        (
            Info { uri: "https://api.example.com@evil/".to_owned(), ..info() },
            SiwxError::UriMismatch,
        ),
        (
            Info { uri: "https://api.example.com:8443/".to_owned(), ..info() },
            SiwxError::UriMismatch,
        ),
        (Info { issued_at: "yesterday".to_owned(), ..info() }, SiwxError::IssuedAt),
        (Info { issued_at: "2026-01-02".to_owned(), ..info() }, SiwxError::IssuedAt),
        (
            Info { issued_at: "2026-01-02T02:59:04Z".to_owned(), ..info() },
            SiwxError::IssuedAtTooOld,
        ),
        (
            Info { issued_at: "2026-01-02T03:04:06Z".to_owned(), ..info() },
            SiwxError::IssuedAtInFuture,
        ),
        (Info { expiration_time: some("never"), ..info() }, SiwxError::ExpirationTime),
        (Info { expiration_time: some("2026-01-02T03:04:04.999Z"), ..info() }, SiwxError::Expired),
        (Info { not_before: some("soon"), ..info() }, SiwxError::NotBefore),
        (Info { not_before: some("2026-01-02T03:04:06Z"), ..info() }, SiwxError::NotYetValid),
        (Info { nonce: "0".to_owned(), ..info() }, SiwxError::Nonce),
        (Info { version: "2".to_owned(), ..info() }, SiwxError::Malformed),
        (Info { statement: some("a\nb"), ..info() }, SiwxError::Malformed),
    ] {
        assert_eq!(check(wrong.clone()), Err(expected), "{wrong:?}");
    }
    for uri in ["https://api.example.com", "https://api.example.com?a", "https://api.example.com#a"]
    {
        assert_eq!(check(Info { uri: uri.to_owned(), ..info() }), Ok(()), "{uri}");
    }
}

#[test]
fn a_chain_is_supported_with_its_way_to_sign() {
    let of = |chain_id: Network, signature_type| {
        check_at(&Message { chain_id, signature_type, ..message(info()) }, NOW)
    };
    assert_eq!(of(Network::SOLANA, SignatureType::Ed25519), Ok(()));
    assert_eq!(of(Network::SOLANA, SignatureType::Eip191), Err(SiwxError::ChainId));
    assert_eq!(of(Network::BASE, SignatureType::Ed25519), Err(SiwxError::ChainId));
    assert_eq!(of(Network::ETHEREUM, SignatureType::Eip191), Err(SiwxError::UnsupportedChain));
    let other: Network = "cosmos:hub-4".parse().unwrap();
    assert_eq!(SupportedChain::new(other.clone()), None);
    assert_eq!(of(other, SignatureType::Ed25519), Err(SiwxError::UnsupportedChain));
}

#[test]
fn a_challenge_lives_for_five_minutes() {
    assert_eq!(MAX_AGE_SECONDS, 300);
    let message = message(Info { issued_at: "2026-01-02T03:04:05Z".to_owned(), ..info() });
    assert_eq!(check_at(&message, NOW + 300), Ok(()));
    assert_eq!(check_at(&message, NOW + 301), Err(SiwxError::IssuedAtTooOld));
    assert_eq!(check_at(&message, NOW - 1), Err(SiwxError::IssuedAtInFuture));
    assert_eq!(check_at(&message, u64::MAX), Err(SiwxError::IssuedAtTooOld));
}

#[test]
fn a_time_with_an_offset_is_the_same_time() {
    for time in ["2026-01-02T03:04:05Z", "2026-01-02T04:04:05+01:00", "2026-01-01T23:34:05.0-03:30"]
    {
        assert_eq!(check(Info { issued_at: time.to_owned(), ..info() }), Ok(()), "{time}");
    }
    for time in [
        "2026-01-02 03:04:05Z",
        "2026-01-02T03:04:05",
        "2026-01-02T03:04Z",
        "2026-13-02T03:04:05Z",
        "2026-02-30T03:04:05Z",
        "2026-01-02T25:04:05Z",
        "+002026-01-02T03:04:05Z",
        "2026-01-02T03:04:05Z[UTC]",
        "2026-01-02T03:04:05+01",
        "2026-01-02t03:04:05z",
        "",
    ] {
        let wrong = Info { issued_at: time.to_owned(), ..info() };
        assert_eq!(check(wrong), Err(SiwxError::IssuedAt), "{time:?}");
    }
}

#[test]
fn the_codes_are_those_of_the_protocol() {
    let codes: Vec<&str> = SiwxError::KNOWN.iter().map(|error| error.as_str()).collect();
    for code in [
        "domain_mismatch",
        "uri_mismatch",
        "issued_at",
        "issued_at_too_old",
        "issued_at_in_future",
        "expiration_time",
        "expired",
        "not_before",
        "not_yet_valid",
        "nonce",
        "malformed_signature",
        "signature",
        "chain_id",
        "unsupported_chain",
        "verifier_error",
    ] {
        assert!(codes.contains(&&*format!("invalid_siwx_{code}")), "{code}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_time_that_is_written_is_read_as_that_time(now in 0..=253_402_300_799u64) {
        let made = Info::new("api.example.com", ORIGIN, [7; 16], now).unwrap();
        prop_assert_eq!(made.issued_at.len(), 20);
        prop_assert_eq!(made.check_times(now), Ok(()));
        prop_assert_eq!(made.check_times(now + MAX_AGE_SECONDS), Ok(()));
        prop_assert_eq!(made.check_times(now + MAX_AGE_SECONDS + 1), Err(SiwxError::IssuedAtTooOld));
        if now > 0 {
            prop_assert_eq!(made.check_times(now - 1), Err(SiwxError::IssuedAtInFuture));
        }
    }

    #[test]
    fn no_text_is_a_time_by_accident(text in "[-0-9TZ:.+]{0,30}|\\PC{0,40}", now in any::<u64>()) {
        let odd = Info { issued_at: text.clone(), expiration_time: Some(text.clone()), ..info() };
        if odd.check_times(now) != Err(SiwxError::IssuedAt) {
            prop_assert!(text.len() >= 20 && text.as_bytes()[10] == b'T', "{}", text);
        }
    }

    #[test]
    fn fields_of_any_text_never_make_another_text(
        statement in any::<String>(),
        domain in any::<String>(),
        address in any::<String>(),
    ) {
        let odd = Info { statement: Some(statement), domain, ..info() };
        if let Ok(text) = odd.message_text(&address, &Network::BASE) {
            prop_assert_eq!(text.lines().count(), 12);
        }
    }
}
