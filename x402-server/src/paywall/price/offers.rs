use std::collections::BTreeMap;

use x402_types::extensions::{Declared, eip2612_gas_sponsoring, payment_identifier};
use x402_types::{JsonError, PaymentFlow, RawObject, SupportedResponse, TransferMethod};

use super::Price;
use crate::engine::Offer;
use crate::paywall::Mistake;
use crate::paywall::way::{Common, Scheme};

/// What payers are offered.
impl Price {
    /// When it is settled: as was said; else as the paywall says, but what is metered afterwards.
    pub(super) fn flow(&self) -> PaymentFlow {
        let otherwise = || match self.has_upto() {
            true => PaymentFlow::Authorization,
            false => self.paywall.inner.flow,
        };
        self.flow.unwrap_or_else(otherwise)
    }

    fn has_upto(&self) -> bool {
        self.ways.iter().any(|way| way.scheme == Scheme::Upto)
    }

    pub(super) fn offers(
        &self,
        supported: Option<&SupportedResponse>,
        mistakes: &mut Vec<Mistake>,
    ) -> Vec<Offer> {
        let flow = self.flow();
        if self.has_upto() && flow != PaymentFlow::Authorization {
            mistakes.push(Mistake::UptoUpfront);
        }
        let common = Common {
            schemes: &self.paywall.inner.schemes,
            supported,
            flow,
            max_timeout_seconds: self.max_timeout_seconds,
            only_named: self.identifier == Some(true),
        };
        let mut offers: Vec<Offer> = Vec::new();
        for way in &self.ways {
            match way.offer(&common) {
                Ok(offer) => add(offer, &mut offers),
                Err(mistake) => {
                    // Tokens of one network have their mistakes in common.
                    let text = mistake.to_string();
                    if mistakes.iter().all(|known| known.to_string() != text) {
                        mistakes.push(mistake);
                    }
                }
            }
        }
        offers
    }

    /// What is declared to payers besides the terms, by extension.
    pub(super) fn extensions(
        &self,
        offers: &[Offer],
        supported: Option<&SupportedResponse>,
    ) -> Result<BTreeMap<String, RawObject>, JsonError> {
        let mut extensions = self.extensions.clone();
        let key = eip2612_gas_sponsoring::KEY;
        let understood = supported.is_some_and(|it| it.extensions.iter().any(|known| known == key));
        let of_use = |Offer { asset, .. }: &Offer| {
            asset.transfer_method == TransferMethod::Permit2 && asset.supports_eip2612
        };
        if understood && offers.iter().any(of_use) && !extensions.contains_key(key) {
            let declared = Declared::new(eip2612_gas_sponsoring::Info::default())?;
            extensions.insert(key.to_owned(), RawObject::new(&declared)?);
        }
        if let Some(required) = self.identifier {
            let declared = Declared::new(payment_identifier::Info { required, id: None })?;
            extensions.insert(payment_identifier::KEY.to_owned(), RawObject::new(&declared)?);
        }
        Ok(extensions)
    }
}

/// Adds an offer, once. Clients of version 1 name a network and no token when they pay: they are told
/// one offer for each.
fn add(mut offer: Offer, offers: &mut Vec<Offer>) {
    if offers.iter().any(|known| known.requirements.as_str() == offer.requirements.as_str()) {
        return;
    }
    let same = |known: &Offer| known.in_v1 && known.asset.network == offer.asset.network;
    offer.in_v1 &= !offers.iter().any(same);
    offers.push(offer);
}
