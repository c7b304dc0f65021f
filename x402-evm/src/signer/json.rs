use serde_json::json;

use super::TypedData;
use crate::permit2::{self, Permit2Authorization};
use crate::{Domain, offer_receipt};

impl TypedData {
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
