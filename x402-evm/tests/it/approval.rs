//! What a payer does that was told to approve Permit2, with tokens that know no permits.

use std::sync::{Arc, Mutex};

use crate::common::NOW;
use alloy_consensus::{SignableTransaction as _, TxEip1559, TxEnvelope};
use alloy_eips::Decodable2718 as _;
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, address, b256};
use alloy_sol_types::{SolCall, SolValue};
use proptest::prelude::*;
use serde_json::json;
use x402_evm::approval::{Approval, Erc20, GAS, MAX_FEE_PER_GAS};
use x402_evm::permit2::PERMIT2;
use x402_evm::{
    ChainReader, ExactEvmPayer, Fees, LocalSigner, Reading, Signature, Signer, SignerError,
    TypedData, UptoEvmPayer, exact_offer, upto_offer,
};
use x402_types::extensions::{
    Declared, Extensions, eip2612_gas_sponsoring as by_permit,
    erc20_approval_gas_sponsoring as by_approval,
};
use x402_types::scheme::{ClientScheme, Refusal, Signed};
use x402_types::{Amount, Asset, ErrorReason, Network, PaymentRequirements, RawObject};

const KEY: &str = "0x0123456789012345678901234567890123456789012345678901234567890123";
const OWNER: Address = address!("0x14791697260E4c9A71f18484C9f997B308e59325");
const TOKEN: Address = address!("0x036CbD53842c5426634e7929541eC2318f3dCF7e");
const NONCE: u64 = 7;
const GWEI: u128 = 1_000_000_000;
const USUAL: Fees = Fees { base_fee_per_gas: GWEI, priority_fee_per_gas: GWEI / 10 };

/// A chain on which Permit2 may move nothing; `None` is not told.
struct Chain {
    nonce: Option<u64>,
    fees: Option<Fees>,
}

const CHAIN: Chain = Chain { nonce: Some(NONCE), fees: Some(USUAL) };

impl ChainReader for Chain {
    fn call<'a>(&'a self, chain_id: u64, contract: Address, _: Bytes) -> Reading<'a> {
        Box::pin(async move {
            if (chain_id, contract) != (84532, TOKEN) {
                return Err("another contract".into());
            }
            Ok(U256::ZERO.abi_encode().into())
        })
    }

    fn transaction_count<'a>(&'a self, chain_id: u64, account: Address) -> Reading<'a, u64> {
        Box::pin(async move {
            if (chain_id, account) != (84532, OWNER) {
                return Err("another account".into());
            }
            Ok(self.nonce.ok_or("out of reach")?)
        })
    }

    fn fees<'a>(&'a self, _: u64) -> Reading<'a, Fees> {
        Box::pin(async { Ok(self.fees.ok_or("out of reach")?) })
    }
}

/// One who only reads contracts.
struct Contracts;

impl ChainReader for Contracts {
    fn call<'a>(&'a self, chain_id: u64, contract: Address, calldata: Bytes) -> Reading<'a> {
        const { &CHAIN }.call(chain_id, contract, calldata)
    }
}

/// A wallet that remembers what it was asked to sign.
#[derive(Clone)]
struct Wallet {
    signer: LocalSigner,
    asked: Arc<Mutex<Vec<TypedData>>>,
    /// Signs another transaction than it was given.
    meddles: bool,
}

impl Signer for Wallet {
    fn address(&self) -> Address {
        self.signer.address()
    }

    async fn sign_typed_data(&self, data: &TypedData) -> Result<Signature, SignerError> {
        self.asked.lock().unwrap().push(data.clone());
        let mut data = data.clone();
        if let TypedData::Approval { transaction } = &mut data
            && self.meddles
        {
            transaction.max_fee_per_gas += 1;
        }
        self.signer.sign_typed_data(&data).await
    }
}

fn wallet() -> Wallet {
    let signer = LocalSigner::from_hex(KEY).unwrap();
    Wallet { signer, asked: Arc::default(), meddles: false }
}

/// An offer in a token that may tell of no domain.
fn offer(with_domain: bool) -> PaymentRequirements {
    let usdc = Asset::default_for(&Network::BASE_SEPOLIA).unwrap().clone().by_permit2();
    let pay_to = Address::repeat_byte(2).to_string();
    let mut offer = exact_offer(&usdc, Amount::from(10_000u64), &pay_to, 300).unwrap();
    if !with_domain {
        offer.extra = Some(RawObject::new(&json!({"assetTransferMethod": "permit2"})).unwrap());
    }
    offer
}

