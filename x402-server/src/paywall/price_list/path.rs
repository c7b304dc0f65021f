//! The one spelling of a path that prices are looked up by. What stands behind a gate may read a path
//! more loosely than we do; a spelling that it could take for another path is refused.

use unicode_normalization::UnicodeNormalization;

/// Bytes of a path that are looked at.
const LIMIT: usize = 8192;

/// A path as prices are looked up by it: decoded, folded, without a slash at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Canonical {
    text: String,
}

impl Canonical {
    /// The path of a request, or why it is none that everybody reads alike.
    pub(super) fn of(path: &str) -> Result<Self, &'static str> {
        if path.len() > LIMIT {
            return Err("it is too long");
        }
        let inner = path.strip_prefix('/').ok_or("it does not begin with a slash")?;
        // Of `/a/` the same is taken as of `/a`.
        let inner = inner.strip_suffix('/').unwrap_or(inner);
        let segments = match inner {
            "" if path.len() > 1 => return Err("it has an empty segment"),
            "" => Vec::new(),
            inner => inner.split('/').map(requested).collect::<Result<Vec<_>, _>>()?,
        };
        Ok(Self { text: format!("/{}", segments.join("/")) })
    }

    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    /// The folder whose index this is: what a file server gives for the folder's own path.
    pub(super) fn indexed(&self) -> Option<&str> {
        let (folder, name) = self.text.rsplit_once('/')?;
        let folder = if folder.is_empty() { "/" } else { folder };
        is_index(name).then_some(folder)
    }
}

/// Whether a file server gives this for its folder.
pub(super) fn is_index(segment: &str) -> bool {
    matches!(segment, "index.html" | "index.htm")
}

/// A segment as it came, percent-encoded.
fn requested(raw: &str) -> Result<String, &'static str> {
    let mut decoded = Vec::with_capacity(raw.len());
    let mut bytes = raw.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => match (bytes.next().and_then(hex), bytes.next().and_then(hex)) {
                (Some(high), Some(low)) => match high << 4 | low {
                    b'.' => return Err("it has an encoded dot"),
                    byte => byte,
                },
                _ => return Err("it has a percent sign that encodes nothing"),
            },
            byte if is_plain(byte) => byte,
            _ => return Err("it has a character that must be percent-encoded"),
        });
    }
    let decoded = String::from_utf8(decoded).map_err(|_| "it is not UTF-8")?;
    segment(&decoded)
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|it| u8::try_from(it).ok())
}

/// What may stand in a path as it is; the brackets and the bar because browsers write them so. Not the
/// semicolon, from which on some servers leave a segment out.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,=:@[]|".contains(&byte)
}

/// A decoded segment, folded.
pub(super) fn segment(decoded: &str) -> Result<String, &'static str> {
    let folded = fold(decoded);
    if folded.is_empty() {
        return Err("it has an empty segment");
    }
    if folded.chars().any(is_ambiguous) {
        return Err("it has a slash, backslash, percent sign, semicolon, question mark, hash or \
                    control character within a segment");
    }
    // `.` and `..` among them. Windows has no names that end so.
    if folded.ends_with(['.', ' ']) {
        return Err("it has a segment that ends in a dot or a space");
    }
    if is_windows_alias(&folded) {
        return Err("it has a segment that Windows takes for another");
    }
    Ok(folded)
}

fn is_ambiguous(char: char) -> bool {
    char.is_control()
        || matches!(char, '/' | '\\' | '%' | ';' | '?' | '#' | '\u{2028}' | '\u{2029}')
}

/// `LONGNA~1.TXT` and `name::$DATA` are other names of files.
fn is_windows_alias(folded: &str) -> bool {
    let short = folded.as_bytes().windows(2).any(|it| matches!(it, [b'~', b'0'..=b'9']));
    short || folded.contains(":$")
}

/// What file systems that do not tell the case of letters, or how they are composed, hold to be equal,
/// is equal when folded.
fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let visible = text.nfkc().filter(|char| !is_ignorable(*char));
    let folded = visible.flat_map(char::to_lowercase).flat_map(char::to_uppercase);
    let folded = folded.flat_map(char::to_lowercase).collect::<String>();
    folded.nfkc().filter(|char| !is_ignorable(*char)).collect()
}

/// What is not seen, and is not part of a name everywhere.
fn is_ignorable(char: char) -> bool {
    matches!(char,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
        | '\u{fff0}'..='\u{fff8}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
    use proptest::prelude::*;

    use super::*;

    const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'.');

    fn canonical(path: &str) -> Option<String> {
        Canonical::of(path).ok().map(|it| it.text)
    }

    #[test]
    fn spellings_of_one_path_are_one() {
        for (path, expected) in [
            ("/", "/"),
            ("/a", "/a"),
            ("/a/", "/a"),
            ("/A/b%43", "/a/bc"),
            ("/%7euser", "/~user"),
            ("/a.b", "/a.b"),
            ("/.well-known/x402", "/.well-known/x402"),
            ("/New%20York", "/new york"),
            ("/42:activate", "/42:activate"),
            ("/Z%C3%BCrich", "/zürich"),
            ("/Zu%CC%88rich", "/zürich"),
            ("/boo%E2%84%AA", "/book"),
            ("/%EF%BD%81", "/a"),
            ("/a%E2%80%8D", "/a"),
            ("/stra%C3%9Fe", "/strasse"),
            ("/%CE%A3%CF%82", "/σσ"),
        ] {
            assert_eq!(canonical(path).as_deref(), Some(expected), "{path}");
        }
    }

    #[test]
    fn the_index_of_a_folder_is_known() {
        let indexed = |path| Canonical::of(path).unwrap().indexed().map(str::to_owned);
        assert_eq!(indexed("/docs/Index.html").as_deref(), Some("/docs"));
        assert_eq!(indexed("/index.htm/").as_deref(), Some("/"));
        assert_eq!(indexed("/docs/myindex.html"), None);
        assert_eq!(indexed("/"), None);
    }

    proptest! {
        #[test]
        fn what_is_canonical_is_left_as_it_is(path in "/[ -~äΣ]{0,24}") {
            let path = path.replace(' ', "%20").replace('ä', "%C3%A4").replace('Σ', "%CE%A3");
            if let Ok(once) = Canonical::of(&path) {
                let again = utf8_percent_encode(once.as_str(), ENCODED).to_string();
                prop_assert_eq!(canonical(&again), Some(once.text));
            }
        }

        #[test]
        fn nothing_makes_it_panic(path in any::<String>(), bytes in any::<Vec<u8>>()) {
            let _ = Canonical::of(&path);
            let encoded: String = bytes.iter().map(|byte| format!("%{byte:02x}")).collect();
            if let Ok(canonical) = Canonical::of(&format!("/{encoded}")) {
                let inner = canonical.as_str().strip_prefix('/').unwrap();
                prop_assert!(!inner.contains(['/', '\\', '\0', '%']));
            }
        }
    }
}
