//! The headers of the protocol, for sites that let pages of other sites pay.

/// What a page may send: what carries a payment, of both versions, a signed-in wallet, and what the
/// usual body needs.
pub const ALLOW_HEADERS: [&str; 7] = [
    "payment-signature",
    "x-payment-signature",
    "x-payment",
    "sign-in-with-x",
    "content-type",
    "accept",
    "authorization",
];

/// What a page may read: the terms, the receipt of both versions, and when to ask again.
pub const EXPOSE_HEADERS: [&str; 4] =
    ["payment-required", "payment-response", "x-payment-response", "retry-after"];

/// Seconds for which a browser may keep what it was told of this. Most keep it for two hours at
/// most.
pub const MAX_AGE_SECONDS: u64 = 7200;