fn declared(permit: bool, approval: bool) -> RawObject {
    let mut extensions = Extensions::default();
    if permit {
        extensions.set(&Declared::new(by_permit::Info::default()).unwrap()).unwrap();
    }
    if approval {
        extensions.set(&Declared::new(by_approval::Info::default()).unwrap()).unwrap();
    }
    extensions.to_raw().unwrap().unwrap()
}

async fn pay(
    payer: &impl ClientScheme,
    offer: &PaymentRequirements,
    declared: &RawObject,
) -> Result<Signed, Refusal> {
    payer.draft(offer, Some(declared), NOW, 300).unwrap().sign().await
}

/// What the payer answers who was told to approve Permit2, in a token without a domain.
async fn approved(chain: impl ChainReader) -> Result<by_approval::Approval, (ErrorReason, usize)> {
    let wallet = wallet();
    let payer = ExactEvmPayer::new(wallet.clone()).reading(chain).approving_permit2();
    match pay(&payer, &offer(false), &declared(false, true)).await {
        Ok(signed) => {
            assert_eq!(wallet.asked.lock().unwrap().len(), 2);
            let answers = Extensions::read(&signed.extensions.unwrap()).unwrap();
            Ok(answers.get::<by_approval::Answer>().unwrap().unwrap().info)
        }
        Err(refusal) => Err((refusal.reason, wallet.asked.lock().unwrap().len())),
    }
}

/// Reads a transaction as a node does.
fn decoded(raw: &str) -> (TxEip1559, Address) {
    let raw: Bytes = raw.parse().unwrap();
    let envelope = TxEnvelope::decode_2718_exact(&raw).unwrap();
    let signed = envelope.as_eip1559().unwrap();
    let from = signed.signature().recover_address_from_prehash(&signed.signature_hash()).unwrap();
    (signed.tx().clone(), from)
}

fn approval() -> Approval {
    Approval {
        owner: OWNER,
        chain_id: 84532,
        token: TOKEN,
        spender: PERMIT2,
        amount: Amount::MAX,
        nonce: NONCE,
        gas: GAS,
        max_fee_per_gas: 2_100_000_000,
        max_priority_fee_per_gas: 100_000_000,
    }
}

#[tokio::test]
async fn approval_is_a_transaction_of_the_payer_that_lets_permit2_move_the_token() {
    let info = approved(CHAIN).await.unwrap();
    let (transaction, from) = decoded(info.signed_transaction.as_str());
    assert_eq!(from, OWNER);
    assert_eq!(
        transaction,
        TxEip1559 {
            chain_id: 84532,
            nonce: NONCE,
            gas_limit: 70_000,
            max_fee_per_gas: 2 * GWEI + GWEI / 10,
            max_priority_fee_per_gas: GWEI / 10,
            to: TxKind::Call(TOKEN),
            value: U256::ZERO,
            access_list: Default::default(),
            input: Erc20::approveCall { spender: PERMIT2, amount: U256::MAX }.abi_encode().into(),
        }
    );
    assert_eq!((info.from, info.asset), (OWNER.to_string(), TOKEN.to_string()));
    assert_eq!((info.spender, info.amount), (PERMIT2.to_string(), Amount::MAX));
    assert_eq!(info.version, "1");
}

