//! Benchmarks, each beside its baseline. The figures are in `BENCHMARKS.md`.

/// What can go wrong.
pub type Error = Box<dyn std::error::Error + Send + Sync>;
