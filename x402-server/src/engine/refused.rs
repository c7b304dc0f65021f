use super::reply::Reply;

/// A refusal in a seller's own words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    status: u16,
    code: String,
    message: String,
}

impl Refused {
    /// Answered with this status, this word for programs and this sentence for people. A status that
    /// is no error, and 402, which asks for another payment, become 403.
    pub fn new(status: u16, code: impl Into<String>, message: impl Into<String>) -> Self {
        let status = if (400..600).contains(&status) && status != 402 { status } else { 403 };
        Self { status, code: code.into(), message: message.into() }
    }

    /// Answered 403.
    pub fn forbidden(message: impl Into<String>) -> Self {
        Self::new(403, "forbidden", message)
    }

    pub(crate) fn reply(&self) -> Reply {
        Reply::error(self.status, &self.code, &self.message)
    }
}
