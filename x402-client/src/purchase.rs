use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

use crate::Limit;

/// What is bought: a method and the address that asked for money.
///
/// The address is the one that answered 402, never the one that the answer says it is.
#[derive(Clone, Debug)]
pub struct Purchase {
    method: String,
    url: Url,
    at_most: Option<Limit>,
}

impl Purchase {
    /// A purchase from the address that answered.
    ///
    /// User name, password and fragment of the address are left out: they are not part of what is
    /// bought, and stand in no book.
    pub fn new(method: &str, mut url: Url) -> Self {
        url.set_fragment(None);
        // Fails for addresses that cannot have either, which is as well.
        let _ = url.set_username("");
        let _ = url.set_password(None);
        Self { method: method.to_owned(), url, at_most: None }
    }

    /// Pays at most so much for this purchase, and never more than the payer's own limit.
    #[must_use]
    pub fn at_most(mut self, limit: Limit) -> Self {
        self.at_most = Some(limit);
        self
    }

    /// The address.
    pub fn url(&self) -> &Url {
        &self.url
    }

    pub(crate) fn limit(&self) -> Option<&Limit> {
        self.at_most.as_ref()
    }

    /// Whether nobody between can read the payment or put another payee into the terms.
    pub(crate) fn is_private(&self) -> bool {
        match self.url.scheme() {
            "https" => true,
            "http" => match self.url.host() {
                Some(Host::Ipv4(ip)) => Ipv4Addr::is_loopback(&ip),
                Some(Host::Ipv6(ip)) => Ipv6Addr::is_loopback(&ip),
                Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
                None => false,
            },
            _ => false,
        }
    }
}

impl fmt::Display for Purchase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.url)
    }
}
