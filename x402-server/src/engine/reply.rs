use bytes::Bytes;
use serde_json::json;
use x402_types::{PaymentRequired, header};

use crate::page;

/// An answer that the paywall gives in the handler's stead. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// Headers: names in lower case, and values in visible ASCII.
    pub headers: Vec<(&'static str, Bytes)>,
    /// The body, in UTF-8: JSON, but for the page that a person's browser gets.
    pub body: Bytes,
}

/// The request headers on which an answer depends, for caches.
pub(crate) const VARY_ON: &str = "payment-signature, x-payment-signature, x-payment";

/// Headers that an answer has with its terms.
const USUAL_HEADERS: usize = 4;

impl Reply {
    /// An answer with a JSON body that no cache keeps.
    pub(crate) fn json(status: u16, body: String) -> Self {
        let mut headers = Vec::with_capacity(USUAL_HEADERS);
        headers.extend([
            ("content-type", Bytes::from_static(b"application/json; charset=utf-8")),
            ("cache-control", Bytes::from_static(b"no-store")),
            ("vary", Bytes::from_static(VARY_ON.as_bytes())),
        ]);
        Self { status, headers, body: body.into() }
    }

    /// An error that is told in one word and one sentence.
    pub(crate) fn error(status: u16, code: &str, message: &str) -> Self {
        Self::json(status, json!({ "error": code, "message": message }).to_string())
    }

    /// The handler's answer broke off before it could be kept.
    #[cfg(feature = "tower")]
    pub(crate) fn broken() -> Self {
        let message = "The answer broke off. The same payment can be sent again.";
        Self::error(500, "answer_broken", message)
    }

    /// The handler's answer cannot be held back until it is settled.
    #[cfg(feature = "tower")]
    pub(crate) fn too_long(limit: usize) -> Self {
        tracing::error!(
            limit,
            "an answer is longer than what is held back until it is settled, or a stream of events; \
             nothing was charged. Price the route with .upfront(), or with .upto().streaming()"
        );
        let message = format!(
            "The answer is a stream, or longer than the {limit} bytes that are held back until it is \
             settled. Nothing was charged. The route needs a price with upfront, or one with upto that \
             is streaming."
        );
        Self::error(500, "answer_too_long", &message)
    }

    /// The handler hands over the connection, where it was to stream its answer.
    #[cfg(feature = "tower")]
    pub(crate) fn handed_over() -> Self {
        tracing::error!(
            "a connection that is handed over cannot be metered as a stream; nothing was charged. Give \
             the route a fixed price, or one with .upto() that is charged before"
        );
        let message =
            "A connection that is handed over cannot be metered as a stream. Nothing was charged.";
        Self::error(500, "connection_not_metered", message)
    }

    /// The same terms, as a page for people.
    pub(crate) fn with_page(mut self, terms: &PaymentRequired) -> Self {
        let page = page::render(terms);
        self.body = page.html.into();
        for (name, value) in &mut self.headers {
            match *name {
                "content-type" => *value = Bytes::from_static(b"text/html; charset=utf-8"),
                "vary" => *value = format!("{VARY_ON}, accept, user-agent").into(),
                _ => {}
            }
        }
        self.with_header("content-security-policy", page.content_security_policy)
            .with_header("x-content-type-options", "nosniff")
    }

    pub(crate) fn with_header(mut self, name: &'static str, value: impl Into<Bytes>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        let (_, value) = headers.find(|(known, _)| known.eq_ignore_ascii_case(name))?;
        std::str::from_utf8(value).ok()
    }

    /// The body as text.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap_or_default()
    }

    /// Whether this asks for a payment.
    pub fn is_challenge(&self) -> bool {
        self.header(header::PAYMENT_REQUIRED).is_some()
    }
}
