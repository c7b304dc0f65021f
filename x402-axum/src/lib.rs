//! x402-axum
