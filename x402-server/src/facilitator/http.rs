use std::error::Error;
use std::fmt;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, USER_AGENT};
use http::{Method, StatusCode, Uri};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use serde::de::DeserializeOwned;
use tracing::Instrument;
use tracing::field::Empty;
use url::{Host, Url};
use x402_types::{SettleResponse, SupportedResponse, VerifyResponse, header};

use super::connections::Connections;
use super::{Answer, Facilitator, FacilitatorError, Request};
use crate::foreign::excerpt;

/// A facilitator that is asked over HTTP, with connections kept open.
///
/// Every answer is read with suspicion: at most 64 KiB, the protocol's types to the letter, no
/// redirects. How long an answer may take is the paywall's to say.
#[derive(Clone)]
pub struct HttpFacilitator {
    connections: Connections,
    verify: Uri,
    settle: Uri,
    supported: Uri,
    authorization: Option<HeaderValue>,
}

/// Why an address is no facilitator's.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidFacilitator {
    /// Not an address.
    #[error("the facilitator's address {url:?} is not a URL: {source}")]
    Url {
        /// As given.
        url: String,
        /// What is wrong with it.
        source: url::ParseError,
    },
    /// Neither https nor on this machine. Who can change its answers can have goods for nothing.
    #[error("the facilitator's address {0:?} must begin with https://, or be on this machine")]
    Plaintext(String),
    /// Not an address that requests can be sent to.
    #[error("the facilitator's address {0:?} has no host, or has a user, a query or a fragment")]
    Unusable(String),
    /// The token cannot be sent in a header.
    #[error("the facilitator's token has characters that a header cannot have")]
    Token,
    /// The system's certificates could not be loaded.
    #[error("TLS cannot be set up: {0}")]
    Tls(#[source] Box<dyn Error + Send + Sync>),
}

/// Bytes of an answer.
const ANSWER_LIMIT: usize = 64 * 1024;
/// Characters of a foreign body that go into an error.
const EXCERPT: usize = 256;

impl HttpFacilitator {
    /// The facilitator at this address, to which `/verify`, `/settle` and `/supported` are added.
    ///
    /// # Errors
    /// [`InvalidFacilitator`].
    pub fn new(url: &str) -> Result<Self, InvalidFacilitator> {
        let parsed = Url::parse(url)
            .map_err(|source| InvalidFacilitator::Url { url: url.to_owned(), source })?;
        let unusable = || InvalidFacilitator::Unusable(url.to_owned());
        let plain = !parsed.username().is_empty()
            || parsed.password().is_some()
            || parsed.query().is_some()
            || parsed.fragment().is_some()
            || parsed.host().is_none();
        if plain {
            return Err(unusable());
        }
        let tls = match parsed.scheme() {
            "https" => true,
            "http" if is_loopback(&parsed) => false,
            _ => return Err(InvalidFacilitator::Plaintext(url.to_owned())),
        };
        let base = parsed.as_str().trim_end_matches('/');
        let endpoint = |path| format!("{base}/{path}").parse::<Uri>().map_err(|_| unusable());
        Ok(Self {
            connections: Connections::new(tls).map_err(InvalidFacilitator::Tls)?,
            verify: endpoint("verify")?,
            settle: endpoint("settle")?,
            supported: endpoint("supported")?,
            authorization: None,
        })
    }

    /// Sends `Authorization: Bearer` with this token.
    ///
    /// # Errors
    /// [`InvalidFacilitator::Token`] where a header cannot hold it.
    pub fn bearer(mut self, token: &str) -> Result<Self, InvalidFacilitator> {
        let mut value = HeaderValue::try_from(format!("Bearer {token}"))
            .map_err(|_| InvalidFacilitator::Token)?;
        value.set_sensitive(true);
        self.authorization = Some(value);
        Ok(self)
    }

    async fn post<A: ProtocolAnswer>(
        &self,
        uri: &Uri,
        request: &Request,
    ) -> Result<A, FacilitatorError> {
        let body = Bytes::from_owner(Json(request.clone()));
        let (status, body) = self.exchange(Method::POST, uri, body).await?;
        read_answer(status, &body)
    }

    async fn exchange(
        &self,
        method: Method,
        uri: &Uri,
        body: Bytes,
    ) -> Result<(StatusCode, Bytes), FacilitatorError> {
        let span = tracing::debug_span!(
            "x402.facilitator",
            "otel.kind" = "client",
            "http.request.method" = method.as_str(),
            "server.address" = uri.host(),
            "server.port" = port(uri),
            "url.full" = %uri,
            "http.response.status_code" = Empty,
            "error.type" = Empty,
        );
        let answer = self.send(method, uri, body).instrument(span.clone()).await;
        match &answer {
            Ok((status, _)) => {
                span.record("http.response.status_code", status.as_u16());
                if !status.is_success() {
                    span.record("error.type", status.as_str());
                }
            }
            Err(error) => {
                span.record("error.type", error_type(error));
            }
        }
        answer
    }

