use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{ConfigError, Paywall, Price};
use crate::engine::{Ambiguous, Refused, RequestInfo};
use crate::foreign::excerpt;

/// A request whose price is wanted.
///
/// What it is asked for is what the price depends on: a quote is good for requests that say the same
/// there, of the same method, path and query. And it must be one thing: where a request says it twice,
/// its handler may read the other, and the request is answered 400 with the code `ambiguous_request`.
#[derive(Clone, Debug)]
pub struct Inquiry {
    request: RequestInfo,
    paywall: Paywall,
    payer: Option<String>,
    looked: Looked,
}

impl Inquiry {
    pub(super) fn new(
        request: RequestInfo,
        paywall: Paywall,
        payer: Option<String>,
        looked: Looked,
    ) -> Self {
        Self { request, paywall, payer, looked }
    }

    /// A price in words, as [`Paywall::price`].
    ///
    /// # Errors
    /// [`ConfigError`] as there.
    pub fn price(&self, price: &str) -> Result<Price, ConfigError> {
        self.paywall.price(price)
    }

    /// The account that has [signed in](crate::DynamicPrice::sign_in), spelled as
    /// [`Payment::payer`](crate::Payment::payer) is, on EVM chains in lower case. It has shown that it
    /// has the key, and nothing else.
    pub fn payer(&self) -> Option<&str> {
        self.payer.as_deref()
    }

    /// The method, in capitals.
    pub fn method(&self) -> &str {
        self.request.method()
    }

    /// The path, as [`RequestInfo::path`].
    pub fn path(&self) -> &str {
        self.request.path()
    }

    /// What follows the question mark, to be read as the handler reads it: of two values of one name
    /// too.
    pub fn query(&self) -> Option<&str> {
        self.request.query()
    }

    /// The route that the framework found, as [`RequestInfo::route`].
    pub fn route(&self) -> Option<&str> {
        self.request.route()
    }

    /// What a header says, as [`RequestInfo::header`]. Where it came more than once or is not text,
    /// this is `None`, and the request is answered 400 whatever its price would be.
    pub fn header(&self, name: &str) -> Option<&str> {
        let value = self.request.sole_header(name);
        self.looked.note_header(name, value);
        value.ok().flatten()
    }

    /// The value of this name in the query, as [`RequestInfo::query_param`]. Where there are two, this
    /// is `None`, and the request is answered 400 whatever its price would be.
    pub fn query_param(&self, name: &str) -> Option<Cow<'_, str>> {
        self.request.sole_query_param(name).unwrap_or_else(|_| {
            self.looked.is_ambiguous(format_args!("its query has `{}` twice", excerpt(name, 64)));
            None
        })
    }

    /// All values of this name in the query, as [`RequestInfo::query_params`]: for a handler that takes
    /// a list.
    pub fn query_params<'a>(&'a self, name: &str) -> impl Iterator<Item = Cow<'a, str>> {
        self.request.query_params(name)
    }

    /// What stands in the path in the place of `{name}`, as [`RequestInfo::path_param`]. Where the route
    /// has the name and it cannot be told what is its, this is `None`, and the request is answered 400
    /// whatever its price would be.
    pub fn path_param(&self, name: &str) -> Option<Cow<'_, str>> {
        self.request.sole_path_param(name).unwrap_or_else(|why| {
            let name = excerpt(name, 64);
            match why {
                Ambiguous::Repeated => {
                    self.looked.is_ambiguous(format_args!("its path has `{name}` twice"));
                }
                Ambiguous::NotText => {
                    self.looked.is_ambiguous(format_args!("`{name}` of its path is not text"));
                }
                Ambiguous::Unclear => {
                    let why = format_args!("it is not clear what of its path is `{name}`");
                    self.looked.is_ambiguous(why);
                }
            }
            None
        })
    }
}

/// What a price function has looked at. Cloning shares it.
#[derive(Clone, Default)]
pub(super) struct Looked {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Default)]
struct Inner {
    /// The headers that were asked for, with what they say.
    headers: BTreeMap<String, Option<String>>,
    /// The first thing that could be read in two ways.
    ambiguous: Option<Refused>,
}

impl Looked {
    /// The headers that the price was made of, with what they say.
    pub(super) fn headers(&self) -> BTreeMap<String, Option<String>> {
        self.inner().headers.clone()
    }

    /// The answer to a request that can be read in two ways where the price depends on it.
    pub(super) fn ambiguous(&self) -> Option<Refused> {
        self.inner().ambiguous.clone()
    }

    fn note_header(&self, name: &str, value: Result<Option<&str>, Ambiguous>) {
        let why = match value {
            Ok(value) => {
                let (name, value) = (name.to_ascii_lowercase(), value.map(str::to_owned));
                self.inner().headers.insert(name, value);
                return;
            }
            Err(Ambiguous::NotText) => "is not text",
            Err(Ambiguous::Repeated | Ambiguous::Unclear) => "came twice",
        };
        self.is_ambiguous(format_args!("its header `{}` {why}", excerpt(name, 64)));
    }

    fn is_ambiguous(&self, why: fmt::Arguments<'_>) {
        let message = || format!("The request can be understood in more than one way: {why}.");
        let refused = || Refused::new(400, "ambiguous_request", message());
        self.inner().ambiguous.get_or_insert_with(refused);
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Looked {
    /// Without the headers, in which secrets stand.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Looked").finish_non_exhaustive()
    }
}
