use std::collections::BTreeMap;

use hmac::{Hmac, KeyInit, Mac};
use serde::Deserialize;
use sha2::Sha256;
use x402_types::{Amount, JsonError, PaymentRequirements, RawObject, Verbatim};

use super::DynamicPrice;
use super::inquiry::Looked;
use crate::engine::{RequestInfo, seconds_since_1970};

/// The key in `extra` under which a quote stands.
const KEY: &str = "quote";
/// Seconds for which what was settled at a quote may be owed, beyond the payment's own time.
const OWED: u64 = 600;
/// Bytes of a quote's seal.
const SEAL: usize = 16;
/// Letters of a header's mark.
const MARK: usize = 16;

/// Makes quotes for one request, and knows them again: an offer, and until when it stands, sealed
/// with the paywall's key, with the site and the price whose quote it is, and with all that the price
/// was made of.
pub(super) struct Quoted {
    key: [u8; 32],
    /// Whose price it is, and for what.
    request: String,
    /// The marks of the headers that the price was made of.
    marks: String,
    now: u64,
    expires: u64,
}

impl Quoted {
    /// With the headers that the price function has asked for.
    pub(super) fn new(price: &DynamicPrice, request: &RequestInfo, looked: &Looked) -> Self {
        let key = &price.paywall.inner.quote_key;
        let headers = looked.headers();
        let headers = headers.iter().map(|(name, value)| (mark(key, name), value.as_deref()));
        Self::with(price, request, &headers.collect())
    }

    /// With the headers that a quote was made of, whichever the price function asks for now. `None` where
    /// one of them can be read in two ways: who has paid for the one is not owed the other.
    pub(super) fn as_told(
        price: &DynamicPrice,
        request: &RequestInfo,
        accepted: &PaymentRequirements,
    ) -> Option<Self> {
        let key = &price.paywall.inner.quote_key;
        let quote = Told::read(accepted)?;
        let marks = quote.marks.as_bytes().chunks(MARK);
        let marks = marks.map(|mark| String::from_utf8_lossy(mark).into_owned());
        let mut headers: BTreeMap<_, _> = marks.map(|mark| (mark, None)).collect();
        if !headers.is_empty() {
            for name in request.header_names() {
                if let Some(value) = headers.get_mut(&mark(key, &name.to_ascii_lowercase())) {
                    *value = request.sole_header(name).ok()?;
                }
            }
        }
        Some(Self::with(price, request, &headers))
    }

    fn with(
        price: &DynamicPrice,
        request: &RequestInfo,
        headers: &BTreeMap<String, Option<&str>>,
    ) -> Self {
        let DynamicPrice { paywall, about, name, place, valid_for, .. } = price;
        let now = seconds_since_1970();
        let expires = now.saturating_add(valid_for.as_secs());
        let marks = headers.keys().map(String::as_str).collect();
        let place = place.map(|place| (place.file(), place.line(), place.column()));
        let sold = (&paywall.rules().public_url, &about.route, name, place);
        let request = (sold, request.method(), request.path(), request.query(), headers);
        // Names and texts always serialize.
        let request = serde_json::to_string(&request).unwrap_or_default();
        Self { key: paywall.inner.quote_key, request, marks, now, expires }
    }

    /// The offer with a quote.
    pub(super) fn tell(
        &self,
        offer: &PaymentRequirements,
    ) -> Result<Verbatim<PaymentRequirements>, JsonError> {
        let seal = self.mac(offer, self.expires).finalize().into_bytes();
        let seal = seal.iter().take(SEAL).map(|byte| format!("{byte:02x}")).collect::<String>();
        let mut extra: serde_json::Map<String, serde_json::Value> = match &offer.extra {
            Some(extra) => extra.parse()?,
            None => serde_json::Map::new(),
        };
        let dot = if self.marks.is_empty() { "" } else { "." };
        let quote = format!("{}.{seal}{dot}{}", self.expires, self.marks);
        extra.insert(KEY.to_owned(), quote.into());
        let extra = Some(RawObject::new(&extra)?);
        Verbatim::new(PaymentRequirements { extra, ..offer.clone() })
    }

