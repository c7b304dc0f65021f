use alloy_primitives::B256;
use x402_types::extensions::offer_receipt::{Offer, Receipt};

use crate::Domain;
use crate::approval::Approval;
use crate::eip2612::Permit;
use crate::eip3009::Authorization;
use crate::offer_receipt;
use crate::permit2::{self, Permit2Authorization};

/// What a payer may be asked to sign: structured data, never a bare digest, so that a wallet can
/// show it and a policy judge it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TypedData {
    /// EIP-3009.
    TransferWithAuthorization {
        /// The token's domain.
        domain: Domain,
        /// The transfer.
        message: Authorization,
    },
    /// Permit2, for a scheme's proxy.
    PermitWitnessTransferFrom {
        /// The chain's id.
        chain_id: u64,
        /// The transfer.
        message: Permit2Authorization,
    },
    /// EIP-2612.
    Permit {
        /// The token's domain.
        domain: Domain,
        /// The allowance.
        message: Permit,
    },
    /// A transaction that gives an allowance, to be put on chain by another. Only where the payer
    /// was told to approve Permit2.
    Approval {
        /// The transaction.
        transaction: Approval,
    },
    /// A server's offer. Moves no money.
    Offer {
        /// What the server stands by.
        message: Offer,
    },
    /// A server's receipt. Moves no money.
    Receipt {
        /// What the server was paid.
        message: Receipt,
    },
}

impl TypedData {
    /// The digest that is signed: EIP-712's, or a transaction's.
    pub fn signing_hash(&self) -> B256 {
        match self {
            Self::TransferWithAuthorization { domain, message } => message.signing_hash(domain),
            Self::PermitWitnessTransferFrom { chain_id, message } => {
                message.digest(permit2::domain_separator(*chain_id))
            }
            Self::Permit { domain, message } => message.signing_hash(domain),
            Self::Approval { transaction } => transaction.signing_hash(),
            Self::Offer { message } => offer_receipt::offer_hash(message),
            Self::Receipt { message } => offer_receipt::receipt_hash(message),
        }
    }
}
