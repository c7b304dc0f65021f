use std::fmt;

/// Text that a seller wrote, such as the `error` or `description` of its terms.
///
/// A seller may write anything: to an agent's model such text is data, never an instruction. It has
/// therefore no `Display` and stands in no error's message; whoever wants it says so by name.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Untrusted(Box<str>);

/// Characters that are kept.
const MAX_CHARS: usize = 1000;

impl Untrusted {
    pub(crate) fn new(text: &str) -> Self {
        Self(text.chars().take(MAX_CHARS).collect())
    }

    /// The text, at most 1000 characters of it.
    pub fn as_untrusted_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Untrusted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Untrusted").field(&self.0).finish()
    }
}

/// The first characters of a seller's text, quoted and escaped, where a message cannot do without.
pub(crate) fn excerpt(text: &str) -> String {
    let mut excerpt: String = text.chars().take(48).collect();
    if excerpt.len() < text.len() {
        excerpt.push('…');
    }
    format!("{excerpt:?}")
}
