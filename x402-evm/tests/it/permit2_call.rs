//! A proxy's call read back: it settles just the payment that was signed.

use alloy_primitives::{Address, Bytes, U256};
use x402_evm::Signature;
use x402_evm::eip2612::Permit;
use x402_evm::permit2::{
    EXACT_PROXY, PERMIT2, Permit2Authorization, TokenPermissions, UPTO_PROXY, Witness,
};
use x402_types::Amount;

fn authorization(facilitator: Option<Address>) -> Permit2Authorization {
    Permit2Authorization {
        from: Address::repeat_byte(1),
        permitted: TokenPermissions {
            token: Address::repeat_byte(2),
            amount: Amount::from(500u64),
        },
        spender: if facilitator.is_some() { UPTO_PROXY } else { EXACT_PROXY },
        nonce: Amount::new(U256::MAX),
        deadline: Amount::from(9_000u64),
        witness: Witness {
            to: Address::repeat_byte(3),
            facilitator,
            valid_after: Amount::from(7u64),
        },
    }
}

/// With and without a permit, and each with signatures of several lengths.
fn calls(authorization: &Permit2Authorization, amount: u64) -> Vec<Bytes> {
    let permit = Permit {
        owner: authorization.from,
        spender: PERMIT2,
        value: authorization.permitted.amount,
        nonce: Amount::ZERO,
        deadline: authorization.deadline,
    };
    let mut bytes = [1; 65];
    bytes[64] = 27;
    let by = Signature::from_bytes(&bytes).unwrap();
    let mut calls = Vec::new();
    for length in [0, 64, 65, 500] {
        for allowance in [None, Some((&permit, by))] {
            let signature = vec![7; length].into();
            calls.push(authorization.calldata(Amount::from(amount), signature, allowance));
        }
    }
    calls
}

const METERED: [Option<Address>; 2] = [None, Some(Address::repeat_byte(4))];

#[test]
fn a_call_settles_its_own_payment_however_it_is_signed() {
    for facilitator in METERED {
        let payment = authorization(facilitator);
        for call in calls(&payment, 500) {
            assert!(payment.is_settled_by(Amount::from(500u64), &call));
        }
    }
}

#[test]
fn a_call_on_anything_else_settles_another_payment() {
    let changes: [fn(&mut Permit2Authorization); 7] = [
        |a| a.from = Address::repeat_byte(9),
        |a| a.permitted.token = Address::repeat_byte(9),
        |a| a.permitted.amount = Amount::from(501u64),
        |a| a.nonce = Amount::ZERO,
        |a| a.deadline = Amount::from(9_001u64),
        |a| a.witness.to = Address::repeat_byte(9),
        |a| a.witness.valid_after = Amount::ZERO,
    ];
    for facilitator in METERED {
        let payment = authorization(facilitator);
        for change in changes {
            let mut other = payment.clone();
            change(&mut other);
            for call in calls(&other, 500) {
                assert!(!payment.is_settled_by(Amount::from(500u64), &call), "{other:?}");
            }
        }
    }
    let other = authorization(Some(Address::repeat_byte(9)));
    for facilitator in METERED {
        for call in calls(&other, 500) {
            assert!(!authorization(facilitator).is_settled_by(Amount::from(500u64), &call));
        }
    }
}

#[test]
fn upto_is_settled_by_a_call_over_just_that_amount() {
    let payment = authorization(METERED[1]);
    for call in calls(&payment, 300) {
        assert!(payment.is_settled_by(Amount::from(300u64), &call));
        assert!(!payment.is_settled_by(Amount::from(301u64), &call));
        assert!(!payment.is_settled_by(Amount::from(500u64), &call));
    }
}

#[test]
fn what_is_no_call_settles_nothing() {
    let payment = authorization(None);
    let whole = &calls(&payment, 500)[0];
    for cut in 0..whole.len() - 32 {
        assert!(!payment.is_settled_by(Amount::from(500u64), &whole[..cut]), "{cut}");
    }
    assert!(!payment.is_settled_by(Amount::from(500u64), &[0xff; 1000]));
}
