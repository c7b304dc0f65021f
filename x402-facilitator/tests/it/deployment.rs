//! Wallets that are not there yet (ERC-6492): an allowed factory deploys them, and then they pay.

use alloy_primitives::{Address, B256, Bytes, U256, b256, hex, keccak256};
use alloy_provider::Provider;
use alloy_sol_types::{SolCall, SolType, SolValue, sol_data};
use serde_json::{Value, json};
use x402_devnet::{DevWalletFactory, USDC, WALLET_FACTORY};
use x402_evm::LocalSigner;
use x402_evm::permit2::PERMIT2;
use x402_facilitator::EvmFacilitator;
use x402_ledger::{MemoryStore, Payments, Status};
use x402_types::RawObject;
use x402_types::facilitator::Request;

use crate::common::*;

const UNKNOWN: &str = "invalid_exact_evm_payload_undeployed_smart_wallet";

async fn facilitator(world: &World) -> EvmFacilitator {
    world.facilitator_with(|chain| chain.allow_wallet_factory(WALLET_FACTORY)).await
}

/// The address of the payer's wallet, which has a dollar and no code.
fn wallet(world: &World) -> Address {
    let wallet = world.devnet.wallet_address(world.payer.address(), B256::ZERO).unwrap();
    world.devnet.mint(wallet, U256::from(1_000_000)).unwrap();
    wallet
}

fn deploy(owner: Address, salt: B256) -> Bytes {
    DevWalletFactory::deployCall { owner, salt }.abi_encode().into()
}

/// A signature with the call that makes the wallet of which it is.
fn wrapped(call: Bytes, signature: &str) -> String {
    type Wrapped = (sol_data::Address, sol_data::Bytes, sol_data::Bytes);
    let suffix = b256!("0x6492649264926492649264926492649264926492649264926492649264926492");
    let parts = (WALLET_FACTORY, call, Bytes::from(hex::decode(signature).unwrap()));
    hex::encode_prefixed([Wrapped::abi_encode_params(&parts), suffix.to_vec()].concat())
}

/// A payment of the wallet's by EIP-3009 that says how the wallet comes to be.
async fn payment(world: &World, wallet: Address) -> (Payment, Request) {
    let payment = world.payment().with(|authorization| authorization.from = wallet);
    let call = deploy(world.payer.address(), B256::ZERO);
    let request = with_call(&payment, call).await;
    (payment, request)
}

async fn with_call(payment: &Payment, call: Bytes) -> Request {
    let signature = wrapped(call, &payment.payload().await.signature);
    let authorization = payment.authorization.clone();
    payment.v2_of(RawObject::new(&x402_evm::ExactPayload { signature, authorization }).unwrap())
}

async fn is_there(world: &World, wallet: Address) -> bool {
    !world.devnet.provider().get_code_at(wallet).await.unwrap().is_empty()
}

#[tokio::test]
async fn a_wallet_that_is_not_there_yet_is_deployed_and_pays() {
    let world = World::instant();
    let wallet = wallet(&world);
    let facilitator = facilitator(&world).await;
    let (_, request) = payment(&world, wallet).await;
    let verified = verify(&facilitator, &request).await;
    assert!(verified.is_valid, "{verified:?}");
    assert!(!is_there(&world, wallet).await, "to verify changes nothing");
    let settled = settle(&facilitator, &request).await;
    assert!(settled.success, "{settled:?}");
    assert!(is_there(&world, wallet).await);
    assert_eq!((world.paid(), world.nonce().await), (PRICE, 2));
    assert_eq!(settled.transaction, world.wire.last_sent().unwrap().to_string());
    assert_eq!(settle(&facilitator, &request).await, settled);
    // From then on it is a wallet like any other.
    let (_, next) = payment(&world, wallet).await;
    assert!(settle(&facilitator, &next).await.success);
    assert_eq!((world.paid(), world.nonce().await), (2 * PRICE, 3));
}

