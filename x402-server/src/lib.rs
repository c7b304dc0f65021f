//! x402-server
