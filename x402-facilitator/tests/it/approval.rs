//! `erc20ApprovalGasSponsoring`: the allowance comes by a transaction of the payer's.

use alloy_consensus::{SignableTransaction, TxEip1559};
use alloy_primitives::{Address, Bytes, TxKind, U256, hex};
use alloy_provider::Provider;
use alloy_sol_types::SolCall;
use serde_json::{Value, json};
use x402_devnet::{DevUsdc, USDC};
use x402_evm::LocalSigner;
use x402_evm::permit2::PERMIT2;
use x402_facilitator::EvmFacilitator;
use x402_types::facilitator::Facilitator;

use crate::common::*;

/// A gas limit of 70,000 at the devnet's fees costs less.
const MOST: u128 = 10_000_000_000_000;

async fn facilitator(world: &World) -> EvmFacilitator {
    world.facilitator_with(|chain| chain.sponsor_approvals(MOST)).await
}

fn approve(spender: Address, amount: U256) -> Bytes {
    DevUsdc::approveCall { spender, value: amount }.abi_encode().into()
}

fn transaction(nonce: u64) -> TxEip1559 {
    TxEip1559 {
        chain_id: 84532,
        nonce,
        gas_limit: 70_000,
        max_fee_per_gas: 11_000_000,
        max_priority_fee_per_gas: 1_000_000,
        to: TxKind::Call(USDC),
        value: U256::ZERO,
        access_list: Default::default(),
        input: approve(PERMIT2, U256::MAX),
    }
}

fn raw(signer: &LocalSigner, transaction: TxEip1559) -> String {
    let signature = signer.sign_digest_unseen(transaction.signature_hash()).to_bytes();
    let signature = alloy_primitives::Signature::from_raw_array(&signature).unwrap();
    let mut raw = Vec::new();
    transaction.into_signed(signature).eip2718_encode(&mut raw);
    hex::encode_prefixed(raw)
}

fn answer(payer: &LocalSigner, transaction: TxEip1559) -> Value {
    json!({
        "from": payer.address().to_string(),
        "asset": USDC.to_string(),
        "spender": PERMIT2.to_string(),
        "amount": U256::MAX.to_string(),
        "signedTransaction": raw(payer, transaction),
        "version": "1",
    })
}

fn answering(mut payment: Permit2Payment, info: &Value) -> Permit2Payment {
    let extensions = json!({"erc20ApprovalGasSponsoring": {"info": info}});
    payment.extensions = Some(extensions.to_string().parse().unwrap());
    payment
}

/// A payment with a sound approval.
fn sponsored(world: &World, nonce: u64) -> Permit2Payment {
    let payment = Permit2Payment::exact(&world.payer);
    answering(payment, &answer(&world.payer, transaction(nonce)))
}

async fn refused(facilitator: &EvmFacilitator, payment: &Permit2Payment) -> String {
    refusal(facilitator, &payment.v2().await).await
}

#[tokio::test]
async fn a_payer_without_gas_is_given_it_approves_and_pays() {
    let world = World::instant();
    let facilitator = facilitator(&world).await;
    let payment = sponsored(&world, 0);
    let verified = verify(&facilitator, &payment.v2().await).await;
    assert!(verified.is_valid, "{verified:?}");
    assert_eq!(world.devnet.balance(world.payer.address()), U256::ZERO, "to verify gives nothing");
    let settled = settle(&facilitator, &payment.v2().await).await;
    assert!(settled.success, "{settled:?}");
    assert_eq!((world.paid(), world.nonce().await), (PRICE, 2));
    assert!(world.devnet.balance(world.payer.address()) < U256::from(MOST));
    assert_eq!(settle(&facilitator, &payment.v2().await).await, settled);
    // The allowance stays: what is brought along again is not needed.
    assert!(settle(&facilitator, &sponsored(&world, 0).v2().await).await.success);
    assert_eq!((world.paid(), world.nonce().await), (2 * PRICE, 3));
}

#[tokio::test]
async fn a_payer_with_gas_is_given_none_and_pays_by_upto_too() {
    let world = World::instant();
    let facilitator = world.facilitator_with(|chain| chain.sponsor_approvals(0)).await;
    world.devnet.set_balance(world.payer.address(), U256::from(MOST));
    let info = answer(&world.payer, transaction(0));
    let payment = answering(Permit2Payment::upto(&world.payer), &info);
    assert!(verify(&facilitator, &payment.v2().await).await.is_valid);
    let settled = settle(&facilitator, &payment.over(400).await).await;
    assert!(settled.success, "{settled:?}");
    assert_eq!((world.paid(), world.nonce().await), (400, 1));
}

