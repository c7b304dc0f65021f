use std::collections::{BTreeMap, BTreeSet};

use matchit::{InsertError, Router};

use super::path::Canonical;
use super::pattern::Pattern;

/// The routes of a list, to be found by method and path.
///
/// There is a router for each method that any route names, so that a path whose closest route does not
/// have the method is found by the next.
#[derive(Clone, Default)]
pub(super) struct Routes {
    by_method: BTreeMap<String, Router<Hit>>,
    /// Of routes that have all methods.
    others: Router<Hit>,
}

#[derive(Clone, Copy, Debug)]
struct Hit {
    route: usize,
    /// Whether the route names the index of a folder.
    is_index: bool,
}

/// Where a route is.
pub(super) struct Place<'a> {
    pub(super) pattern: &'a Pattern,
    /// All, where it says none.
    pub(super) methods: Option<&'a [String]>,
}

/// Two routes that one request would meet alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Collision {
    pub(super) route: usize,
    /// Which was there before.
    pub(super) with: usize,
}

/// What a request asks for could be either of two routes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ambiguous;

impl Routes {
    pub(super) fn new(places: &[Place<'_>]) -> Result<Self, Vec<Collision>> {
        let mut collisions = BTreeSet::new();
        let methods = places.iter().filter_map(|place| place.methods).flatten();
        let methods: BTreeSet<&String> = methods.collect();
        let by_method = methods.into_iter().map(|method| {
            let has = |place: &Place<'_>| place.methods.is_none_or(|it| it.contains(method));
            (method.clone(), router(places, has, &mut collisions))
        });
        let by_method = by_method.collect();
        let others = router(places, |place| place.methods.is_none(), &mut collisions);
        match collisions.is_empty() {
            true => Ok(Self { by_method, others }),
            false => Err(collisions.into_iter().collect()),
        }
    }

    /// The route of a request. `HEAD` is `GET`, and the case of a method makes no difference.
    pub(super) fn find(&self, method: &str, path: &Canonical) -> Result<Option<usize>, Ambiguous> {
        let method = method.to_ascii_uppercase();
        let method = if method == "HEAD" { "GET" } else { &method };
        let router = self.by_method.get(method).unwrap_or(&self.others);
        let at = |path: &str| router.at(path).ok().map(|found| *found.value);
        let own = at(path.as_str());
        // A folder's index may be asked for by either path.
        let folder = path.indexed().and_then(at);
        match (own, folder) {
            (Some(own), Some(folder)) if !own.is_index && own.route != folder.route => {
                Err(Ambiguous)
            }
            (own, folder) => Ok(own.or(folder).map(|hit| hit.route)),
        }
    }
}

fn router(
    places: &[Place<'_>],
    is_in: impl Fn(&Place<'_>) -> bool,
    collisions: &mut BTreeSet<Collision>,
) -> Router<Hit> {
    let mut router = Router::new();
    let mut known: BTreeMap<String, usize> = BTreeMap::new();
    let places = || places.iter().enumerate().filter(|(_, place)| is_in(place));
    for (route, place) in places() {
        let (text, is_index) = (place.pattern.text(), place.pattern.is_index());
        match router.insert(text.clone(), Hit { route, is_index }) {
            Ok(()) => {
                known.insert(text, route);
            }
            Err(error) => {
                let with = match error {
                    InsertError::Conflict { with } => known.get(&with).copied(),
                    _ => None,
                };
                collisions.insert(Collision { route, with: with.unwrap_or(route) });
            }
        }
    }
    // Of a folder its index tells first, and then what it has besides.
    for index in [true, false] {
        for (route, place) in places().filter(|(_, place)| place.pattern.is_index() == index) {
            if let Some(folder) = place.pattern.folder()
                && !known.contains_key(&folder)
            {
                known.insert(folder.clone(), route);
                // It can only be in the way of what is known: its longer path is not.
                if router.insert(folder, Hit { route, is_index: false }).is_err() {
                    collisions.insert(Collision { route, with: route });
                }
            }
        }
    }
    router
}

impl std::fmt::Debug for Routes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Routes").field("methods", &self.by_method.keys()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn routes(written: &[(&str, &[&str])]) -> Result<Routes, Vec<Collision>> {
        let read = |(path, methods): &(&str, &[&str])| {
            let methods: Vec<String> = methods.iter().map(|it| (*it).to_owned()).collect();
            (Pattern::parse(path).unwrap(), (!methods.is_empty()).then_some(methods))
        };
        let read: Vec<_> = written.iter().map(read).collect();
        let places =
            read.iter().map(|(pattern, methods)| Place { pattern, methods: methods.as_deref() });
        Routes::new(&places.collect::<Vec<_>>())
    }

    fn find(routes: &Routes, method: &str, path: &str) -> Result<Option<usize>, Ambiguous> {
        routes.find(method, &Canonical::of(path).unwrap())
    }

    #[test]
    fn the_closest_route_that_has_the_method_is_found() {
        let all: &[&str] = &[];
        let routes = routes(&[
            ("/weather/{city}", &["GET"]),
            ("/weather/berlin", &["POST"]),
            ("/files/{*rest}", all),
            ("/files/list", all),
            ("/{a}/x", all),
        ])
        .unwrap();
        for (method, path, expected) in [
            ("GET", "/weather/paris", Some(0)),
            ("HEAD", "/weather/paris", Some(0)),
            ("get", "/weather/paris", Some(0)),
            ("GET", "/weather/berlin", Some(0)),
            ("POST", "/weather/berlin", Some(1)),
            ("POST", "/weather/paris", None),
            ("PUT", "/weather/berlin", None),
            ("GET", "/weather", None),
            ("GET", "/weather/paris/today", None),
            ("GET", "/files", Some(2)),
            ("GET", "/files/", Some(2)),
            ("PUT", "/files/a/b", Some(2)),
            ("GET", "/files/LIST", Some(3)),
            ("GET", "/files/list/x", Some(2)),
            ("GET", "/b/x", Some(4)),
            ("GET", "/weather/x", Some(0)),
            ("PUT", "/weather/x", Some(4)),
        ] {
            assert_eq!(find(&routes, method, path), Ok(expected), "{method} {path}");
        }
    }

    #[test]
    fn a_folder_and_its_index_are_one() {
        let all: &[&str] = &[];
        let routes = routes(&[
            ("/docs", all),
            ("/book/index.html", all),
            ("/free/{page}", all),
            ("/free", all),
        ])
        .unwrap();
        assert_eq!(find(&routes, "GET", "/docs/index.html"), Ok(Some(0)));
        assert_eq!(find(&routes, "GET", "/book/"), Ok(Some(1)));
        assert_eq!(find(&routes, "GET", "/book/index.htm"), Ok(Some(1)));
        assert_eq!(find(&routes, "GET", "/free/one"), Ok(Some(2)));
        assert_eq!(find(&routes, "GET", "/free/index.html"), Err(Ambiguous));
    }

    #[test]
    fn routes_that_one_request_would_meet_collide() {
        let all: &[&str] = &[];
        let collide = |written: &[(&str, &[&str])]| routes(written).unwrap_err();
        let one = vec![Collision { route: 1, with: 0 }];
        assert_eq!(collide(&[("/a/{x}", all), ("/A/{y}/", &["GET"])]), one);
        assert_eq!(collide(&[("/a", &["GET", "PUT"]), ("/%61", &["PUT"])]), one);
        assert_eq!(collide(&[("/a/{*x}", all), ("/a/{y}", all)]), one);
        assert!(routes(&[("/a", &["GET"]), ("/a", &["PUT"])]).is_ok());
    }

    /// What is found without a router: of the patterns that fit, the one that is literal longest.
    fn naive(patterns: &[&str], path: &str) -> Option<usize> {
        let rank = |pattern: &str| {
            let (mut wanted, mut given) = (pattern.split('/'), path.split('/'));
            let mut rank = Vec::new();
            loop {
                match (wanted.next(), given.next()) {
                    (None, None) => rank.push(9),
                    (Some(rest), None) if rest.starts_with("{*") => rank.push(0),
                    (Some(rest), Some(_)) if rest.starts_with("{*") => rank.push(1),
                    (Some(one), Some(_)) if one.starts_with('{') => rank.push(2),
                    (Some(wanted), Some(given)) if wanted == given => rank.push(3),
                    _ => return None,
                }
                if !matches!(rank.last(), Some(2 | 3)) {
                    return Some(rank);
                }
            }
        };
        let fitting = patterns.iter().enumerate().filter_map(|(at, it)| Some((rank(it)?, at)));
        fitting.max_by_key(|(rank, _)| rank.clone()).map(|(_, at)| at)
    }

    proptest! {
        #[test]
        fn the_router_finds_what_a_look_at_each_route_finds(
            patterns in proptest::collection::vec("(/(a|b|ab|\\{x\\})){1,3}(/\\{\\*r\\})?", 1..6),
            paths in proptest::collection::vec("(/(a|b|ab|c)){1,4}", 8),
        ) {
            let patterns: Vec<&str> = patterns.iter().map(String::as_str).collect();
            let written: Vec<(&str, &[&str])> = patterns.iter().map(|it| (*it, &[][..])).collect();
            let Ok(routes) = routes(&written) else { return Ok(()) };
            for path in &paths {
                prop_assert_eq!(find(&routes, "GET", path), Ok(naive(&patterns, path)), "{}", path);
            }
        }
    }
}