/// Printed by viem 2.57.1 (`privateKeyToAccount(key).signTransaction`).
#[test]
fn transactions_are_to_the_byte_those_of_another_implementation() {
    let signer = LocalSigner::from_hex(KEY).unwrap();
    let free = Approval {
        chain_id: 1,
        nonce: 0,
        max_fee_per_gas: 0,
        max_priority_fee_per_gas: 0,
        ..approval()
    };
    assert_eq!(
        approval().signing_hash(),
        b256!("0x8bb7c019414cf71628be47e4a44b3a45021b01f9cee30848bd405eeb7de9f325")
    );
    let cases = [
        (
            approval(),
            "0x02f8b383014a34078405f5e100847d2b75008301117094036cbd53842c5426634e7929541ec2318f3dcf7e80b844095ea7b3000000000000000000000000000000000022d473030f116ddee9f6b43ac78ba3ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffc001a04039b385980c0dc2bdab37d9f65e7b58d244b04891c0dfa41d54a81288ce1f0fa07a802b0e3639b8c9cb63760429f5f4b57c904cf187dbca30aa87274628b15ba0",
        ),
        // Zeroes are empty.
        (
            free,
            "0x02f8a8018080808301117094036cbd53842c5426634e7929541ec2318f3dcf7e80b844095ea7b3000000000000000000000000000000000022d473030f116ddee9f6b43ac78ba3ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffc001a08cedd3990d5d29484a0df96cf02fac994321a09b729f49c514ed17297b401896a059da2a3e35e3abf37d8a987c60180fbf32d21889037b3c7c4a91de53060e9b5d",
        ),
        // An s of 31 bytes.
        (
            Approval { nonce: 40, ..approval() },
            "0x02f8b283014a34288405f5e100847d2b75008301117094036cbd53842c5426634e7929541ec2318f3dcf7e80b844095ea7b3000000000000000000000000000000000022d473030f116ddee9f6b43ac78ba3ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffc080a02ff7a2a727eea507e5cd6556364513c1fc8ae98593b4655ec375925f0b272d2f9fd80a7b6df653ccff870bb3567cb1c84e1ac29936fcc09fc0fcd66c1db8c298",
        ),
    ];
    for (approval, expected) in cases {
        let signature = signer.sign_digest_unseen(approval.signing_hash());
        assert_eq!(approval.raw(signature).to_string(), expected);
    }
}

proptest! {
    #[test]
    fn any_transaction_has_the_hash_and_the_bytes_that_another_crate_gives_it(
        (chain_id, nonce, gas) in any::<(u64, u64, u64)>(),
        (max_fee_per_gas, max_priority_fee_per_gas) in any::<(u128, u128)>(),
        (token, spender, amount) in any::<([u8; 20], [u8; 20], [u8; 32])>(),
        digest in any::<[u8; 32]>(),
    ) {
        let amount = U256::from_be_bytes(amount);
        let (token, spender) = (Address::from(token), Address::from(spender));
        let ours = Approval {
            owner: OWNER, chain_id, token, spender, amount: Amount::new(amount), nonce, gas,
            max_fee_per_gas, max_priority_fee_per_gas,
        };
        let theirs = TxEip1559 {
            chain_id, nonce, gas_limit: gas, max_fee_per_gas, max_priority_fee_per_gas,
            to: TxKind::Call(token),
            value: U256::ZERO,
            access_list: Default::default(),
            input: Erc20::approveCall { spender, amount }.abi_encode().into(),
        };
        prop_assert_eq!(ours.signing_hash(), theirs.signature_hash());
        let signature = LocalSigner::from_hex(KEY).unwrap().sign_digest_unseen(B256::from(digest));
        let same = alloy_primitives::Signature::new(
            U256::from_be_bytes(signature.r().0), U256::from_be_bytes(signature.s().0), signature.v() == 28);
        let mut raw = Vec::new();
        theirs.into_signed(same).eip2718_encode(&mut raw);
        prop_assert_eq!(ours.raw(signature), Bytes::from(raw));
    }
}

#[test]
fn wallet_is_shown_every_field_of_the_transaction() {
    assert_eq!(
        TypedData::Approval { transaction: approval() }.to_json(),
        json!({
            "type": "0x2",
            "from": "0x14791697260E4c9A71f18484C9f997B308e59325",
            "to": "0x036CbD53842c5426634e7929541eC2318f3dCF7e",
            "chainId": "0x14a34",
            "nonce": "0x7",
            "gas": "0x11170",
            "maxFeePerGas": "0x7d2b7500",
            "maxPriorityFeePerGas": "0x5f5e100",
            "value": "0x0",
            "data": "0x095ea7b3000000000000000000000000000000000022d473030f116ddee9f6b43ac78ba3ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
            "accessList": [],
        })
    );
}

#[tokio::test]
async fn payer_that_was_not_told_to_approves_nothing() {
    let wallet = wallet();
    let payer = ExactEvmPayer::new(wallet.clone()).reading(CHAIN);
    let refusal = pay(&payer, &offer(false), &declared(true, true)).await.unwrap_err();
    assert_eq!(refusal.reason, ErrorReason::Permit2AllowanceRequired);
    assert!(wallet.asked.lock().unwrap().is_empty());
}

