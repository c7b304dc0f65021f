//! Permit2 and the two proxies, as their callers and signers know them.

use alloy_primitives::{Address, Bytes, U256, address};
use alloy_provider::Provider;
use alloy_rpc_types_eth::{TransactionReceipt, TransactionRequest};
use alloy_signer::SignerSync;
use alloy_signer_local::PrivateKeySigner;
use alloy_sol_types::{Eip712Domain, SolCall, SolError, SolStruct, eip712_domain, sol};
use x402_devnet::{DevUsdc, Devnet, USDC};

use super::{Permit, sign, signer, to_token, wallet};

pub(crate) const PERMIT2: Address = address!("0x000000000022D473030F116dDEE9F6B43aC78BA3");
pub(crate) const EXACT: Address = address!("0x402085c248EeA27D92E8b30b2C58ed07f9E20001");
pub(crate) const UPTO: Address = address!("0x4020A4f3b7b90ccA423B9fabCc0CE57C6C240002");
pub(crate) const PAYEE: Address = Address::repeat_byte(0x77);

sol! {
    #![sol(all_derives)]

    interface Permit2 {
        struct TokenPermissions { address token; uint256 amount; }
        struct PermitTransferFrom { TokenPermissions permitted; uint256 nonce; uint256 deadline; }
        struct SignatureTransferDetails { address to; uint256 requestedAmount; }

        error SignatureExpired(uint256 signatureDeadline);
        error InvalidNonce();
        error InvalidAmount(uint256 maxAmount);
        error InvalidSigner();
        error InvalidSignature();
        error InvalidContractSignature();
        error InvalidSignatureLength();

        function DOMAIN_SEPARATOR() external view returns (bytes32);
        function nonceBitmap(address owner, uint256 word) external view returns (uint256);
        function invalidateUnorderedNonces(uint256 word, uint256 mask) external;
        function permitTransferFrom(PermitTransferFrom permit, SignatureTransferDetails details, address owner, bytes signature) external;
        function permitWitnessTransferFrom(PermitTransferFrom permit, SignatureTransferDetails details, address owner, bytes32 witness, string witnessTypeString, bytes signature) external;
    }
}

/// What is signed for a transfer without a witness.
pub(crate) mod plain {
    alloy_sol_types::sol! {
        #![sol(all_derives)]

        struct TokenPermissions { address token; uint256 amount; }
        struct PermitTransferFrom { TokenPermissions permitted; address spender; uint256 nonce; uint256 deadline; }
    }
}

pub(crate) mod exact {
    alloy_sol_types::sol! {
        #![sol(all_derives)]

        struct TokenPermissions { address token; uint256 amount; }
        struct Witness { address to; uint256 validAfter; }

        /// What the payer signs.
        struct PermitWitnessTransferFrom {
            TokenPermissions permitted; address spender; uint256 nonce; uint256 deadline; Witness witness;
        }

        interface Proxy {
            struct PermitTransferFrom { TokenPermissions permitted; uint256 nonce; uint256 deadline; }
            struct EIP2612Permit { uint256 value; uint256 deadline; bytes32 r; bytes32 s; uint8 v; }

            event Settled();
            event SettledWithPermit();

            error InvalidAmount();
            error InvalidDestination();
            error InvalidOwner();
            error PaymentTooEarly();
            error Permit2612AmountMismatch();
            error ReentrancyGuardReentrantCall();

            function PERMIT2() external view returns (address);
            function WITNESS_TYPE_STRING() external view returns (string);
            function WITNESS_TYPEHASH() external view returns (bytes32);
            function settle(PermitTransferFrom permit, address owner, Witness witness, bytes signature) external;
            function settleWithPermit(EIP2612Permit permit2612, PermitTransferFrom permit, address owner, Witness witness, bytes signature) external;
        }
    }
}

