//! What is read as a signature: r, s and v in 65 bytes, and nothing else.

use crate::common::signature;
use alloy_primitives::{U256, hex, uint};
use x402_evm::{Signature, SignatureError};

const ORDER: U256 = uint!(0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141_U256);

fn with(r: Option<U256>, s: Option<U256>) -> Result<Signature, SignatureError> {
    let mut bytes = signature();
    if let Some(r) = r {
        bytes[..32].copy_from_slice(&r.to_be_bytes::<32>());
    }
    if let Some(s) = s {
        bytes[32..64].copy_from_slice(&s.to_be_bytes::<32>());
    }
    Signature::from_bytes(&bytes)
}

#[test]
fn comes_back_from_bytes_and_from_text() {
    let read = Signature::from_bytes(&signature()).unwrap();
    assert_eq!(read.to_bytes(), signature());
    assert_eq!(read.to_string(), hex::encode_prefixed(signature()));
    assert_eq!(read.to_string().parse(), Ok(read));
    assert_eq!([read.r().0, read.s().0].concat(), signature()[..64]);
    assert_eq!(read.v(), signature()[64]);
}

#[test]
fn numbers_out_of_range_are_refused() {
    for number in [U256::ZERO, ORDER, ORDER + U256::ONE, U256::MAX] {
        assert_eq!(with(Some(number), None), Err(SignatureError::OutOfRange), "r = {number}");
        assert_eq!(with(None, Some(number)), Err(SignatureError::OutOfRange), "s = {number}");
    }
}

#[test]
fn upper_half_of_s_is_refused() {
    let s = U256::from_be_slice(&signature()[32..64]);
    assert_eq!(with(None, Some(ORDER - s)), Err(SignatureError::HighS));
    assert_eq!(with(None, Some(ORDER - U256::ONE)), Err(SignatureError::HighS));
}

#[test]
fn v_is_27_or_28_or_the_bare_parity() {
    let mut bytes = signature();
    for v in 0..=u8::MAX {
        bytes[64] = v;
        let read = Signature::from_bytes(&bytes).map(Signature::v);
        let expected = match v {
            0 | 27 => Ok(27),
            1 | 28 => Ok(28),
            _ => Err(SignatureError::RecoveryId),
        };
        assert_eq!(read, expected, "v = {v}");
    }
}

#[test]
fn digits_may_be_of_either_case() {
    let upper = format!("0x{}", hex::encode_upper(signature()));
    assert_eq!(upper.parse::<Signature>().unwrap().to_bytes(), signature());
}

#[test]
fn other_texts_are_refused() {
    let good = hex::encode(signature());
    let texts = [
        String::new(),
        "0x".to_owned(),
        good.clone(),
        format!("0X{good}"),
        format!("0x0x{good}"),
        format!("0x0x{}", &good[2..]),
        format!(" 0x{good}"),
        format!("0x{good}\n"),
        format!("0x{}", &good[..129]),
        format!("0x{}", &good[..128]),
        format!("0x{good}0"),
        format!("0x{good}00"),
        format!("0x{}g", &good[..129]),
        format!("0x{}é", &good[..128]),
    ];
    for text in texts {
        assert_eq!(text.parse::<Signature>(), Err(SignatureError::Format), "{text:?}");
    }
}