#[tokio::test]
async fn it_is_offered_and_done_only_where_it_was_switched_on() {
    let world = World::instant();
    let (off, on) = (world.facilitator().await, facilitator(&world).await);
    assert_eq!(off.supported().await.unwrap().extensions, ["eip2612GasSponsoring"]);
    let both = ["eip2612GasSponsoring", "erc20ApprovalGasSponsoring"];
    assert_eq!(on.supported().await.unwrap().extensions, both);
    assert_eq!(refused(&off, &sponsored(&world, 0)).await, "permit2_allowance_required");
}

#[tokio::test]
async fn a_bare_echo_of_the_declaration_is_no_approval() {
    let world = World::instant();
    let facilitator = facilitator(&world).await;
    let echo = json!({"description": "gas is on us", "version": "1"});
    let payment = answering(Permit2Payment::exact(&world.payer), &echo);
    assert_eq!(refused(&facilitator, &payment).await, "permit2_allowance_required");
}

#[tokio::test]
async fn each_fault_of_an_approval_is_told_without_asking_the_chain() {
    let world = World::instant();
    let facilitator = facilitator(&world).await;
    let payer = &world.payer;
    let other = Address::repeat_byte(7);
    let sound = answer(payer, transaction(0));
    let with = |key: &str, value: Value| {
        let mut info = sound.clone();
        info[key] = value;
        info
    };
    let tx = |change: fn(&mut TxEip1559)| {
        let mut transaction = transaction(0);
        change(&mut transaction);
        answer(payer, transaction)
    };
    let strangers = raw(&LocalSigner::random().unwrap(), transaction(0));
    let whole = raw(payer, transaction(0));
    for (info, expected) in [
        (with("from", json!(other.to_string())), "erc20_approval_from_mismatch"),
        (with("asset", json!(other.to_string())), "erc20_approval_asset_mismatch"),
        (with("spender", json!(other.to_string())), "erc20_approval_spender_not_permit2"),
        (with("version", json!("2")), "invalid_erc20_approval_extension_format"),
        (with("amount", json!("-1")), "invalid_erc20_approval_extension_format"),
        (with("amount", json!("1")), "erc20_approval_tx_invalid_calldata"),
        (with("signedTransaction", json!("0x02c0")), "erc20_approval_tx_parse_failed"),
        (with("signedTransaction", json!(format!("{whole}00"))), "erc20_approval_tx_parse_failed"),
        (with("signedTransaction", json!(strangers)), "erc20_approval_tx_signer_mismatch"),
        (tx(|tx| tx.chain_id = 1), "erc20_approval_tx_parse_failed"),
        (tx(|tx| tx.to = TxKind::Create), "erc20_approval_tx_wrong_target"),
        (tx(|tx| tx.to = TxKind::Call(PERMIT2)), "erc20_approval_tx_wrong_target"),
        (tx(|tx| tx.input = Bytes::from_static(&[1; 68])), "erc20_approval_tx_wrong_selector"),
        (tx(|tx| tx.input = tx.input.slice(..40)), "erc20_approval_tx_invalid_calldata"),
        (tx(|tx| tx.value = U256::from(1)), "erc20_approval_tx_invalid_calldata"),
        (
            tx(|tx| tx.input = approve(Address::repeat_byte(7), U256::MAX)),
            "erc20_approval_tx_wrong_spender",
        ),
        (tx(|tx| tx.gas_limit = 1_000_000), "erc20_approval_tx_failed"),
        (json!("0x"), "invalid_erc20_approval_extension_format"),
    ] {
        let payment = answering(Permit2Payment::exact(payer), &info);
        assert_eq!(refused(&facilitator, &payment).await, expected, "{info}");
    }
    assert_eq!(world.wire.calls(), [""; 0]);
}

#[tokio::test]
async fn an_approval_over_less_than_the_payment_is_refused() {
    let world = World::instant();
    let facilitator = facilitator(&world).await;
    let little = U256::from(PRICE - 1);
    let mut info =
        answer(&world.payer, TxEip1559 { input: approve(PERMIT2, little), ..transaction(0) });
    info["amount"] = json!(little.to_string());
    let payment = answering(Permit2Payment::exact(&world.payer), &info);
    assert_eq!(refused(&facilitator, &payment).await, "permit2_allowance_required");
}

#[tokio::test]
async fn an_approval_that_would_not_land_or_costs_too_much_is_refused_and_nothing_is_sent() {
    let world = World::instant();
    let facilitator = facilitator(&world).await;
    for transaction in [
        transaction(1),
        TxEip1559 { max_fee_per_gas: 1, max_priority_fee_per_gas: 1, ..transaction(0) },
        // Affordable, but most of it would be the payer's to keep.
        TxEip1559 { max_fee_per_gas: 100_000_000, ..transaction(0) },
        TxEip1559 { max_fee_per_gas: 1_000_000_000, ..transaction(0) },
    ] {
        let info = answer(&world.payer, transaction);
        let payment = answering(Permit2Payment::exact(&world.payer), &info);
        assert_eq!(refused(&facilitator, &payment).await, "erc20_approval_tx_failed");
    }
    assert_eq!(world.wire.count("eth_sendRawTransaction"), 0);
}

