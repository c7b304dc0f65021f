//! Permit2 and the x402 proxies do what facilitators rely on the canonical ones for.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking, in its helpers too"
)]

use crate::support::{
    permit2::{
        EXACT, PAYEE, PERMIT2, Permit2, UPTO, ask, error, exact, exact_payment, exact_settle,
        exact_settle_with_permit, payer_with_allowance, permit2_domain, permit2_sign, plain, send,
        to, token_permit, upto, upto_payment, upto_settle, upto_settle_with_permit,
    },
    refusal, signer, to_token,
};
use alloy_primitives::{Address, B256, Bytes, Signature, U256, address, b256, hex};
use alloy_provider::Provider;
use alloy_rpc_types_eth::TransactionRequest;
use alloy_sol_types::{SolCall, SolError, SolEvent, SolStruct};
use x402_devnet::{Contract, DEV_ACCOUNTS, DevUsdc, Devnet, USDC};

const SEPARATOR: B256 = b256!("0x010f27a92fb9a32622f44f001dc4d15706a85b33499cfc2ce9033113ab26592c");
const EXACT_WITNESS: B256 =
    b256!("0xd97b3239a7f32295517bd14cb074edfdd188dfe5eb42f802bb26d4fd1eb12c37");
const UPTO_WITNESS: B256 =
    b256!("0xd4171c445a74218b01d4fd8af34ff1106580ea1e36ff837e64484bfaa2253b75");

#[tokio::test]
async fn every_contract_of_the_genesis_stands_at_its_address() {
    let devnet = Devnet::new();
    for contract in Contract::GENESIS {
        let address = contract.address().unwrap();
        let code = devnet.provider().get_code_at(address).await.unwrap();
        assert!(!code.is_empty(), "{contract:?}");
        assert_eq!(code, contract.runtime_code(), "{contract:?}");
    }
    assert_eq!(Contract::Permit2.address(), Some(PERMIT2));
    assert_eq!(Contract::ExactPermit2Proxy.address(), Some(EXACT));
    assert_eq!(Contract::UptoPermit2Proxy.address(), Some(UPTO));
    assert_eq!(Contract::Wallet.address(), None);
}

#[test]
fn selectors_are_the_canonical_ones() {
    assert_eq!(exact::Proxy::settleCall::SELECTOR, hex!("13cd3b53"));
    assert_eq!(exact::Proxy::settleWithPermitCall::SELECTOR, hex!("fa340378"));
    assert_eq!(upto::Proxy::settleCall::SELECTOR, hex!("ff11e7b4"));
    assert_eq!(upto::Proxy::settleWithPermitCall::SELECTOR, hex!("016c1748"));
    assert_eq!(Permit2::permitWitnessTransferFromCall::SELECTOR, hex!("137c29fe"));
    assert_eq!(Permit2::permitTransferFromCall::SELECTOR, hex!("30f28b7a"));
    assert_eq!(Permit2::InvalidNonce::SELECTOR, hex!("756688fe"));
    assert_eq!(Permit2::InvalidSigner::SELECTOR, hex!("815e1d64"));
    assert_eq!(Permit2::SignatureExpired::SELECTOR, hex!("cd21db4f"));
}

#[tokio::test]
async fn the_domain_is_that_of_permit2_on_base_sepolia() {
    let devnet = Devnet::new();
    assert_eq!(ask(&devnet, PERMIT2, Permit2::DOMAIN_SEPARATORCall {}).await, SEPARATOR);
    assert_eq!(permit2_domain().separator(), SEPARATOR);
}

#[tokio::test]
async fn the_domain_follows_the_chain() {
    let devnet = Devnet::builder().chain_id(8453).build().unwrap();
    let mut domain = permit2_domain();
    domain.chain_id = Some(U256::from(8453));
    let separator = ask(&devnet, PERMIT2, Permit2::DOMAIN_SEPARATORCall {}).await;
    assert_eq!(separator, domain.separator());
}

