//! x402-evm
