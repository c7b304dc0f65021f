use std::sync::Arc;

use super::head::RequestHead;

/// What is bought: a method and an address. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Purchase {
    text: Arc<str>,
    /// Where the address begins.
    url: usize,
}

/// An address longer than this is told without its query.
const URL_LIMIT: usize = 2048;

impl Purchase {
    /// What this request, to this site, is for. `HEAD` buys what `GET` buys.
    pub(super) fn new<H: RequestHead + ?Sized>(site: &str, head: &H) -> Self {
        let method = if head.method() == "HEAD" { "GET" } else { head.method() };
        let path = head.path();
        let text = match head.query() {
            Some(query) if site.len() + path.len() + query.len() < URL_LIMIT => {
                [method, " ", site, path, "?", query].concat()
            }
            _ => [method, " ", site, path].concat(),
        };
        Self { text: text.into(), url: method.len() + 1 }
    }

    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    pub(super) fn method(&self) -> &str {
        self.text.get(..self.url.saturating_sub(1)).unwrap_or_default()
    }

    pub(super) fn url(&self) -> &str {
        self.text.get(self.url..).unwrap_or_default()
    }
}
