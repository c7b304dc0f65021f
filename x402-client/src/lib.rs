//! x402-client