#[tokio::test]
async fn the_proxies_know_the_canonical_witness_types() {
    let devnet = Devnet::new();
    let text = ask(&devnet, EXACT, exact::Proxy::WITNESS_TYPE_STRINGCall {}).await;
    assert_eq!(
        text,
        "Witness witness)TokenPermissions(address token,uint256 amount)Witness(address to,uint256 validAfter)"
    );
    let text = ask(&devnet, UPTO, upto::Proxy::WITNESS_TYPE_STRINGCall {}).await;
    assert_eq!(
        text,
        "Witness witness)TokenPermissions(address token,uint256 amount)Witness(address to,address facilitator,uint256 validAfter)"
    );
    let exact_hash = ask(&devnet, EXACT, exact::Proxy::WITNESS_TYPEHASHCall {}).await;
    assert_eq!(exact_hash, EXACT_WITNESS);
    assert_eq!(exact_payment(&devnet, 0).witness.eip712_type_hash(), EXACT_WITNESS);
    let upto_hash = ask(&devnet, UPTO, upto::Proxy::WITNESS_TYPEHASHCall {}).await;
    assert_eq!(upto_hash, UPTO_WITNESS);
    assert_eq!(upto_payment(&devnet, 0).witness.eip712_type_hash(), UPTO_WITNESS);
    assert_eq!(ask(&devnet, EXACT, exact::Proxy::PERMIT2Call {}).await, PERMIT2);
    assert_eq!(ask(&devnet, UPTO, upto::Proxy::PERMIT2Call {}).await, PERMIT2);
}

/// The payer of signatures that another library made, for the key 0x0123...0123.
async fn canonical_payer(devnet: &Devnet) -> Address {
    let payer = address!("0x14791697260E4c9A71f18484C9f997B308e59325");
    devnet.mint(payer, U256::from(10_000)).unwrap();
    let permit = "0x0123456789012345678901234567890123456789012345678901234567890123";
    let permit = token_permit(payer, 10_000, &permit.parse().unwrap());
    let call = DevUsdc::permit_0Call {
        owner: payer,
        spender: PERMIT2,
        value: permit.value,
        deadline: permit.deadline,
        v: permit.v,
        r: permit.r,
        s: permit.s,
    };
    assert!(send(devnet, 0, to_token(call)).await.status());
    payer
}

#[tokio::test]
async fn an_exact_signature_of_the_canonical_sdk_settles() {
    let devnet = Devnet::new();
    let payer = canonical_payer(&devnet).await;
    let mut message = exact_payment(&devnet, 123_456_789);
    message.permitted.amount = U256::from(10_000);
    message.deadline = U256::from(1_893_456_000);
    message.witness.to = address!("0x209693Bc6afc0C5328bA36FaF03C514EF312287C");
    let digest = b256!("0xc869dc0c0c9b9b74d9591732c6d0f52216063c2d1d0edd22ac7ad5166d6a556f");
    assert_eq!(message.eip712_signing_hash(&permit2_domain()), digest);
    let signature = hex!(
        "acf4f961c5d68601ff2412c6239080652653d15132f96a0d50f25a9e289d15f7498ba6a741abe299268c5c6639050aca89789bcaa616719f060787c4a5a7ecc61c"
    );
    let request = exact_settle(&message, payer, signature.into());
    assert!(send(&devnet, 0, request).await.status());
    assert_eq!(devnet.token_balance(message.witness.to).unwrap(), U256::from(10_000));
}