#[tokio::test]
async fn a_wallet_with_an_allowance_is_deployed_and_pays_by_permit2() {
    let world = World::instant();
    let wallet = wallet(&world);
    let facilitator = facilitator(&world).await;
    let call = || deploy(world.payer.address(), B256::ZERO);
    let exact = Permit2Payment::exact(&world.payer).with(|it| it.from = wallet);
    let exact = exact.signed_by(&wrapped(call(), &exact.signature().await.to_string()), |_| {});
    assert_eq!(refusal(&facilitator, &exact).await, "permit2_allowance_required");
    assert!(!is_there(&world, wallet).await);
    allow_permit2(&world, wallet);
    assert!(verify(&facilitator, &exact).await.is_valid);
    let settled = settle(&facilitator, &exact).await;
    assert!(settled.success, "{settled:?}");
    assert_eq!((world.paid(), world.nonce().await), (PRICE, 2));
}

#[tokio::test]
async fn an_upto_payment_comes_from_the_signer_that_was_named_in_the_simulation_too() {
    let world = World::instant();
    let wallet = wallet(&world);
    let with = |chain: x402_facilitator::Chain| {
        chain.signer(signer(1)).allow_wallet_factory(WALLET_FACTORY)
    };
    let facilitator = world.facilitator_with(with).await;
    allow_permit2(&world, wallet);
    let named = signer(1).address();
    let extra = format!(r#"{{"facilitatorAddress":"{named}"}}"#);
    let upto = Permit2Payment::upto(&world.payer).with_extra(&extra).with(|it| {
        it.from = wallet;
        it.witness.facilitator = Some(named);
    });
    let call = deploy(world.payer.address(), B256::ZERO);
    let signature = wrapped(call, &upto.signature().await.to_string());
    let upto = |amount: u64| {
        upto.signed_by(&signature, |terms| terms.amount = x402_types::Amount::from(amount))
    };
    let verified = verify(&facilitator, &upto(PRICE)).await;
    assert!(verified.is_valid, "{verified:?}");
    assert!(settle(&facilitator, &upto(400)).await.success);
    assert_eq!((world.paid(), world.nonce().await), (400, 0));
}

#[tokio::test]
async fn to_settle_nothing_no_wallet_is_deployed() {
    let world = World::instant();
    let wallet = wallet(&world);
    let facilitator = facilitator(&world).await;
    let upto = Permit2Payment::upto(&world.payer).with(|it| it.from = wallet);
    let call = deploy(world.payer.address(), B256::ZERO);
    let signature = wrapped(call, &upto.signature().await.to_string());
    let nothing = upto.signed_by(&signature, |terms| terms.amount = x402_types::Amount::ZERO);
    assert!(settle(&facilitator, &nothing).await.success);
    assert!(!is_there(&world, wallet).await);
}

#[tokio::test]
async fn what_does_not_go_through_is_refused_and_nothing_is_deployed() {
    let world = World::instant();
    let wallet = wallet(&world);
    let facilitator = facilitator(&world).await;
    let owner = world.payer.address();
    let (sound, _) = payment(&world, wallet).await;
    let forged = Payment { payer: LocalSigner::random().unwrap(), ..sound.clone() };
    let dear = sound.clone().with_offer(|offer| offer.amount = 1_000_001u64.into());
    let dear = dear.with(|authorization| authorization.value = 1_000_001u64.into());
    let right = || deploy(owner, B256::ZERO);
    for (payment, call, expected) in [
        (&sound, deploy(owner, B256::repeat_byte(1)), "smart_wallet_deployment_failed"),
        (&sound, deploy(Address::ZERO, B256::ZERO), "smart_wallet_deployment_failed"),
        (&sound, Bytes::from_static(&[1]), "smart_wallet_deployment_failed"),
        (&forged, right(), "invalid_exact_evm_signature"),
        (&dear, right(), "invalid_exact_evm_insufficient_balance"),
    ] {
        let request = with_call(payment, call).await;
        assert_eq!(refusal(&facilitator, &request).await, expected);
    }
    assert_eq!(world.wire.count("eth_sendRawTransaction"), 0);
    assert!(!is_there(&world, wallet).await);
    // None of that got into the way of the real one.
    assert!(settle(&facilitator, &with_call(&sound, right()).await).await.success);
}

#[tokio::test]
async fn a_factory_that_is_not_allowed_is_not_even_simulated() {
    let world = World::instant();
    let wallet = wallet(&world);
    let facilitator = world.facilitator().await;
    let (_, request) = payment(&world, wallet).await;
    assert_eq!(refusal(&facilitator, &request).await, "eip6492_factory_not_allowed");
    assert_eq!(world.wire.count("eth_call"), 0);
}

#[tokio::test]
async fn a_deployment_above_its_cap_is_refused() {
    let world = World::instant();
    let wallet = wallet(&world);
    let capped = |chain: x402_facilitator::Chain| {
        chain.allow_wallet_factory(WALLET_FACTORY).deployment_gas_cap(200_000)
    };
    let facilitator = world.facilitator_with(capped).await;
    let (_, request) = payment(&world, wallet).await;
    assert_eq!(refusal(&facilitator, &request).await, "smart_wallet_deployment_failed");
    assert_eq!(world.wire.count("eth_sendRawTransaction"), 0);
}

#[tokio::test]
async fn where_the_node_cannot_simulate_it_a_wallet_that_is_not_there_is_refused() {
    let world = World::instant();
    let wallet = wallet(&world);
    let facilitator = facilitator(&world).await;
    let (_, request) = payment(&world, wallet).await;
    for fault in
        [Fault::Error(-32602, "too many arguments, want at most 2"), Fault::Lies(|_| json!("0x"))]
    {
        world.wire.breaks("eth_call", fault);
        assert_eq!(refusal(&facilitator, &request).await, UNKNOWN);
    }
    world.wire.mends();
    assert!(settle(&facilitator, &request).await.success);
}

#[tokio::test]
async fn a_node_in_trouble_is_not_the_payments_fault() {
    let world = World::instant();
    let wallet = wallet(&world);
    let facilitator = facilitator(&world).await;
    let (_, request) = payment(&world, wallet).await;
    world.wire.breaks("eth_call", Fault::Error(-32005, "limit exceeded"));
    no_settlement(&facilitator, &request).await;
    world.wire.mends();
    assert!(settle(&facilitator, &request).await.success);
}

#[tokio::test]
async fn a_deployment_that_fails_is_told_with_its_transaction_and_not_tried_again() {
    let world = World::instant();
    let wallet = wallet(&world);
    let facilitator = facilitator(&world).await;
    let (_, request) = payment(&world, wallet).await;
    world.wire.breaks("eth_estimateGas", Fault::Lies(|_| json!("0x5208")));
    let failed = settle(&facilitator, &request).await;
    assert_eq!(reason(&failed), "smart_wallet_deployment_failed");
    assert_eq!(failed.transaction, world.wire.last_sent().unwrap().to_string());
    world.wire.mends();
    assert_eq!(settle(&facilitator, &request).await, failed);
    assert_eq!((world.paid(), world.nonce().await), (0, 1));
}

#[tokio::test]
async fn a_wallet_that_somebody_else_deploys_meanwhile_pays_all_the_same() {
    let world = World::manual();
    let wallet = wallet(&world);
    let facilitator = facilitator(&world).await;
    let (_, request) = payment(&world, wallet).await;
    let settling = tokio::spawn({
        let (facilitator, request) = (facilitator.clone(), request.clone());
        async move { settle(&facilitator, &request).await }
    });
    until(|| world.devnet.waiting() == 1).await;
    world.devnet.deploy_wallet(world.payer.address(), B256::ZERO).unwrap();
    world.devnet.set_instant(true);
    world.devnet.mine();
    assert!(settling.await.unwrap().success);
    assert_eq!(world.paid(), PRICE);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn payments_of_one_wallet_at_once_deploy_it_once() {
    let world = World::instant();
    let wallet = wallet(&world);
    let facilitator = facilitator(&world).await;
    let mut settling = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let (_, request) = payment(&world, wallet).await;
        for _ in 0..2 {
            let (facilitator, request) = (facilitator.clone(), request.clone());
            settling.spawn(async move { settle(&facilitator, &request).await });
        }
    }
    let answers = settling.join_all().await;
    assert!(answers.iter().all(|answer| answer.success), "{answers:?}");
    assert_eq!((world.paid(), world.nonce().await), (4 * PRICE, 5));
}

#[tokio::test(start_paused = true)]
async fn a_deployment_that_waits_for_a_block_leaves_the_outcome_open_and_goes_on() {
    let world = World::manual();
    let wallet = wallet(&world);
    let facilitator = facilitator(&world).await;
    let (_, request) = payment(&world, wallet).await;
    let pending = settle(&facilitator, &request).await;
    assert_eq!((reason(&pending), &*pending.transaction), ("unexpected_settle_error", ""));
    assert_eq!(world.devnet.waiting(), 1);
    world.devnet.set_instant(true);
    world.devnet.mine();
    let settled = settle(&facilitator, &request).await;
    assert!(settled.success, "{settled:?}");
    assert_eq!((world.paid(), world.nonce().await), (PRICE, 2));
}

#[tokio::test]
async fn after_a_crash_before_or_after_the_deployment_the_payment_is_settled_once() {
    for is_deployed in [false, true] {
        let world = World::instant();
        let wallet = wallet(&world);
        let store = MemoryStore::new();
        let chain = || world.chain().allow_wallet_factory(WALLET_FACTORY);
        let build = || EvmFacilitator::builder().chain(chain()).payments(store.clone()).build();
        let (payment, request) = payment(&world, wallet).await;
        // What the earlier process wrote down is all that is left of it.
        store.record(intended(&payment)).await.unwrap();
        if is_deployed {
            world.devnet.deploy_wallet(world.payer.address(), B256::ZERO).unwrap();
        }
        let settled = settle(&build().await.unwrap(), &request).await;
        assert!(settled.success, "{settled:?}");
        let sent = if is_deployed { 1 } else { 2 };
        assert_eq!((world.paid(), world.nonce().await), (PRICE, sent));
        let line = store.payment(&intended(&payment).key).await.unwrap().unwrap();
        assert_eq!((line.status, line.transaction), (Status::Settled, Some(settled.transaction)));
    }
}

#[tokio::test]
async fn the_factory_is_called_without_value() {
    let world = World::instant();
    let wallet = wallet(&world);
    let facilitator = facilitator(&world).await;
    let (_, request) = payment(&world, wallet).await;
    assert!(settle(&facilitator, &request).await.success);
    let [first, _] = &world.wire.params("eth_sendRawTransaction")[..] else { panic!() };
    let hash = keccak256(hex::decode(first[0].as_str().unwrap()).unwrap());
    let provider = world.devnet.provider();
    let sent: Value = provider.client().request("eth_getTransactionByHash", (hash,)).await.unwrap();
    assert_eq!((&sent["value"], &sent["to"]), (&json!("0x0"), &json!(WALLET_FACTORY)));
    let call = deploy(world.payer.address(), B256::ZERO);
    assert_eq!(sent["input"], json!(call));
}

fn intended(payment: &Payment) -> x402_ledger::Payment {
    let authorization = &payment.authorization;
    x402_ledger::Payment {
        key: x402_ledger::PaymentKey::new(
            payment.offer.network.clone(),
            &payment.offer.asset,
            &authorization.from.to_string(),
            &authorization.nonce.to_string(),
        ),
        pay_to: PAY_TO.to_string(),
        amount: payment.offer.amount,
        scheme: "exact".to_owned(),
        purchase: String::new(),
        created_at: 1_000 * i64::try_from(now()).unwrap(),
        updated_at: 1_000 * i64::try_from(now()).unwrap(),
        status: Status::Intended,
        transaction: None,
    }
}

/// Gives Permit2 an allowance of a wallet that cannot ask for it.
fn allow_permit2(world: &World, wallet: Address) {
    let of_wallet = keccak256((wallet, U256::from(ALLOWANCES)).abi_encode());
    let slot = keccak256((PERMIT2, of_wallet).abi_encode());
    let amount = B256::from(U256::from(1_000_000));
    world.devnet.set_storage_at(USDC, slot.into(), amount);
}

/// The slot of the token's allowances.
const ALLOWANCES: u64 = 2;
