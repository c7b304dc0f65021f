//! Payers that are contracts: their own code says whether they signed.

use alloy_primitives::{Address, B256, Bytes, U256, address, b256, hex};
use alloy_sol_types::{SolCall, SolType, sol_data};
use x402_devnet::{Contract, DevUsdc, DevWallet, USDC, WALLET_FACTORY};
use x402_evm::LocalSigner;
use x402_evm::permit2::PERMIT2;
use x402_types::RawObject;
use x402_types::facilitator::Request;

use crate::common::*;

/// A wallet with a dollar, which Permit2 may move.
async fn wallet(world: &World) -> Address {
    let owner = world.payer.address();
    let wallet = world.devnet.deploy_wallet(owner, B256::ZERO).unwrap();
    world.devnet.mint(wallet, U256::from(1_000_000)).unwrap();
    world.devnet.set_balance(owner, U256::from(10).pow(U256::from(18)));
    let approve = DevUsdc::approveCall { spender: PERMIT2, value: U256::from(1_000_000) };
    let data = approve.abi_encode().into();
    let execute = DevWallet::executeCall { target: USDC, value: U256::ZERO, data };
    call(&world.devnet, &world.payer, wallet, execute.abi_encode().into(), 1).await;
    wallet
}

/// A payment of the wallet's by EIP-3009 that its owner signed.
async fn by_token(world: &World, wallet: Address) -> (Payment, String) {
    let payment = world.payment().with(|authorization| authorization.from = wallet);
    let signature = payment.payload().await.signature;
    (payment, signature)
}

fn signed(payment: &Payment, signature: &str) -> Request {
    let authorization = payment.authorization.clone();
    let signature = signature.to_owned();
    payment.v2_of(RawObject::new(&x402_evm::ExactPayload { signature, authorization }).unwrap())
}

/// The signature of a wallet that may not be there yet (ERC-6492).
fn undeployed(factory: Address, signature: &str) -> String {
    type Wrapped = (sol_data::Address, sol_data::Bytes, sol_data::Bytes);
    let suffix = b256!("0x6492649264926492649264926492649264926492649264926492649264926492");
    let parts = (factory, Bytes::from_static(&[1]), Bytes::from(hex::decode(signature).unwrap()));
    let bytes = [Wrapped::abi_encode_params(&parts), suffix.to_vec()].concat();
    hex::encode_prefixed(bytes)
}

#[tokio::test]
async fn a_wallet_pays_by_eip_3009() {
    let world = World::instant();
    let wallet = wallet(&world).await;
    let facilitator = world.facilitator().await;
    let (payment, signature) = by_token(&world, wallet).await;
    let request = signed(&payment, &signature);
    let verified = verify(&facilitator, &request).await;
    assert!(verified.is_valid, "{verified:?}");
    assert_eq!(verified.payer, Some(wallet.to_string()));
    let settled = settle(&facilitator, &request).await;
    assert!(settled.success, "{settled:?}");
    assert_eq!(world.paid(), PRICE);
    assert_eq!(settle(&facilitator, &request).await, settled);
    assert_eq!(refusal_of(&facilitator, &request).await, "invalid_exact_evm_nonce_already_used");
}

async fn refusal_of(facilitator: &x402_facilitator::EvmFacilitator, request: &Request) -> String {
    verify(facilitator, request).await.invalid_reason.unwrap().as_str().to_owned()
}

#[tokio::test]
async fn a_wallet_pays_by_permit2() {
    let world = World::instant();
    let wallet = wallet(&world).await;
    let facilitator = world.facilitator().await;
    for payment in [Permit2Payment::exact(&world.payer), Permit2Payment::upto(&world.payer)] {
        let payment = payment.with(|authorization| authorization.from = wallet);
        assert!(verify(&facilitator, &payment.v2().await).await.is_valid);
        let settled = settle(&facilitator, &payment.v2().await).await;
        assert!(settled.success, "{settled:?}");
    }
    assert_eq!(world.paid(), 2 * PRICE);
}

#[tokio::test]
async fn what_the_wallet_does_not_take_is_refused_and_nothing_is_simulated() {
    let world = World::instant();
    let wallet = wallet(&world).await;
    let facilitator = world.facilitator().await;
    let (payment, _) = by_token(&world, wallet).await;
    let stranger = Payment { payer: LocalSigner::random().unwrap(), ..payment.clone() };
    let forged = stranger.payload().await.signature;
    let long = format!("0x{}", "ab".repeat(4096));
    for signature in [forged.as_str(), "0xab", &long] {
        let request = signed(&payment, signature);
        assert_eq!(refusal(&facilitator, &request).await, "invalid_exact_evm_signature");
    }
    let payment = Permit2Payment::exact(&LocalSigner::random().unwrap());
    let request = payment.with(|authorization| authorization.from = wallet).v2().await;
    assert_eq!(refusal(&facilitator, &request).await, "invalid_permit2_signature");
    assert_eq!(world.wire.count("eth_estimateGas"), 0);
    assert_eq!(world.wire.count("eth_call"), 8, "each time the wallet alone was asked");
}

