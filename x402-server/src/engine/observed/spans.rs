use tracing::field::Empty;
use tracing::{Span, debug_span, info_span};
use x402_types::Amount;

use crate::engine::head::RequestHead;
use crate::engine::payment::Payment;

/// The paywall's decision, and all that follows from it. Within the server's own span, which is
/// another's to make.
pub(super) fn paywall<H: RequestHead + ?Sized>(head: &H) -> Span {
    debug_span!(
        "x402.paywall",
        "otel.kind" = "internal",
        "http.request.method" = method(head.method()),
        "http.route" = Empty,
        "url.path" = head.path(),
        "http.response.status_code" = Empty,
        "error.type" = Empty,
        "x402.outcome" = Empty,
        "x402.network" = Empty,
        "x402.scheme" = Empty,
        "x402.asset" = Empty,
        "x402.amount" = Empty,
        "x402.payer" = Empty,
    )
}

/// What a payment says, on a span that has room for it.
pub(super) fn tell(span: &Span, payment: &Payment, amount: Amount) {
    if span.is_disabled() {
        return;
    }
    span.record("x402.network", payment.network().as_str());
    span.record("x402.scheme", payment.scheme());
    span.record("x402.asset", &*payment.facts.offer.requirements.asset);
    span.record("x402.amount", tracing::field::display(amount));
    span.record("x402.payer", payment.payer());
}

/// The question to the facilitator whether a payment is good.
pub(in crate::engine) fn verifying(payment: &Payment) -> Span {
    let span = debug_span!(
        "x402.verify",
        "otel.kind" = "internal",
        "error.type" = Empty,
        "x402.outcome" = Empty,
        "x402.network" = Empty,
        "x402.scheme" = Empty,
        "x402.asset" = Empty,
        "x402.amount" = Empty,
        "x402.payer" = Empty,
    );
    tell(&span, payment, payment.amount());
    span
}

/// A settlement, which may outlive its request.
pub(in crate::engine) fn settling(payment: &Payment, amount: Amount) -> Span {
    let span = info_span!(
        "x402.settle",
        "otel.kind" = "internal",
        "error.type" = Empty,
        "x402.outcome" = Empty,
        "x402.network" = Empty,
        "x402.scheme" = Empty,
        "x402.asset" = Empty,
        "x402.amount" = Empty,
        "x402.payer" = Empty,
        "x402.transaction" = Empty,
    );
    tell(&span, payment, amount);
    span
}

/// The search for the outcome of a settlement. It may take hours, so it is no child of the request.
pub(in crate::engine) fn resolving(settling: &Span, payment: &Payment, amount: Amount) -> Span {
    let span = info_span!(
        parent: None,
        "x402.resolve",
        "otel.kind" = "internal",
        "x402.outcome" = Empty,
        "x402.network" = Empty,
        "x402.scheme" = Empty,
        "x402.asset" = Empty,
        "x402.amount" = Empty,
        "x402.payer" = Empty,
        "x402.transaction" = Empty,
    );
    span.follows_from(settling);
    tell(&span, payment, amount);
    span
}

/// A method that is known, as OpenTelemetry has it: clients can make up any others.
fn method(method: &str) -> &str {
    match method {
        "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "CONNECT" | "TRACE" | "QUERY" => {
            method
        }
        _ => "_OTHER",
    }
}
