//! Strategies for everything that goes over the wire.

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use x402_types::*;

use crate::common::{self, MESSAGES};

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::from),
            btree_map(any::<String>(), inner, 0..6)
                .prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    })
}

pub(crate) fn raw() -> impl Strategy<Value = RawObject> {
    (btree_map(any::<String>(), json(), 0..6), any::<bool>()).prop_map(|(entries, pretty)| {
        let text = if pretty {
            serde_json::to_string_pretty(&entries)
        } else {
            serde_json::to_string(&entries)
        };
        text.unwrap().parse().unwrap()
    })
}

pub(crate) fn amount() -> impl Strategy<Value = Amount> {
    prop_oneof![
        any::<u64>().prop_map(Amount::from),
        any::<[u8; 32]>()
            .prop_map(|bytes| { Amount::new(ruint::aliases::U256::from_be_bytes(bytes)) }),
        Just(Amount::ZERO),
        Just(Amount::MAX),
    ]
}

pub(crate) fn network() -> impl Strategy<Value = Network> {
    prop_oneof![
        (1..=u64::MAX).prop_map(Network::eip155),
        "[-a-z0-9]{3,8}:[-_a-zA-Z0-9]{1,32}"
            .prop_filter_map("eip155 takes numbers", |text| Network::from_caip2(&text).ok()),
        Just(Network::BASE),
        Just(Network::SOLANA_DEVNET),
    ]
}

pub(crate) fn reason() -> impl Strategy<Value = ErrorReason> {
    let known = proptest::sample::select(ErrorReason::KNOWN);
    prop_oneof![known, any::<String>().prop_map(|text| ErrorReason::from(text.as_str()))]
}

pub(crate) fn resource() -> impl Strategy<Value = ResourceInfo> {
    (
        any::<String>(),
        option::of(any::<String>()),
        option::of(any::<String>()),
        option::of("[ -~]{1,32}"),
        option::of(vec(".{0,32}", 0..=5)),
        option::of("https?://.{0,100}"),
    )
        .prop_map(|(url, description, mime_type, service_name, tags, icon_url)| ResourceInfo {
            url,
            description,
            mime_type,
            service_name,
            tags,
            icon_url,
        })
}

pub(crate) fn requirements() -> impl Strategy<Value = PaymentRequirements> {
    (
        (any::<String>(), network(), amount(), any::<String>(), any::<String>()),
        1..=u64::MAX,
        option::of(raw()),
    )
        .prop_map(|((scheme, network, amount, asset, pay_to), seconds, extra)| {
            PaymentRequirements {
                scheme,
                network,
                amount,
                asset,
                pay_to,
                max_timeout_seconds: seconds,
                extra,
            }
        })
}

/// In our spelling, or in another's: with a key of theirs.
pub(crate) fn verbatim<T: Serialize + DeserializeOwned + std::fmt::Debug>(
    message: impl Strategy<Value = T>,
) -> impl Strategy<Value = Verbatim<T>> {
    (message, any::<bool>()).prop_map(|(message, ours)| {
        let ours_text = Verbatim::new(message).unwrap();
        if ours {
            return ours_text;
        }
        let rest = ours_text.as_str().strip_prefix('{').unwrap();
        format!("{{ \"another's\" : [ ] ,{rest}").parse().unwrap()
    })
}

pub(crate) fn required() -> impl Strategy<Value = PaymentRequired> {
    (
        option::of(any::<String>()),
        resource(),
        vec(verbatim(requirements()), 1..4),
        option::of(raw()),
    )
        .prop_map(|(error, resource, accepts, extensions)| PaymentRequired {
            x402_version: Version,
            error,
            resource,
            accepts,
            extensions,
        })
}

pub(crate) fn payload() -> impl Strategy<Value = PaymentPayload> {
    (option::of(resource()), verbatim(requirements()), raw(), option::of(raw())).prop_map(
        |(resource, accepted, payload, extensions)| PaymentPayload {
            x402_version: Version,
            resource,
            accepted,
            payload,
            extensions,
        },
    )
}

pub(crate) fn verify_request() -> impl Strategy<Value = VerifyRequest> {
    (verbatim(payload()), verbatim(requirements())).prop_map(
        |(payment_payload, payment_requirements)| VerifyRequest {
            x402_version: Version,
            payment_payload,
            payment_requirements,
        },
    )
}