#[tokio::test]
async fn an_upto_payment_of_nothing_needs_the_wallets_word_too() {
    let world = World::instant();
    let wallet = wallet(&world).await;
    let facilitator = world.facilitator().await;
    let forged = Permit2Payment::upto(&LocalSigner::random().unwrap()).with(|a| a.from = wallet);
    let answer = settle(&facilitator, &forged.over(0).await).await;
    assert_eq!(reason(&answer), "invalid_permit2_signature");
    let sound = Permit2Payment::upto(&world.payer).with(|a| a.from = wallet);
    assert!(settle(&facilitator, &sound.over(0).await).await.success);
}

#[tokio::test]
async fn a_spoilt_copy_does_not_get_into_the_way_of_a_wallets_payment() {
    let world = World::manual();
    world.devnet.set_instant(true);
    let wallet = wallet(&world).await;
    world.devnet.set_instant(false);
    let facilitator = world.facilitator().await;
    let (payment, signature) = by_token(&world, wallet).await;
    let request = signed(&payment, &signature);
    let settling = tokio::spawn({
        let (facilitator, request) = (facilitator.clone(), request.clone());
        async move { settle(&facilitator, &request).await }
    });
    until(|| world.devnet.waiting() == 1).await;
    let spoilt = settle(&facilitator, &signed(&payment, "0xab")).await;
    assert_eq!(reason(&spoilt), "invalid_exact_evm_signature");
    world.devnet.mine();
    assert!(settling.await.unwrap().success);
}

#[tokio::test]
async fn the_key_of_a_payer_with_code_counts_for_nothing_where_the_code_says_no() {
    let world = World::instant();
    let facilitator = world.facilitator().await;
    let payment = world.payment();
    world.allow_permit2(1_000_000).await;
    let by_permit2 = Permit2Payment::exact(&world.payer);
    assert!(verify(&facilitator, &by_permit2.v2().await).await.is_valid);
    // A wallet that nobody owns, by EIP-7702: its key still signs, its code takes nothing.
    let code = address!("0x00000000000000000000000000000000000c0de7");
    world.devnet.set_code(code, Contract::Wallet.runtime_code()).unwrap();
    let delegation = [&hex!("ef0100")[..], code.as_slice()].concat();
    world.devnet.set_code(world.payer.address(), delegation.into()).unwrap();
    for (request, expected) in [
        (payment.v2().await, "invalid_exact_evm_signature"),
        (by_permit2.v2().await, "invalid_permit2_signature"),
    ] {
        assert_eq!(refusal(&facilitator, &request).await, expected);
    }
    // Once its code takes its key's word, so do we.
    let init = DevWallet::initCall { newOwner: world.payer.address() };
    let payer = world.payer.address();
    call(&world.devnet, &signer(5), payer, init.abi_encode().into(), 1).await;
    assert!(settle(&facilitator, &payment.v2().await).await.success);
    assert!(settle(&facilitator, &by_permit2.v2().await).await.success);
}

#[tokio::test]
async fn a_wallet_that_burns_gas_or_answers_at_length_is_refused() {
    let world = World::instant();
    let facilitator = world.facilitator().await;
    let wallet = address!("0x00000000000000000000000000000000000c0de8");
    world.devnet.mint(wallet, U256::from(PRICE)).unwrap();
    let (payment, signature) = by_token(&world, wallet).await;
    let request = signed(&payment, &signature);
    for code in [
        // Runs in a circle.
        &hex!("5b5f56")[..],
        // Says nothing.
        &hex!("00"),
        // Gives 64 bytes that begin as a yes.
        &hex!("631626ba7e60e01b5f5260405ff3"),
        // Gives back a yes with more behind it in the word.
        &hex!("631626ba7e60e01b6001175f5260205ff3"),
    ] {
        world.devnet.set_code(wallet, code.to_vec().into()).unwrap();
        assert_eq!(refusal(&facilitator, &request).await, "invalid_exact_evm_signature");
    }
    assert!(world.wire.params("eth_call").iter().all(|params| params[0]["gas"].is_string()));
}

#[tokio::test]
async fn a_factory_that_is_not_allowed_is_never_called_though_another_is() {
    let world = World::instant();
    let facilitator =
        world.facilitator_with(|chain| chain.allow_wallet_factory(WALLET_FACTORY)).await;
    let wallet = world.devnet.wallet_address(world.payer.address(), B256::ZERO).unwrap();
    world.devnet.mint(wallet, U256::from(PRICE)).unwrap();
    let (payment, signature) = by_token(&world, wallet).await;
    let foreign = signed(&payment, &undeployed(Address::repeat_byte(6), &signature));
    assert_eq!(refusal(&facilitator, &foreign).await, "eip6492_factory_not_allowed");
    assert_eq!(world.wire.count("eth_call") + world.wire.count("eth_estimateGas"), 0);
    assert_eq!(world.paid(), 0);
}

#[tokio::test]
async fn a_wallet_that_came_to_be_meanwhile_pays_with_the_signature_that_is_wrapped() {
    let world = World::instant();
    let wallet = wallet(&world).await;
    let facilitator = world.facilitator().await;
    let (payment, signature) = by_token(&world, wallet).await;
    let request = signed(&payment, &undeployed(Address::repeat_byte(6), &signature));
    assert!(settle(&facilitator, &request).await.success);
    assert_eq!(world.paid(), PRICE);
}
