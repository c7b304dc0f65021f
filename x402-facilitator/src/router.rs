use std::error::Error;
use std::sync::Arc;

use alloy_primitives::{B256, keccak256};
use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, Request as HttpRequest, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::Serialize;
use x402_types::facilitator::{Facilitator, Request};
use x402_types::header::from_json;

use crate::{EvmFacilitator, Unavailable};

/// Bytes of a request: many times what a payment takes.
const BODY_LIMIT: usize = 64 * 1024;

/// A facilitator over HTTP.
///
/// | | |
/// |---|---|
/// | `POST /verify`, `POST /settle` | 200 with the answer, that a payment is not good included |
/// | `GET /supported` | 200 |
/// | `GET /health` | 200, or 503 where a chain cannot be settled on |
///
/// A request that is none gets 400, one without a token that is asked for 401, one of more than
/// 64 KiB 413. Where the facilitator [can give no answer](Unavailable), 502 if that is the RPC's
/// fault, else 503 or 500. The body then says `{"error": "..."}`.
#[derive(Debug)]
#[must_use = "an endpoint answers when its router is served"]
pub struct Endpoint {
    facilitator: EvmFacilitator,
    tokens: Tokens,
}

/// The hashes of the tokens that are let in: compared so, they tell nothing through time.
type Tokens = Vec<B256>;

impl Endpoint {
    /// An endpoint that is open to everybody.
    pub fn new(facilitator: EvmFacilitator) -> Self {
        Self { facilitator, tokens: Tokens::new() }
    }

    /// Lets only those verify and settle who send this token, or another one given here, as
    /// `Authorization: Bearer ...`.
    pub fn bearer_token(mut self, token: &str) -> Self {
        self.tokens.push(keccak256(token));
        self
    }

    /// The routes.
    pub fn into_router(self) -> Router {
        let mut paid = Router::new().route("/verify", post(verify)).route("/settle", post(settle));
        if !self.tokens.is_empty() {
            let tokens: Arc<Tokens> = Arc::new(self.tokens);
            paid = paid.route_layer(middleware::from_fn_with_state(tokens, authorize));
        }
        paid.route("/supported", get(supported))
            .route("/health", get(health))
            .layer(DefaultBodyLimit::max(BODY_LIMIT))
            .with_state(self.facilitator)
    }
}

async fn authorize(
    State(tokens): State<Arc<Tokens>>,
    request: HttpRequest,
    next: Next,
) -> Response {
    let given = bearer(request.headers()).map(keccak256);
    if given.is_some_and(|given| tokens.contains(&given)) {
        return next.run(request).await;
    }
    let mut response = error(StatusCode::UNAUTHORIZED, "a bearer token is needed");
    let scheme = HeaderValue::from_static("Bearer");
    response.headers_mut().insert(header::WWW_AUTHENTICATE, scheme);
    response
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

async fn verify(
    State(facilitator): State<EvmFacilitator>,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    match read(body) {
        Ok(request) => answer(Facilitator::verify(&facilitator, &request).await),
        Err(response) => *response,
    }
}

async fn settle(
    State(facilitator): State<EvmFacilitator>,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    match read(body) {
        Ok(request) => answer(Facilitator::settle(&facilitator, &request).await),
        Err(response) => *response,
    }
}

async fn supported(State(facilitator): State<EvmFacilitator>) -> Response {
    json(StatusCode::OK, &facilitator.kinds())
}

async fn health(State(facilitator): State<EvmFacilitator>) -> Response {
    let health = facilitator.health().await;
    let status = if health.healthy { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    json(status, &health)
}

fn read(body: Result<Bytes, BytesRejection>) -> Result<Request, Box<Response>> {
    let body = body.map_err(|rejection| {
        Box::new(error(rejection.status(), &format!("the body cannot be read: {rejection}")))
    })?;
    let malformed = |why: String| Box::new(error(StatusCode::BAD_REQUEST, &why));
    let text = std::str::from_utf8(&body).map_err(|_| malformed("not UTF-8".to_owned()))?;
    from_json(text).map_err(|why| malformed(format!("not a facilitator's request: {why}")))
}

fn answer<T: Serialize>(answer: Result<T, x402_types::facilitator::FacilitatorError>) -> Response {
    match answer {
        Ok(answer) => json(StatusCode::OK, &answer),
        Err(failure) => {
            tracing::warn!(error = &failure as &dyn Error, "no answer");
            let unavailable = failure.source().and_then(|source| source.downcast_ref());
            unavailable.map_or_else(
                || error(StatusCode::INTERNAL_SERVER_ERROR, "internal error"),
                no_answer,
            )
        }
    }
}

/// The text of an [`Unavailable`] is for everybody; its source, which tells of our RPC, is not.
fn no_answer(unavailable: &Unavailable) -> Response {
    let status = match unavailable {
        Unavailable::Rpc { .. } | Unavailable::Rejected { .. } => StatusCode::BAD_GATEWAY,
        Unavailable::Store(_) => StatusCode::INTERNAL_SERVER_ERROR,
        Unavailable::Busy { .. } | Unavailable::NoGas { .. } | Unavailable::FeesTooHigh { .. } => {
            StatusCode::SERVICE_UNAVAILABLE
        }
    };
    let mut response = error(status, &unavailable.to_string());
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}

fn error(status: StatusCode, what: &str) -> Response {
    #[derive(Serialize)]
    struct Body<'a> {
        error: &'a str,
    }
    json(status, &Body { error: what })
}

fn json<T: Serialize>(status: StatusCode, body: &T) -> Response {
    (status, axum::Json(body)).into_response()
}
