use std::borrow::Cow;

use http::Uri;

use super::Framework;
use super::names::named;
use crate::RequestHead;

/// A request as the engine sees it.
pub(super) struct Head<'a, B> {
    request: &'a http::Request<B>,
    uri: &'a Uri,
    framework: Framework,
}

impl<'a, B> Head<'a, B> {
    pub(super) fn new(request: &'a http::Request<B>, framework: Framework) -> Self {
        let uri = (framework.requested_uri)(request.extensions()).unwrap_or_else(|| request.uri());
        Self { request, uri, framework }
    }
}

impl<B> RequestHead for Head<'_, B> {
    fn method(&self) -> &str {
        self.request.method().as_str()
    }

    fn path(&self) -> &str {
        self.uri.path()
    }

    fn query(&self) -> Option<&str> {
        self.uri.query()
    }

    fn route(&self) -> Option<Cow<'_, str>> {
        (self.framework.matched_route)(self.request.extensions()).map(Cow::Borrowed)
    }

    fn header_values(&self, name: &'static str) -> impl Iterator<Item = &[u8]> {
        self.request.headers().get_all(named(name)).iter().map(|value| value.as_bytes())
    }

    fn headers(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.request.headers().iter().map(|(name, value)| (name.as_str(), value.as_bytes()))
    }
}
