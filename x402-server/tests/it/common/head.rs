use x402_server::RequestHead;

/// A `GET` as a framework that is not built on the `http` crate would show it.
#[derive(Debug)]
pub struct Head {
    pub path: String,
    pub query: Option<String>,
    pub headers: Vec<(&'static str, Vec<u8>)>,
}

impl Head {
    /// For this address, without a payment.
    pub fn of(path: &str, query: Option<&str>) -> Self {
        Self { path: path.to_owned(), query: query.map(str::to_owned), headers: Vec::new() }
    }

    /// For `/goods`, with these headers.
    pub fn with(headers: Vec<(&'static str, Vec<u8>)>) -> Self {
        Self { headers, ..Self::of("/goods", None) }
    }

    /// For `/goods`, with this payment.
    pub fn paying(payment: &super::Payment) -> Self {
        Self::with(vec![("payment-signature", payment.header().into_bytes())])
    }
}

impl RequestHead for Head {
    fn method(&self) -> &str {
        "GET"
    }

    fn path(&self) -> &str {
        &self.path
    }

    fn query(&self) -> Option<&str> {
        self.query.as_deref()
    }

    fn header_values(&self, name: &'static str) -> impl Iterator<Item = &[u8]> {
        self.headers.iter().filter(move |(known, _)| *known == name).map(|(_, value)| &**value)
    }

    fn headers(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.headers.iter().map(|(name, value)| (*name, &**value))
    }
}