#[tokio::test]
async fn an_upto_signature_of_the_canonical_sdk_settles() {
    let devnet = Devnet::new();
    let payer = canonical_payer(&devnet).await;
    let mut message = upto_payment(&devnet, 123_456_789);
    message.permitted.amount = U256::from(10_000);
    message.deadline = U256::from(1_893_456_000);
    message.witness.to = address!("0x209693Bc6afc0C5328bA36FaF03C514EF312287C");
    message.witness.facilitator = Address::repeat_byte(0x11);
    let digest = b256!("0xc9adf44d54caa8362c762c68d28f063a1dab2e86439a26b0461d55d830cfb928");
    assert_eq!(message.eip712_signing_hash(&permit2_domain()), digest);
    let signature = hex!(
        "c161fb0334f8be9a29ae81c70defee2e6f9b178b72364528f3e1511e4699a8926ee2e42b32d8be63fa09eec05c68e1fe43452f9ea9fc3b4389f69c96cc0cd7551c"
    );
    let request = upto_settle(&message, 9_999, payer, signature.into());
    devnet.provider().call(request).await.unwrap();
}

#[tokio::test]
async fn an_exact_settlement_moves_what_was_permitted() {
    let devnet = Devnet::new();
    let payer = payer_with_allowance(&devnet).await;
    let message = exact_payment(&devnet, 1);
    let request = exact_settle(&message, payer.address(), permit2_sign(&message, &payer));
    // Anyone may settle.
    let receipt = send(&devnet, 5, request).await;

    assert!(receipt.status());
    assert_eq!(devnet.token_balance(PAYEE).unwrap(), U256::from(1000));
    assert_eq!(devnet.token_balance(payer.address()).unwrap(), U256::from(9000));
    let [transfer, settled] = receipt.logs() else { panic!("two logs are expected") };
    assert_eq!(transfer.address(), USDC);
    let transfer = DevUsdc::Transfer::decode_log(&transfer.inner).unwrap();
    assert_eq!((transfer.from, transfer.to), (payer.address(), PAYEE));
    assert_eq!(settled.address(), EXACT);
    assert_eq!(settled.topic0(), Some(&exact::Proxy::Settled::SIGNATURE_HASH));
    let bitmap = Permit2::nonceBitmapCall { owner: payer.address(), word: U256::ZERO };
    assert_eq!(ask(&devnet, PERMIT2, bitmap).await, U256::from(2));
}

#[tokio::test]
async fn an_upto_settlement_moves_what_the_facilitator_asks_for() {
    let devnet = Devnet::new();
    let payer = payer_with_allowance(&devnet).await;
    let message = upto_payment(&devnet, 1);
    let request = upto_settle(&message, 400, payer.address(), permit2_sign(&message, &payer));
    let receipt = send(&devnet, 0, request).await;

    assert!(receipt.status());
    assert_eq!(devnet.token_balance(PAYEE).unwrap(), U256::from(400));
    assert_eq!(devnet.token_balance(payer.address()).unwrap(), U256::from(9600));
    assert_eq!(receipt.logs()[1].topic0(), Some(&upto::Proxy::Settled::SIGNATURE_HASH));
}

#[tokio::test]
async fn without_an_allowance_only_settle_with_permit_pays() {
    let (devnet, payer) = (Devnet::new(), signer(1));
    devnet.mint(payer.address(), U256::from(10_000)).unwrap();
    let message = exact_payment(&devnet, 1);
    let signature = permit2_sign(&message, &payer);
    let bare = exact_settle(&message, payer.address(), signature.clone());
    assert_eq!(refusal(&devnet, bare).await, "TRANSFER_FROM_FAILED");

    let permit = token_permit(payer.address(), 1000, &payer);
    let request = exact_settle_with_permit(permit, &message, payer.address(), signature);
    let receipt = send(&devnet, 0, request).await;
    assert!(receipt.status());
    assert_eq!(devnet.token_balance(PAYEE).unwrap(), U256::from(1000));
    let last = receipt.logs().last().unwrap();
    assert_eq!(last.topic0(), Some(&exact::Proxy::SettledWithPermit::SIGNATURE_HASH));
    let left = DevUsdc::allowanceCall { owner: payer.address(), spender: PERMIT2 };
    assert_eq!(ask(&devnet, USDC, left).await, U256::ZERO);
}