    /// The amount that an offer was quoted at, where its quote is ours and for this request; and
    /// whether it stands no more. Beyond the time in which it could be settled it is forgotten.
    pub(super) fn amount(&self, accepted: &PaymentRequirements) -> Option<(Amount, bool)> {
        let Told { expires, seal, .. } = Told::read(accepted)?;
        self.mac(accepted, expires).verify_truncated_left(&seal).ok()?;
        let end = expires.saturating_add(accepted.max_timeout_seconds).saturating_add(OWED);
        (self.now <= end).then_some((accepted.amount, self.now > expires))
    }

    fn mac(&self, offer: &PaymentRequirements, expires: u64) -> Hmac<Sha256> {
        let PaymentRequirements { scheme, network, asset, amount, pay_to, .. } = offer;
        let mut mac = keyed(&self.key);
        let text = format!(
            "x402 quote\n{}\n{scheme}\n{network}\n{}\n{amount}\n{}\n{expires}",
            self.request,
            asset.to_ascii_lowercase(),
            pay_to.to_ascii_lowercase(),
        );
        mac.update(text.as_bytes());
        mac
    }
}

/// A quote as a payer echoes it. Only the seal tells whether it is one.
struct Told {
    expires: u64,
    seal: [u8; SEAL],
    marks: String,
}

impl Told {
    fn read(accepted: &PaymentRequirements) -> Option<Self> {
        #[derive(Deserialize)]
        struct Extra {
            quote: String,
        }
        let extra: Extra = accepted.extra.as_ref()?.parse().ok()?;
        let (expires, rest) = extra.quote.split_once('.')?;
        let (seal, marks) = rest.split_once('.').unwrap_or((rest, ""));
        Some(Self { expires: expires.parse().ok()?, seal: unhex(seal)?, marks: marks.to_owned() })
    }
}

/// What a header is called in a quote: its name is the seller's business.
fn mark(key: &[u8; 32], name: &str) -> String {
    let mut mac = keyed(key);
    mac.update(format!("x402 quote header\n{name}").as_bytes());
    let mark = mac.finalize().into_bytes();
    mark.iter().take(MARK / 2).map(|byte| format!("{byte:02x}")).collect()
}

/// What seals with this key.
pub(super) fn keyed(key: &[u8; 32]) -> Hmac<Sha256> {
    // A key is a block, and a shorter one ends in zeros.
    let mut block = [0; 64];
    block.iter_mut().zip(key).for_each(|(byte, known)| *byte = *known);
    <Hmac<Sha256> as KeyInit>::new(&block.into())
}

fn unhex(text: &str) -> Option<[u8; SEAL]> {
    let mut bytes = [0; SEAL];
    if text.len() != 2 * SEAL || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    for (byte, at) in bytes.iter_mut().zip((0..).step_by(2)) {
        *byte = u8::from_str_radix(text.get(at..at + 2)?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_quote_stands_until_its_second_and_not_longer() {
        let offer: PaymentRequirements = serde_json::from_value(json!({
            "scheme": "exact", "network": "eip155:84532", "amount": "10000",
            "asset": "0x036CbD53842c5426634e7929541eC2318f3dCF7e",
            "payTo": "0x209693Bc6afc0C5328bA36FaF03C514EF312287C",
            "maxTimeoutSeconds": 300, "extra": { "name": "USDC", "version": "2" },
        }))
        .unwrap();
        let at = |now, request: &str| Quoted {
            key: [1; 32],
            request: request.to_owned(),
            marks: String::new(),
            now,
            expires: 160,
        };
        let told = at(100, "GET /a").tell(&offer).unwrap();
        assert_eq!(at(160, "GET /a").amount(&told), Some((offer.amount, false)));
        // What was settled at it is owed for some time.
        assert_eq!(at(161, "GET /a").amount(&told), Some((offer.amount, true)));
        assert_eq!(at(160 + 300 + OWED, "GET /a").amount(&told), Some((offer.amount, true)));
        assert_eq!(at(161 + 300 + OWED, "GET /a").amount(&told), None);
        assert_eq!(at(100, "GET /b").amount(&told), None);
        let other = Quoted { key: [2; 32], ..at(100, "GET /a") };
        assert_eq!(other.amount(&told), None);
    }
}
