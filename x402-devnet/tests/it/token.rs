//! The development token does what facilitators rely on USDC for.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking, in its helpers too"
)]

use std::time::Duration;

use crate::support::{
    CancelAuthorization, Permit, ReceiveWithAuthorization, TransferWithAuthorization,
    authorization, domain, refusal, settle, settle_bytes, sign, signer, to_token, wallet,
};
use alloy_primitives::{Address, B256, Bytes, Signature, U256, b256, hex, keccak256};
use alloy_provider::Provider;
use alloy_rpc_types_eth::TransactionRequest;
use alloy_signer_local::PrivateKeySigner;
use alloy_sol_types::{SolCall, SolEvent, SolStruct};
use x402_devnet::{DEV_ACCOUNTS, DevUsdc, Devnet, TokenError, USDC};

const PAYEE: Address = Address::repeat_byte(0x77);

fn funded() -> (Devnet, PrivateKeySigner) {
    let (devnet, payer) = (Devnet::new(), signer(1));
    devnet.mint(payer.address(), U256::from(10_000)).unwrap();
    (devnet, payer)
}

async fn read<C: SolCall>(devnet: &Devnet, call: C) -> C::Return {
    let answer = devnet.provider().call(to_token(call)).await.unwrap();
    C::abi_decode_returns(&answer).unwrap()
}

#[tokio::test]
async fn the_domain_is_that_of_usdc_on_base_sepolia() {
    let devnet = Devnet::new();
    assert_eq!(read(&devnet, DevUsdc::nameCall {}).await, "USDC");
    assert_eq!(read(&devnet, DevUsdc::versionCall {}).await, "2");
    assert_eq!(read(&devnet, DevUsdc::decimalsCall {}).await, 6);
    let separator = b256!("0x71f17a3b2ff373b803d70a5a07c046c1a2bc8e89c09ef722fcb047abe94c9818");
    assert_eq!(read(&devnet, DevUsdc::DOMAIN_SEPARATORCall {}).await, separator);
}

#[test]
fn selectors_are_the_standard_ones() {
    assert_eq!(DevUsdc::transferWithAuthorization_0Call::SELECTOR, hex!("e3ee160e"));
    assert_eq!(DevUsdc::transferWithAuthorization_1Call::SELECTOR, hex!("cf092995"));
    assert_eq!(DevUsdc::authorizationStateCall::SELECTOR, hex!("e94a0102"));
    assert_eq!(DevUsdc::permit_0Call::SELECTOR, hex!("d505accf"));
}

/// The signature is another library's, for the key 0x0123...0123.
#[tokio::test]
async fn a_signature_of_the_canonical_sdk_settles() {
    let devnet = Devnet::new();
    let from: Address = "0x14791697260E4c9A71f18484C9f997B308e59325".parse().unwrap();
    devnet.mint(from, U256::from(10_000)).unwrap();
    let message = TransferWithAuthorization {
        from,
        to: "0x209693Bc6afc0C5328bA36FaF03C514EF312287C".parse().unwrap(),
        value: U256::from(10_000),
        validAfter: U256::ZERO,
        validBefore: U256::from(1_893_456_000),
        nonce: b256!("0xf3746613c2d920b5fdabc0856f2aeb2d4f88ee6037b8cc5d04a71a4462f13480"),
    };
    let digest = b256!("0xda9a887fff862219c444e3d1fc72e00fd21ec31f94d9f918957737bd00581c82");
    assert_eq!(message.eip712_signing_hash(&domain()), digest);
    let signature = Bytes::from_static(&hex!(
        "a7d7c2b46622d6628550d3f8e9c1fe89cb5617a06d79ca21d21b2162c8b79c113b1216103188a0afdb27241c961b13cb5aa1ca3a75b49fd998b662b350812fde1c"
    ));

    let sent = wallet(&devnet, signer(0)).send_transaction(settle_bytes(&message, signature)).await;
    let receipt = sent.unwrap().get_receipt().await.unwrap();
    assert!(receipt.status());
    assert_eq!(devnet.token_balance(message.to).unwrap(), U256::from(10_000));
}