#[tokio::test]
async fn without_an_allowance_only_settle_with_permit_pays_up_to() {
    let (devnet, payer) = (Devnet::new(), signer(1));
    devnet.mint(payer.address(), U256::from(10_000)).unwrap();
    let message = upto_payment(&devnet, 1);
    let signature = permit2_sign(&message, &payer);
    let bare = upto_settle(&message, 700, payer.address(), signature.clone());
    assert_eq!(refusal(&devnet, bare).await, "TRANSFER_FROM_FAILED");

    let permit = token_permit(payer.address(), 1000, &payer);
    let request = upto_settle_with_permit(permit, &message, 700, payer.address(), signature);
    let receipt = send(&devnet, 0, request).await;
    assert!(receipt.status());
    assert_eq!(devnet.token_balance(PAYEE).unwrap(), U256::from(700));
    let last = receipt.logs().last().unwrap();
    assert_eq!(last.topic0(), Some(&upto::Proxy::SettledWithPermit::SIGNATURE_HASH));
    let left = DevUsdc::allowanceCall { owner: payer.address(), spender: PERMIT2 };
    assert_eq!(ask(&devnet, USDC, left).await, U256::from(300));
}

#[tokio::test]
async fn a_permit_that_another_has_used_still_settles() {
    let (devnet, payer) = (Devnet::new(), signer(1));
    devnet.mint(payer.address(), U256::from(10_000)).unwrap();
    let permit = token_permit(payer.address(), 1000, &payer);
    let used = DevUsdc::permit_0Call {
        owner: payer.address(),
        spender: PERMIT2,
        value: permit.value,
        deadline: permit.deadline,
        v: permit.v,
        r: permit.r,
        s: permit.s,
    };
    assert!(send(&devnet, 6, to_token(used)).await.status());

    let message = exact_payment(&devnet, 1);
    let signature = permit2_sign(&message, &payer);
    let request = exact_settle_with_permit(permit, &message, payer.address(), signature);
    assert!(send(&devnet, 0, request).await.status());
    assert_eq!(devnet.token_balance(PAYEE).unwrap(), U256::from(1000));
}

#[tokio::test]
async fn a_permit_by_another_key_leaves_the_allowance_to_decide() {
    let (devnet, payer) = (Devnet::new(), signer(1));
    devnet.mint(payer.address(), U256::from(10_000)).unwrap();
    let message = exact_payment(&devnet, 1);
    let signature = permit2_sign(&message, &payer);
    let forged = || token_permit(payer.address(), 1000, &signer(2));
    let settle =
        || exact_settle_with_permit(forged(), &message, payer.address(), signature.clone());
    assert_eq!(refusal(&devnet, settle()).await, "TRANSFER_FROM_FAILED");
    payer_with_allowance(&devnet).await;
    devnet.provider().call(settle()).await.unwrap();
}

#[tokio::test]
async fn a_permit_for_another_amount_is_refused() {
    let devnet = Devnet::new();
    let payer = payer_with_allowance(&devnet).await;
    let owner = payer.address();
    for value in [999, 1001] {
        let message = exact_payment(&devnet, 1);
        let signature = permit2_sign(&message, &payer);
        let permit = token_permit(owner, value, &payer);
        let request = exact_settle_with_permit(permit, &message, owner, signature);
        error::<exact::Proxy::Permit2612AmountMismatch>(&devnet, request).await;

        let message = upto_payment(&devnet, 1);
        let signature = permit2_sign(&message, &payer);
        let permit = token_permit(owner, value, &payer);
        // The amount to settle does not excuse it.
        let request = upto_settle_with_permit(permit, &message, 999, owner, signature);
        error::<upto::Proxy::Permit2612AmountMismatch>(&devnet, request).await;
    }
}

