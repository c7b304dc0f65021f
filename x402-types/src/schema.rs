//! JSON Schemas of the messages, in draft 2020-12.
//!
//! A schema says what is accepted: a value that validates is read, and whole. Explicit `null` stands
//! for a field that is not there, and unknown keys are allowed. What a schema cannot say, or what
//! readers forgive beyond it, is listed beside the published files.

mod roles;

use std::borrow::Cow;

use schemars::generate::SchemaGenerator;
use schemars::{JsonSchema, Schema, json_schema};

use crate::extensions::{
    bazaar, builder_code, eip2612_gas_sponsoring, erc20_approval_gas_sponsoring, offer_receipt,
    payment_identifier, sign_in_with_x,
};
use crate::{
    Amount, ErrorReason, Network, PaymentPayload, PaymentRequired, PaymentRequirements, RawObject,
    ResourceInfo, SettleResponse, SupportedResponse, Verbatim, VerifyRequest, VerifyResponse,
    Version, v1,
};

pub use roles::roles;

/// Every published schema, by its relative `$id`, which is also the path of its file.
///
/// Each stands for itself: it refers to nothing outside.
pub fn published() -> Vec<(&'static str, Schema)> {
    let mut all = messages();
    all.extend(roles());
    all
}

/// The schema of each message and of each extension, by its relative `$id`.
pub fn messages() -> Vec<(&'static str, Schema)> {
    vec![
        schema_of::<PaymentRequired>("payment-required.json"),
        schema_of::<PaymentRequirements>("payment-requirements.json"),
        schema_of::<PaymentPayload>("payment-payload.json"),
        schema_of::<ResourceInfo>("resource-info.json"),
        schema_of::<VerifyRequest>("verify-request.json"),
        schema_of::<VerifyResponse>("verify-response.json"),
        schema_of::<SettleResponse>("settle-response.json"),
        schema_of::<SupportedResponse>("supported-response.json"),
        schema_of::<v1::PaymentRequired>("v1/payment-required.json"),
        schema_of::<v1::PaymentRequirements>("v1/payment-requirements.json"),
        schema_of::<v1::PaymentPayload>("v1/payment-payload.json"),
        schema_of::<v1::VerifyRequest>("v1/verify-request.json"),
        schema_of::<bazaar::Bazaar>("extensions/bazaar.json"),
        schema_of::<builder_code::Declaration>("extensions/builder-code.json"),
        schema_of::<eip2612_gas_sponsoring::Declaration>("extensions/eip2612-gas-sponsoring.json"),
        schema_of::<eip2612_gas_sponsoring::Answer>("extensions/eip2612-permit.json"),
        schema_of::<erc20_approval_gas_sponsoring::Declaration>(
            "extensions/erc20-approval-gas-sponsoring.json",
        ),
        schema_of::<erc20_approval_gas_sponsoring::Answer>("extensions/erc20-approval.json"),
        schema_of::<offer_receipt::OfferDeclaration>("extensions/offers.json"),
        schema_of::<offer_receipt::ReceiptDeclaration>("extensions/receipt.json"),
        schema_of::<payment_identifier::Declaration>("extensions/payment-identifier.json"),
        schema_of::<sign_in_with_x::Challenge>("extensions/sign-in-with-x.json"),
        schema_of::<sign_in_with_x::Message>("extensions/sign-in-with-x-message.json"),
    ]
}

/// A schema as its file holds it: keys sorted, whatever `serde_json` was built with.
///
/// # Errors
/// Where the schema does not serialize.
pub fn to_file(schema: &Schema) -> Result<String, serde_json::Error> {
    let mut value = schema.as_value().clone();
    value.sort_all_objects();
    Ok(serde_json::to_string_pretty(&value)? + "\n")
}

fn schema_of<T: JsonSchema>(id: &'static str) -> (&'static str, Schema) {
    let mut schema = SchemaGenerator::default().into_root_schema_for::<T>();
    schema.insert("$id".to_owned(), id.into());
    (id, schema)
}

impl JsonSchema for Amount {
    fn schema_name() -> Cow<'static, str> {
        "Amount".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "A quantity of an asset in its atomic units, as a canonical decimal string: no sign, no leading zero, less than 2^256.",
            "pattern": "^(0|[1-9][0-9]{0,77})$",
            "examples": ["10000"],
        })
    }
}

impl JsonSchema for Network {
    fn schema_name() -> Cow<'static, str> {
        "Network".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "A blockchain as CAIP-2 names it. An EVM chain's id is a number without leading zero.",
            "pattern": "^[-a-z0-9]{3,8}:[-_a-zA-Z0-9]{1,32}$",
            "if": { "pattern": "^eip155:" },
            "then": { "pattern": "^eip155:[1-9][0-9]{0,19}$" },
            "examples": [Self::BASE, Self::BASE_SEPOLIA, Self::SOLANA],
        })
    }
}

impl JsonSchema for ErrorReason {
    fn schema_name() -> Cow<'static, str> {
        "ErrorReason".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "Why a payment was refused. Open: the examples are those that are known, others occur.",
            "examples": Self::KNOWN,
        })
    }
}

impl<const N: u8> JsonSchema for Version<N> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("Version{N}").into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "const": N })
    }
}

impl JsonSchema for RawObject {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "RawObject".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "object" })
    }
}

/// The schema of the message itself: its text has no other.
impl<T: JsonSchema> JsonSchema for Verbatim<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn schema_id() -> Cow<'static, str> {
        T::schema_id()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}
