//! What a payer does that can see whether Permit2 may move its money.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use alloy_primitives::{Address, Bytes, U256};
use alloy_sol_types::{SolCall, SolValue};
use x402_evm::eip2612::{Allowances, Permit};
use x402_evm::permit2::PERMIT2;
use x402_evm::{
    ChainReader, Domain, ExactEvmPayer, LocalSigner, Reading, Signature, Signer, SignerError,
    TypedData, exact_offer,
};
use x402_types::extensions::{Declared, Extensions, eip2612_gas_sponsoring as sponsoring};
use x402_types::scheme::{ClientScheme, Refusal, Signed};
use x402_types::{Amount, Asset, ErrorReason, Network, PaymentRequirements, RawObject};

const NOW: u64 = 1_767_225_660;
const NONCE: u64 = 7;

/// A chain on which Permit2 may move so much; `None` cannot be read.
struct Chain(Option<u64>);

impl ChainReader for Chain {
    fn call<'a>(&'a self, chain_id: u64, contract: Address, calldata: Bytes) -> Reading<'a> {
        Box::pin(async move {
            let allowed = self.0.ok_or("out of reach")?;
            if chain_id != 84532 || contract.to_string() != usdc().address {
                return Err("another contract".into());
            }
            let answer = match Allowances::allowanceCall::abi_decode(&calldata) {
                Ok(question) if question.spender == PERMIT2 => allowed,
                Ok(_) => return Err("another spender".into()),
                Err(_) => {
                    Allowances::noncesCall::abi_decode(&calldata)?;
                    NONCE
                }
            };
            Ok(U256::from(answer).abi_encode().into())
        })
    }
}

/// Counts what it signs.
struct Counting(LocalSigner, Arc<AtomicUsize>);

impl Signer for Counting {
    fn address(&self) -> Address {
        self.0.address()
    }

    async fn sign_typed_data(&self, data: &TypedData) -> Result<Signature, SignerError> {
        self.1.fetch_add(1, Ordering::Relaxed);
        self.0.sign_typed_data(data).await
    }
}

fn usdc() -> Asset {
    Asset::default_for(&Network::BASE_SEPOLIA).unwrap().clone()
}

fn offer() -> PaymentRequirements {
    let pay_to = Address::repeat_byte(2).to_string();
    exact_offer(&usdc().by_permit2(), Amount::from(10_000u64), &pay_to, 300).unwrap()
}

fn sponsoring() -> RawObject {
    let mut extensions = Extensions::default();
    extensions.set(&Declared::new(sponsoring::Info::default()).unwrap()).unwrap();
    extensions.to_raw().unwrap().unwrap()
}

/// Pays, and tells how often something was signed.
async fn pay(
    chain: Option<Chain>,
    extensions: Option<&RawObject>,
) -> (Result<Signed, Refusal>, usize, Address) {
    let signatures = Arc::new(AtomicUsize::new(0));
    let signer = Counting(LocalSigner::random().unwrap(), Arc::clone(&signatures));
    let account = signer.address();
    let payer = match chain {
        None => ExactEvmPayer::new(signer),
        Some(chain) => ExactEvmPayer::new(signer).reading(chain),
    };
    let signed = payer.draft(&offer(), extensions, NOW, 300).unwrap().sign().await;
    (signed, signatures.load(Ordering::Relaxed), account)
}

#[tokio::test]
async fn allowance_that_is_there_is_not_signed_for_again() {
    for allowed in [10_000, u64::MAX] {
        let (signed, signatures, _) = pay(Some(Chain(Some(allowed))), Some(&sponsoring())).await;
        assert_eq!((signed.unwrap().extensions, signatures), (None, 1));
    }
}

#[tokio::test]
async fn allowance_that_is_short_is_signed_for_over_just_the_amount() {
    let (signed, signatures, account) = pay(Some(Chain(Some(9_999))), Some(&sponsoring())).await;
    let answers = Extensions::read(&signed.unwrap().extensions.unwrap()).unwrap();
    let answer: sponsoring::Answer = answers.get().unwrap().unwrap();
    let info = answer.info;
    assert_eq!(signatures, 2);
    assert_eq!((info.from, info.asset), (account.to_string(), usdc().address.into_owned()));
    assert_eq!((info.spender, info.amount), (PERMIT2.to_string(), Amount::from(10_000u64)));
    assert_eq!((info.nonce, info.deadline), (NONCE.into(), Amount::from(NOW + 300)));
    let permit = Permit {
        owner: account,
        spender: PERMIT2,
        value: info.amount,
        nonce: info.nonce,
        deadline: info.deadline,
    };
    let signature: Signature = info.signature.as_str().parse().unwrap();
    let digest = permit.signing_hash(&Domain::of(&usdc()).unwrap());
    assert_eq!(signature.recover(digest).unwrap(), account);
}

#[tokio::test]
async fn nothing_is_signed_where_the_allowance_is_short_and_nobody_puts_it_on_chain() {
    let (signed, signatures, _) = pay(Some(Chain(Some(9_999))), None).await;
    assert_eq!(signed.unwrap_err().reason, ErrorReason::Permit2AllowanceRequired);
    assert_eq!(signatures, 0);
}

#[tokio::test]
async fn nothing_is_signed_where_the_chain_cannot_be_read() {
    let (signed, signatures, _) = pay(Some(Chain(None)), Some(&sponsoring())).await;
    assert_eq!(signed.unwrap_err().reason, ErrorReason::InvalidTransactionState);
    assert_eq!(signatures, 0);
}

#[tokio::test]
async fn payer_that_reads_no_chain_signs_unseen() {
    let (signed, signatures, _) = pay(None, Some(&sponsoring())).await;
    assert_eq!((signed.unwrap().extensions, signatures), (None, 1));
}
