//! Signatures of wallets: read strictly, never printed, and no wallet says yes by accident.

use alloy_primitives::{Address, B256, Bytes, b256, hex};
use alloy_sol_types::{SolType, sol_data};
use x402_evm::{PayerSignature, PayerSignatureError};

const SUFFIX: B256 = b256!("0x6492649264926492649264926492649264926492649264926492649264926492");

fn wrapped(signature: &[u8]) -> String {
    type Wrapped = (sol_data::Address, sol_data::Bytes, sol_data::Bytes);
    let parts = (Address::repeat_byte(7), Bytes::from_static(&[1, 2, 3]), signature.to_vec());
    let mut bytes = Wrapped::abi_encode_params(&parts);
    bytes.extend_from_slice(SUFFIX.as_slice());
    hex::encode_prefixed(bytes)
}

fn error(text: &str) -> PayerSignatureError {
    text.parse::<PayerSignature>().unwrap_err()
}

#[test]
fn a_signature_of_any_length_up_to_the_limit_is_read() {
    for length in [1, 64, 65, 66, 4096] {
        let bytes = vec![0xab; length];
        let read: PayerSignature = hex::encode_prefixed(&bytes).parse().unwrap();
        assert_eq!(read.bytes(), &Bytes::from(bytes));
        assert_eq!(read.deployment(), None);
    }
    assert_eq!(error(&hex::encode_prefixed([0; 4097])), PayerSignatureError::TooLong);
}

#[test]
fn what_is_no_hexadecimal_is_no_signature() {
    for text in ["", "0x", "0x0", "00", "0xzz", "0x0x00", "0X00", " 0x00", "0x00 ", "0xé"] {
        assert_eq!(error(text), PayerSignatureError::Format, "{text:?}");
    }
}

#[test]
fn a_signature_of_a_wallet_that_is_not_there_yet_says_how_it_comes_to_be() {
    let read: PayerSignature = wrapped(&[9; 65]).parse().unwrap();
    assert_eq!(read.bytes(), &Bytes::from(vec![9; 65]));
    let deployment = read.deployment().unwrap();
    assert_eq!(deployment.factory, Address::repeat_byte(7));
    assert_eq!(deployment.calldata, Bytes::from_static(&[1, 2, 3]));
}

#[test]
fn a_wrapping_that_cannot_be_read_is_refused_rather_than_taken_for_a_signature() {
    for bytes in [vec![], vec![1; 65], vec![0xff; 200]] {
        let text = hex::encode_prefixed([&bytes[..], SUFFIX.as_slice()].concat());
        assert_eq!(error(&text), PayerSignatureError::Wrapping);
    }
    let whole = hex::decode(wrapped(&[9; 65])).unwrap();
    let (head, _) = whole.split_at(whole.len() - 64);
    let cut = [head, SUFFIX.as_slice()].concat();
    assert_eq!(error(&hex::encode_prefixed(cut)), PayerSignatureError::Wrapping);
}

#[test]
fn only_the_whole_word_of_erc_1271_is_a_yes() {
    let mut yes = [0; 32];
    yes[..4].copy_from_slice(&[0x16, 0x26, 0xba, 0x7e]);
    assert!(PayerSignature::is_yes(&yes));
    let mut dirty = yes;
    dirty[31] = 1;
    let mut longer = yes.to_vec();
    longer.extend_from_slice(&[0; 32]);
    for no in [&dirty[..], &longer, &yes[..4], &yes[..31], &[0xff; 32], &[0; 32], &[]] {
        assert!(!PayerSignature::is_yes(no), "{no:?}");
    }
}

#[test]
fn debug_prints_no_signature() {
    let read: PayerSignature = wrapped(&[0xab; 65]).parse().unwrap();
    let text = format!("{read:?} {:?}", read.deployment());
    assert!(!text.contains("abab") && !text.contains("171"), "{text}");
}
