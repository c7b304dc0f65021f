use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Whose fault a refused payment is, which decides what a server answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The payer's: another payment may do.
    Payer,
    /// The payer's software: the same payment never will.
    Malformed,
    /// The payment was used before.
    Replay,
    /// The seller's: its terms cannot be met by anybody.
    Seller,
    /// The facilitator's, or its chain's.
    Facilitator,
    /// Nobody's yet: it is not known whether the money moved.
    Unsettled,
}

macro_rules! reasons {
    ($($variant:ident $spelling:literal $fault:ident,)*) => {
        /// Why a payment was refused: `invalidReason`, `errorReason`.
        ///
        /// An open enumeration. The specification and the SDKs spell some reasons differently; both
        /// are known here, and [`canonical`](Self::canonical) makes one of the two. What is not
        /// known is kept as it came.
        #[derive(Clone, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum ErrorReason {
            $(#[doc = concat!("`", $spelling, "`")] $variant,)*
            /// Any other, as it came.
            Other(Box<str>),
        }

        impl ErrorReason {
            /// The spelling on the wire.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $spelling,)*
                    Self::Other(text) => text,
                }
            }

            /// Whose fault it is. A reason that is not known counts as the payer's.
            pub const fn fault(&self) -> Fault {
                match self {
                    $(Self::$variant => Fault::$fault,)*
                    Self::Other(_) => Fault::Payer,
                }
            }

            /// Every reason known by name.
            pub const KNOWN: &[Self] = &[$(Self::$variant,)*];
        }

        impl From<&str> for ErrorReason {
            fn from(text: &str) -> Self {
                match text {
                    $($spelling => Self::$variant,)*
                    other => Self::Other(other.into()),
                }
            }
        }
    };
}