#[tokio::test]
async fn nothing_is_approved_that_nobody_puts_on_chain() {
    let wallet = wallet();
    let payer = ExactEvmPayer::new(wallet.clone()).reading(CHAIN).approving_permit2();
    // A permit cannot be given for a token whose domain is not told.
    let refusal = pay(&payer, &offer(false), &declared(true, false)).await.unwrap_err();
    assert_eq!(refusal.reason, ErrorReason::Permit2AllowanceRequired);
    assert!(wallet.asked.lock().unwrap().is_empty());
}

#[tokio::test]
async fn permit_goes_before_an_approval() {
    for (permit, approval) in [(true, true), (true, false), (false, true)] {
        let wallet = wallet();
        let payer = ExactEvmPayer::new(wallet.clone()).reading(CHAIN).approving_permit2();
        let signed = pay(&payer, &offer(true), &declared(permit, approval)).await.unwrap();
        let answers = Extensions::read(&signed.extensions.unwrap()).unwrap();
        assert_eq!(answers.get::<by_permit::Answer>().unwrap().is_some(), permit);
        assert_eq!(answers.get::<by_approval::Answer>().unwrap().is_some(), !permit);
        let asked = wallet.asked.lock().unwrap();
        let unlimited = asked.iter().any(|data| matches!(data, TypedData::Approval { .. }));
        assert_eq!((asked.len(), unlimited), (2, !permit));
    }
}

#[tokio::test]
async fn upto_is_approved_for_like_exact() {
    let usdc = Asset::default_for(&Network::BASE_SEPOLIA).unwrap();
    let pay_to = Address::repeat_byte(2).to_string();
    let offer = upto_offer(usdc, Amount::from(1u64), &pay_to, 300, &pay_to).unwrap();
    for told in [false, true] {
        let payer = UptoEvmPayer::new(wallet()).reading(CHAIN);
        let payer = if told { payer.approving_permit2() } else { payer };
        assert_eq!(pay(&payer, &offer, &declared(false, true)).await.is_ok(), told);
    }
}

#[tokio::test]
async fn no_fee_is_bid_above_the_cap_and_nothing_signed_where_it_is_not_enough() {
    let of = |base_fee_per_gas, priority_fee_per_gas| Chain {
        fees: Some(Fees { base_fee_per_gas, priority_fee_per_gas }),
        ..CHAIN
    };
    let cap = MAX_FEE_PER_GAS;
    let sound = [
        (0, 0, 0),
        (0, cap, cap),
        (1, 0, 2),
        (cap / 2, 0, cap - cap % 2),
        (cap / 2 + 1, 0, cap),
        (cap, 0, cap),
        (cap - 1, 1, cap),
    ];
    for (base, tip, bid) in sound {
        let info = approved(of(base, tip)).await.unwrap();
        let (transaction, _) = decoded(info.signed_transaction.as_str());
        assert_eq!(transaction.max_fee_per_gas, bid);
        assert_eq!(transaction.max_priority_fee_per_gas, tip);
        assert!(transaction.max_fee_per_gas * u128::from(transaction.gas_limit) <= 10u128.pow(16));
    }
    for (base, tip) in [(cap + 1, 0), (0, cap + 1), (cap, 1), (u128::MAX, u128::MAX)] {
        assert_eq!(
            approved(of(base, tip)).await.unwrap_err(),
            (ErrorReason::Permit2AllowanceRequired, 0)
        );
    }
}

#[tokio::test]
async fn nothing_is_signed_where_nonce_or_fees_are_not_told() {
    let unread = (ErrorReason::InvalidTransactionState, 0);
    assert_eq!(approved(Chain { nonce: None, ..CHAIN }).await.unwrap_err(), unread);
    assert_eq!(approved(Chain { fees: None, ..CHAIN }).await.unwrap_err(), unread);
    assert_eq!(approved(Contracts).await.unwrap_err(), unread);
}

#[tokio::test]
async fn wallet_that_signs_another_transaction_pays_nothing() {
    let wallet = Wallet { meddles: true, ..wallet() };
    let payer = ExactEvmPayer::new(wallet.clone()).reading(CHAIN).approving_permit2();
    let refusal = pay(&payer, &offer(false), &declared(false, true)).await.unwrap_err();
    assert_eq!(refusal.reason, ErrorReason::InvalidPermit2Signature);
    assert_eq!(wallet.asked.lock().unwrap().len(), 1);
}