#[tokio::test]
async fn a_nonce_is_used_once_whichever_proxy_uses_it() {
    let devnet = Devnet::new();
    let payer = payer_with_allowance(&devnet).await;
    let message = exact_payment(&devnet, 300);
    let request = exact_settle(&message, payer.address(), permit2_sign(&message, &payer));
    assert!(send(&devnet, 0, request.clone()).await.status());
    error::<Permit2::InvalidNonce>(&devnet, request.clone()).await;
    assert!(!send(&devnet, 0, request.gas_limit(300_000)).await.status());
    assert_eq!(devnet.token_balance(PAYEE).unwrap(), U256::from(1000));

    let message = upto_payment(&devnet, 300);
    let request = upto_settle(&message, 1, payer.address(), permit2_sign(&message, &payer));
    error::<Permit2::InvalidNonce>(&devnet, request.clone()).await;
    let message = upto_payment(&devnet, 301);
    let other = upto_settle(&message, 1, payer.address(), permit2_sign(&message, &payer));
    assert!(send(&devnet, 0, other).await.status());
    error::<Permit2::InvalidNonce>(&devnet, request).await;
}

#[tokio::test]
async fn nonces_are_found_in_words_of_256() {
    let devnet = Devnet::new();
    let payer = payer_with_allowance(&devnet).await;
    let mut message = exact_payment(&devnet, 0);
    message.nonce = U256::MAX;
    let request = exact_settle(&message, payer.address(), permit2_sign(&message, &payer));
    assert!(send(&devnet, 0, request).await.status());
    let bitmap = Permit2::nonceBitmapCall { owner: payer.address(), word: U256::MAX >> 8 };
    assert_eq!(ask(&devnet, PERMIT2, bitmap).await, U256::from(1) << 255);
}

#[tokio::test]
async fn an_invalidated_nonce_cannot_be_used() {
    let devnet = Devnet::new();
    let payer = payer_with_allowance(&devnet).await;
    let cancel =
        Permit2::invalidateUnorderedNoncesCall { word: U256::from(1), mask: U256::from(6) };
    assert!(send(&devnet, 1, to(PERMIT2, cancel)).await.status());
    let settle = |nonce| {
        let message = exact_payment(&devnet, nonce);
        exact_settle(&message, payer.address(), permit2_sign(&message, &payer))
    };
    devnet.provider().call(settle(256)).await.unwrap();
    error::<Permit2::InvalidNonce>(&devnet, settle(257)).await;
    error::<Permit2::InvalidNonce>(&devnet, settle(258)).await;
    devnet.provider().call(settle(259)).await.unwrap();
}

#[tokio::test]
async fn a_signature_by_another_key_is_refused() {
    let devnet = Devnet::new();
    let owner = payer_with_allowance(&devnet).await.address();
    let message = exact_payment(&devnet, 1);
    let request = exact_settle(&message, owner, permit2_sign(&message, &signer(2)));
    error::<Permit2::InvalidSigner>(&devnet, request).await;
    let message = upto_payment(&devnet, 1);
    let request = upto_settle(&message, 1, owner, permit2_sign(&message, &signer(2)));
    error::<Permit2::InvalidSigner>(&devnet, request).await;
}

