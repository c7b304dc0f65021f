use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::head::RequestHead;
use super::naming::{Named, hex};

/// What is bought: a method and an address. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Purchase {
    text: Arc<str>,
    /// Where the address begins.
    url: usize,
}

/// An address longer than this is told without its query, and a longer path in short.
const URL_LIMIT: usize = 2048;

impl Purchase {
    /// What this request, to this site, is for. `HEAD` buys what `GET` buys.
    pub(super) fn new<H: RequestHead + ?Sized>(site: &str, head: &H) -> Self {
        let method = if head.method() == "HEAD" { "GET" } else { head.method() };
        let path = head.path();
        let text = match head.query() {
            _ if site.len() + path.len() > URL_LIMIT => [method, " ", site, &short(path)].concat(),
            Some(query) if site.len() + path.len() + query.len() < URL_LIMIT => {
                [method, " ", site, path, "?", query].concat()
            }
            _ => [method, " ", site, path].concat(),
        };
        Self { text: text.into(), url: method.len() + 1 }
    }

    /// What is claimed: under a name, for who knows the name alone.
    pub(super) fn claimed(&self, named: Option<&Named>) -> Arc<str> {
        match named {
            Some(named) => format!("{}\n{}", self.text, named.id_digest()).into(),
            None => Arc::clone(&self.text),
        }
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

/// The beginning of a path, and what tells it from all others that begin so.
fn short(path: &str) -> String {
    let beginning = path.char_indices().take_while(|(at, _)| *at < URL_LIMIT / 2);
    let beginning: String = beginning.map(|(_, character)| character).collect();
    format!("{beginning}~{}", hex(&Sha256::digest(path)))
}
