use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::join_all;
use x402_types::extensions::offer_receipt::{KEY, Offer, OfferDeclaration, Offers, Signed};
use x402_types::extensions::{Declared, Extensions};
use x402_types::header::{CHALLENGE_LIMIT, PAYMENT_REQUIRED};
use x402_types::{JsonError, PaymentRequired, PaymentRequirements, decode, encode, peek_version};

use super::{OFFER_TIMEOUT, OfferReceipts, Unsigned, signed};
use crate::engine::{Reply, seconds_since_1970};

/// Bytes of the header with the terms: proxies commonly hold no more of an answer's head. Terms that
/// are longer without offers are told as they are.
const HEADER_LIMIT: usize = 7 * 1024;

impl OfferReceipts {
    /// An answer, with signed offers where it has terms.
    pub(crate) async fn with_offers(self: &Arc<Self>, reply: Reply) -> Reply {
        let Some(terms) = terms(&reply) else { return reply };
        let now = seconds_since_1970();
        let sign = |entry| self.offer(offer(entry, &terms.resource.url, self.valid_until(now)));
        let signed = join_all(terms.accepts.iter().map(|entry| sign(entry))).await;
        let mut offers = Vec::new();
        for (signed, index) in signed.into_iter().zip(0..) {
            match signed {
                Ok(signed) => offers.push(Signed { accept_index: Some(index), ..signed }),
                Err(error) => tracing::warn!(%error, "an offer is told unsigned"),
            }
        }
        if offers.is_empty() {
            return reply;
        }
        told(reply, terms, offers).unwrap_or_else(|(reply, error)| {
            match error {
                Some(error) => tracing::error!(%error, "signed offers do not serialize"),
                None => tracing::warn!("no room for signed offers in the 402's header"),
            }
            reply
        })
    }

    /// The same for the whole of a stretch of time, so that it is signed once.
    fn valid_until(&self, now: u64) -> u64 {
        (now / self.window).saturating_add(2).saturating_mul(self.window)
    }

    async fn offer(self: &Arc<Self>, offer: Offer) -> Result<Signed<Offer>, Unsigned> {
        let place = self.cache.place(&offer);
        if let Some(signed) = place.get() {
            return Ok(signed.clone());
        }
        let this = Arc::clone(self);
        let signing = async move {
            let sign = || async move {
                let _turn = this.turns.try_acquire().map_err(|_| Unsigned::Busy)?;
                Ok(this.issuer.offer(offer).await?)
            };
            place.get_or_try_init(sign).await.cloned()
        };
        signed(signing, OFFER_TIMEOUT).await
    }
}

/// The terms of an answer, where they may be told with offers.
fn terms(reply: &Reply) -> Option<PaymentRequired> {
    let header = reply.header(PAYMENT_REQUIRED)?;
    let terms: PaymentRequired = decode(header.as_bytes(), CHALLENGE_LIMIT).ok()?;
    let extensions = terms.extensions.as_ref().map(Extensions::read).transpose().ok()?;
    // The seller may have declared offers of its own.
    let free = extensions.is_none_or(|extensions| extensions.raw(KEY).is_none());
    free.then_some(terms)
}

fn offer(entry: &PaymentRequirements, resource_url: &str, valid_until: u64) -> Offer {
    Offer {
        version: 1,
        resource_url: resource_url.to_owned(),
        scheme: entry.scheme.clone(),
        network: entry.network.clone(),
        asset: entry.asset.clone(),
        pay_to: entry.pay_to.clone(),
        amount: entry.amount,
        valid_until: Some(valid_until),
    }
}

/// The answer with these offers, or without them where there is no room.
fn told(
    mut reply: Reply,
    mut terms: PaymentRequired,
    offers: Vec<Signed<Offer>>,
) -> Result<Reply, (Reply, Option<JsonError>)> {
    let header = match header(&mut terms, offers) {
        Ok(Some(header)) => header,
        Ok(None) => return Err((reply, None)),
        Err(error) => return Err((reply, Some(error))),
    };
    // Neither a page nor the terms of version 1.
    if peek_version(reply.text()) == Some(2)
        && let Ok(body) = serde_json::to_string(&terms)
    {
        reply.body = body.into();
    }
    let header = Bytes::from(header);
    for (name, value) in &mut reply.headers {
        if name.eq_ignore_ascii_case(PAYMENT_REQUIRED) {
            value.clone_from(&header);
        }
    }
    Ok(reply)
}

/// The terms' header, the schema of offers left out where that makes room.
fn header(
    terms: &mut PaymentRequired,
    offers: Vec<Signed<Offer>>,
) -> Result<Option<String>, JsonError> {
    let mut declared: OfferDeclaration = Declared::new(Offers { offers })?;
    let mut extensions = match &terms.extensions {
        Some(extensions) => Extensions::read(extensions)?,
        None => Extensions::default(),
    };
    for schema in [declared.schema.take(), None] {
        declared.schema = schema;
        extensions.set(&declared)?;
        terms.extensions = extensions.to_raw()?;
        let header = encode(terms)?;
        if header.len() <= HEADER_LIMIT {
            return Ok(Some(header));
        }
    }
    Ok(None)
}
