//! Smart wallets pay by signatures that only their own code can check.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking, in its helpers too"
)]

use crate::support::{
    authorization,
    permit2::{
        PAYEE, PERMIT2, Permit2, ask, error, exact_payment, exact_settle, permit2_sign, send, to,
        token_permit, upto_payment, upto_settle, upto_settle_with_permit,
    },
    refusal, settle, settle_bytes, sign, signer,
};
use alloy_primitives::{Address, B256, Bytes, FixedBytes, U256, hex};
use alloy_provider::Provider;
use alloy_signer::SignerSync;
use alloy_sol_types::SolCall;
use x402_devnet::{
    Contract, DevUsdc, DevWallet, DevWalletFactory, Devnet, USDC, WALLET_FACTORY, WalletError,
};

const MAGIC: FixedBytes<4> = FixedBytes(hex!("1626ba7e"));
const REFUSAL: FixedBytes<4> = FixedBytes(hex!("ffffffff"));
const SALT: B256 = B256::repeat_byte(9);

/// The wallet of development account 1, with ten thousand units.
fn funded_wallet(devnet: &Devnet) -> Address {
    let wallet = devnet.deploy_wallet(signer(1).address(), SALT).unwrap();
    devnet.mint(wallet, U256::from(10_000)).unwrap();
    wallet
}

/// As `funded_wallet`, with leave for Permit2 to spend them.
async fn wallet_with_allowance(devnet: &Devnet) -> Address {
    let wallet = funded_wallet(devnet);
    let approve = DevUsdc::approveCall { spender: PERMIT2, value: U256::MAX };
    let call = DevWallet::executeCall {
        target: USDC,
        value: U256::ZERO,
        data: approve.abi_encode().into(),
    };
    assert!(send(devnet, 1, to(wallet, call)).await.status());
    wallet
}

#[tokio::test]
async fn a_wallet_stands_where_the_factory_foretells() {
    let (devnet, owner) = (Devnet::new(), signer(1).address());
    let foretold = devnet.wallet_address(owner, SALT).unwrap();
    let by_call = DevWalletFactory::addressOfCall { owner, salt: SALT };
    assert_eq!(ask(&devnet, WALLET_FACTORY, by_call).await, foretold);
    assert!(devnet.provider().get_code_at(foretold).await.unwrap().is_empty());

    let before = devnet.block_number();
    assert_eq!(devnet.deploy_wallet(owner, SALT).unwrap(), foretold);
    assert_eq!(devnet.block_number(), before, "it mines no block");
    let code = devnet.provider().get_code_at(foretold).await.unwrap();
    assert_eq!(code, Contract::Wallet.runtime_code());
    assert_eq!(ask(&devnet, foretold, DevWallet::ownerCall {}).await, owner);

    let others = [
        devnet.wallet_address(signer(2).address(), SALT).unwrap(),
        devnet.wallet_address(owner, B256::ZERO).unwrap(),
    ];
    assert!(!others.contains(&foretold));
    assert_ne!(others[0], others[1]);
}

#[tokio::test]
async fn anyone_deploys_a_wallet_by_transaction_and_twice_is_once() {
    let (devnet, owner) = (Devnet::new(), signer(1).address());
    let wallet = devnet.wallet_address(owner, SALT).unwrap();
    let deploy = to(WALLET_FACTORY, DevWalletFactory::deployCall { owner, salt: SALT });
    assert!(send(&devnet, 4, deploy.clone()).await.status());
    assert_eq!(ask(&devnet, wallet, DevWallet::ownerCall {}).await, owner);
    assert!(send(&devnet, 5, deploy).await.status());
    assert_eq!(devnet.deploy_wallet(owner, SALT).unwrap(), wallet);
    assert_eq!(ask(&devnet, wallet, DevWallet::ownerCall {}).await, owner);
}

#[tokio::test]
async fn what_cannot_be_deployed_is_an_error() {
    let devnet = Devnet::new();
    assert_eq!(devnet.deploy_wallet(Address::ZERO, SALT), Err(WalletError::ZeroOwner));
    let deploy = DevWalletFactory::deployCall { owner: Address::ZERO, salt: SALT };
    error::<DevWallet::InvalidOwner>(&devnet, to(WALLET_FACTORY, deploy)).await;
    devnet.set_code(WALLET_FACTORY, Bytes::new()).unwrap();
    let owner = signer(1).address();
    let missing = devnet.deploy_wallet(owner, SALT);
    assert!(matches!(missing, Err(WalletError::NotTheFactory(_))), "{missing:?}");
}

#[tokio::test]
async fn a_wallet_knows_its_owners_signature_and_no_other() {
    let devnet = Devnet::new();
    let wallet = funded_wallet(&devnet);
    let digest = B256::repeat_byte(3);
    let good = signer(1).sign_hash_sync(&digest).unwrap().as_bytes().to_vec();
    let foreign = signer(2).sign_hash_sync(&digest).unwrap().as_bytes().to_vec();
    let asked = |digest, signature: &[u8]| DevWallet::isValidSignatureCall {
        digest,
        signature: Bytes::copy_from_slice(signature),
    };
    assert_eq!(ask(&devnet, wallet, asked(digest, &good)).await, MAGIC);
    assert_eq!(ask(&devnet, wallet, asked(B256::ZERO, &good)).await, REFUSAL);
    for bad in [&foreign[..], &good[..64], &[], &[0; 65], &[0; 66]] {
        assert_eq!(ask(&devnet, wallet, asked(digest, bad)).await, REFUSAL);
    }
}

