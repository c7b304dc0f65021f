//! What the tests share: signers, providers and signed authorizations.

#![allow(dead_code, reason = "every test file uses its own part of this")]
#![allow(clippy::needless_pass_by_value, reason = "a call is written where it is passed")]

pub(crate) mod permit2;

use alloy_network::EthereumWallet;
use alloy_primitives::{Address, B256, Bytes, Signature, U256};
use alloy_provider::{Provider, ProviderBuilder};
use alloy_rpc_types_eth::TransactionRequest;
use alloy_signer::SignerSync;
use alloy_signer_local::PrivateKeySigner;
use alloy_sol_types::{Eip712Domain, SolCall, SolStruct, eip712_domain, sol};
use x402_devnet::{DevUsdc, Devnet, USDC};

sol! {
    /// EIP-3009.
    #[derive(Debug)]
    struct TransferWithAuthorization {
        address from; address to; uint256 value;
        uint256 validAfter; uint256 validBefore; bytes32 nonce;
    }

    /// EIP-3009, for a payee that sends itself.
    #[derive(Debug)]
    struct ReceiveWithAuthorization {
        address from; address to; uint256 value;
        uint256 validAfter; uint256 validBefore; bytes32 nonce;
    }

    /// EIP-3009.
    #[derive(Debug)]
    struct CancelAuthorization { address authorizer; bytes32 nonce; }

    /// EIP-2612.
    #[derive(Debug)]
    struct Permit { address owner; address spender; uint256 value; uint256 nonce; uint256 deadline; }
}

/// The key and address of a development account.
pub(crate) fn signer(index: usize) -> PrivateKeySigner {
    PrivateKeySigner::from_bytes(&x402_devnet::DEV_ACCOUNTS[index].private_key).unwrap()
}

/// A provider that fills and signs as this account.
pub(crate) fn wallet(devnet: &Devnet, signer: PrivateKeySigner) -> impl Provider + Clone {
    ProviderBuilder::new().wallet(EthereumWallet::from(signer)).connect_client(devnet.client())
}

pub(crate) fn domain() -> Eip712Domain {
    eip712_domain! { name: "USDC", version: "2", chain_id: 84532, verifying_contract: USDC, }
}

/// An authorization of a thousand units, valid for five minutes.
pub(crate) fn authorization(
    devnet: &Devnet,
    from: Address,
    nonce: u8,
) -> TransferWithAuthorization {
    TransferWithAuthorization {
        from,
        to: Address::repeat_byte(0x77),
        value: U256::from(1000),
        validAfter: U256::ZERO,
        validBefore: U256::from(devnet.timestamp() + 300),
        nonce: B256::repeat_byte(nonce),
    }
}

pub(crate) fn sign(message: &impl SolStruct, key: &PrivateKeySigner) -> Signature {
    key.sign_hash_sync(&message.eip712_signing_hash(&domain())).unwrap()
}

/// `transferWithAuthorization` with v, r and s.
pub(crate) fn settle(
    message: &TransferWithAuthorization,
    signature: &Signature,
) -> TransactionRequest {
    to_token(DevUsdc::transferWithAuthorization_0Call {
        from: message.from,
        to: message.to,
        value: message.value,
        validAfter: message.validAfter,
        validBefore: message.validBefore,
        nonce: message.nonce,
        v: 27 + u8::from(signature.v()),
        r: signature.r().into(),
        s: signature.s().into(),
    })
}

/// `transferWithAuthorization` with the signature as bytes.
pub(crate) fn settle_bytes(
    message: &TransferWithAuthorization,
    signature: Bytes,
) -> TransactionRequest {
    to_token(DevUsdc::transferWithAuthorization_1Call {
        from: message.from,
        to: message.to,
        value: message.value,
        validAfter: message.validAfter,
        validBefore: message.validBefore,
        nonce: message.nonce,
        signature,
    })
}

pub(crate) fn to_token(call: impl SolCall) -> TransactionRequest {
    TransactionRequest::default().to(USDC).input(Bytes::from(call.abi_encode()).into())
}

/// The reason that a call of the token is refused with.
pub(crate) async fn refusal(devnet: &Devnet, request: TransactionRequest) -> String {
    let error = devnet.provider().call(request).await.unwrap_err();
    let error = error.as_error_resp().unwrap();
    assert_eq!(error.code, 3, "{error}");
    assert!(error.data.is_some());
    error.message.strip_prefix("execution reverted: ").unwrap().to_owned()
}
