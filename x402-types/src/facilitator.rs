//! The facilitator's three calls, however they are made: over HTTP or within the process.

use std::error::Error;
use std::pin::Pin;

use serde::{Deserialize, Deserializer, Serialize};

use crate::message::peek_version;
use crate::{
    Network, SettleResponse, SupportedResponse, Verbatim, VerifyRequest, VerifyResponse, v1,
};

/// A call to a facilitator under way.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, FacilitatorError>> + Send + 'a>>;

/// One who verifies payments and settles them on chain.
pub trait Facilitator: Send + Sync + 'static {
    /// Whether this payment could be settled now. Changes nothing; may be dropped at any time.
    fn verify<'a>(&'a self, request: &'a Request) -> Answer<'a, VerifyResponse>;

    /// Settles a payment.
    ///
    /// Money may move even where the future is dropped or fails: see
    /// [`FacilitatorError::is_definite`]. To ask again for one and the same payment is safe.
    fn settle<'a>(&'a self, request: &'a Request) -> Answer<'a, SettleResponse>;

    /// What this facilitator can do.
    fn supported(&self) -> Answer<'_, SupportedResponse>;
}

impl<T: Facilitator + ?Sized> Facilitator for std::sync::Arc<T> {
    fn verify<'a>(&'a self, request: &'a Request) -> Answer<'a, VerifyResponse> {
        (**self).verify(request)
    }

    fn settle<'a>(&'a self, request: &'a Request) -> Answer<'a, SettleResponse> {
        (**self).settle(request)
    }

    fn supported(&self) -> Answer<'_, SupportedResponse> {
        (**self).supported()
    }
}

/// What a facilitator is asked, in either version of the protocol, with its JSON.
///
/// Cheap to clone: clones share it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "FacilitatorRequest")
)]
#[serde(untagged)]
pub enum Request {
    /// Version 2.
    V2(Verbatim<VerifyRequest>),
    /// Version 1.
    V1(Verbatim<v1::VerifyRequest>),
}

impl Request {
    /// A question of version 2.
    pub fn v2(question: VerifyRequest) -> Self {
        let VerifyRequest { payment_payload, payment_requirements, .. } = &question;
        let text = written(2, payment_payload.as_str(), payment_requirements.as_str());
        Self::V2(Verbatim::of(text, question))
    }

    /// A question of version 1.
    pub fn v1(question: v1::VerifyRequest) -> Self {
        let v1::VerifyRequest { payment_payload, payment_requirements, .. } = &question;
        let text = written(1, payment_payload.as_str(), payment_requirements.as_str());
        Self::V1(Verbatim::of(text, question))
    }

    /// Its JSON, as it was read or is sent.
    pub fn as_str(&self) -> &str {
        match self {
            Self::V2(request) => request.as_str(),
            Self::V1(request) => request.as_str(),
        }
    }

    /// The network of the server's terms; `None` where version 1 names one that is unknown.
    pub fn network(&self) -> Option<Network> {
        match self {
            Self::V2(request) => Some(request.payment_requirements.network.clone()),
            Self::V1(request) => Network::from_v1_name(&request.payment_requirements.network).ok(),
        }
    }
}

/// A question as it serializes. Its parts are JSON already, and need not be read again.
fn written(version: u8, payload: &str, requirements: &str) -> String {
    let (x402_version, end) = (version.to_string(), "}");
    [
        r#"{"x402Version":"#,
        &x402_version,
        r#","paymentPayload":"#,
        payload,
        r#","paymentRequirements":"#,
        requirements,
        end,
    ]
    .concat()
}

impl<'de> Deserialize<'de> for Request {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<serde_json::value::RawValue>::deserialize(deserializer)?;
        let request = match peek_version(raw.get()) {
            Some(1) => serde_json::from_str(raw.get()).map(Self::V1),
            _ => serde_json::from_str(raw.get()).map(Self::V2),
        };
        request.map_err(serde::de::Error::custom)
    }
}

/// Why a facilitator gave no answer.
///
/// That a payment is not good is an answer, not an error.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FacilitatorError {
    /// The question never left: no connection, no such kind of payment, a full queue.
    #[error("the facilitator could not be asked: {0}")]
    NotSent(#[source] Box<dyn Error + Send + Sync>),
    /// The question left, but no answer came back: a timeout, a broken connection.
    #[error("the facilitator's answer was lost: {0}")]
    Lost(#[source] Box<dyn Error + Send + Sync>),
    /// The facilitator turned the question down as such: not authorized, too many, malformed.
    #[error("the facilitator refused with status {status}: {excerpt}")]
    Refused {
        /// The HTTP status, 400 to 499.
        status: u16,
        /// The beginning of the body.
        excerpt: String,
    },
    /// An answer that is not the protocol's.
    #[error(
        "the facilitator answered with status {status} something that is not the protocol's: {excerpt}"
    )]
    BadAnswer {
        /// The HTTP status.
        status: u16,
        /// What is wrong, and the beginning of the body.
        excerpt: String,
    },
}

impl FacilitatorError {
    /// Whether it is certain that this call moved no money.
    ///
    /// Where it is not, the outcome of a settlement is unknown: neither paid nor unpaid.
    pub const fn is_definite(&self) -> bool {
        matches!(self, Self::NotSent(_) | Self::Refused { .. })
    }
}
