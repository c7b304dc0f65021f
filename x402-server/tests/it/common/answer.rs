use http::HeaderMap;
use serde_json::Value;
use x402_types::{PaymentRequired, SettleResponse, decode, header};

use super::shop::MARKER;

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The fresh terms, if there are any. They must be sound.
    pub fn challenge(&self) -> Option<PaymentRequired> {
        let value = self.headers.get("payment-required")?;
        Some(decode(value.as_bytes(), header::CHALLENGE_LIMIT).expect("a sound challenge"))
    }

    pub fn receipt(&self) -> Option<SettleResponse> {
        let value = self.headers.get("payment-response")?;
        Some(decode(value.as_bytes(), header::CHALLENGE_LIMIT).expect("a sound receipt"))
    }

    pub fn v1_receipt(&self) -> Option<SettleResponse> {
        let value = self.headers.get("x-payment-response")?;
        Some(decode(value.as_bytes(), header::CHALLENGE_LIMIT).expect("a sound receipt"))
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("a JSON body")
    }

    /// The word for what went wrong, in answers that are no challenge.
    pub fn error(&self) -> String {
        self.json()["error"].as_str().expect("an error").to_owned()
    }

    #[track_caller]
    pub fn assert_served(&self) -> &Self {
        assert_eq!((self.status, self.body.as_str()), (200, MARKER), "{self:?}");
        assert!(self.challenge().is_none(), "{self:?}");
        self
    }

    /// Not served, and no cache keeps it. Whoever holds the terms knows why.
    #[track_caller]
    pub fn assert_refused(&self, status: u16) -> &Self {
        assert_eq!(self.status, status, "{self:?}");
        assert!(!self.body.contains(MARKER), "{self:?}");
        assert_eq!(self.header("cache-control"), Some("no-store"), "{self:?}");
        assert_eq!(self.challenge().is_some(), [402, 412].contains(&status), "{self:?}");
        self
    }

    /// A 402 whose fresh terms say this.
    #[track_caller]
    pub fn assert_challenged(&self, error: &str) -> &Self {
        self.assert_challenged_with(402, error)
    }

    /// Fresh terms that say this, with this status.
    #[track_caller]
    pub fn assert_challenged_with(&self, status: u16, error: &str) -> &Self {
        self.assert_refused(status);
        let challenge = self.challenge().expect("fresh terms");
        let said = challenge.error.as_deref().unwrap_or_default();
        assert!(said.contains(error), "{said:?} does not say {error:?}");
        self
    }
}
