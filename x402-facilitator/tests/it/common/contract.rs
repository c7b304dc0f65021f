//! Small contracts of somebody else's.

use alloy_primitives::{Address, Bytes};

const RETURN_TRUE: &[u8] = &[0x60, 1, 0x5f, 0x52, 0x60, 32, 0x5f, 0xf3];
/// `calldatasize 0 0 calldatacopy`, and `0 0 calldatasize 0 0`: what of a call lies before the callee.
const FORWARD: &[u8] = &[0x36, 0x5f, 0x5f, 0x37, 0x5f, 0x5f, 0x36, 0x5f, 0x5f];
/// `stop`, and where a call that failed goes: `jumpdest 0 0 revert`.
const END: &[u8] = &[0x00, 0x5b, 0x5f, 0x5f, 0xfd];

/// One that says true to everything, and does nothing.
pub(crate) fn yes_man() -> Bytes {
    Bytes::from_static(RETURN_TRUE)
}

/// One that makes every call that it gets to another.
pub(crate) fn forwarder(to: Address) -> Bytes {
    let end = FORWARD.len() + call(to, 0).len();
    [FORWARD, &call(to, end), END].concat().into()
}

/// One that makes these calls whatever it is called with, and fails where one of them does.
pub(crate) fn caller(calls: &[(Address, Bytes)]) -> Bytes {
    let one = |(to, input): &(Address, Bytes), at: usize, end: usize| {
        let length = push(input.len());
        let copy = [length.clone(), push(at), vec![0x5f, 0x39]].concat();
        let arguments = [vec![0x5f, 0x5f], length, vec![0x5f, 0x5f]].concat();
        [copy, arguments, call(*to, end)].concat()
    };
    let end: usize = calls.iter().map(|made| one(made, 0, 0).len()).sum();
    let mut at = end + END.len();
    let mut code = Vec::new();
    for made in calls {
        code.extend(one(made, at, end));
        at += made.1.len();
    }
    code.extend(END);
    code.extend(calls.iter().flat_map(|(_, input)| input.to_vec()));
    code.into()
}

/// Calls with all gas, and goes to the end where that fails.
fn call(to: Address, end: usize) -> Vec<u8> {
    let call = [&[0x73], to.as_slice(), &[0x5a, 0xf1, 0x15]].concat();
    [call, push(end + 1), vec![0x57]].concat()
}

fn push(number: usize) -> Vec<u8> {
    [&[0x63], &u32::try_from(number).unwrap().to_be_bytes()[..]].concat()
}
