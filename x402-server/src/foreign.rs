/// Hexadecimal digits in a row that are passed on: an address or a hash, and not a whole signature,
/// with which anybody could settle.
const LONGEST_HEX: usize = 64;

/// The beginning of a text that others wrote, fit for a log and for an answer: one line, at most so
/// many characters, no signature.
pub(crate) fn excerpt(text: &str, limit: usize) -> String {
    let mut hex = 0;
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .filter(|c| {
            hex = if c.is_ascii_hexdigit() { hex + 1 } else { 0 };
            hex <= LONGEST_HEX
        })
        .take(limit)
        .collect()
}
