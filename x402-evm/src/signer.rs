use std::env::VarError;
use std::fmt;
use std::sync::Arc;

use alloy_primitives::{Address, B256, eip191_hash_message, hex};
use k256::ecdsa::{SigningKey, VerifyingKey};
use serde_json::json;
use x402_types::extensions::offer_receipt::{Offer, Receipt};
use zeroize::{ZeroizeOnDrop, Zeroizing};

use crate::approval::Approval;
use crate::eip2612::Permit;
use crate::eip3009::Authorization;
use crate::offer_receipt;
use crate::permit2::{self, Permit2Authorization};
use crate::signature::address_of;
use crate::{Domain, Signature};

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

    /// The data for a wallet that is asked by JSON-RPC: as `eth_signTypedData_v4` takes it, and an
    /// [`Approval`](Self::Approval) as `eth_signTransaction` does. That answers with a transaction,
    /// in which the signature stands last; a wallet that changes the transaction signs another one,
    /// and the payment is not made.
    pub fn to_json(&self) -> serde_json::Value {
        match self {
            Self::TransferWithAuthorization { domain, message } => json!({
                "types": {
                    "EIP712Domain": fields(DOMAIN),
                    "TransferWithAuthorization": fields(&[
                        ("from", "address"),
                        ("to", "address"),
                        ("value", "uint256"),
                        ("validAfter", "uint256"),
                        ("validBefore", "uint256"),
                        ("nonce", "bytes32"),
                    ]),
                },
                "primaryType": "TransferWithAuthorization",
                "domain": token_domain(domain),
                "message": message,
            }),
            Self::PermitWitnessTransferFrom { chain_id, message } => {
                let Permit2Authorization { permitted, spender, nonce, deadline, witness, .. } =
                    message;
                let mut witness_fields = vec![("to", "address"), ("validAfter", "uint256")];
                if witness.facilitator.is_some() {
                    witness_fields.insert(1, ("facilitator", "address"));
                }
                json!({
                    "types": {
                        "EIP712Domain": fields(&[
                            ("name", "string"),
                            ("chainId", "uint256"),
                            ("verifyingContract", "address"),
                        ]),
                        "PermitWitnessTransferFrom": fields(&[
                            ("permitted", "TokenPermissions"),
                            ("spender", "address"),
                            ("nonce", "uint256"),
                            ("deadline", "uint256"),
                            ("witness", "Witness"),
                        ]),
                        "TokenPermissions": fields(&[("token", "address"), ("amount", "uint256")]),
                        "Witness": fields(&witness_fields),
                    },
                    "primaryType": "PermitWitnessTransferFrom",
                    "domain": {
                        "name": "Permit2",
                        "chainId": chain_id,
                        "verifyingContract": permit2::PERMIT2.to_string(),
                    },
                    "message": {
                        "permitted": permitted,
                        "spender": spender.to_string(),
                        "nonce": nonce,
                        "deadline": deadline,
                        "witness": witness,
                    },
                })
            }
            Self::Permit { domain, message } => json!({
                "types": {
                    "EIP712Domain": fields(DOMAIN),
                    "Permit": fields(&[
                        ("owner", "address"),
                        ("spender", "address"),
                        ("value", "uint256"),
                        ("nonce", "uint256"),
                        ("deadline", "uint256"),
                    ]),
                },
                "primaryType": "Permit",
                "domain": token_domain(domain),
                "message": message,
            }),
            Self::Offer { message } => json!({
                "types": {
                    "EIP712Domain": fields(STATEMENT_DOMAIN),
                    "Offer": fields(&[
                        ("version", "uint256"),
                        ("resourceUrl", "string"),
                        ("scheme", "string"),
                        ("network", "string"),
                        ("asset", "string"),
                        ("payTo", "string"),
                        ("amount", "string"),
                        ("validUntil", "uint256"),
                    ]),
                },
                "primaryType": "Offer",
                "domain": {"name": offer_receipt::OFFER_DOMAIN, "version": "1", "chainId": 1},
                // As text: a wallet in JavaScript would round what is over 2^53.
                "message": {
                    "version": message.version.to_string(),
                    "resourceUrl": message.resource_url,
                    "scheme": message.scheme,
                    "network": message.network,
                    "asset": message.asset,
                    "payTo": message.pay_to,
                    "amount": message.amount,
                    "validUntil": message.valid_until.unwrap_or_default().to_string(),
                },
            }),
            Self::Receipt { message } => json!({
                "types": {
                    "EIP712Domain": fields(STATEMENT_DOMAIN),
                    "Receipt": fields(&[
                        ("version", "uint256"),
                        ("network", "string"),
                        ("resourceUrl", "string"),
                        ("payer", "string"),
                        ("issuedAt", "uint256"),
                        ("transaction", "string"),
                    ]),
                },
                "primaryType": "Receipt",
                "domain": {"name": offer_receipt::RECEIPT_DOMAIN, "version": "1", "chainId": 1},
                "message": {
                    "version": message.version.to_string(),
                    "network": message.network,
                    "resourceUrl": message.resource_url,
                    "payer": message.payer,
                    "issuedAt": message.issued_at.to_string(),
                    "transaction": message.transaction.as_deref().unwrap_or_default(),
                },
            }),
            Self::Approval { transaction } => transaction.to_json(),
        }
    }
}

