//! Every message of the protocol, and where its examples are.

#![allow(dead_code, reason = "each test file uses its part of this")]

use std::fs;
use std::path::PathBuf;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use x402_types::extensions::{
    bazaar, builder_code, eip2612_gas_sponsoring, erc20_approval_gas_sponsoring, offer_receipt,
    payment_identifier, sign_in_with_x,
};
use x402_types::{
    DecodeError, JsonError, PaymentPayload, PaymentRequired, PaymentRequirements, ResourceInfo,
    SettleResponse, SupportedKind, SupportedResponse, VerifyRequest, VerifyResponse, decode,
    header, v1,
};

/// A message, without its Rust type.
pub(crate) struct Message {
    /// Folder of its examples.
    pub(crate) name: &'static str,
    /// Fields that may be left out.
    pub(crate) optional: &'static [&'static str],
    /// Reads a body, and writes what it understood.
    pub(crate) reread: fn(&str) -> Result<String, JsonError>,
    /// Reads a header, and writes what it understood.
    pub(crate) reread_header: fn(&[u8]) -> Result<String, DecodeError>,
}

pub(crate) const MESSAGES: &[Message] = &[
    message::<PaymentRequired>("payment-required", &["error", "extensions"]),
    message::<PaymentRequirements>("payment-requirements", &["extra"]),
    message::<PaymentPayload>("payment-payload", &["resource", "extensions"]),
    message::<ResourceInfo>(
        "resource-info",
        &["description", "mimeType", "serviceName", "tags", "iconUrl"],
    ),
    message::<VerifyRequest>("verify-request", &[]),
    message::<VerifyResponse>(
        "verify-response",
        &["invalidReason", "invalidMessage", "payer", "extensions", "extra"],
    ),
    message::<SettleResponse>(
        "settle-response",
        &[
            "errorReason",
            "errorMessage",
            "payer",
            "transaction",
            "network",
            "amount",
            "extensions",
            "extra",
        ],
    ),
    message::<SupportedResponse>("supported-response", &["extensions", "signers"]),
    message::<SupportedKind>("supported-kind", &["extra"]),
    message::<v1::PaymentRequired>("v1/payment-required", &["error"]),
    message::<v1::PaymentRequirements>(
        "v1/payment-requirements",
        &["description", "mimeType", "outputSchema", "extra"],
    ),
    message::<v1::PaymentPayload>("v1/payment-payload", &[]),
    message::<v1::VerifyRequest>("v1/verify-request", &[]),
    message::<bazaar::Bazaar>("extensions/bazaar", &["schema", "routeTemplate"]),
    message::<builder_code::Declaration>("extensions/builder-code", &["schema"]),
    message::<eip2612_gas_sponsoring::Declaration>(
        "extensions/eip2612-gas-sponsoring",
        &["schema"],
    ),
    message::<eip2612_gas_sponsoring::Answer>("extensions/eip2612-permit", &["schema"]),
    message::<erc20_approval_gas_sponsoring::Declaration>(
        "extensions/erc20-approval-gas-sponsoring",
        &["schema"],
    ),
    message::<erc20_approval_gas_sponsoring::Answer>("extensions/erc20-approval", &["schema"]),
    message::<offer_receipt::OfferDeclaration>("extensions/offers", &["schema"]),
    message::<offer_receipt::ReceiptDeclaration>("extensions/receipt", &["schema"]),
    message::<payment_identifier::Declaration>("extensions/payment-identifier", &["schema"]),
    message::<sign_in_with_x::Challenge>("extensions/sign-in-with-x", &["schema"]),
    message::<sign_in_with_x::Message>(
        "extensions/sign-in-with-x-message",
        &["expirationTime", "statement", "notBefore", "requestId", "resources", "signatureScheme"],
    ),
];

const fn message<T: Serialize + DeserializeOwned>(
    name: &'static str,
    optional: &'static [&'static str],
) -> Message {
    Message { name, optional, reread: reread::<T>, reread_header: reread_header::<T> }
}

fn reread<T: Serialize + DeserializeOwned>(text: &str) -> Result<String, JsonError> {
    Ok(written(&header::from_json::<T>(text)?))
}

fn reread_header<T: Serialize + DeserializeOwned>(value: &[u8]) -> Result<String, DecodeError> {
    Ok(written(&decode::<T>(value, header::CHALLENGE_LIMIT)?))
}

fn written<T: Serialize>(message: &T) -> String {
    serde_json::to_string(message).unwrap()
}

impl Message {
    /// The examples, each with the name of its file.
    pub(crate) fn examples(&self) -> Vec<(String, String)> {
        let mut examples: Vec<_> = fs::read_dir(folder().join(self.name))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
            .map(|path| (path.display().to_string(), fs::read_to_string(&path).unwrap()))
            .collect();
        examples.sort();
        examples
    }

    /// The example in which no field is left out.
    pub(crate) fn full(&self) -> Value {
        let path = folder().join(self.name).join("full.json");
        serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
    }
}

pub(crate) fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/examples")
}

pub(crate) fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}