#[tokio::test]
async fn a_settlement_moves_the_money_and_tells_it_in_two_logs() {
    let (devnet, payer) = funded();
    let message = authorization(&devnet, payer.address(), 1);
    let sent = wallet(&devnet, signer(0))
        .send_transaction(settle(&message, &sign(&message, &payer)))
        .await;
    let receipt = sent.unwrap().get_receipt().await.unwrap();

    assert!(receipt.status());
    assert_eq!(devnet.token_balance(PAYEE).unwrap(), U256::from(1000));
    assert_eq!(devnet.token_balance(payer.address()).unwrap(), U256::from(9000));
    let [used, transfer] = receipt.logs() else { panic!("two logs are expected") };
    let used = DevUsdc::AuthorizationUsed::decode_log(&used.inner).unwrap();
    assert_eq!((used.authorizer, used.nonce), (payer.address(), message.nonce));
    let transfer = DevUsdc::Transfer::decode_log(&transfer.inner).unwrap();
    assert_eq!((transfer.from, transfer.to), (payer.address(), PAYEE));
    let state =
        DevUsdc::authorizationStateCall { authorizer: payer.address(), nonce: message.nonce };
    assert!(read(&devnet, state).await);
}

#[tokio::test]
async fn a_replayed_authorization_is_refused_and_moves_nothing() {
    let (devnet, payer) = funded();
    let message = authorization(&devnet, payer.address(), 1);
    let request = settle(&message, &sign(&message, &payer));
    let relayer = wallet(&devnet, signer(0));
    relayer.send_transaction(request.clone()).await.unwrap().get_receipt().await.unwrap();

    let reason = refusal(&devnet, request.clone()).await;
    assert_eq!(reason, "FiatTokenV2: authorization is used or canceled");
    let forced = relayer.send_transaction(request.gas_limit(200_000)).await.unwrap();
    assert!(!forced.get_receipt().await.unwrap().status());
    assert_eq!(devnet.token_balance(PAYEE).unwrap(), U256::from(1000));
}

#[tokio::test]
async fn the_window_is_open_strictly_between_its_ends() {
    let (devnet, payer) = funded();
    let at = devnet.timestamp() + 100;
    let window = |after: u64, before: u64| {
        let mut message = authorization(&devnet, payer.address(), 1);
        message.validAfter = U256::from(after);
        message.validBefore = U256::from(before);
        settle(&message, &sign(&message, &payer))
    };
    let next = || devnet.set_next_block_timestamp(at).unwrap();
    next();
    let early = refusal(&devnet, window(at, at + 2)).await;
    assert_eq!(early, "FiatTokenV2: authorization is not yet valid");
    let late = refusal(&devnet, window(at - 2, at)).await;
    assert_eq!(late, "FiatTokenV2: authorization is expired");
    devnet.provider().call(window(at - 1, at + 1)).await.unwrap();
}

#[tokio::test]
async fn an_authorization_expires_as_time_goes_by() {
    let (devnet, payer) = funded();
    let message = authorization(&devnet, payer.address(), 1);
    let request = settle(&message, &sign(&message, &payer));
    devnet.provider().call(request.clone()).await.unwrap();
    devnet.increase_time(Duration::from_secs(301));
    let reason = refusal(&devnet, request).await;
    assert_eq!(reason, "FiatTokenV2: authorization is expired");
}

#[tokio::test]
async fn a_signature_by_another_key_is_refused() {
    let (devnet, payer) = funded();
    let message = authorization(&devnet, payer.address(), 1);
    let reason = refusal(&devnet, settle(&message, &sign(&message, &signer(2)))).await;
    assert_eq!(reason, "FiatTokenV2: invalid signature");
}