const DOMAIN: &[(&str, &str)] = &[
    ("name", "string"),
    ("version", "string"),
    ("chainId", "uint256"),
    ("verifyingContract", "address"),
];

/// The domain of what a server says rather than a token: it names no contract.
const STATEMENT_DOMAIN: &[(&str, &str)] =
    &[("name", "string"), ("version", "string"), ("chainId", "uint256")];

fn fields(fields: &[(&str, &str)]) -> Vec<serde_json::Value> {
    fields.iter().map(|(name, kind)| json!({"name": name, "type": kind})).collect()
}

fn token_domain(domain: &Domain) -> serde_json::Value {
    json!({
        "name": domain.name,
        "version": domain.version,
        "chainId": domain.chain_id,
        "verifyingContract": domain.verifying_contract.to_string(),
    })
}

/// One who can sign for an account: a key in memory, a wallet, a key management service.
pub trait Signer: Send + Sync + 'static {
    /// The account.
    fn address(&self) -> Address;

    /// Signs.
    ///
    /// A remote signer may have signed even where the future is dropped.
    ///
    /// # Errors
    /// [`SignerError`] where the signer refuses or cannot be reached.
    fn sign_typed_data(
        &self,
        data: &TypedData,
    ) -> impl Future<Output = Result<Signature, SignerError>> + Send;

    /// Signs a text that a person could read (EIP-191, `personal_sign`), such as that of
    /// [`sign_in_with_x`](crate::sign_in_with_x). Its prefix keeps it apart from every payment and
    /// transaction.
    ///
    /// A remote signer may have signed even where the future is dropped.
    ///
    /// # Errors
    /// [`SignerError`] as above. A signer that does not say how signs no texts.
    fn sign_message(
        &self,
        text: &str,
    ) -> impl Future<Output = Result<Signature, SignerError>> + Send {
        let _ = text;
        std::future::ready(Err(SignerError::Refused("this signer signs no texts".into())))
    }
}

impl<S: Signer> Signer for Arc<S> {
    fn address(&self) -> Address {
        (**self).address()
    }

    fn sign_typed_data(
        &self,
        data: &TypedData,
    ) -> impl Future<Output = Result<Signature, SignerError>> + Send {
        (**self).sign_typed_data(data)
    }

    fn sign_message(
        &self,
        text: &str,
    ) -> impl Future<Output = Result<Signature, SignerError>> + Send {
        (**self).sign_message(text)
    }
}

