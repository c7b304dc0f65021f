//! Figures, and the limits that they are held against.

/// The middle one.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Prints a ratio beside its limit; ends the process with 1 where it misses it and `--check` is
/// given.
pub(crate) fn report(what: &str, ratio: f64, holds: bool, limit: &str) {
    println!("{what}: ratio {ratio:.3} (limit {limit}){}", if holds { "" } else { "  MISSED" });
    if !holds && std::env::args().any(|argument| argument == "--check") {
        std::process::exit(1);
    }
}