#[tokio::test]
async fn a_wallet_placed_by_hand_takes_one_owner() {
    let devnet = Devnet::new();
    let wallet = Address::repeat_byte(0x42);
    devnet.set_code(wallet, Contract::Wallet.runtime_code()).unwrap();
    let nobodys = DevWallet::isValidSignatureCall { digest: B256::ZERO, signature: [0; 65].into() };
    assert_eq!(ask(&devnet, wallet, nobodys).await, REFUSAL, "it belongs to nobody yet");

    let init = |owner| to(wallet, DevWallet::initCall { newOwner: owner });
    error::<DevWallet::InvalidOwner>(&devnet, init(Address::ZERO)).await;
    assert!(send(&devnet, 3, init(signer(1).address())).await.status());
    error::<DevWallet::AlreadyInitialized>(&devnet, init(signer(2).address())).await;
    assert_eq!(ask(&devnet, wallet, DevWallet::ownerCall {}).await, signer(1).address());
}

#[tokio::test]
async fn only_its_owner_acts_as_the_wallet_and_hears_why_it_failed() {
    let devnet = Devnet::new();
    let wallet = funded_wallet(&devnet);
    let transfer = |value: u64| {
        let data = DevUsdc::transferCall { to: PAYEE, value: U256::from(value) };
        to(
            wallet,
            DevWallet::executeCall {
                target: USDC,
                value: U256::ZERO,
                data: data.abi_encode().into(),
            },
        )
    };
    error::<DevWallet::NotTheOwner>(&devnet, transfer(1).from(signer(2).address())).await;
    let much = transfer(10_001).from(signer(1).address());
    assert_eq!(refusal(&devnet, much).await, "ERC20: transfer amount exceeds balance");
    assert!(send(&devnet, 1, transfer(1)).await.status());
    assert_eq!(devnet.token_balance(PAYEE).unwrap(), U256::from(1));
}

#[tokio::test]
async fn a_wallet_pays_by_eip_3009() {
    let devnet = Devnet::new();
    let wallet = funded_wallet(&devnet);
    let message = authorization(&devnet, wallet, 1);
    let foreign = settle_bytes(&message, sign(&message, &signer(2)).as_bytes().into());
    assert_eq!(refusal(&devnet, foreign).await, "FiatTokenV2: invalid signature");

    let signature = sign(&message, &signer(1));
    let request = settle_bytes(&message, signature.as_bytes().into());
    assert_eq!(request.input.input().unwrap()[..4], hex!("cf092995"));
    assert!(send(&devnet, 0, request).await.status());
    assert_eq!(devnet.token_balance(PAYEE).unwrap(), U256::from(1000));
    let again = settle(&message, &signature);
    assert_eq!(refusal(&devnet, again).await, "FiatTokenV2: authorization is used or canceled");
}

#[tokio::test]
async fn a_wallet_pays_through_permit2() {
    let devnet = Devnet::new();
    let wallet = wallet_with_allowance(&devnet).await;
    let exact = exact_payment(&devnet, 1);
    let foreign = exact_settle(&exact, wallet, permit2_sign(&exact, &signer(2)));
    error::<Permit2::InvalidContractSignature>(&devnet, foreign).await;
    let request = exact_settle(&exact, wallet, permit2_sign(&exact, &signer(1)));
    assert!(send(&devnet, 0, request.clone()).await.status());
    error::<Permit2::InvalidNonce>(&devnet, request).await;

    let upto = upto_payment(&devnet, 2);
    let request = upto_settle(&upto, 234, wallet, permit2_sign(&upto, &signer(1)));
    assert!(send(&devnet, 0, request).await.status());
    assert_eq!(devnet.token_balance(PAYEE).unwrap(), U256::from(1234));
}

#[tokio::test]
async fn a_wallet_without_allowance_pays_with_a_permit() {
    let devnet = Devnet::new();
    let wallet = funded_wallet(&devnet);
    let message = upto_payment(&devnet, 1);
    let signature = permit2_sign(&message, &signer(1));
    let permit = token_permit(wallet, 1000, &signer(1));
    let request = upto_settle_with_permit(permit, &message, 600, wallet, signature);
    assert!(send(&devnet, 0, request).await.status());
    assert_eq!(devnet.token_balance(PAYEE).unwrap(), U256::from(600));
}

#[tokio::test]
async fn a_wallet_that_is_not_deployed_pays_once_it_is() {
    let (devnet, owner) = (Devnet::new(), signer(1).address());
    let wallet = devnet.wallet_address(owner, SALT).unwrap();
    devnet.mint(wallet, U256::from(10_000)).unwrap();
    let message = authorization(&devnet, wallet, 1);
    let request = settle_bytes(&message, sign(&message, &signer(1)).as_bytes().into());
    assert_eq!(refusal(&devnet, request.clone()).await, "FiatTokenV2: invalid signature");

    let deploy = DevWalletFactory::deployCall { owner, salt: SALT };
    assert!(send(&devnet, 0, to(WALLET_FACTORY, deploy)).await.status());
    assert!(send(&devnet, 0, request).await.status());
    assert_eq!(devnet.token_balance(PAYEE).unwrap(), U256::from(1000));
}