#[tokio::test]
async fn what_was_not_signed_is_not_settled() {
    let devnet = Devnet::new();
    let payer = payer_with_allowance(&devnet).await;
    let message = exact_payment(&devnet, 1);
    let signature = permit2_sign(&message, &payer);
    let changes: [fn(&mut exact::PermitWitnessTransferFrom); 5] = [
        |message| message.permitted.amount += U256::from(1),
        |message| message.nonce += U256::from(1),
        |message| message.deadline += U256::from(1),
        |message| message.witness.to = Address::repeat_byte(0x66),
        |message| message.witness.validAfter = U256::from(1),
    ];
    for change in changes {
        let mut changed = message.clone();
        change(&mut changed);
        let request = exact_settle(&changed, payer.address(), signature.clone());
        error::<Permit2::InvalidSigner>(&devnet, request).await;
    }
    // A payment for one proxy is none for the other, nor for a spender of one's own.
    let witness = message.witness.eip712_hash_struct();
    let stolen = Permit2::permitWitnessTransferFromCall {
        permit: Permit2::PermitTransferFrom {
            permitted: Permit2::TokenPermissions { token: USDC, amount: U256::from(1000) },
            nonce: message.nonce,
            deadline: message.deadline,
        },
        details: Permit2::SignatureTransferDetails {
            to: Address::repeat_byte(0x66),
            requestedAmount: U256::from(1000),
        },
        owner: payer.address(),
        witness,
        witnessTypeString: "Witness witness)TokenPermissions(address token,uint256 amount)Witness(address to,uint256 validAfter)".into(),
        signature,
    };
    error::<Permit2::InvalidSigner>(&devnet, to(PERMIT2, stolen.clone())).await;
    devnet.provider().call(to(PERMIT2, stolen).from(EXACT)).await.unwrap();
}

#[tokio::test]
async fn a_signature_is_65_bytes_or_the_64_of_eip_2098() {
    let devnet = Devnet::new();
    let payer = payer_with_allowance(&devnet).await;
    // Both values of v among them.
    for nonce in 1..9 {
        let message = exact_payment(&devnet, nonce);
        let long = permit2_sign(&message, &payer);
        let short = Signature::from_raw(&long).unwrap().as_erc2098();
        for signature in [long, Bytes::copy_from_slice(&short)] {
            let request = exact_settle(&message, payer.address(), signature);
            devnet.provider().call(request).await.unwrap();
        }
    }
    let message = exact_payment(&devnet, 1);
    let good = permit2_sign(&message, &payer);
    let settle = |signature: Bytes| exact_settle(&message, payer.address(), signature);
    for length in [0, 1, 63, 66, 130] {
        let request = settle(vec![1; length].into());
        error::<Permit2::InvalidSignatureLength>(&devnet, request).await;
    }
    let mut low_v = good.to_vec();
    low_v[64] -= 27;
    error::<Permit2::InvalidSignature>(&devnet, settle(low_v.into())).await;
    error::<Permit2::InvalidSignature>(&devnet, settle(vec![0; 65].into())).await;
}

#[tokio::test]
async fn a_payment_is_settled_until_its_deadline() {
    let devnet = Devnet::new();
    let payer = payer_with_allowance(&devnet).await;
    let at = devnet.timestamp() + 100;
    let settle = |deadline: u64| {
        let mut message = exact_payment(&devnet, 1);
        message.deadline = U256::from(deadline);
        exact_settle(&message, payer.address(), permit2_sign(&message, &payer))
    };
    devnet.set_next_block_timestamp(at).unwrap();
    devnet.provider().call(settle(at)).await.unwrap();
    let late = error::<Permit2::SignatureExpired>(&devnet, settle(at - 1)).await;
    assert_eq!(late.signatureDeadline, U256::from(at - 1));
}

#[tokio::test]
async fn a_payment_is_settled_from_its_valid_after_on() {
    let devnet = Devnet::new();
    let payer = payer_with_allowance(&devnet).await;
    let at = devnet.timestamp() + 100;
    let exact = |valid_after: u64| {
        let mut message = exact_payment(&devnet, 1);
        message.witness.validAfter = U256::from(valid_after);
        exact_settle(&message, payer.address(), permit2_sign(&message, &payer))
    };
    let upto = |valid_after: u64| {
        let mut message = upto_payment(&devnet, 1);
        message.witness.validAfter = U256::from(valid_after);
        upto_settle(&message, 1, payer.address(), permit2_sign(&message, &payer))
    };
    devnet.set_next_block_timestamp(at).unwrap();
    error::<exact::Proxy::PaymentTooEarly>(&devnet, exact(at + 1)).await;
    error::<upto::Proxy::PaymentTooEarly>(&devnet, upto(at + 1)).await;
    devnet.provider().call(exact(at)).await.unwrap();
    devnet.provider().call(upto(at)).await.unwrap();
}

