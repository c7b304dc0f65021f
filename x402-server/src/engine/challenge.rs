use std::sync::OnceLock;

use x402_types::{
    JsonError, PaymentRequired, PaymentRequirements, RawObject, ResourceInfo, Verbatim, Version,
    header, v1,
};

use super::reply::Reply;
use super::shared::Offer;

/// The 402 of a route, encoded but for the address that is asked for.
///
/// The header is base64, three bytes of JSON to four characters. JSON allows spaces between its
/// tokens, so the text before the address and the address itself are padded to whole triples, and
/// what stands around the address can be encoded once.
#[derive(Debug)]
pub(crate) struct Challenge {
    terms: PaymentRequired,
    /// What clients of version 1 can pay, where they are sold to.
    in_v1: Vec<Verbatim<PaymentRequirements>>,
    header_before: String,
    header_after: String,
    /// The body's text around each place where the address stands.
    body: Vec<String>,
    /// The answer for the first address that came without a query: on most routes there is no other.
    usual: OnceLock<(Box<str>, Reply)>,
}

const UNPAID: &str = "Payment required";
/// Stands in for the address while the texts around it are made. No address has control characters.
const ADDRESS: &str = "\u{1}address\u{1}";

impl Challenge {
    pub(crate) fn new(
        resource: ResourceInfo,
        accepts: Vec<Verbatim<PaymentRequirements>>,
        offers: &[Offer],
        extensions: Option<RawObject>,
        accept_v1: bool,
    ) -> Result<Self, JsonError> {
        let requirements = |offer: &Offer| offer.requirements.clone();
        let in_v1 = offers.iter().filter(|offer| accept_v1 && offer.in_v1).map(requirements);
        let in_v1: Vec<_> = in_v1.collect();
        let terms = PaymentRequired {
            x402_version: Version,
            error: Some(UNPAID.to_owned()),
            resource: ResourceInfo { url: ADDRESS.to_owned(), ..resource },
            accepts,
            extensions,
        };
        let json = to_json(&terms)?;
        let placeholder = to_json(&ADDRESS)?;
        let (before, after) = json.split_once(&placeholder).unwrap_or((&json, ""));
        let mut before = before.to_owned();
        pad(&mut before);
        let header_before = header::encode_json(before.as_bytes());
        let header_after = header::encode_json(after.as_bytes());
        let body = body(&terms, &in_v1, &json)?;
        let body = body.split(&placeholder).map(str::to_owned).collect();
        let usual = OnceLock::new();
        Ok(Self { terms, in_v1, header_before, header_after, body, usual })
    }

    /// The answer to a request without a payment.
    pub(crate) fn unpaid(&self, url: &str) -> Result<Reply, JsonError> {
        match self.usual.get() {
            Some((known, reply)) if **known == *url => Ok(reply.clone()),
            None if !url.contains('?') => {
                let reply = self.spliced(url)?;
                // Another may have been the first meanwhile.
                let _ = self.usual.set((url.into(), reply.clone()));
                Ok(reply)
            }
            _ => self.spliced(url),
        }
    }

    fn spliced(&self, url: &str) -> Result<Reply, JsonError> {
        let mut address = to_json(&url)?;
        let body = self.body.join(&address);
        pad(&mut address);
        let address = header::encode_json(address.as_bytes());
        let header = [&*self.header_before, &*address, &*self.header_after].concat();
        Ok(Reply::json(402, body).with_header("payment-required", header))
    }

    /// The terms, for this address.
    pub(crate) fn terms(&self, url: &str) -> PaymentRequired {
        let mut terms = self.terms.clone();
        terms.resource.url = url.to_owned();
        terms
    }

    /// The answer to a payment that will not do: the same terms, and why.
    pub(crate) fn refused(&self, url: &str, error: &str) -> Result<Reply, JsonError> {
        let mut terms = self.terms(url);
        terms.error = Some(error.to_owned());
        let json = to_json(&terms)?;
        let header = header::encode_json(json.as_bytes());
        let body = body(&terms, &self.in_v1, &json)?;
        Ok(Reply::json(402, body).with_header("payment-required", header))
    }
}

/// The terms as a body: in version 1 where its clients can pay any of them, as far as it has names
/// for their networks.
fn body(
    terms: &PaymentRequired,
    in_v1: &[Verbatim<PaymentRequirements>],
    json: &str,
) -> Result<String, JsonError> {
    if in_v1.is_empty() {
        return Ok(json.to_owned());
    }
    let accepts = in_v1.iter().filter_map(|offer| {
        v1::PaymentRequirements::from_v2(offer, &terms.resource).ok().map(Verbatim::new)
    });
    to_json(&v1::PaymentRequired {
        x402_version: Version,
        error: terms.error.clone(),
        accepts: accepts.collect::<Result<_, _>>()?,
    })
}

fn to_json<T: serde::Serialize>(value: &T) -> Result<String, JsonError> {
    Ok(serde_json::to_string(value)?)
}

fn pad(json: &mut String) {
    while !json.len().is_multiple_of(3) {
        json.push(' ');
    }
}
