use std::borrow::Cow;

/// What the engine needs to know of a request. It takes no HTTP library's type, because frameworks
/// differ in them.
pub trait RequestHead {
    /// The method, in capitals.
    fn method(&self) -> &str;

    /// The path as the client asked for it, percent-encoded, from the root of the site.
    fn path(&self) -> &str;

    /// What follows the question mark.
    fn query(&self) -> Option<&str>;

    /// The route that the framework found for it, such as `/weather/{city}`, from the root of the
    /// site.
    fn route(&self) -> Option<Cow<'_, str>> {
        None
    }

    /// Every value of a header, in the order of their coming. All of them: which one of two a proxy
    /// believes is not for us to guess. The name is in lower case.
    fn header_values(&self, name: &'static str) -> impl Iterator<Item = &[u8]>;

    /// All headers, names in lower case.
    fn headers(&self) -> impl Iterator<Item = (&str, &[u8])>;
}
