//! Who took part, behind the calldata of settlements.

use alloy_consensus::Transaction;
use alloy_primitives::{Address, B256, Bytes, address, hex};
use alloy_provider::Provider;
use serde_json::{Value, json};
use x402_devnet::USDC;
use x402_evm::LocalSigner;
use x402_evm::permit2::{EXACT_PROXY, UPTO_PROXY};
use x402_facilitator::{BuilderCodes, EvmFacilitator};
use x402_types::RawObject;
use x402_types::facilitator::{Facilitator, Request};

use crate::common::*;

const CONTRACT: Address = address!("0x00000000000000000000000000000000C0117AC7");
const MARKER: &str = "80218021802180218021802180218021";

/// What the npm package's facilitator writes for the wallet `our_wallet` and the service
/// `our_service`, without its marker, where a payment came with this.
fn golden() -> Vec<(Value, &'static str)> {
    const ALONE: &str = "a261776a6f75725f77616c6c65746173816b6f75725f73657276696365001d02";
    let twelve: Vec<String> = (0..12).map(|at| format!("s{at}")).collect();
    vec![
        (Value::Null, ALONE),
        (
            json!({"a": "my_app", "s": ["svc1", "svc2"]}),
            "a36161666d795f61707061776a6f75725f77616c6c6574617383647376633164737663326b6f75725f73657276696365003002",
        ),
        (
            json!({"a": "My App", "w": "not_yours", "s": ["ok", "No", "", 5, null, "fine"]}),
            "a261776a6f75725f77616c6c6574617383626f6b6466696e656b6f75725f73657276696365002502",
        ),
        (
            json!({"s": "alone"}),
            "a261776a6f75725f77616c6c657461738265616c6f6e656b6f75725f73657276696365002302",
        ),
        (
            json!({"a": "my_app", "s": ["our_service"]}),
            "a36161666d795f61707061776a6f75725f77616c6c65746173816b6f75725f73657276696365002602",
        ),
        (
            json!({"s": twelve}),
            "a261776a6f75725f77616c6c657461738b6273306273316273326273336273346273356273366273376273386273396b6f75725f73657276696365003b02",
        ),
        (json!(["a"]), ALONE),
        (json!("text"), ALONE),
        (json!({"a": {}, "s": {}}), ALONE),
    ]
}

fn ours() -> BuilderCodes {
    BuilderCodes::default()
        .wallet("our_wallet".parse().unwrap())
        .service("our_service".parse().unwrap())
}

async fn writing(world: &World, codes: BuilderCodes) -> EvmFacilitator {
    world.builder().builder_codes(codes).build().await.unwrap()
}

fn named(info: &Value) -> Option<RawObject> {
    let extensions = json!({"other": {}, "builder-code": {"info": info, "schema": {}}});
    Some(RawObject::new(&extensions).unwrap())
}

/// The calldata of this transaction, as it was mined.
async fn mined(world: &World, transaction: &str) -> Bytes {
    let hash: B256 = transaction.parse().unwrap();
    let mined = world.devnet.provider().get_transaction_by_hash(hash).await.unwrap().unwrap();
    mined.input().clone()
}

/// Settles, and gives what was mined behind the call without anybody's code.
async fn suffix(
    world: &World,
    facilitator: &EvmFacilitator,
    request: &Request,
    call: &[u8],
) -> String {
    let verified = verify(facilitator, request).await;
    assert!(verified.is_valid, "{verified:?}");
    let settled = settle(facilitator, request).await;
    assert!(settled.success, "{settled:?}");
    let input = mined(world, &settled.transaction).await;
    hex::encode(input.strip_prefix(call).unwrap())
}

#[tokio::test]
async fn what_is_mined_ends_byte_for_byte_as_the_npm_package_has_it() {
    let world = World::instant();
    let facilitator = writing(&world, ours()).await;
    for (info, expected) in golden() {
        let payment = Payment { extensions: named(&info), ..world.payment() };
        let call = payment.calldata().await;
        let suffix = suffix(&world, &facilitator, &payment.v2().await, &call).await;
        assert_eq!(suffix, format!("{expected}{MARKER}"), "{info}");
    }
    assert_eq!(world.paid(), PRICE * golden().len() as u64);
}