pub(crate) fn verify_response() -> impl Strategy<Value = VerifyResponse> {
    (
        any::<bool>(),
        option::of(reason()),
        option::of(any::<String>()),
        option::of(any::<String>()),
        option::of(raw()),
        option::of(raw()),
    )
        .prop_map(|(is_valid, invalid_reason, invalid_message, payer, extensions, extra)| {
            VerifyResponse { is_valid, invalid_reason, invalid_message, payer, extensions, extra }
        })
}

pub(crate) fn settle_response() -> impl Strategy<Value = SettleResponse> {
    (
        (any::<bool>(), option::of(reason()), option::of(any::<String>())),
        (option::of(any::<String>()), any::<String>(), any::<String>()),
        (option::of(amount()), option::of(raw()), option::of(raw())),
    )
        .prop_map(
            |(
                (success, error_reason, error_message),
                (payer, transaction, network),
                (amount, extensions, extra),
            )| SettleResponse {
                success,
                error_reason,
                error_message,
                payer,
                transaction,
                network,
                amount,
                extensions,
                extra,
            },
        )
}

pub(crate) fn supported() -> impl Strategy<Value = SupportedResponse> {
    let kind = (any::<u8>(), any::<String>(), any::<String>(), option::of(raw())).prop_map(
        |(x402_version, scheme, network, extra)| SupportedKind {
            x402_version,
            scheme,
            network,
            extra,
        },
    );
    (
        vec(kind, 0..4),
        vec(any::<String>(), 0..4),
        btree_map(any::<String>(), vec(any::<String>(), 0..3), 0..3),
    )
        .prop_map(|(kinds, extensions, signers)| SupportedResponse {
            kinds,
            extensions,
            signers,
        })
}

pub(crate) fn requirements_v1() -> impl Strategy<Value = v1::PaymentRequirements> {
    (
        (any::<String>(), any::<String>(), amount(), any::<String>(), any::<String>()),
        (any::<String>(), any::<String>(), any::<String>()),
        (option::of(raw()), 1..=u64::MAX, option::of(raw())),
    )
        .prop_map(
            |(
                (scheme, network, max_amount_required, asset, pay_to),
                (resource, description, mime_type),
                (output_schema, max_timeout_seconds, extra),
            )| v1::PaymentRequirements {
                scheme,
                network,
                max_amount_required,
                asset,
                pay_to,
                resource,
                description,
                mime_type,
                output_schema,
                max_timeout_seconds,
                extra,
            },
        )
}

pub(crate) fn required_v1() -> impl Strategy<Value = v1::PaymentRequired> {
    (option::of(any::<String>()), vec(verbatim(requirements_v1()), 1..4))
        .prop_map(|(error, accepts)| v1::PaymentRequired { x402_version: Version, error, accepts })
}

pub(crate) fn payload_v1() -> impl Strategy<Value = v1::PaymentPayload> {
    (any::<String>(), any::<String>(), raw()).prop_map(|(scheme, network, payload)| {
        v1::PaymentPayload { x402_version: Version, scheme, network, payload }
    })
}

pub(crate) fn verify_request_v1() -> impl Strategy<Value = v1::VerifyRequest> {
    (verbatim(payload_v1()), verbatim(requirements_v1())).prop_map(
        |(payment_payload, payment_requirements)| v1::VerifyRequest {
            x402_version: Version,
            payment_payload,
            payment_requirements,
        },
    )
}

/// Sound examples with a few bytes changed, inserted or cut.
pub(crate) fn nearly_json() -> impl Strategy<Value = Vec<u8>> {
    let examples: Vec<Vec<u8>> = MESSAGES
        .iter()
        .flat_map(|message| message.examples())
        .map(|(_, text)| json_of(&text).to_string().into_bytes())
        .collect();
    let edit = (any::<prop::sample::Index>(), 0..3u8, any::<u8>());
    (proptest::sample::select(examples), vec(edit, 0..4)).prop_map(|(mut text, edits)| {
        for (at, what, byte) in edits {
            let at = at.index(text.len().max(1)).min(text.len().saturating_sub(1));
            match what {
                0 => text.insert(at, byte),
                1 => text.truncate(at),
                _ => text.iter_mut().skip(at).take(1).for_each(|old| *old = byte),
            }
        }
        text
    })
}

fn json_of(text: &str) -> Value {
    common::json(text)
}