pub(crate) mod upto {
    alloy_sol_types::sol! {
        #![sol(all_derives)]

        struct TokenPermissions { address token; uint256 amount; }
        struct Witness { address to; address facilitator; uint256 validAfter; }

        /// What the payer signs.
        struct PermitWitnessTransferFrom {
            TokenPermissions permitted; address spender; uint256 nonce; uint256 deadline; Witness witness;
        }

        interface Proxy {
            struct PermitTransferFrom { TokenPermissions permitted; uint256 nonce; uint256 deadline; }
            struct EIP2612Permit { uint256 value; uint256 deadline; bytes32 r; bytes32 s; uint8 v; }

            event Settled();
            event SettledWithPermit();

            error InvalidAmount();
            error InvalidDestination();
            error InvalidOwner();
            error PaymentTooEarly();
            error Permit2612AmountMismatch();
            error AmountExceedsPermitted();
            error UnauthorizedFacilitator();

            function PERMIT2() external view returns (address);
            function WITNESS_TYPE_STRING() external view returns (string);
            function WITNESS_TYPEHASH() external view returns (bytes32);
            function settle(PermitTransferFrom permit, uint256 amount, address owner, Witness witness, bytes signature) external;
            function settleWithPermit(EIP2612Permit permit2612, PermitTransferFrom permit, uint256 amount, address owner, Witness witness, bytes signature) external;
        }
    }
}

/// A thousand units for the payee, for five minutes.
pub(crate) fn exact_payment(devnet: &Devnet, nonce: u64) -> exact::PermitWitnessTransferFrom {
    exact::PermitWitnessTransferFrom {
        permitted: exact::TokenPermissions { token: USDC, amount: U256::from(1000) },
        spender: EXACT,
        nonce: U256::from(nonce),
        deadline: U256::from(devnet.timestamp() + 300),
        witness: exact::Witness { to: PAYEE, validAfter: U256::ZERO },
    }
}

/// Up to a thousand units for the payee, for five minutes, by development account 0.
pub(crate) fn upto_payment(devnet: &Devnet, nonce: u64) -> upto::PermitWitnessTransferFrom {
    let facilitator = signer(0).address();
    upto::PermitWitnessTransferFrom {
        permitted: upto::TokenPermissions { token: USDC, amount: U256::from(1000) },
        spender: UPTO,
        nonce: U256::from(nonce),
        deadline: U256::from(devnet.timestamp() + 300),
        witness: upto::Witness { to: PAYEE, facilitator, validAfter: U256::ZERO },
    }
}

pub(crate) fn permit2_domain() -> Eip712Domain {
    eip712_domain! { name: "Permit2", chain_id: 84532, verifying_contract: PERMIT2, }
}

/// The 65 bytes of a Permit2 signature.
pub(crate) fn permit2_sign(message: &impl SolStruct, key: &PrivateKeySigner) -> Bytes {
    let digest = message.eip712_signing_hash(&permit2_domain());
    key.sign_hash_sync(&digest).unwrap().as_bytes().into()
}

fn exact_permit(message: &exact::PermitWitnessTransferFrom) -> exact::Proxy::PermitTransferFrom {
    exact::Proxy::PermitTransferFrom {
        permitted: message.permitted.clone(),
        nonce: message.nonce,
        deadline: message.deadline,
    }
}

fn upto_permit(message: &upto::PermitWitnessTransferFrom) -> upto::Proxy::PermitTransferFrom {
    upto::Proxy::PermitTransferFrom {
        permitted: message.permitted.clone(),
        nonce: message.nonce,
        deadline: message.deadline,
    }
}

pub(crate) fn exact_settle(
    message: &exact::PermitWitnessTransferFrom,
    owner: Address,
    signature: Bytes,
) -> TransactionRequest {
    let call = exact::Proxy::settleCall {
        permit: exact_permit(message),
        owner,
        witness: message.witness.clone(),
        signature,
    };
    to(EXACT, call)
}

