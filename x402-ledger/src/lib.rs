//! x402-ledger