#[tokio::test]
async fn where_the_payment_fails_after_the_approval_nothing_is_given() {
    let world = World::instant();
    let facilitator = facilitator(&world).await;
    let poor = World { payer: LocalSigner::random().unwrap(), ..world };
    let payment = sponsored(&poor, 0);
    assert_eq!(refused(&facilitator, &payment).await, "permit2_insufficient_balance");
    // Gas that is too little for the approval shows in the simulation.
    poor.devnet.mint(poor.payer.address(), U256::from(PRICE)).unwrap();
    let short = TxEip1559 { gas_limit: 30_000, ..transaction(0) };
    let payment = answering(Permit2Payment::exact(&poor.payer), &answer(&poor.payer, short));
    assert_eq!(refused(&facilitator, &payment).await, "permit2_simulation_failed");
    assert_eq!(poor.wire.count("eth_sendRawTransaction"), 0);
}

#[tokio::test]
async fn a_node_that_does_not_take_the_approval_is_told_apart() {
    let world = World::instant();
    let facilitator = facilitator(&world).await;
    world.devnet.set_balance(world.payer.address(), U256::from(MOST));
    let fault = Fault::Error(-32000, "transaction underpriced");
    world.wire.breaks("eth_sendRawTransaction", fault);
    let payment = sponsored(&world, 0).v2().await;
    let failed = settle(&facilitator, &payment).await;
    assert_eq!(reason(&failed), "erc20_approval_broadcast_failed");
    world.wire.mends();
    assert!(settle(&facilitator, &payment).await.success);
}

#[tokio::test(start_paused = true)]
async fn gas_is_given_once_where_the_approval_does_not_land() {
    let world = World::instant();
    let facilitator = facilitator(&world).await;
    // The gas money arrives; the approval, which the payer's account sends, never does.
    world.wire.breaks(
        "eth_sendRawTransaction",
        Fault::Refuses(|params| {
            let input = hex::encode(approve(PERMIT2, U256::MAX));
            params[0].as_str()?.contains(&input).then_some("transaction underpriced")
        }),
    );
    let payment = sponsored(&world, 0);
    let failed = settle(&facilitator, &payment.v2().await).await;
    assert_eq!(reason(&failed), "erc20_approval_broadcast_failed");
    let given = world.devnet.balance(world.payer.address());
    assert_eq!((given > U256::ZERO, world.nonce().await), (true, 1));
    // The payer takes it elsewhere, and comes back for more.
    world.devnet.set_balance(world.payer.address(), U256::ZERO);
    assert_eq!(refused(&facilitator, &sponsored(&world, 0)).await, "erc20_approval_tx_failed");
    assert_eq!(world.nonce().await, 1);
    // Once it has approved, it is like any other.
    world.wire.mends();
    world.devnet.set_balance(world.payer.address(), given);
    assert!(settle(&facilitator, &sponsored(&world, 0).v2().await).await.success);
    assert_eq!((world.paid(), world.nonce().await), (PRICE, 2));
}

#[tokio::test]
async fn what_an_earlier_process_did_is_not_done_again() {
    for (is_given, is_approved) in [(true, false), (true, true)] {
        let world = World::instant();
        let payment = sponsored(&world, 0);
        if is_given {
            world.devnet.set_balance(world.payer.address(), U256::from(MOST));
        }
        if is_approved {
            let raw = hex::decode(raw(&world.payer, transaction(0))).unwrap();
            let provider = world.devnet.provider();
            let _pending = provider.send_raw_transaction(&raw).await.unwrap();
        }
        let facilitator = facilitator(&world).await;
        assert!(settle(&facilitator, &payment.v2().await).await.success);
        assert_eq!((world.paid(), world.nonce().await), (PRICE, 1));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn payments_of_one_payer_at_once_are_approved_once() {
    let world = World::instant();
    let facilitator = facilitator(&world).await;
    let mut settling = tokio::task::JoinSet::new();
    for _ in 0..3 {
        let (facilitator, request) = (facilitator.clone(), sponsored(&world, 0).v2().await);
        settling.spawn(async move { settle(&facilitator, &request).await });
    }
    let answers = settling.join_all().await;
    assert!(answers.iter().all(|answer| answer.success), "{answers:?}");
    assert_eq!((world.paid(), world.nonce().await), (3 * PRICE, 4));
}
