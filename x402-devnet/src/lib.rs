//! x402-devnet