    async fn send(
        &self,
        method: Method,
        uri: &Uri,
        body: Bytes,
    ) -> Result<(StatusCode, Bytes), FacilitatorError> {
        let mut request = http::Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = uri.clone();
        let headers = request.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(
            USER_AGENT,
            HeaderValue::from_static(concat!("x402-server/", env!("CARGO_PKG_VERSION"))),
        );
        if let Some(authorization) = &self.authorization {
            headers.insert(AUTHORIZATION, authorization.clone());
        }
        let response = self.connections.request(request).await.map_err(|error| {
            if error.is_connect() {
                FacilitatorError::NotSent(error.into())
            } else {
                FacilitatorError::Lost(error.into())
            }
        })?;
        let status = response.status();
        let body = Limited::new(response.into_body(), ANSWER_LIMIT).collect().await;
        let body = body.map_err(|error| match error.downcast::<LengthLimitError>() {
            Ok(_) => bad_answer(status, "more than 64 KiB", ""),
            Err(error) => FacilitatorError::Lost(error),
        })?;
        Ok((status, body.to_bytes()))
    }
}

impl Facilitator for HttpFacilitator {
    fn verify<'a>(&'a self, request: &'a Request) -> Answer<'a, VerifyResponse> {
        Box::pin(self.post(&self.verify, request))
    }

    fn settle<'a>(&'a self, request: &'a Request) -> Answer<'a, SettleResponse> {
        Box::pin(self.post(&self.settle, request))
    }

    fn supported(&self) -> Answer<'_, SupportedResponse> {
        Box::pin(async {
            let (status, body) = self.exchange(Method::GET, &self.supported, Bytes::new()).await?;
            read_answer(status, &body)
        })
    }
}

impl fmt::Debug for HttpFacilitator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpFacilitator").field("verify", &self.verify).finish_non_exhaustive()
    }
}

/// An answer of the protocol's. Some facilitators refuse a payment with a status of 400 and more;
/// where the body is the answer, the answer counts.
trait ProtocolAnswer: DeserializeOwned {
    /// Whether the answer, coming with a status of 400 to 499, is a refusal and not a contradiction.
    fn is_refusal(&self) -> bool;
}

impl ProtocolAnswer for VerifyResponse {
    fn is_refusal(&self) -> bool {
        !self.is_valid
    }
}

impl ProtocolAnswer for SettleResponse {
    fn is_refusal(&self) -> bool {
        !self.success
    }
}

impl ProtocolAnswer for SupportedResponse {
    fn is_refusal(&self) -> bool {
        false
    }
}

fn read_answer<A: ProtocolAnswer>(status: StatusCode, body: &[u8]) -> Result<A, FacilitatorError> {
    let text = std::str::from_utf8(body).map_err(|_| bad_answer(status, "not UTF-8", ""))?;
    let answer = header::from_json::<A>(text);
    if status == StatusCode::OK {
        return answer.map_err(|error| bad_answer(status, &error.to_string(), text));
    }
    match answer {
        Ok(answer) if status.is_client_error() && answer.is_refusal() => Ok(answer),
        Ok(_) if status.is_client_error() => {
            Err(bad_answer(status, "a status that contradicts the body", text))
        }
        // 408 comes from a proxy that gave up waiting, not from one who refused.
        _ if status.is_client_error() && status != StatusCode::REQUEST_TIMEOUT => {
            let excerpt = excerpt(text, EXCERPT);
            Err(FacilitatorError::Refused { status: status.as_u16(), excerpt })
        }
        _ => Err(bad_answer(status, "not a status of the protocol's", text)),
    }
}

fn bad_answer(status: StatusCode, wrong: &str, text: &str) -> FacilitatorError {
    let excerpt = format!("{}: {}", excerpt(wrong, EXCERPT), excerpt(text, EXCERPT));
    FacilitatorError::BadAnswer { status: status.as_u16(), excerpt }
}

/// A question as its own body.
struct Json(Request);

impl AsRef<[u8]> for Json {
    fn as_ref(&self) -> &[u8] {
        self.0.as_str().as_bytes()
    }
}

fn port(uri: &Uri) -> u16 {
    let default = if uri.scheme_str() == Some("https") { 443 } else { 80 };
    uri.port_u16().unwrap_or(default)
}

fn error_type(error: &FacilitatorError) -> &'static str {
    match error {
        FacilitatorError::NotSent(_) => "not_sent",
        FacilitatorError::Lost(_) => "lost",
        FacilitatorError::BadAnswer { .. } => "bad_answer",
        _ => "refused",
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}
