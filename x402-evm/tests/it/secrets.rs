//! Keys and signatures are not shown, and keys are erased.

use std::env;
use std::error::Error;
use std::ffi::OsStr;
use std::process::Command;

use crate::common::*;
use x402_evm::{ExactPayload, ExactTerms, LocalSigner, SignerError, TypedData};
use x402_types::RawObject;
use zeroize::ZeroizeOnDrop;

const KEY: &str = "4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318";
const VARIABLE: &str = "X402_KEY_OF_THIS_TEST";

/// An error and all that it stands on, in both forms.
fn told(error: &SignerError) -> String {
    let mut told = format!("{error:?} {error}");
    let mut source = error.source();
    while let Some(error) = source {
        told += &format!(" {error:?} {error}");
        source = error.source();
    }
    told
}

/// Makes the claim in a process of its own, in whose environment the variable is set.
fn with_variable(value: &OsStr, test: &str, claim: impl FnOnce()) {
    if env::var_os(VARIABLE).is_some() {
        return claim();
    }
    let output = Command::new(env::current_exe().unwrap())
        .args(["--exact", &format!("secrets::{test}")])
        .env(VARIABLE, value)
        .output()
        .unwrap();
    let report = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && report.contains("1 passed"), "{report}");
}

#[test]
fn debug_shows_neither_key_nor_signature() {
    let signer = LocalSigner::from_hex(KEY).unwrap();
    let digest = authorization().signing_hash(&domain());
    let signature = signer.sign_digest_unseen(digest);
    let payload: ExactPayload = read(&payload());
    let verified =
        ExactTerms::new(&offer()).unwrap().verify(&RawObject::new(&payload).unwrap(), NOW).unwrap();
    let shown =
        format!("{signer:?} {signature:?} {payload:?} {verified:?} {signer:#?} {payload:#?}");
    let shown = shown.to_lowercase();
    assert!(shown.contains(&signer.address().to_string().to_lowercase()));
    for secret in [KEY, &signature.to_string()[2..], &payload.signature[2..]] {
        for part in [&secret[..16], &secret[48..]] {
            assert!(!shown.contains(part), "{shown}");
        }
    }
}

#[test]
fn data_to_be_signed_holds_no_signature() {
    let data = TypedData::TransferWithAuthorization { domain: domain(), message: authorization() };
    assert!(data.to_json().get("signature").is_none());
}

#[test]
fn key_is_erased_when_dropped() {
    fn erased<T: ZeroizeOnDrop>() {}
    erased::<LocalSigner>();
    erased::<k256::ecdsa::SigningKey>();
}

#[test]
fn key_is_read_with_and_without_0x() {
    let expected = "0x2c7536E3605D9C16a7a3D7b1898e529396a65c23";
    let spellings = [KEY.to_owned(), format!("0x{KEY}"), KEY.to_uppercase(), format!(" 0x{KEY}\n")];
    for spelling in spellings {
        assert_eq!(LocalSigner::from_hex(&spelling).unwrap().address().to_string(), expected);
    }
}

#[test]
fn what_is_no_key_is_refused_and_not_told() {
    let texts = [
        String::new(),
        "0x".to_owned(),
        KEY[1..].to_owned(),
        KEY[2..].to_owned(),
        format!("{KEY}0"),
        format!("{KEY}00"),
        format!("0x0x{KEY}"),
        format!("0X{KEY}"),
        format!("{}g", &KEY[1..]),
        format!("{}é", &KEY[2..]),
        "0".repeat(64),
        "f".repeat(64),
        "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141".to_owned(),
    ];
    for text in texts {
        let error = LocalSigner::from_hex(&text).unwrap_err();
        assert!(matches!(error, SignerError::InvalidKey), "{error}");
        assert!(!told(&error).contains(&KEY[8..24]));
    }
}

#[test]
fn random_keys_differ() {
    let addresses = [(); 2].map(|()| LocalSigner::random().unwrap().address());
    assert_ne!(addresses[0], addresses[1]);
}

#[test]
fn variable_that_is_not_set_is_named() {
    let error = LocalSigner::from_env("X402_NO_SUCH_VARIABLE").unwrap_err();
    assert!(
        matches!(&error, SignerError::Environment { name, .. } if name == "X402_NO_SUCH_VARIABLE")
    );
    assert!(error.to_string().contains("X402_NO_SUCH_VARIABLE"));
    assert!(error.source().is_some());
}

#[test]
fn key_is_read_from_the_environment() {
    with_variable(KEY.as_ref(), "key_is_read_from_the_environment", || {
        let signer = LocalSigner::from_env(VARIABLE).unwrap();
        assert_eq!(signer.address(), LocalSigner::from_hex(KEY).unwrap().address());
    });
}

#[test]
fn variable_that_holds_something_else_is_not_told() {
    let value = format!("{KEY}!");
    with_variable(value.as_ref(), "variable_that_holds_something_else_is_not_told", || {
        let error = LocalSigner::from_env(VARIABLE).unwrap_err();
        assert!(matches!(error, SignerError::InvalidKey), "{error}");
        assert!(!told(&error).contains(&KEY[..16]));
    });
}

#[cfg(unix)]
#[test]
fn variable_that_is_not_unicode_is_not_told() {
    use std::os::unix::ffi::OsStrExt as _;

    let value = [KEY.as_bytes(), &[0xff]].concat();
    let test = "variable_that_is_not_unicode_is_not_told";
    with_variable(OsStr::from_bytes(&value), test, || {
        let error = LocalSigner::from_env(VARIABLE).unwrap_err();
        assert!(!told(&error).contains(&KEY[..16]), "{}", told(&error));
    });
}
