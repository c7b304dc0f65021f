//! The words of others, made fit for logs and answers.

/// Characters that are kept.
const KEPT: usize = 300;
/// Characters that are read.
const READ: usize = 2_000;

/// What somebody said, on one line, not too long, and without addresses: an RPC's often holds a key.
pub(crate) fn plain(text: &str) -> String {
    let read: String = text.chars().take(READ).collect();
    let words = read.split(|c: char| c.is_whitespace() || c.is_control());
    let mut plain = String::new();
    for word in words.filter(|word| !word.is_empty()) {
        if !plain.is_empty() {
            plain.push(' ');
        }
        plain.push_str(if is_address(word) { "[address]" } else { word });
    }
    plain.chars().take(KEPT).collect()
}

/// Whether there is a URL in it, or a host's name with a path.
fn is_address(word: &str) -> bool {
    word.contains("://") || word.split_once('/').is_some_and(|(host, _)| host.contains('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_control_characters_are_left_out() {
        for (said, kept) in [
            ("nonce too low: next nonce 7", "nonce too low: next nonce 7"),
            ("no key in (https://rpc.example/v2/key), sorry", "no key in [address] sorry"),
            ("{\"url\":\"wss://rpc.example/key\"}", "[address]"),
            ("rpc.example.com/v2/key is busy", "[address] is busy"),
            ("failed\r\n\u{1b}[31mINFO settled", "failed [31mINFO settled"),
            ("", ""),
        ] {
            assert_eq!(plain(said), kept);
        }
        assert_eq!(plain(&"a".repeat(10_000)).len(), KEPT);
        let at_the_end = format!("{}https://rpc.example/key", "a ".repeat(READ / 2 - 5));
        assert!(!plain(&at_the_end).contains("rpc"));
    }
}
