use std::fmt;

use serde::Deserialize;
use serde_json::value::RawValue;
use x402_types::header::{CHALLENGE_LIMIT, DecodeError, PAYMENT_REQUIRED, X_PAYMENT_REQUIRED};
use x402_types::{PaymentRequirements, RawObject, header, peek_version, v1};

use crate::Untrusted;

/// A seller's terms, as they came with a 402.
///
/// Offers are read one by one: one that cannot be read does not spoil the others.
pub struct Challenge {
    version: u8,
    error: Option<Untrusted>,
    description: Option<Untrusted>,
    pub(crate) resource: Option<RawObject>,
    pub(crate) extensions: Option<RawObject>,
    pub(crate) offers: Vec<Result<Offer, Untrusted>>,
}

/// An offer that could be read, with the text that it was read from.
pub struct Offer {
    requirements: PaymentRequirements,
    pub(crate) raw: Box<RawValue>,
    /// The network's name in version 1.
    pub(crate) v1_network: Option<String>,
}

/// Why a challenge cannot be answered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChallengeError {
    /// More than one header with terms: two readers might each believe another one.
    #[error("the 402 has {0} headers with terms, not one")]
    Ambiguous(usize),
    /// The header cannot be decoded.
    #[error("the 402's PAYMENT-REQUIRED header cannot be decoded")]
    Header(#[source] DecodeError),
    /// What the header or the body holds is not terms.
    #[error("the 402's terms cannot be read")]
    Unreadable(Untrusted),
    /// The header's terms are of a version that is not spoken here.
    #[error("the 402's PAYMENT-REQUIRED header speaks version {0} of x402, not 2")]
    Version(u64),
}

impl Challenge {
    /// Bytes of a body that are looked at for terms of version 1.
    pub const BODY_LIMIT: usize = 256 * 1024;