#[tokio::test]
async fn more_than_permitted_is_refused() {
    let devnet = Devnet::new();
    let payer = payer_with_allowance(&devnet).await;
    let owner = payer.address();
    let message = upto_payment(&devnet, 1);
    let signature = permit2_sign(&message, &payer);
    let request = upto_settle(&message, 1001, owner, signature.clone());
    error::<upto::Proxy::AmountExceedsPermitted>(&devnet, request).await;
    let permit = token_permit(owner, 1000, &payer);
    let request = upto_settle_with_permit(permit, &message, 1001, owner, signature.clone());
    error::<upto::Proxy::AmountExceedsPermitted>(&devnet, request).await;
    let all = upto_settle(&message, 1000, owner, signature);
    devnet.provider().call(all).await.unwrap();
}

#[tokio::test]
async fn another_facilitator_cannot_settle_up_to() {
    let devnet = Devnet::new();
    let payer = payer_with_allowance(&devnet).await;
    let owner = payer.address();
    let message = upto_payment(&devnet, 1);
    let signature = permit2_sign(&message, &payer);
    let foreign = DEV_ACCOUNTS[2].address;
    let request = upto_settle(&message, 1, owner, signature.clone()).from(foreign);
    error::<upto::Proxy::UnauthorizedFacilitator>(&devnet, request).await;
    let permit = token_permit(owner, 1000, &payer);
    let request = upto_settle_with_permit(permit, &message, 1, owner, signature.clone());
    error::<upto::Proxy::UnauthorizedFacilitator>(&devnet, request.from(foreign)).await;

    // Nor does it help to put oneself in the witness.
    let mut changed = message;
    changed.witness.facilitator = foreign;
    let request = upto_settle(&changed, 1, owner, signature);
    error::<Permit2::InvalidSigner>(&devnet, request).await;
}

#[tokio::test]
async fn nothing_and_nobody_are_refused() {
    let devnet = Devnet::new();
    let payer = payer_with_allowance(&devnet).await;
    let owner = payer.address();
    let mut message = exact_payment(&devnet, 1);
    let signed = |message: &exact::PermitWitnessTransferFrom| permit2_sign(message, &payer);
    let request = exact_settle(&message, Address::ZERO, signed(&message));
    error::<exact::Proxy::InvalidOwner>(&devnet, request).await;
    message.witness.to = Address::ZERO;
    let request = exact_settle(&message, owner, signed(&message));
    error::<exact::Proxy::InvalidDestination>(&devnet, request).await;
    message.permitted.amount = U256::ZERO;
    let request = exact_settle(&message, Address::ZERO, signed(&message));
    error::<exact::Proxy::InvalidAmount>(&devnet, request).await;

    let mut message = upto_payment(&devnet, 1);
    let signature = permit2_sign(&message, &payer);
    let request = upto_settle(&message, 0, owner, signature.clone());
    error::<upto::Proxy::InvalidAmount>(&devnet, request).await;
    let request = upto_settle(&message, 1, Address::ZERO, signature.clone());
    error::<upto::Proxy::InvalidOwner>(&devnet, request).await;
    message.witness.to = Address::ZERO;
    let request = upto_settle(&message, 1, owner, signature);
    error::<upto::Proxy::InvalidDestination>(&devnet, request).await;
}