pub(crate) fn exact_settle_with_permit(
    permit2612: exact::Proxy::EIP2612Permit,
    message: &exact::PermitWitnessTransferFrom,
    owner: Address,
    signature: Bytes,
) -> TransactionRequest {
    let call = exact::Proxy::settleWithPermitCall {
        permit2612,
        permit: exact_permit(message),
        owner,
        witness: message.witness.clone(),
        signature,
    };
    to(EXACT, call)
}

/// Sent from the message's facilitator, unless another sender is set.
pub(crate) fn upto_settle(
    message: &upto::PermitWitnessTransferFrom,
    amount: u64,
    owner: Address,
    signature: Bytes,
) -> TransactionRequest {
    let call = upto::Proxy::settleCall {
        permit: upto_permit(message),
        amount: U256::from(amount),
        owner,
        witness: message.witness.clone(),
        signature,
    };
    to(UPTO, call).from(message.witness.facilitator)
}

/// Sent from the message's facilitator, unless another sender is set.
pub(crate) fn upto_settle_with_permit(
    permit2612: exact::Proxy::EIP2612Permit,
    message: &upto::PermitWitnessTransferFrom,
    amount: u64,
    owner: Address,
    signature: Bytes,
) -> TransactionRequest {
    let exact::Proxy::EIP2612Permit { value, deadline, r, s, v } = permit2612;
    let call = upto::Proxy::settleWithPermitCall {
        permit2612: upto::Proxy::EIP2612Permit { value, deadline, r, s, v },
        permit: upto_permit(message),
        amount: U256::from(amount),
        owner,
        witness: message.witness.clone(),
        signature,
    };
    to(UPTO, call).from(message.witness.facilitator)
}

/// The first EIP-2612 permit of an owner, for Permit2, signed by this key.
pub(crate) fn token_permit(
    owner: Address,
    value: u64,
    key: &PrivateKeySigner,
) -> exact::Proxy::EIP2612Permit {
    let permit = Permit {
        owner,
        spender: PERMIT2,
        value: U256::from(value),
        nonce: U256::ZERO,
        deadline: U256::MAX,
    };
    let signature = sign(&permit, key);
    exact::Proxy::EIP2612Permit {
        value: permit.value,
        deadline: permit.deadline,
        r: signature.r().into(),
        s: signature.s().into(),
        v: 27 + u8::from(signature.v()),
    }
}

pub(crate) fn to(contract: Address, call: impl SolCall) -> TransactionRequest {
    TransactionRequest::default().to(contract).input(Bytes::from(call.abi_encode()).into())
}

/// What a contract answers.
pub(crate) async fn ask<C: SolCall>(devnet: &Devnet, contract: Address, call: C) -> C::Return {
    let answer = devnet.provider().call(to(contract, call)).await.unwrap();
    C::abi_decode_returns(&answer).unwrap()
}

/// Sends a transaction of a development account and gives its receipt.
pub(crate) async fn send(
    devnet: &Devnet,
    account: usize,
    request: TransactionRequest,
) -> TransactionReceipt {
    let sent = wallet(devnet, signer(account)).send_transaction(request).await.unwrap();
    sent.get_receipt().await.unwrap()
}

/// Development account 1 with ten thousand units, and leave for Permit2 to spend them.
pub(crate) async fn payer_with_allowance(devnet: &Devnet) -> PrivateKeySigner {
    let payer = signer(1);
    devnet.mint(payer.address(), U256::from(10_000)).unwrap();
    let approve = DevUsdc::approveCall { spender: PERMIT2, value: U256::MAX };
    assert!(send(devnet, 1, to_token(approve)).await.status());
    payer
}

/// The custom error that a call is refused with.
pub(crate) async fn error<E: SolError>(devnet: &Devnet, request: TransactionRequest) -> E {
    let error = devnet.provider().call(request).await.unwrap_err();
    let data = error.as_error_resp().unwrap().as_revert_data().unwrap();
    E::abi_decode(&data).unwrap_or_else(|_| panic!("refused with {data}"))
}