#[tokio::test]
async fn a_malleated_or_malformed_signature_is_refused() {
    let (devnet, payer) = funded();
    let message = authorization(&devnet, payer.address(), 1);
    let good = sign(&message, &payer);
    let order: U256 =
        "0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141".parse().unwrap();
    let high = Signature::new(good.r(), order - good.s(), !good.v());
    let reason = refusal(&devnet, settle(&message, &high)).await;
    assert_eq!(reason, "ECRecover: invalid signature 's' value");

    let mut bytes = good.as_bytes().to_vec();
    bytes[64] -= 27;
    let reason = refusal(&devnet, settle_bytes(&message, bytes.into())).await;
    assert_eq!(reason, "ECRecover: invalid signature 'v' value");
    let reason = refusal(&devnet, settle_bytes(&message, vec![0; 64].into())).await;
    assert_eq!(reason, "ECRecover: invalid signature length");
    let reason = refusal(&devnet, settle_bytes(&message, [vec![0; 64], vec![27]].concat().into()));
    assert_eq!(reason.await, "ECRecover: invalid signature");
}

#[tokio::test]
async fn more_than_the_balance_and_the_zero_address_are_refused() {
    let (devnet, payer) = funded();
    let mut message = authorization(&devnet, payer.address(), 1);
    message.value = U256::from(10_001);
    let reason = refusal(&devnet, settle(&message, &sign(&message, &payer))).await;
    assert_eq!(reason, "ERC20: transfer amount exceeds balance");

    message.value = U256::from(1);
    message.to = Address::ZERO;
    let reason = refusal(&devnet, settle(&message, &sign(&message, &payer))).await;
    assert_eq!(reason, "ERC20: transfer to the zero address");
}

#[tokio::test]
async fn only_the_payee_receives_with_authorization() {
    let (devnet, payer) = funded();
    let receive = ReceiveWithAuthorization {
        from: payer.address(),
        to: DEV_ACCOUNTS[0].address,
        value: U256::from(1000),
        validAfter: U256::ZERO,
        validBefore: U256::MAX,
        nonce: B256::repeat_byte(1),
    };
    let request = to_token(DevUsdc::receiveWithAuthorization_1Call {
        from: receive.from,
        to: receive.to,
        value: receive.value,
        validAfter: receive.validAfter,
        validBefore: receive.validBefore,
        nonce: receive.nonce,
        signature: sign(&receive, &payer).as_bytes().into(),
    });
    let by_another = request.clone().from(DEV_ACCOUNTS[2].address);
    let reason = refusal(&devnet, by_another).await;
    assert_eq!(reason, "FiatTokenV2: caller must be the payee");
    let sent = wallet(&devnet, signer(0)).send_transaction(request).await.unwrap();
    assert!(sent.get_receipt().await.unwrap().status());
    assert_eq!(devnet.token_balance(receive.to).unwrap(), U256::from(1000));
}

#[tokio::test]
async fn a_cancelled_authorization_cannot_be_used() {
    let (devnet, payer) = funded();
    let message = authorization(&devnet, payer.address(), 1);
    let cancel = CancelAuthorization { authorizer: payer.address(), nonce: message.nonce };
    let sent = wallet(&devnet, signer(0))
        .send_transaction(to_token(DevUsdc::cancelAuthorization_1Call {
            authorizer: cancel.authorizer,
            nonce: cancel.nonce,
            signature: sign(&cancel, &payer).as_bytes().into(),
        }))
        .await;
    let receipt = sent.unwrap().get_receipt().await.unwrap();
    assert_eq!(receipt.logs()[0].topic0(), Some(&DevUsdc::AuthorizationCanceled::SIGNATURE_HASH));
    let reason = refusal(&devnet, settle(&message, &sign(&message, &payer))).await;
    assert_eq!(reason, "FiatTokenV2: authorization is used or canceled");
}

