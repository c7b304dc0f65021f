mod template;

use std::borrow::Cow;
use std::fmt;

use super::head::RequestHead;
use template::{Template, decoded};

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
            headers: headers(head),
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

    /// What a header says, where it says one thing: `None` where it is not there, where it came more
    /// than once, equal or not, and where it is not text. Which of two a handler would read is not for
    /// us to guess. The name is in lower case; of `cookie`, which may come in pieces, all of them are
    /// one.
    ///
    /// A hook that gives away by a header does so for a value of it, and never for `None`. All that
    /// came is in [`RequestHead::header_values`].
    pub fn header(&self, name: &str) -> Option<&str> {
        self.sole_header(name).ok().flatten()
    }

    /// The same, and why it cannot be told.
    pub(crate) fn sole_header(&self, name: &str) -> Result<Option<&str>, Ambiguous> {
        let mut found = self.headers.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name));
        match (found.next(), found.next()) {
            (None, _) => Ok(None),
            (Some((_, value)), None) => {
                std::str::from_utf8(value).map(Some).map_err(|_| Ambiguous::NotText)
            }
            (Some(_), Some(_)) => Err(Ambiguous::Repeated),
        }
    }

    /// The names of the headers, as they came.
    pub(crate) fn header_names(&self) -> impl Iterator<Item = &str> {
        self.headers.iter().map(|(name, _)| &**name)
    }

    /// The value of this name in the query, decoded, where there is one: `None` where there is none,
    /// and where there are more, equal or not. Some handlers would read the first, some the last, and
    /// some all of them. A name that stands for a list is read by [`query_params`](Self::query_params).
    ///
    /// A hook that gives away by a parameter does so for a value of it, and never for `None`.
    pub fn query_param(&self, name: &str) -> Option<Cow<'_, str>> {
        self.sole_query_param(name).ok().flatten()
    }

    /// The same, and why it cannot be told.
    pub(crate) fn sole_query_param(&self, name: &str) -> Result<Option<Cow<'_, str>>, Ambiguous> {
        let mut values = self.query_params(name);
        match (values.next(), values.next()) {
            (value, None) => Ok(value),
            (_, Some(_)) => Err(Ambiguous::Repeated),
        }
    }

    /// All values of this name in the query, decoded, in the order of their coming.
    pub fn query_params<'a>(&'a self, name: &str) -> impl Iterator<Item = Cow<'a, str>> {
        let pairs = form_urlencoded::parse(self.query.as_deref().unwrap_or("").as_bytes());
        pairs.filter_map(move |(known, value)| (*known == *name).then_some(value))
    }

    /// What stands in the path in the place of `{name}`, decoded, where the framework says which
    /// route it found. Of `{*name}` all that follows. Of several in one segment, as in `/{w}x{h}`, the
    /// first takes as much as it can: for a path that ends in `1x2x3`, `w` is `1x2`.
    ///
    /// `None` where the route has no such name, and where it cannot be told what is its: where it is not
    /// UTF-8; where it is there twice, and not the same; where the path is not of this route, as when
    /// somebody has rewritten it, or it is of another pattern of the same resource; and where there are patterns, as in `/{a:[a-z]*}{b}`, and the path could
    /// be read in several ways if they did not say more than where slashes can be.
    ///
    /// A hook that gives away by a part of the path does so for a value of it, and never for `None`.
    pub fn path_param(&self, name: &str) -> Option<Cow<'_, str>> {
        self.sole_path_param(name).ok().flatten()
    }

    /// The same, and why it cannot be told.
    pub(crate) fn sole_path_param(&self, name: &str) -> Result<Option<Cow<'_, str>>, Ambiguous> {
        let Some(route) = self.route.as_deref() else { return Ok(None) };
        let places = Template::parse(route).find(name, &self.path)?;
        let values = places.into_iter().map(|place| decoded(self.path.get(place).unwrap_or("")));
        let mut values = values.collect::<Result<Vec<_>, _>>()?;
        values.dedup();
        match values.len() {
            0 | 1 => Ok(values.pop().map(Cow::Owned)),
            _ => Err(Ambiguous::Repeated),
        }
    }
}

/// Why it cannot be told what a request says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ambiguous {
    /// It says it more than once.
    Repeated,
    NotText,
    /// It is not clear where it says it.
    Unclear,
}