#[tokio::test]
async fn a_spender_of_any_kind_transfers_without_a_witness() {
    let devnet = Devnet::new();
    let payer = payer_with_allowance(&devnet).await;
    let message = plain::PermitTransferFrom {
        permitted: plain::TokenPermissions { token: USDC, amount: U256::from(1000) },
        spender: DEV_ACCOUNTS[3].address,
        nonce: U256::from(7),
        deadline: U256::MAX,
    };
    let transfer = |amount: u64| {
        let permitted = Permit2::TokenPermissions { token: USDC, amount: U256::from(1000) };
        let call = Permit2::permitTransferFromCall {
            permit: Permit2::PermitTransferFrom {
                permitted,
                nonce: message.nonce,
                deadline: message.deadline,
            },
            details: Permit2::SignatureTransferDetails {
                to: PAYEE,
                requestedAmount: U256::from(amount),
            },
            owner: payer.address(),
            signature: permit2_sign(&message, &payer),
        };
        to(PERMIT2, call)
    };
    error::<Permit2::InvalidSigner>(&devnet, transfer(5)).await;
    let much = error::<Permit2::InvalidAmount>(&devnet, transfer(1001).from(message.spender)).await;
    assert_eq!(much.maxAmount, U256::from(1000));
    assert!(send(&devnet, 3, transfer(5)).await.status());
    assert_eq!(devnet.token_balance(PAYEE).unwrap(), U256::from(5));
}

/// A settlement of a token with this code.
async fn settle_token(devnet: &Devnet, code: Bytes) -> TransactionRequest {
    let payer = payer_with_allowance(devnet).await;
    let token = Address::repeat_byte(0x70);
    devnet.set_code(token, code).unwrap();
    let mut message = exact_payment(devnet, 1);
    message.permitted.token = token;
    exact_settle(&message, payer.address(), permit2_sign(&message, &payer))
}

#[tokio::test]
async fn a_token_may_return_true_or_nothing_and_nothing_else() {
    let devnet = Devnet::new();
    for accepted in [&hex!("00")[..], &hex!("60015f5260205ff3"), &hex!("60015f5260405ff3")] {
        let request = settle_token(&devnet, Bytes::copy_from_slice(accepted)).await;
        devnet.provider().call(request).await.unwrap();
    }
    // Zero, two, a single byte, and a revert.
    let refused =
        [&hex!("60205ff3")[..], &hex!("60025f5260205ff3"), &hex!("60015ff3"), &hex!("5f5ffd")];
    for refused in refused {
        let request = settle_token(&devnet, Bytes::copy_from_slice(refused)).await;
        assert_eq!(refusal(&devnet, request).await, "TRANSFER_FROM_FAILED");
    }
}

#[tokio::test]
async fn a_token_cannot_settle_while_it_is_settled() {
    let devnet = Devnet::new();
    let payer = payer_with_allowance(&devnet).await;
    let message = exact_payment(&devnet, 2);
    let inner = exact_settle(&message, payer.address(), permit2_sign(&message, &payer));
    let inner = inner.input.input().unwrap().clone();
    // Calls the proxy with what stands behind it, stores the first word of the answer, returns true.
    let length = u16::try_from(inner.len()).unwrap().to_be_bytes();
    let code = [
        &hex!("61")[..],
        &length,
        &hex!("603d5f395f5f61"),
        &length,
        &hex!("5f5f73"),
        EXACT.as_slice(),
        &hex!("5af1503d5f5f3e5f515f5560015f5260205ff3"),
    ]
    .concat();
    let code = [&code[..], &[0].repeat(0x3d - code.len()), &inner].concat();
    let request = settle_token(&devnet, code.into()).await;
    assert!(send(&devnet, 0, request).await.status());
    let stored = devnet.provider().get_storage_at(Address::repeat_byte(0x70), U256::ZERO).await;
    let stored = B256::from(stored.unwrap());
    assert_eq!(stored[..4], exact::Proxy::ReentrancyGuardReentrantCall::SELECTOR);
    assert_eq!(devnet.token_balance(PAYEE).unwrap(), U256::ZERO);

    // The guard opens again: the same payment settles by itself.
    let request = to_exact(inner);
    assert!(send(&devnet, 0, request).await.status());
    assert_eq!(devnet.token_balance(PAYEE).unwrap(), U256::from(1000));
}

fn to_exact(input: Bytes) -> TransactionRequest {
    TransactionRequest::default().to(EXACT).input(input.into())
}
