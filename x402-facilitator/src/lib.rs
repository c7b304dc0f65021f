//! x402-facilitator
