use std::sync::Arc;

use serde_json::Value;
use x402_types::facilitator::Request;
use x402_types::{
    DecodeError, PaymentPayload, PaymentRequirements, RawObject, Verbatim, VerifyRequest, Version,
    header, peek_version, v1,
};

use super::shared::Offer;

/// A payment as it came, decoded.
#[derive(Clone, Debug)]
pub(crate) enum Sent {
    V2(Verbatim<PaymentPayload>),
    V1(Verbatim<v1::PaymentPayload>),
}

/// Which header a payment came in, which tells the version that its sender speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Speaks {
    V2,
    V1,
}

/// Why a header is no payment.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unreadable {
    #[error("Unsupported x402 version: {0}")]
    Version(u64),
    #[error(transparent)]
    Malformed(#[from] DecodeError),
}

impl Sent {
    pub(crate) fn read(
        speaks: Speaks,
        value: &[u8],
        limit: usize,
        offers: &[Arc<Offer>],
    ) -> Result<Self, Unreadable> {
        let offered = |text: &str| {
            let offer = offers.iter().find(|offer| offer.requirements.as_str() == text)?;
            Some(offer.requirements.clone())
        };
        let (sent, expected) = match speaks {
            Speaks::V2 => (PaymentPayload::decode(value, limit, offered).map(Self::V2), 2),
            Speaks::V1 => (header::decode_verbatim(value, limit).map(Self::V1), 1),
        };
        sent.map_err(|error| {
            let json = header::decode_to_json(value, limit).unwrap_or_default();
            match peek_version(&json) {
                Some(version) if version != expected => Unreadable::Version(version),
                _ => Unreadable::Malformed(error),
            }
        })
    }

    pub(crate) fn payload(&self) -> &RawObject {
        match self {
            Self::V2(payment) => &payment.payload,
            Self::V1(payment) => &payment.payload,
        }
    }

    /// What the payer says that it buys.
    pub(crate) fn resource(&self) -> Option<&str> {
        match self {
            Self::V2(payment) => payment.resource.as_ref().map(|resource| resource.url.as_str()),
            Self::V1(_) => None,
        }
    }

    /// Whether payments of this version can name what they buy.
    pub(crate) fn names_resource(&self) -> bool {
        matches!(self, Self::V2(_))
    }

    /// The terms that the payer says it met.
    pub(crate) fn accepted(&self) -> Option<Verbatim<PaymentRequirements>> {
        match self {
            Self::V2(payment) => Some(payment.accepted.clone()),
            Self::V1(_) => None,
        }
    }

    /// What the payer echoes and answers of extensions.
    pub(crate) fn extensions(&self) -> Option<&RawObject> {
        match self {
            Self::V2(payment) => payment.extensions.as_ref(),
            Self::V1(_) => None,
        }
    }

    /// The receipt's header in the sender's version.
    pub(crate) fn response_header(&self) -> &'static str {
        match self {
            Self::V2(_) => "payment-response",
            Self::V1(_) => "x-payment-response",
        }
    }

    /// The offer that the payer took.
    pub(crate) fn find_offer<'a>(&self, offers: &'a [Arc<Offer>]) -> Option<&'a Arc<Offer>> {
        match self {
            Self::V2(payment) => find_accepted(&payment.accepted, offers),
            Self::V1(payment) => offers.iter().find(|offer| {
                offer.in_v1
                    && offer.requirements.scheme == payment.scheme
                    && offer.requirements.network.v1_name() == Some(payment.network.as_str())
            }),
        }
    }

    /// What a facilitator is asked: the payment as it came, and our own terms.
    pub(crate) fn request(&self, offer: &Offer, url: &str) -> Option<Request> {
        match self {
            Self::V2(payment_payload) => Some(Request::v2(VerifyRequest {
                x402_version: Version,
                payment_payload: payment_payload.clone(),
                payment_requirements: offer.requirements.clone(),
            })),
            Self::V1(payment_payload) => {
                let resource = x402_types::ResourceInfo::new(url);
                let terms =
                    v1::PaymentRequirements::from_v2(&offer.requirements, &resource).ok()?;
                Some(Request::v1(v1::VerifyRequest {
                    x402_version: Version,
                    payment_payload: payment_payload.clone(),
                    payment_requirements: Verbatim::new(terms).ok()?,
                }))
            }
        }
    }
}

/// The offer whose terms these are: to the letter, or else in what they say.
pub(super) fn find_accepted<'a>(
    accepted: &Verbatim<PaymentRequirements>,
    offers: &'a [Arc<Offer>],
) -> Option<&'a Arc<Offer>> {
    to_the_letter(accepted, offers).or_else(|| {
        let accepted = serde_json::from_str(accepted.as_str()).ok()?;
        offers.iter().find(|offer| meets(&accepted, &offer.requirements))
    })
}

/// The offer whose terms these are to the letter.
pub(super) fn to_the_letter<'a>(
    accepted: &Verbatim<PaymentRequirements>,
    offers: &'a [Arc<Offer>],
) -> Option<&'a Arc<Offer>> {
    offers.iter().find(|offer| offer.requirements.as_str() == accepted.as_str())
}

/// Whether what the payer accepted is our offer: every key but `extra` equal, and our `extra` a
/// recursive part of theirs. A key more than ours, outside `extra`, makes it another offer.
fn meets(accepted: &Value, ours: &Verbatim<PaymentRequirements>) -> bool {
    let Ok(ours) = serde_json::from_str::<Value>(ours.as_str()) else { return false };
    let (Value::Object(accepted), Value::Object(ours)) = (accepted, &ours) else { return false };
    let known = |key: &String| key == "extra" || ours.contains_key(key);
    if !accepted.iter().all(|(key, value)| known(key) || value.is_null()) {
        return false;
    }
    ours.iter().all(|(key, value)| match accepted.get(key) {
        Some(theirs) if key == "extra" => {
            // By EIP-3009 where nothing is said: what says something else is another offer.
            by_permit2(value) == by_permit2(theirs) && is_part(value, theirs)
        }
        Some(theirs) => theirs == value,
        None => false,
    })
}

fn by_permit2(extra: &Value) -> bool {
    extra.get("assetTransferMethod").and_then(Value::as_str) == Some("permit2")
}

fn is_part(part: &Value, whole: &Value) -> bool {
    match (part, whole) {
        (Value::Object(part), Value::Object(whole)) => part
            .iter()
            .all(|(key, value)| whole.get(key).is_some_and(|theirs| is_part(value, theirs))),
        _ => part == whole,
    }
}
