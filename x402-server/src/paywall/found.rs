use std::collections::{HashMap, HashSet};
use std::sync::{PoisonError, RwLock};

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

/// Where requests have found handlers that do not say their route, to be listed.
///
/// A route is the framework's pattern, of which a site has as many as it was written with, and never
/// the path, which is the client's word. So is the method where a handler takes any: only those are
/// listed by which things are sold as a rule.
#[derive(Debug, Default)]
pub(super) struct Found {
    routes: RwLock<Routes>,
}

#[derive(Debug, Default)]
struct Routes {
    count: usize,
    /// The patterns, of each method.
    known: HashMap<&'static str, HashSet<String>>,
}

/// As many are listed as are told apart in metrics.
const MOST: usize = 1000;

const NOT_GRAPHIC: &AsciiSet = &CONTROLS.add(b' ');

impl Found {
    /// What is to be listed, the first time that a request comes there.
    pub(super) fn find(&self, method: &str, pattern: &str) -> Option<String> {
        let method = sells_by(method).filter(|_| pattern.starts_with('/'))?;
        let routes = self.routes.read().unwrap_or_else(PoisonError::into_inner);
        if !routes.is_news(method, pattern) {
            return None;
        }
        drop(routes);
        let mut routes = self.routes.write().unwrap_or_else(PoisonError::into_inner);
        // Another request may have come there meanwhile.
        if !routes.is_news(method, pattern) {
            return None;
        }
        routes.count += 1;
        routes.known.entry(method).or_default().insert(pattern.to_owned());
        Some(format!("{method} {}", utf8_percent_encode(pattern, NOT_GRAPHIC)))
    }
}

impl Routes {
    fn is_news(&self, method: &str, pattern: &str) -> bool {
        let known = self.known.get(method).is_some_and(|patterns| patterns.contains(pattern));
        self.count < MOST && !known
    }
}

/// The method, where things are sold by it as a rule. `HEAD` tells of no route of its own.
fn sells_by(method: &str) -> Option<&'static str> {
    ["GET", "POST", "PUT", "PATCH", "DELETE"].into_iter().find(|known| *known == method)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_is_found_once_and_only_so_many_are() {
        let found = Found::default();
        assert_eq!(found.find("GET", "/a/{b}").as_deref(), Some("GET /a/{b}"));
        assert_eq!(found.find("GET", "/a/{b}"), None);
        assert_eq!(found.find("PUT", "/ä b").as_deref(), Some("PUT /%C3%A4%20b"));
        for (method, pattern) in [("HEAD", "/h"), ("ANY", "/h"), ("get", "/h"), ("GET", "h")] {
            assert_eq!(found.find(method, pattern), None, "{method} {pattern}");
        }
        let others = (0..2 * MOST).filter_map(|it| found.find("GET", &format!("/{it}")));
        assert_eq!(others.count(), MOST - 2);
        assert_eq!(found.find("PUT", "/c"), None);
    }
}