/// Why there is no signature or no key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SignerError {
    /// Not a private key.
    #[error("a private key is 32 bytes in hexadecimal, not zero and below the curve's order")]
    InvalidKey,
    /// The environment variable is not there.
    #[error("the environment variable {name} holds no private key")]
    Environment {
        /// Its name.
        name: String,
        /// What is wrong with it.
        source: VarError,
    },
    /// The operating system gave no randomness.
    #[error("no randomness: {0}")]
    Randomness(#[source] getrandom::Error),
    /// The signer refused or could not be reached.
    #[error("the signer gave no signature: {0}")]
    Refused(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// A private key in this process's memory. Erased when dropped, not shown by `Debug`.
#[derive(Clone)]
pub struct LocalSigner {
    key: SigningKey,
    address: Address,
}

impl LocalSigner {
    /// The signer of a private key of 32 bytes.
    ///
    /// # Errors
    /// [`SignerError::InvalidKey`] for zero and for numbers not below the curve's order.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, SignerError> {
        let key = SigningKey::from_slice(bytes).map_err(|_| SignerError::InvalidKey)?;
        let address = address_of(key.verifying_key());
        Ok(Self { key, address })
    }

    /// The signer of a private key in hexadecimal, with or without `0x`.
    ///
    /// # Errors
    /// [`SignerError::InvalidKey`].
    pub fn from_hex(digits: &str) -> Result<Self, SignerError> {
        let digits = digits.trim();
        let digits = digits.strip_prefix("0x").unwrap_or(digits);
        if digits.len() != 64 {
            return Err(SignerError::InvalidKey);
        }
        let mut bytes = Zeroizing::new([0; 32]);
        hex::decode_to_slice(digits, bytes.as_mut()).map_err(|_| SignerError::InvalidKey)?;
        Self::from_bytes(&bytes)
    }

    /// The signer of the private key that an environment variable holds in hexadecimal.
    ///
    /// # Errors
    /// [`SignerError::Environment`] where it is not set, [`SignerError::InvalidKey`] where it holds
    /// something else.
    pub fn from_env(name: &str) -> Result<Self, SignerError> {
        match std::env::var(name).map(Zeroizing::new) {
            Ok(value) => Self::from_hex(&value),
            // This error shows what the variable holds, and goes no further.
            Err(VarError::NotUnicode(value)) => {
                drop(Zeroizing::new(value.into_encoded_bytes()));
                Err(SignerError::InvalidKey)
            }
            Err(source) => Err(SignerError::Environment { name: name.to_owned(), source }),
        }
    }

    /// A signer of a new key.
    ///
    /// # Errors
    /// [`SignerError::Randomness`].
    pub fn random() -> Result<Self, SignerError> {
        let mut bytes = Zeroizing::new([0; 32]);
        loop {
            getrandom::fill(bytes.as_mut()).map_err(SignerError::Randomness)?;
            // Out of range once in 2^128 draws.
            if let Ok(signer) = Self::from_bytes(&bytes) {
                return Ok(signer);
            }
        }
    }

    /// The account.
    pub fn address(&self) -> Address {
        self.address
    }

    pub(crate) fn verifying_key(&self) -> &VerifyingKey {
        self.key.verifying_key()
    }

    /// Signs a digest that the caller has computed itself, such as that of a transaction.
    ///
    /// Payments go through [`Signer`], which sees what it signs.
    pub fn sign_digest_unseen(&self, digest: B256) -> Signature {
        let (ecdsa, recovery) = self.key.sign_prehash_recoverable(digest.as_slice());
        Signature::from_parts(ecdsa, recovery)
    }
}

impl Signer for LocalSigner {
    fn address(&self) -> Address {
        self.address
    }

    async fn sign_typed_data(&self, data: &TypedData) -> Result<Signature, SignerError> {
        Ok(self.sign_digest_unseen(data.signing_hash()))
    }

    async fn sign_message(&self, text: &str) -> Result<Signature, SignerError> {
        Ok(self.sign_digest_unseen(eip191_hash_message(text)))
    }
}

// `SigningKey` erases itself, and there is nothing else to erase.
impl ZeroizeOnDrop for LocalSigner {}

impl fmt::Debug for LocalSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalSigner").field("address", &self.address).finish_non_exhaustive()
    }
}
