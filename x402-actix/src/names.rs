use actix_web::http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE, HeaderName, USER_AGENT, VARY};

/// A header of the protocol's, or one that goes with it. Those of most requests and answers need not be looked
/// up each time.
pub(crate) fn named(name: &'static str) -> HeaderName {
    const PAYMENT_REQUIRED: HeaderName = HeaderName::from_static("payment-required");
    const PAYMENT_RESPONSE: HeaderName = HeaderName::from_static("payment-response");
    const PAYMENT_SIGNATURE: HeaderName = HeaderName::from_static("payment-signature");
    const X_PAYMENT: HeaderName = HeaderName::from_static("x-payment");
    const X_PAYMENT_SIGNATURE: HeaderName = HeaderName::from_static("x-payment-signature");
    match name {
        "accept" => ACCEPT,
        "cache-control" => CACHE_CONTROL,
        "content-type" => CONTENT_TYPE,
        "payment-required" => PAYMENT_REQUIRED,
        "payment-response" => PAYMENT_RESPONSE,
        "payment-signature" => PAYMENT_SIGNATURE,
        "user-agent" => USER_AGENT,
        "vary" => VARY,
        "x-payment" => X_PAYMENT,
        "x-payment-signature" => X_PAYMENT_SIGNATURE,
        other => HeaderName::from_static(other),
    }
}
