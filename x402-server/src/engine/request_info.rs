use std::borrow::Cow;
use std::fmt;

use super::head::RequestHead;

/// What a request says before its body, in a form that can be kept: for prices and hooks that are
/// asked about each request. All of it is the client's word.
#[derive(Clone)]
pub struct RequestInfo {
    method: String,
    path: String,
    query: Option<String>,
    route: Option<String>,
    headers: Vec<(String, Vec<u8>)>,
}

impl RequestInfo {
    pub(super) fn of<H: RequestHead + ?Sized>(head: &H) -> Self {
        Self {
            method: head.method().to_owned(),
            path: head.path().to_owned(),
            query: head.query().map(str::to_owned),
            route: head.route().map(Cow::into_owned),
            headers: head
                .headers()
                .map(|(name, value)| (name.to_owned(), value.to_vec()))
                .collect(),
        }
    }

    /// The method, in capitals.
    pub fn method(&self) -> &str {
        &self.method
    }

    /// The path as the client asked for it, percent-encoded, from the root of the site.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// What follows the question mark.
    pub fn query(&self) -> Option<&str> {
        self.query.as_deref()
    }

    /// The route that the framework found, such as `/weather/{city}`, where it says so.
    pub fn route(&self) -> Option<&str> {
        self.route.as_deref()
    }

    /// The first value of a header that is text. The name is in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name));
        found.find_map(|(_, value)| std::str::from_utf8(value).ok())
    }

    /// The names of the headers, as they came.
    pub(crate) fn header_names(&self) -> impl Iterator<Item = &str> {
        self.headers.iter().map(|(name, _)| &**name)
    }

    /// The first value of this name in the query, decoded.
    pub fn query_param(&self, name: &str) -> Option<Cow<'_, str>> {
        let pairs = form_urlencoded::parse(self.query.as_deref().unwrap_or("").as_bytes());
        pairs.into_iter().find_map(|(known, value)| (known == name).then_some(value))
    }

    /// What stands in the path in the place of `{name}`, decoded, where the framework says which
    /// route it found. Of `{*name}` all that follows. `None` also where it is not UTF-8.
    pub fn path_param(&self, name: &str) -> Option<Cow<'_, str>> {
        let mut rest = self.path.strip_prefix('/')?;
        let mut template = self.route.as_deref()?.strip_prefix('/')?;
        loop {
            let (pattern, more) = split_template(template);
            let tail = pattern.is_tail;
            let (segment, after) = match rest.split_once('/') {
                Some((segment, after)) if !tail => (segment, Some(after)),
                _ => (rest, None),
            };
            if let Some(known) = pattern.name {
                let inner = segment.strip_prefix(pattern.before)?.strip_suffix(pattern.after)?;
                if known == name {
                    return percent_encoding::percent_decode_str(inner).decode_utf8().ok();
                }
            }
            (template, rest) = (more?, after?);
        }
    }
}

/// A segment of a template.
struct Pattern<'a> {
    before: &'a str,
    name: Option<&'a str>,
    after: &'a str,
    /// Whether it stands for all that follows.
    is_tail: bool,
}

/// The first segment of a template, and what follows. axum writes `{name}` and `{*name}`, actix-web
/// `{name}`, `{name:pattern}` and `{name}*`.
fn split_template(template: &str) -> (Pattern<'_>, Option<&str>) {
    let open = template.find('{').unwrap_or(template.len());
    let close =
        template.get(open..).and_then(|it| it.find('}')).map_or(template.len(), |at| open + at);
    let slash = template.find('/').unwrap_or(template.len());
    if slash < open || open == template.len() {
        let (segment, more) = match template.split_once('/') {
            Some((segment, more)) => (segment, Some(more)),
            None => (template, None),
        };
        return (Pattern { before: segment, name: None, after: "", is_tail: false }, more);
    }
    let before = template.get(..open).unwrap_or("");
    let inner = template.get(open + 1..close).unwrap_or("");
    let behind = template.get(close..).unwrap_or("").trim_start_matches('}');
    let (name, regex) = match inner.split_once(':') {
        Some((name, regex)) => (name, regex),
        None => (inner, ""),
    };
    let (after, more) = match behind.split_once('/') {
        Some((after, more)) => (after, Some(more)),
        None => (behind, None),
    };
    let is_tail = name.starts_with('*') || regex == ".*" || regex == ".+" || after == "*";
    let (name, after) = (name.trim_start_matches('*'), after.trim_end_matches('*'));
    (Pattern { before, name: Some(name), after, is_tail }, more)
}

impl RequestHead for RequestInfo {
    fn method(&self) -> &str {
        &self.method
    }

    fn path(&self) -> &str {
        &self.path
    }

    fn query(&self) -> Option<&str> {
        self.query.as_deref()
    }

    fn route(&self) -> Option<Cow<'_, str>> {
        self.route.as_deref().map(Cow::Borrowed)
    }

    fn header_values(&self, name: &'static str) -> impl Iterator<Item = &[u8]> {
        self.headers.iter().filter(move |(known, _)| known == name).map(|(_, value)| &**value)
    }

    fn headers(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.headers.iter().map(|(name, value)| (&**name, &**value))
    }
}

impl fmt::Debug for RequestInfo {
    /// Without the headers, in which secrets stand.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestInfo")
            .field("method", &self.method)
            .field("path", &self.path)
            .field("route", &self.route)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn param(route: &str, path: &str, name: &str) -> Option<String> {
        let (route, path) = (Some(route.to_owned()), path.to_owned());
        let info = RequestInfo { method: "GET".into(), path, query: None, route, headers: vec![] };
        info.path_param(name).map(Cow::into_owned)
    }

    #[test]
    fn what_stands_in_a_path_is_found_by_the_routes_of_axum_and_actix_web() {
        assert_eq!(param("/w/{city}", "/w/New%20York", "city").as_deref(), Some("New York"));
        assert_eq!(param("/w/{a}/{b}", "/w/1/2", "b").as_deref(), Some("2"));
        assert_eq!(param("/f/{*rest}", "/f/a/b", "rest").as_deref(), Some("a/b"));
        assert_eq!(param("/f/{rest:.*}", "/f/a/b", "rest").as_deref(), Some("a/b"));
        assert_eq!(param("/n/{id:[0-9]+}", "/n/7", "id").as_deref(), Some("7"));
        assert_eq!(param("/v{n}.json", "/v12.json", "n").as_deref(), Some("12"));
        assert_eq!(param("/w/{city}", "/w", "city"), None);
        assert_eq!(param("/w/{city}", "/w/%FF", "city"), None);
        assert_eq!(param("/w", "/w", "city"), None);
        assert_eq!(param("/{", "/x", "city"), None);
    }
}
