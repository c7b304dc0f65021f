//! The address that a price is for, where the request's own is not the whole.

use std::task::{Context, Poll};

use axum::extract::{NestedPath, OriginalUri};
use axum::http::uri::PathAndQuery;
use axum::http::{Extensions, Request, Uri};
use tower_service::Service;

/// Tells the gate behind it where somebody has rewritten the request's address. Nesting takes a prefix
/// from it, which the gate must know; what else is behind reads what has been written in its place, and
/// so must the gate.
#[derive(Clone, Debug)]
pub struct Requested<S>(pub(super) S);

/// The whole address of a request that has been rewritten.
#[derive(Clone)]
struct Rewritten(Uri);

/// The address that was asked for, where the request's own is not that.
pub(super) fn found(extensions: &Extensions) -> Option<&Uri> {
    let rewritten = extensions.get::<Rewritten>().map(|uri| &uri.0);
    rewritten.or_else(|| extensions.get::<OriginalUri>().map(|uri| &uri.0))
}

impl<S: Service<Request<B>>, B> Service<Request<B>> for Requested<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> S::Future {
        match rewritten(request.uri(), request.extensions()) {
            Some(uri) => {
                request.extensions_mut().insert(Rewritten(uri));
            }
            // A gate further out may have seen another.
            None => {
                request.extensions_mut().remove::<Rewritten>();
            }
        }
        self.0.call(request)
    }
}

/// The whole address, where more has been done to it than nesting does.
fn rewritten(own: &Uri, extensions: &Extensions) -> Option<Uri> {
    let original = &extensions.get::<OriginalUri>()?.0;
    if own.path_and_query() == original.path_and_query() {
        return None;
    }
    let prefix = extensions.get::<NestedPath>().map_or("", NestedPath::as_str);
    let prefix = prefix.trim_end_matches('/');
    let rest = without(prefix, original.path());
    let is_nested =
        rest.is_some_and(|rest| rest == own.path() || (rest.is_empty() && own.path() == "/"));
    if is_nested && own.query() == original.query() {
        return None;
    }
    let prefix = rest.and_then(|rest| original.path().strip_suffix(rest)).unwrap_or(prefix);
    let own_path = own.path_and_query().map_or("/", PathAndQuery::as_str);
    Some([prefix, own_path].concat().parse().unwrap_or_else(|_| own.clone()))
}

/// What follows the prefix where a router is nested, which may have `{name}` for a segment.
fn without<'a>(prefix: &str, mut path: &'a str) -> Option<&'a str> {
    for wanted in prefix.split('/').skip(1) {
        let inner = path.strip_prefix('/')?;
        let (segment, rest) = inner.split_at(inner.find('/').unwrap_or(inner.len()));
        let is_name = wanted.starts_with('{') && wanted.ends_with('}');
        if !is_name && wanted != segment {
            return None;
        }
        path = rest;
    }
    Some(path)
}