#[tokio::test]
async fn each_call_of_the_permit2_proxies_carries_the_codes_too() {
    let world = World::instant();
    world.allow_permit2(1_000_000).await;
    let facilitator = writing(&world, ours()).await;
    let (info, expected) = golden().remove(1);
    for mut payment in [Permit2Payment::exact(&world.payer), Permit2Payment::upto(&world.payer)] {
        payment.extensions = named(&info);
        let call = payment.calldata().await;
        let suffix = suffix(&world, &facilitator, &payment.v2().await, &call).await;
        assert_eq!(suffix, format!("{expected}{MARKER}"), "{}", payment.offer.scheme);
    }
    assert_eq!(world.paid(), 2 * PRICE);
}

#[tokio::test]
async fn a_call_that_brings_the_allowance_along_carries_them_too() {
    let world = World::instant();
    let facilitator = writing(&world, ours()).await;
    let mut payment = Permit2Payment::exact(&world.payer);
    payment =
        payment.with_extra(r#"{"assetTransferMethod":"permit2","name":"USDC","version":"2"}"#);
    let (permit, signature) = payment.permit(0).await;
    let sponsored = json!({"info": {
        "from": permit.owner, "asset": USDC, "spender": permit.spender, "amount": permit.value,
        "nonce": permit.nonce, "deadline": permit.deadline, "signature": signature.to_string(),
        "version": "1",
    }});
    let extensions = json!({
        "eip2612GasSponsoring": sponsored,
        "builder-code": {"info": {"a": "my_app"}},
    });
    payment.extensions = Some(RawObject::new(&extensions).unwrap());
    let signed = payment.signature().await.to_bytes().into();
    let amount = payment.authorization.permitted.amount;
    let call = payment.authorization.calldata(amount, signed, Some((&permit, signature)));
    let suffix = suffix(&world, &facilitator, &payment.v2().await, &call).await;
    assert!(suffix.starts_with("a36161666d795f617070"), "{suffix}");
    assert!(suffix.ends_with(MARKER), "{suffix}");
}

#[tokio::test]
async fn a_facilitator_that_is_not_told_to_appends_nothing() {
    let world = World::instant();
    let facilitator = world.facilitator().await;
    let payment = Payment { extensions: named(&json!({"a": "my_app"})), ..world.payment() };
    let call = payment.calldata().await;
    assert_eq!(suffix(&world, &facilitator, &payment.v2().await, &call).await, "");
    let extensions = facilitator.supported().await.unwrap().extensions;
    assert_eq!(extensions, ["eip2612GasSponsoring"]);
    let writing = writing(&world, ours()).await.supported().await.unwrap().extensions;
    assert_eq!(writing, ["eip2612GasSponsoring", "builder-code"]);
}

#[tokio::test]
async fn one_without_codes_of_its_own_appends_those_that_came_and_else_nothing() {
    let world = World::instant();
    let facilitator = writing(&world, BuilderCodes::default()).await;
    let payment = Payment { extensions: named(&json!({"a": "my_app"})), ..world.payment() };
    let call = payment.calldata().await;
    assert_eq!(
        suffix(&world, &facilitator, &payment.v2().await, &call).await,
        format!("a16161666d795f617070000a02{MARKER}"),
    );
    let payment = world.payment();
    let call = payment.calldata().await;
    assert_eq!(suffix(&world, &facilitator, &payment.v2().await, &call).await, "");
}

#[tokio::test]
async fn a_payment_of_version_1_carries_the_facilitators_own() {
    let world = World::instant();
    let facilitator = writing(&world, ours()).await;
    let payment = world.payment();
    let call = payment.calldata().await;
    let suffix = suffix(&world, &facilitator, &payment.v1().await, &call).await;
    assert_eq!(suffix, format!("{}{MARKER}", golden()[0].1));
}

#[tokio::test]
async fn the_longest_suffix_costs_no_more_gas_than_its_bytes() {
    let world = World::instant();
    let long = |at: usize| format!("{at}{}", "z".repeat(31 - at / 10));
    let codes = BuilderCodes::default()
        .wallet("w".repeat(32).parse().unwrap())
        .service("f".repeat(32).parse().unwrap());
    let facilitator = writing(&world, codes).await;
    let services: Vec<String> = (0..2000).map(|at| long(at % 100)).collect();
    let longest = named(&json!({"a": "a".repeat(32), "s": services}));
    let mut used = Vec::new();
    // The first payment of all gives the payee its balance.
    for extensions in [None, None, longest] {
        let payment = Payment { extensions, ..world.payment() };
        let settled = settle(&facilitator, &payment.v2().await).await;
        let hash: B256 = settled.transaction.parse().unwrap();
        let receipt = world.devnet.provider().get_transaction_receipt(hash).await.unwrap().unwrap();
        used.push((mined(&world, &settled.transaction).await.len(), receipt.gas_used));
    }
    let [_, (short, little), (long, more)] = used[..] else { panic!("{used:?}") };
    let call = world.payment().calldata().await.len();
    assert_eq!(long - call, 469);
    assert!(more - little <= 16 * (long - short + 32) as u64, "{used:?}");
}

#[tokio::test]
async fn asked_again_with_other_codes_the_same_payment_is_settled_once() {
    let world = World::instant();
    let facilitator = writing(&world, ours()).await;
    let payment = world.payment();
    let settled = settle(&facilitator, &payment.v2().await).await;
    let again = Payment { extensions: named(&json!({"a": "thief"})), ..payment };
    assert_eq!(settle(&facilitator, &again.v2().await).await, settled);
    assert_eq!(world.paid(), PRICE);
}

// Settled by others

/// What others may put behind a call: their codes, and bytes that look like something.
fn suffixes() -> [Vec<u8>; 2] {
    let codes = hex::decode(format!("{}{MARKER}", golden()[1].1)).unwrap();
    [codes, vec![0xff; 97]]
}

async fn submitted(world: &World, sender: &LocalSigner, to: Address, input: Vec<u8>) -> String {
    call(&world.devnet, sender, to, input.into(), 1).await
}

#[tokio::test]
async fn what_others_settled_with_a_suffix_is_found() {
    for suffix in suffixes() {
        let world = World::instant();
        world.allow_permit2(1_000_000).await;
        let by_token = world.payment();
        let call = [&by_token.calldata().await[..], &suffix].concat();
        let transaction = submitted(&world, &signer(5), USDC, call).await;
        let used = "invalid_exact_evm_nonce_already_used";
        is_found(&world.facilitator().await, &by_token.v2().await, &transaction, used).await;

        let exact = Permit2Payment::exact(&world.payer);
        let upto = Permit2Payment::upto(&world.payer);
        for (payment, proxy, sender) in [(exact, EXACT_PROXY, 5), (upto, UPTO_PROXY, 0)] {
            let call = [&payment.calldata().await[..], &suffix].concat();
            let sender = signer(sender);
            let transaction = submitted(&world, &sender, proxy, call).await;
            let facilitator = world.facilitator().await;
            let request = payment.v2().await;
            is_found(&facilitator, &request, &transaction, "permit2_invalid_nonce").await;
        }
        assert_eq!(world.paid(), 3 * PRICE);
    }
}

#[tokio::test]
async fn what_others_settled_with_a_suffix_through_a_contract_is_found() {
    for suffix in suffixes() {
        let world = World::instant();
        world.allow_permit2(1_000_000).await;
        world.devnet.set_code(CONTRACT, forwarder(EXACT_PROXY)).unwrap();
        let payment = Permit2Payment::exact(&world.payer);
        let call = [&payment.calldata().await[..], &suffix].concat();
        let transaction = submitted(&world, &signer(5), CONTRACT, call).await;
        let facilitator = world.facilitator().await;
        let request = payment.v2().await;
        is_found(&facilitator, &request, &transaction, "permit2_invalid_nonce").await;
    }
}
