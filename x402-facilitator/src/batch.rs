//! Several calls simulated as one, each on what those before it changed.
//!
//! For the time of an `eth_call` the calling account is given code that makes the calls, so that each
//! of them sees the caller that it would see in a transaction of its own.

use alloy_primitives::{Address, Bytes, U256};
use alloy_rpc_types_eth::state::StateOverridesBuilder;
use alloy_rpc_types_eth::{TransactionInput, TransactionRequest};

use crate::RpcError;
use crate::rpc::{Reverted, Rpc, ran, reverted};

/// A call among others.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) to: Address,
    pub(crate) input: Bytes,
    /// The most that a transaction of its own would bring.
    pub(crate) gas: u64,
    /// Whether it may change nothing.
    pub(crate) is_view: bool,
}

/// What a step came to.
#[derive(Debug)]
pub(crate) struct Stepped {
    /// Whether there was code when it was called.
    pub(crate) had_code: bool,
    /// What it returned: of more than 256 bytes, nothing.
    pub(crate) output: Result<Bytes, Reverted>,
}

/// Bytes of a step's answer that are looked at.
const KEPT: usize = 256;
/// A step's record: whether there was code, whether it succeeded, how much it returned, and that.
const RECORD: usize = 3 * 32 + KEPT;
/// Gas for the code around the steps, and for what nodes count before any of it runs.
const OVERHEAD: u64 = 200_000;

/// Runs the steps as one account, whichever of them fail, with this code of another account's if need
/// be. `None` where the node cannot.
pub(crate) async fn rehearse(
    rpc: &Rpc,
    from: Address,
    steps: &[Step],
    other: Option<(Address, Bytes)>,
) -> Result<Option<Vec<Stepped>>, RpcError> {
    let gas = steps.iter().map(|step| step.gas).fold(0, u64::saturating_add);
    // A call is given at most 63/64 of what is left.
    let gas = gas.saturating_add(gas / 32).saturating_add(OVERHEAD);
    let message = TransactionRequest::default()
        .from(from)
        .to(from)
        .gas_limit(gas)
        .input(TransactionInput::both(Bytes::new()));
    let code = Bytes::from(code(steps));
    let mut state = StateOverridesBuilder::default().with_code(from, code);
    if let Some((account, code)) = other {
        state = state.with_code(account, code);
    }
    let state = state.build();
    match ran(rpc.call_on(message, state).await) {
        // A node that does not know overrides finds no code there, or is not the one to ask.
        Ok(Ok(output)) if output.len() != steps.len() * RECORD => Ok(None),
        Ok(Ok(output)) => Ok(Some(output.chunks_exact(RECORD).map(read).collect())),
        Ok(Err(_)) => Ok(None),
        Err(error) if error.is_not_understood() => Ok(None),
        Err(error) => Err(error),
    }
}

/// The code of an account that makes a call as often as it is called, and says yes to any signature
/// (ERC-1271): it stands for one whose signatures were checked.
pub(crate) fn caller(step: &Step) -> Bytes {
    let end = [
        [&[op::PUSH4], &YES[..]].concat(),
        vec![op::PUSH1, 0xe0, op::SHL],
        [push(0), vec![op::MSTORE], push(32), push(0), vec![op::RETURN]].concat(),
    ]
    .concat();
    let input_at = write(step, 0, 0, RECORD).len() + end.len();
    [write(step, 0, input_at, RECORD), end, step.input.to_vec()].concat().into()
}

/// What is left for a call's code of the gas that its transaction brings, at the least.
pub(crate) fn beyond_intrinsic(gas: u64, input: &[u8]) -> u64 {
    let bytes = u64::try_from(input.len()).unwrap_or(u64::MAX);
    gas.saturating_sub(21_000).saturating_sub(bytes.saturating_mul(16))
}

fn read(record: &[u8]) -> Stepped {
    let word = |at: usize| record.get(at * 32..(at + 1) * 32).map(U256::from_be_slice);
    let is_zero = |at: usize| word(at).unwrap_or_default().is_zero();
    let length = word(2).and_then(|length| usize::try_from(length).ok()).unwrap_or(usize::MAX);
    let kept = record.get(3 * 32..).unwrap_or_default();
    let output = Bytes::copy_from_slice(kept.get(..length).unwrap_or_default());
    let output = if is_zero(1) { Err(reverted(&output, "it failed")) } else { Ok(output) };
    Stepped { had_code: !is_zero(0), output }
}

/// The code that makes the calls one after another and returns their records.
fn code(steps: &[Step]) -> Vec<u8> {
    let records = steps.len() * RECORD;
    let mut inputs_at = 0;
    // Every step takes the same, so that this is known before it is written.
    let lengths = steps.iter().map(|step| write(step, 0, 0, records).len());
    let end = [push(records), push(0), vec![op::RETURN]].concat();
    inputs_at += lengths.sum::<usize>() + end.len();
    let mut code = Vec::new();
    for (at, step) in steps.iter().enumerate() {
        code.extend(write(step, at * RECORD, inputs_at, records));
        inputs_at += step.input.len();
    }
    code.extend(end);
    for step in steps {
        code.extend_from_slice(&step.input);
    }
    code
}

/// The code of a step whose input stands at a place of the code, and is brought to a place of the
/// memory behind all records.
fn write(step: &Step, record: usize, input_at: usize, input_to: usize) -> Vec<u8> {
    let address = [&[op::PUSH20], step.to.as_slice()].concat();
    let store = |at: usize| [push(at), vec![op::MSTORE]].concat();
    let length = push(step.input.len());
    let value = if step.is_view { Vec::new() } else { push(0) };
    let call = if step.is_view { op::STATICCALL } else { op::CALL };
    [
        [length.clone(), push(input_at), push(input_to), vec![op::CODECOPY]].concat(),
        [address.clone(), vec![op::EXTCODESIZE], store(record)].concat(),
        [push(KEPT), push(record + 3 * 32), length, push(input_to), value].concat(),
        [address, [&[op::PUSH8], &step.gas.to_be_bytes()[..]].concat(), vec![call]].concat(),
        [store(record + 32), vec![op::RETURNDATASIZE], store(record + 64)].concat(),
    ]
    .concat()
}

fn push(number: usize) -> Vec<u8> {
    let number = u32::try_from(number).unwrap_or(u32::MAX);
    [&[op::PUSH4], &number.to_be_bytes()[..]].concat()
}

/// What a wallet says that signed.
const YES: [u8; 4] = [0x16, 0x26, 0xba, 0x7e];

/// The instructions that are used.
mod op {
    pub(super) const SHL: u8 = 0x1b;
    pub(super) const CODECOPY: u8 = 0x39;
    pub(super) const EXTCODESIZE: u8 = 0x3b;
    pub(super) const RETURNDATASIZE: u8 = 0x3d;
    pub(super) const MSTORE: u8 = 0x52;
    pub(super) const PUSH1: u8 = 0x60;
    pub(super) const PUSH4: u8 = 0x63;
    pub(super) const PUSH8: u8 = 0x67;
    pub(super) const PUSH20: u8 = 0x73;
    pub(super) const CALL: u8 = 0xf1;
    pub(super) const RETURN: u8 = 0xf3;
    pub(super) const STATICCALL: u8 = 0xfa;
}