reasons! {
    // `exact` by EIP-3009
    AssetNotDeployedContract "asset_not_deployed_contract" Seller,
    InvalidExactEvmScheme "invalid_exact_evm_scheme" Malformed,
    InvalidExactEvmNetworkMismatch "invalid_exact_evm_network_mismatch" Payer,
    InvalidExactEvmMissingEip712Domain "invalid_exact_evm_missing_eip712_domain" Seller,
    InvalidExactEvmRecipientMismatch "invalid_exact_evm_recipient_mismatch" Payer,
    InvalidExactEvmSignature "invalid_exact_evm_signature" Payer,
    InvalidExactEvmPayloadAuthorizationValidBefore "invalid_exact_evm_payload_authorization_valid_before" Payer,
    InvalidExactEvmPayloadAuthorizationValidAfter "invalid_exact_evm_payload_authorization_valid_after" Payer,
    InvalidExactEvmAuthorizationValue "invalid_exact_evm_authorization_value" Payer,
    InvalidExactEvmPayloadAuthorizationValueMismatch "invalid_exact_evm_payload_authorization_value_mismatch" Payer,
    InvalidExactEvmPayloadUndeployedSmartWallet "invalid_exact_evm_payload_undeployed_smart_wallet" Payer,
    InvalidExactEvmTransactionFailed "invalid_exact_evm_transaction_failed" Facilitator,
    InvalidExactEvmTransferEventMismatch "invalid_exact_evm_transfer_event_mismatch" Facilitator,
    InvalidExactEvmTokenNameMismatch "invalid_exact_evm_token_name_mismatch" Seller,
    InvalidExactEvmTokenVersionMismatch "invalid_exact_evm_token_version_mismatch" Seller,
    InvalidExactEvmEip3009NotSupported "invalid_exact_evm_eip3009_not_supported" Seller,
    InvalidExactEvmNonceAlreadyUsed "invalid_exact_evm_nonce_already_used" Replay,
    InvalidExactEvmInsufficientBalance "invalid_exact_evm_insufficient_balance" Payer,
    InvalidExactEvmTransactionSimulationFailed "invalid_exact_evm_transaction_simulation_failed" Payer,
    InvalidExactEvmFailedToParseSignature "invalid_exact_evm_failed_to_parse_signature" Malformed,
    UnsupportedPayloadType "unsupported_payload_type" Malformed,
    InvalidTransactionState "invalid_transaction_state" Facilitator,
    Eip6492FactoryNotAllowed "eip6492_factory_not_allowed" Payer,
    SmartWalletDeploymentFailed "smart_wallet_deployment_failed" Payer,
    SettlementPending "settlement_pending" Unsettled,
    // `exact` by Permit2
    InvalidPermit2Spender "invalid_permit2_spender" Payer,
    InvalidPermit2RecipientMismatch "invalid_permit2_recipient_mismatch" Payer,
    Permit2DeadlineExpired "permit2_deadline_expired" Payer,
    Permit2NotYetValid "permit2_not_yet_valid" Payer,
    Permit2AmountMismatch "permit2_amount_mismatch" Payer,
    Permit2TokenMismatch "permit2_token_mismatch" Payer,
    InvalidPermit2Signature "invalid_permit2_signature" Payer,
    Permit2AllowanceRequired "permit2_allowance_required" Payer,
    Permit2SimulationFailed "permit2_simulation_failed" Payer,
    Permit2InsufficientBalance "permit2_insufficient_balance" Payer,
    Permit2ProxyNotDeployed "permit2_proxy_not_deployed" Seller,
    Permit2InvalidAmount "permit2_invalid_amount" Payer,
    Permit2InvalidDestination "permit2_invalid_destination" Payer,
    Permit2InvalidOwner "permit2_invalid_owner" Payer,
    Permit2PaymentTooEarly "permit2_payment_too_early" Payer,
    Permit2InvalidNonce "permit2_invalid_nonce" Replay,
    Permit22612AmountMismatch "permit2_2612_amount_mismatch" Payer,
    // Gas sponsoring
    InvalidEip2612ExtensionFormat "invalid_eip2612_extension_format" Malformed,
    Eip2612FromMismatch "eip2612_from_mismatch" Payer,
    Eip2612AssetMismatch "eip2612_asset_mismatch" Payer,
    Eip2612SpenderNotPermit2 "eip2612_spender_not_permit2" Payer,
    Eip2612DeadlineExpired "eip2612_deadline_expired" Payer,
    InvalidErc20ApprovalExtensionFormat "invalid_erc20_approval_extension_format" Malformed,
    Erc20ApprovalFromMismatch "erc20_approval_from_mismatch" Payer,
    Erc20ApprovalAssetMismatch "erc20_approval_asset_mismatch" Payer,
    Erc20ApprovalSpenderNotPermit2 "erc20_approval_spender_not_permit2" Payer,
    Erc20ApprovalTxWrongTarget "erc20_approval_tx_wrong_target" Payer,
    Erc20ApprovalTxWrongSelector "erc20_approval_tx_wrong_selector" Payer,
    Erc20ApprovalTxWrongSpender "erc20_approval_tx_wrong_spender" Payer,
    Erc20ApprovalTxInvalidCalldata "erc20_approval_tx_invalid_calldata" Payer,
    Erc20ApprovalTxSignerMismatch "erc20_approval_tx_signer_mismatch" Payer,
    Erc20ApprovalTxInvalidSignature "erc20_approval_tx_invalid_signature" Payer,
    Erc20ApprovalTxParseFailed "erc20_approval_tx_parse_failed" Malformed,
    Erc20ApprovalTxFailed "erc20_approval_tx_failed" Payer,
    Erc20ApprovalBroadcastFailed "erc20_approval_broadcast_failed" Facilitator,
    // `upto`
    InvalidUptoEvmScheme "invalid_upto_evm_scheme" Malformed,
    InvalidUptoEvmNetworkMismatch "invalid_upto_evm_network_mismatch" Payer,
    InvalidUptoEvmTransactionFailed "invalid_upto_evm_transaction_failed" Facilitator,
    InvalidUptoEvmPayloadSettlementExceedsAmount "invalid_upto_evm_payload_settlement_exceeds_amount" Seller,
    UptoAmountExceedsPermitted "upto_amount_exceeds_permitted" Seller,
    UptoUnauthorizedFacilitator "upto_unauthorized_facilitator" Payer,
    UptoFacilitatorMismatch "upto_facilitator_mismatch" Payer,
    // The specification's general list, where its spelling differs
    InsufficientFunds "insufficient_funds" Payer,
    InvalidExactEvmPayloadAuthorizationValue "invalid_exact_evm_payload_authorization_value" Payer,
    InvalidExactEvmPayloadSignature "invalid_exact_evm_payload_signature" Payer,
    InvalidExactEvmPayloadRecipientMismatch "invalid_exact_evm_payload_recipient_mismatch" Payer,
    InvalidNetwork "invalid_network" Payer,
    InvalidPayload "invalid_payload" Malformed,
    InvalidPaymentRequirements "invalid_payment_requirements" Seller,
    InvalidScheme "invalid_scheme" Malformed,
    UnsupportedScheme "unsupported_scheme" Seller,
    InvalidX402Version "invalid_x402_version" Malformed,
    UnexpectedVerifyError "unexpected_verify_error" Facilitator,
    UnexpectedSettleError "unexpected_settle_error" Facilitator,
    // `exact` on Solana
    InvalidExactSvmUnsupportedScheme "invalid_exact_svm_unsupported_scheme" Malformed,
    InvalidExactSvmNetworkMismatch "invalid_exact_svm_network_mismatch" Payer,
    InvalidExactSvmPayloadMissingFeePayer "invalid_exact_svm_payload_missing_fee_payer" Seller,
    InvalidExactSvmFeePayerNotManagedByFacilitator "invalid_exact_svm_fee_payer_not_managed_by_facilitator" Seller,
    InvalidExactSvmFeePayerMismatch "invalid_exact_svm_fee_payer_mismatch" Payer,
    InvalidExactSvmPayloadTransaction "invalid_exact_svm_payload_transaction" Malformed,
    InvalidExactSvmPayloadTransactionCouldNotBeDecoded "invalid_exact_svm_payload_transaction_could_not_be_decoded" Malformed,
    InvalidExactSvmPayloadMintMismatch "invalid_exact_svm_payload_mint_mismatch" Payer,
    InvalidExactSvmPayloadRecipientMismatch "invalid_exact_svm_payload_recipient_mismatch" Payer,
    InvalidExactSvmPayloadAmountMismatch "invalid_exact_svm_payload_amount_mismatch" Payer,
    InvalidExactSvmPayloadMemoMismatch "invalid_exact_svm_payload_memo_mismatch" Payer,
    InvalidExactSvmPayloadSignatureInvalid "invalid_exact_svm_payload_signature_invalid" Payer,
    InvalidExactSvmTransactionSigningFailed "invalid_exact_svm_transaction_signing_failed" Facilitator,
    InvalidExactSvmTransactionSimulationFailed "invalid_exact_svm_transaction_simulation_failed" Payer,
    InvalidExactSvmTransactionFailed "invalid_exact_svm_transaction_failed" Facilitator,
    PostSettlementTransferNotConfirmed "post_settlement_transfer_not_confirmed" Unsettled,
    // Between client and server
    ExtensionEchoMismatch "extension_echo_mismatch" Payer,
    DuplicateSettlement "duplicate_settlement" Replay,
}

impl ErrorReason {
    /// The one spelling of two for the same fault: that of the SDKs.
    pub fn canonical(&self) -> &Self {
        match self {
            Self::InsufficientFunds => &Self::InvalidExactEvmInsufficientBalance,
            Self::InvalidExactEvmPayloadSignature => &Self::InvalidExactEvmSignature,
            Self::InvalidExactEvmPayloadRecipientMismatch => {
                &Self::InvalidExactEvmRecipientMismatch
            }
            Self::InvalidExactEvmPayloadAuthorizationValue
            | Self::InvalidExactEvmAuthorizationValue => {
                &Self::InvalidExactEvmPayloadAuthorizationValueMismatch
            }
            Self::InvalidNetwork => &Self::InvalidExactEvmNetworkMismatch,
            Self::InvalidScheme => &Self::InvalidExactEvmScheme,
            other => other,
        }
    }
}

impl FromStr for ErrorReason {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self::from(text))
    }
}

impl fmt::Display for ErrorReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for ErrorReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl Serialize for ErrorReason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for ErrorReason {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        crate::json::from_string(deserializer, "a reason")
    }
}
