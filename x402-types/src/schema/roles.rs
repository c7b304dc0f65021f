//! One schema for each role: what generators of code make all of a role's types from.

use schemars::generate::{SchemaGenerator, SchemaSettings};
use schemars::transform::RemoveRefSiblings;
use schemars::{JsonSchema, Schema, json_schema};
use serde_json::{Map, Value};

use crate::extensions::{
    bazaar, builder_code, eip2612_gas_sponsoring, erc20_approval_gas_sponsoring, offer_receipt,
    payment_identifier, sign_in_with_x,
};
use crate::{
    PaymentPayload, PaymentRequired, SettleResponse, SupportedResponse, VerifyRequest,
    VerifyResponse, v1,
};

/// What each role sends and reads, of both versions, by the relative `$id`.
///
/// The root is an object with an optional property for each message and each extension, whose
/// types stand under `$defs`. No name of a type means two things in any of these files.
pub fn roles() -> Vec<(&'static str, Schema)> {
    vec![
        Role::new().sale().extensions().signed().build(
            "roles/client.json",
            "ClientMessages",
            "What a client sends and reads.",
        ),
        Role::new().sale().facilitator().extensions().signed().build(
            "roles/server.json",
            "ServerMessages",
            "What a server sends and reads.",
        ),
        Role::new().facilitator().extensions().build(
            "roles/facilitator.json",
            "FacilitatorMessages",
            "What a facilitator sends and reads.",
        ),
    ]
}

struct Role {
    generator: SchemaGenerator,
    properties: Map<String, Value>,
}

impl Role {
    /// Nothing stands beside a reference: generators would take it for a type of its own.
    fn new() -> Self {
        let settings = SchemaSettings::draft2020_12().with_transform(RemoveRefSiblings::default());
        Self { generator: settings.into_generator(), properties: Map::new() }
    }

    /// Between client and server.
    fn sale(self) -> Self {
        self.with::<PaymentRequired>()
            .with::<PaymentPayload>()
            .with::<SettleResponse>()
            .with::<v1::PaymentRequired>()
            .with::<v1::PaymentPayload>()
    }

    /// Between server and facilitator. To settle is asked as to verify is.
    fn facilitator(self) -> Self {
        self.with::<VerifyRequest>()
            .with::<VerifyResponse>()
            .named::<VerifyRequest>("SettleRequest")
            .with::<SettleResponse>()
            .with::<SupportedResponse>()
            .with::<v1::VerifyRequest>()
            .named::<v1::VerifyRequest>("SettleRequestV1")
    }

    /// What a payment carries and every role may act on.
    fn extensions(self) -> Self {
        self.with::<bazaar::Bazaar>()
            .with::<builder_code::Declaration>()
            .with::<eip2612_gas_sponsoring::Declaration>()
            .with::<eip2612_gas_sponsoring::Answer>()
            .with::<erc20_approval_gas_sponsoring::Declaration>()
            .with::<erc20_approval_gas_sponsoring::Answer>()
            .with::<payment_identifier::Declaration>()
    }

    /// What client and server sign for each other.
    fn signed(self) -> Self {
        self.with::<offer_receipt::OfferDeclaration>()
            .with::<offer_receipt::ReceiptDeclaration>()
            .with::<sign_in_with_x::Challenge>()
            .with::<sign_in_with_x::Message>()
    }

    fn with<T: JsonSchema>(self) -> Self {
        self.named::<T>(&T::schema_name())
    }

    /// Properties begin with a small letter, so that none is called like a type.
    fn named<T: JsonSchema>(mut self, name: &str) -> Self {
        let mut letters = name.chars();
        let first = letters.next().map(|letter| letter.to_ascii_lowercase());
        let property = first.into_iter().chain(letters).collect();
        self.properties.insert(property, self.generator.subschema_for::<T>().to_value());
        self
    }

    fn build(mut self, id: &'static str, title: &str, description: &str) -> (&'static str, Schema) {
        let schema = json_schema!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "$id": id,
            "title": title,
            "description": description,
            "type": "object",
            "properties": self.properties,
            "additionalProperties": false,
            "$defs": self.generator.take_definitions(true),
        });
        (id, schema)
    }
}
