//! Whatever compiles as a handler compiles as a paid one, without a warning.
#![deny(warnings, missing_docs, unreachable_pub, unused_qualifications, rust_2018_idioms)]

use axum::extract::{Path, Query, Request, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::{Json, Router, routing};
use x402_axum::{Payment, paid};

/// Names that are the standard library's elsewhere.
#[expect(dead_code, reason = "there to be mistaken for others")]
mod shadows {
    pub(crate) struct Option;
    pub(crate) struct Some;
}
#[expect(unused_imports, reason = "no handler means them, nor what is written for it")]
use shadows::{Option, Some};

type Words = std::collections::HashMap<String, String>;

/// A handler of the whole world.
#[paid(
    "$0.01",
    or = ["0.009 EURC", "$0.02"],
    networks = ["base", "eip155:137"],
    assets = "USDC",
    description = concat!("A report", " of today"),
    mime_type = "text/plain",
    scheme = "permit2",
    flow = "authorization",
    tags = ["report", "news"],
    route = "GET /report/{day}",
    service_name = "Daily & Co",
    max_timeout_seconds = 60,
    payment_identifier = "optional",
)]
pub async fn everything(Path(day): Path<String>, payment: Payment) -> String {
    format!("{day} {}", payment.payer())
}

#[paid("$0.01", upfront)]
pub(crate) async fn nothing() {}

#[paid("0.01 USDC", upto)]
async fn results(
    State(count): State<u8>,
    Query(words): Query<Words>,
) -> Result<Json<Words>, StatusCode> {
    if words.len() > usize::from(count) { Err(StatusCode::BAD_REQUEST) } else { Ok(Json(words)) }
}

#[paid("$0.01", streaming)]
async fn hidden(request: Request) -> impl IntoResponse {
    (StatusCode::CREATED, request.uri().to_string())
}

#[paid("$0.01")]
async fn general<T, const N: usize>(mut all: Json<Vec<T>>) -> Json<[T; N]>
where
    T: Clone + Default + Copy + serde::Serialize + Send + 'static,
    [T; N]: serde::Serialize,
{
    let first = all.pop().unwrap_or_default();
    Json([first; N])
}

#[paid("$0.01")]
#[axum::debug_handler]
async fn debugged(Query(_): Query<Words>, _: String) -> &'static str {
    "sound"
}

#[paid("$0.01")]
#[tracing::instrument(skip(words))]
async fn measured(Query(words): Query<Words>) -> String {
    words.len().to_string()
}

#[tracing::instrument(skip(words))]
#[paid("$0.01")]
async fn measured_before(Query(words): Query<Words>) -> String {
    words.len().to_string()
}

#[paid("$0.01")]
async fn anything(words: impl IntoResponse) -> impl IntoResponse {
    words
}

#[expect(clippy::too_many_arguments, reason = "found on the handler as it is written")]
#[paid("$0.01")]
#[cfg(not(any()))]
async fn many(
    _: State<u8>,
    _: State<u8>,
    _: State<u8>,
    _: State<u8>,
    _: State<u8>,
    _: State<u8>,
    _: State<u8>,
    _: State<u8>,
    _: State<u8>,
    _: State<u8>,
    _: State<u8>,
    _: State<u8>,
    _: State<u8>,
    _: State<u8>,
    _: State<u8>,
) {
}

#[cfg(any())]
#[paid("$0.01")]
async fn absent(_: Nowhere) {}

#[paid("$0.01")]
#[cfg(any())]
async fn absent(_: Nowhere) {}

pub(crate) fn main() {
    #[paid("$0.01")]
    async fn within() -> &'static str {
        "a function"
    }
    let _ = |unpaid: x402_axum::__private::Unpaid<(String,)>| anything(unpaid);
    let _: Router = Router::new()
        .route("/everything", routing::get(everything))
        .route("/nothing", routing::any(nothing))
        .route("/results", routing::get(results))
        .route("/hidden", routing::post(hidden))
        .route("/general", routing::post(general::<u8, 3>))
        .route("/debugged", routing::post(debugged))
        .route("/measured", routing::get(measured))
        .route("/measured_before", routing::get(measured_before))
        .route("/many", routing::get(many))
        .route("/within", routing::get(within))
        .with_state(7);
}
