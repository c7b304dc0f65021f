use std::fmt;

use bytes::Bytes;

/// An answer that is kept, to be given again when the same named payment is sent again.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredAnswer {
    /// The HTTP status, of success.
    pub status: u16,
    /// Headers, the receipt among them. Those of one connection are left out.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The body, whole.
    pub body: Bytes,
}

impl StoredAnswer {
    /// Bytes of headers and body.
    pub fn size(&self) -> usize {
        self.headers.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>()
            + self.body.len()
    }
}

impl fmt::Debug for StoredAnswer {
    /// Without what was paid for.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredAnswer")
            .field("status", &self.status)
            .field("bytes", &self.size())
            .finish_non_exhaustive()
    }
}