#[tokio::test]
async fn a_permit_allows_once_and_only_what_was_signed() {
    let (devnet, owner) = funded();
    let spender = DEV_ACCOUNTS[0].address;
    let permit = Permit {
        owner: owner.address(),
        spender,
        value: U256::from(500),
        nonce: U256::ZERO,
        deadline: U256::MAX,
    };
    let request = to_token(DevUsdc::permit_1Call {
        owner: permit.owner,
        spender,
        value: permit.value,
        deadline: permit.deadline,
        signature: sign(&permit, &owner).as_bytes().into(),
    });
    let provider = wallet(&devnet, signer(0));
    provider.send_transaction(request.clone()).await.unwrap().get_receipt().await.unwrap();
    assert_eq!(refusal(&devnet, request).await, "EIP2612: invalid signature");
    assert_eq!(read(&devnet, DevUsdc::noncesCall { owner: owner.address() }).await, U256::from(1));

    let spend = |value: u64| {
        let value = U256::from(value);
        to_token(DevUsdc::transferFromCall { from: owner.address(), to: PAYEE, value })
    };
    let reason = refusal(&devnet, spend(501).from(spender)).await;
    assert_eq!(reason, "ERC20: transfer amount exceeds allowance");
    let sent = provider.send_transaction(spend(500)).await.unwrap();
    assert!(sent.get_receipt().await.unwrap().status());
    assert_eq!(devnet.token_balance(PAYEE).unwrap(), U256::from(500));
}

#[tokio::test]
async fn an_account_with_code_signs_through_erc_1271_only() {
    let (devnet, owner) = funded();
    let message = authorization(&devnet, owner.address(), 1);
    let good = settle(&message, &sign(&message, &owner));
    let garbage = settle_bytes(&message, Bytes::from_static(b"whatever the wallet understands"));

    // A wallet that accepts everything: it returns the magic value.
    let yes = hex!("631626ba7e60e01b5f5260205ff3");
    devnet.set_code(owner.address(), Bytes::copy_from_slice(&yes)).unwrap();
    devnet.provider().call(garbage.clone()).await.unwrap();

    // A wallet that returns zero: its owner's own signature does not help.
    devnet.set_code(owner.address(), Bytes::from_static(&hex!("60205ff3"))).unwrap();
    assert_eq!(refusal(&devnet, garbage).await, "FiatTokenV2: invalid signature");
    assert_eq!(refusal(&devnet, good).await, "FiatTokenV2: invalid signature");
}

#[tokio::test]
async fn the_runtime_code_works_at_another_address() {
    let devnet = Devnet::new();
    let elsewhere = Address::repeat_byte(0x42);
    devnet.set_code(elsewhere, x402_devnet::runtime_code()).unwrap();
    let call = DevUsdc::DOMAIN_SEPARATORCall {}.abi_encode();
    let request = TransactionRequest::default().to(elsewhere).input(Bytes::from(call).into());
    let separator = devnet.provider().call(request).await.unwrap();
    let mut domain = domain();
    domain.verifying_contract = Some(elsewhere);
    assert_eq!(B256::from_slice(&separator), domain.separator());
}

#[test]
fn what_the_faucet_cannot_do_is_an_error() {
    let devnet = Devnet::new();
    devnet.mint(PAYEE, U256::MAX).unwrap();
    let overflow = devnet.mint(PAYEE, U256::from(1)).unwrap_err();
    assert!(matches!(overflow, TokenError::Reverted(Some(_))), "{overflow}");
    assert_eq!(devnet.token_balance(PAYEE).unwrap(), U256::MAX);
    assert_eq!(devnet.block_number(), 0, "the faucet mines no block");

    devnet.set_code(USDC, Bytes::new()).unwrap();
    assert!(matches!(devnet.token_balance(PAYEE), Err(TokenError::NotTheToken(_))));
}

#[test]
fn storage_and_code_are_set_from_outside() {
    let devnet = Devnet::new();
    devnet.mint(PAYEE, U256::from(9)).unwrap();
    // The balances are the token's second variable.
    let slot = keccak256([PAYEE.into_word().0, B256::with_last_byte(1).0].concat());
    devnet.set_storage_at(USDC, slot.into(), B256::with_last_byte(5));
    assert_eq!(devnet.token_balance(PAYEE).unwrap(), U256::from(5));
    let delegation = Bytes::from_static(&hex!("ef0100"));
    assert!(devnet.set_code(PAYEE, delegation).is_err());
}