/// All headers, each as it came; but of `cookie`, which HTTP/2 may cut into pieces, the whole.
fn headers<H: RequestHead + ?Sized>(head: &H) -> Vec<(String, Vec<u8>)> {
    let mut headers: Vec<(String, Vec<u8>)> = Vec::new();
    for (name, value) in head.headers() {
        let begun = match name {
            "cookie" => headers.iter_mut().find(|(known, _)| known == name),
            _ => None,
        };
        match begun {
            Some((_, cookies)) => {
                cookies.extend_from_slice(b"; ");
                cookies.extend_from_slice(value);
            }
            None => headers.push((name.to_owned(), value.to_vec())),
        }
    }
    headers
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

    fn sole(route: &str, path: &str, name: &str) -> Result<Option<String>, Ambiguous> {
        let (route, path) = (Some(route.to_owned()), path.to_owned());
        let info = RequestInfo { method: "GET".into(), path, query: None, route, headers: vec![] };
        let sole = info.sole_path_param(name).map(|value| value.map(Cow::into_owned));
        assert_eq!(info.path_param(name).map(Cow::into_owned), sole.clone().ok().flatten());
        sole
    }

    fn param(route: &str, path: &str, name: &str) -> Option<String> {
        sole(route, path, name).unwrap()
    }

    fn info(query: &str, headers: &[(&str, &[u8])]) -> RequestInfo {
        let headers = headers.iter().map(|(name, value)| ((*name).into(), value.to_vec()));
        let (query, headers) = (Some(query.into()), headers.collect());
        let info =
            RequestInfo { method: "GET".into(), path: "/".into(), query, route: None, headers };
        RequestInfo::of(&info)
    }

    #[test]
    fn a_value_is_told_where_everybody_reads_the_same() {
        let info = info(
            "a=1&b=1&b=2&c=1&c=1&%64=1&d=2&e",
            &[("x-a", b"1"), ("x-b", b"1"), ("x-b", b"2"), ("x-c", b"1"), ("x-c", b"1")],
        );
        assert_eq!((info.query_param("a").as_deref(), info.header("x-a")), (Some("1"), Some("1")));
        assert_eq!(info.query_param("e").as_deref(), Some(""));
        for name in ["b", "c", "d"] {
            assert_eq!(info.sole_query_param(name), Err(Ambiguous::Repeated), "{name}");
            assert_eq!(info.query_param(name), None);
        }
        for name in ["x-b", "X-C"] {
            assert_eq!(info.sole_header(name), Err(Ambiguous::Repeated), "{name}");
            assert_eq!(info.header(name), None);
        }
        assert_eq!((info.query_param("x"), info.header("x-x")), (None, None));
        assert_eq!(info.query_params("b").collect::<Vec<_>>(), ["1", "2"]);
    }

    #[test]
    fn a_header_that_is_not_text_says_nothing() {
        for values in [&[("x-a", &b"\xff"[..])][..], &[("x-a", b"\xff"), ("x-a", b"1")]] {
            let info = info("", values);
            assert!(info.sole_header("x-a").is_err() && info.header("x-a").is_none(), "{values:?}");
        }
    }

    #[test]
    fn cookies_that_came_in_pieces_are_one() {
        let info = info("", &[("cookie", b"a=1"), ("x-a", b"1"), ("cookie", b"b=2; c=3")]);
        assert_eq!(info.header("cookie"), Some("a=1; b=2; c=3"));
    }

    #[test]
    fn what_stands_in_a_path_is_found_by_the_routes_of_axum_and_actix_web() {
        assert_eq!(param("/w/{city}", "/w/New%20York", "city").as_deref(), Some("New York"));
        assert_eq!(param("/w/{a}/{b}", "/w/1/2", "b").as_deref(), Some("2"));
        assert_eq!(param("/f/{*rest}", "/f/a/b", "rest").as_deref(), Some("a/b"));
        assert_eq!(param("/f/{rest:.*}", "/f/a/b", "rest").as_deref(), Some("a/b"));
        assert_eq!(param("/n/{id:[0-9]+}", "/n/7", "id").as_deref(), Some("7"));
        assert_eq!(param("/v{n}.json", "/v12.json", "n").as_deref(), Some("12"));
        assert_eq!(param("/{*rest}", "/a{b", "rest").as_deref(), Some("a{b"));
        assert_eq!(param("/{{a}}/{b}", "/{a}/1", "b").as_deref(), Some("1"));
        assert_eq!(param("/f/{rest}*", "/f/a/b/", "rest").as_deref(), Some("a/b/"));
        assert_eq!(param("/d/{a:.*}/edit", "/d/x/edit/edit", "a").as_deref(), Some("x/edit"));
        assert_eq!(param("/{y:[0-9]{4}}/{rest:.*}", "/2024/a/b", "y").as_deref(), Some("2024"));
        assert_eq!(param("/{a:[^/]+}/{rest:.*}", "/x/a/b", "rest").as_deref(), Some("a/b"));
        for (route, name) in [("/w", "city"), ("/{", "city"), ("/{w}x{h}", "x"), ("/{*w}", "*w")] {
            assert_eq!(param(route, "/x", name), None, "{route}");
        }
    }

    #[test]
    fn names_that_share_a_segment_are_told_apart() {
        let both = |path| (param("/{w}x{h}", path, "w"), param("/{w}x{h}", path, "h"));
        for (path, w, h) in [
            ("/9000x1", "9000", "1"),
            ("/1x2x3", "1x2", "3"),
            ("/xxx", "x", "x"),
            ("/9%78%31", "9", "1"),
            ("/1x2%783", "1x2", "3"),
            ("/a%2Fx%2f", "a/", "/"),
            ("/%2578x%2B", "%78", "+"),
        ] {
            assert_eq!(both(path), (Some(w.into()), Some(h.into())), "{path}");
        }
        assert_eq!(param("/{a}+{b}", "/1+2%2B3", "a").as_deref(), Some("1"));
        assert_eq!(param("/{name}.{kind}", "/a.tar.gz", "name").as_deref(), Some("a.tar"));
        assert_eq!(param("/v{n:[0-9]+}-{rest}", "/v1-a", "n").as_deref(), Some("1"));
        assert_eq!(param("/{a:[0-9]+}{b:[a-z]+}/{c}", "/1a/x", "c").as_deref(), Some("x"));
    }

    #[test]
    fn what_of_a_path_is_whose_is_not_guessed() {
        for (route, path, name, why) in [
            ("/w/{city}", "/w", "city", Ambiguous::Unclear),
            ("/w/{city}", "/w/", "city", Ambiguous::Unclear),
            ("/w/{city}", "/w/a/b", "city", Ambiguous::Unclear),
            ("/w/{city}", "/w/%FF", "city", Ambiguous::NotText),
            ("/w/{city}", "/w/%%341", "city", Ambiguous::Unclear),
            ("/{w}x{h}", "/9000", "w", Ambiguous::Unclear),
            ("/{w}x{h}", "/x1", "w", Ambiguous::Unclear),
            // What their patterns let pass is not read here.
            ("/{a:[0-9]+}{b:[a-z]+}", "/1a", "a", Ambiguous::Unclear),
            ("/v{n:[0-9]+}-{rest}", "/v1-a-b", "n", Ambiguous::Unclear),
            ("/{a:.{4}}/{b}{c:.}", "/2024/ab", "c", Ambiguous::Unclear),
            ("/{id}/x/{id}", "/1/x/2", "id", Ambiguous::Repeated),
        ] {
            assert_eq!(sole(route, path, name), Err(why), "{route} {path}");
        }
        assert_eq!(param("/{id}/x/{id}", "/1/x/1", "id").as_deref(), Some("1"));
    }

    #[test]
    fn a_long_path_is_read_in_reasonable_time() {
        let route = "/{a}x{b}x{c}x{d}x{e}x{f}x{g}x{h}y";
        assert_eq!(sole(route, &format!("/{}", "x".repeat(60_000)), "a"), Err(Ambiguous::Unclear));
    }

    proptest::proptest! {
        #[test]
        fn no_route_and_no_path_make_it_panic(
            route in "/([{}:*/a.x+%]|%78|\\PC){0,16}",
            path in "/([{}/ax%+]|%78|%2F|\\PC){0,16}",
            name in "[ax*]?",
        ) {
            let _ = sole(&route, &path, &name);
        }
    }
}