    /// Reads the terms of version 2 out of the headers or, where no header has any, those of
    /// version 1 out of the body. `None` where the answer is not a challenge of x402.
    ///
    /// `headers` gives all values of a header by its name, in whatever case.
    ///
    /// # Errors
    /// [`ChallengeError`]. A header that cannot be read is one: the body is not asked instead.
    pub fn read<'h, I>(
        status: u16,
        headers: impl Fn(&str) -> I,
        body: &[u8],
    ) -> Result<Option<Self>, ChallengeError>
    where
        I: Iterator<Item = &'h [u8]>,
    {
        if status != 402 {
            return Ok(None);
        }
        match Self::from_headers(headers)? {
            Some(challenge) => Ok(Some(challenge)),
            None => Self::from_body(body),
        }
    }

    /// Reads the terms of version 2 out of the headers of a 402.
    ///
    /// # Errors
    /// [`ChallengeError`].
    pub fn from_headers<'h, I>(headers: impl Fn(&str) -> I) -> Result<Option<Self>, ChallengeError>
    where
        I: Iterator<Item = &'h [u8]>,
    {
        let values: Vec<_> = headers(PAYMENT_REQUIRED).chain(headers(X_PAYMENT_REQUIRED)).collect();
        match values.as_slice() {
            [] => Ok(None),
            [value] => Self::v2(value).map(Some),
            values => Err(ChallengeError::Ambiguous(values.len())),
        }
    }

    /// Reads the terms of version 1 out of the body of a 402 that has no header with terms.
    ///
    /// # Errors
    /// [`ChallengeError::Unreadable`] where the body says that it is terms, and is not.
    pub fn from_body(body: &[u8]) -> Result<Option<Self>, ChallengeError> {
        let text = std::str::from_utf8(body).ok().filter(|text| text.len() <= Self::BODY_LIMIT);
        match text {
            Some(text) if peek_version(text) == Some(1) => Self::v1(text).map(Some),
            _ => Ok(None),
        }
    }

    fn v2(value: &[u8]) -> Result<Self, ChallengeError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Terms {
            x402_version: u64,
            error: Option<Box<RawValue>>,
            resource: Option<Box<RawValue>>,
            #[serde(default)]
            accepts: Vec<Box<RawValue>>,
            extensions: Option<Box<RawValue>>,
        }
        let terms: Terms = header::decode(value, CHALLENGE_LIMIT).map_err(|error| match error {
            DecodeError::Json(error) => unreadable(error),
            error => ChallengeError::Header(error),
        })?;
        if terms.x402_version != 2 {
            return Err(ChallengeError::Version(terms.x402_version));
        }
        let object = |raw: Option<Box<RawValue>>| raw.and_then(|raw| raw.get().parse().ok());
        let resource: Option<RawObject> = object(terms.resource);
        Ok(Self {
            version: 2,
            error: terms.error.and_then(|raw| text(&raw)),
            description: resource.as_ref().and_then(description),
            resource,
            extensions: object(terms.extensions),
            offers: terms.accepts.into_iter().map(Offer::v2).collect(),
        })
    }

    fn v1(body: &str) -> Result<Self, ChallengeError> {
        #[derive(Deserialize)]
        struct Terms {
            error: Option<Box<RawValue>>,
            #[serde(default)]
            accepts: Vec<Box<RawValue>>,
        }
        let terms: Terms = header::from_json(body).map_err(unreadable)?;
        let first = terms.accepts.first().and_then(|raw| raw.get().parse().ok());
        Ok(Self {
            version: 1,
            error: terms.error.and_then(|raw| text(&raw)),
            description: first.as_ref().and_then(description),
            resource: None,
            extensions: None,
            offers: terms.accepts.into_iter().map(Offer::v1).collect(),
        })
    }

    /// The version of the protocol that the seller speaks: 2, or 1.
    pub fn version(&self) -> u8 {
        self.version
    }

    /// Why the seller asks, in its words.
    pub fn error(&self) -> Option<&Untrusted> {
        self.error.as_ref()
    }

    /// What is for sale, in the seller's words.
    pub fn description(&self) -> Option<&Untrusted> {
        self.description.as_ref()
    }

    /// The offers that could be read. None of them is judged yet.
    pub fn offers(&self) -> impl Iterator<Item = &Offer> {
        self.offers.iter().filter_map(|offer| offer.as_ref().ok())
    }
}

impl fmt::Debug for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Challenge")
            .field("version", &self.version)
            .field("error", &self.error)
            .field("offers", &self.offers)
            .finish_non_exhaustive()
    }
}

impl Offer {
    /// The terms, whichever version they came in.
    pub fn requirements(&self) -> &PaymentRequirements {
        &self.requirements
    }

    fn v2(raw: Box<RawValue>) -> Result<Self, Untrusted> {
        match serde_json::from_str(raw.get()) {
            Ok(requirements) => Ok(Self { requirements, raw, v1_network: None }),
            Err(error) => Err(Untrusted::new(&error.to_string())),
        }
    }

    fn v1(raw: Box<RawValue>) -> Result<Self, Untrusted> {
        let untrusted = |error: &dyn fmt::Display| Untrusted::new(&error.to_string());
        let terms: v1::PaymentRequirements =
            serde_json::from_str(raw.get()).map_err(|error| untrusted(&error))?;
        let requirements = terms.to_v2().map_err(|error| untrusted(&error))?;
        Ok(Self { requirements, raw, v1_network: Some(terms.network) })
    }
}

impl fmt::Debug for Offer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.requirements.fmt(f)
    }
}

fn unreadable(error: impl fmt::Display) -> ChallengeError {
    ChallengeError::Unreadable(Untrusted::new(&error.to_string()))
}

fn text(raw: &RawValue) -> Option<Untrusted> {
    serde_json::from_str::<String>(raw.get()).ok().map(|text| Untrusted::new(&text))
}

fn description(object: &RawObject) -> Option<Untrusted> {
    #[derive(Deserialize)]
    struct Described {
        description: String,
    }
    let Described { description } = object.parse().ok()?;
    (!description.is_empty()).then(|| Untrusted::new(&description))
}
