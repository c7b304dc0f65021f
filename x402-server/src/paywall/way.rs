use std::sync::Arc;

use serde::Deserialize;
use x402_evm::{EXACT, UPTO, exact_offer, upto_offer};
use x402_types::scheme::ServerScheme;
use x402_types::{
    Amount, Asset, JsonError, Network, PaymentFlow, PaymentRequirements, RawObject,
    SupportedResponse, TransferMethod, Verbatim,
};

use super::{Accepted, Mistake};
use crate::engine::Offer;

/// A way to pay a price: how much of which token, and how it moves.
#[derive(Clone, Debug)]
pub(super) struct Way {
    pub(super) accepted: Accepted,
    pub(super) amount: Amount,
    pub(super) scheme: Scheme,
    /// Whether what is charged is known only when the answer has streamed.
    pub(super) streaming: bool,
    /// Whether the price named this token.
    pub(super) by_symbol: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scheme {
    /// However the token moves.
    Exact,
    ExactByPermit2,
    Upto,
}

/// What all ways to pay a price have in common.
pub(super) struct Common<'a> {
    pub(super) schemes: &'a [Arc<dyn ServerScheme>],
    pub(super) supported: Option<&'a SupportedResponse>,
    pub(super) flow: PaymentFlow,
    pub(super) max_timeout_seconds: u64,
    /// Whether payments must have a name.
    pub(super) only_named: bool,
}

impl Way {
    /// Whether these terms, at whatever amount, are for this way.
    pub(super) fn is_taken_by(&self, terms: &PaymentRequirements) -> bool {
        let Accepted { asset, pay_to } = &self.accepted;
        let scheme = if self.scheme == Scheme::Upto { UPTO } else { EXACT };
        terms.scheme == scheme
            && terms.network == asset.network
            && terms.asset.eq_ignore_ascii_case(&asset.address)
            && terms.pay_to.eq_ignore_ascii_case(pay_to)
            && (self.scheme == Scheme::Upto || by_permit2(terms) == self.is_by_permit2())
    }

    fn is_by_permit2(&self) -> bool {
        self.scheme == Scheme::ExactByPermit2
            || self.accepted.asset.transfer_method == TransferMethod::Permit2
    }

    /// The offer, as it is told to payers.
    pub(super) fn offer(&self, common: &Common<'_>) -> Result<Offer, Mistake> {
        let Common { supported, flow, max_timeout_seconds: seconds, .. } = *common;
        let Accepted { asset, pay_to } = &self.accepted;
        let asset = match self.scheme {
            Scheme::Exact => Arc::clone(asset),
            Scheme::ExactByPermit2 | Scheme::Upto => Arc::new(Asset::clone(asset).by_permit2()),
        };
        let name = match self.scheme {
            Scheme::Exact | Scheme::ExactByPermit2 => EXACT,
            Scheme::Upto => UPTO,
        };
        if let Some(supported) = supported
            && supported.kind(name, &asset.network).is_none()
        {
            return Err(Mistake::unsupported(name, &asset.network, supported));
        }
        let offer = match self.scheme {
            Scheme::Exact | Scheme::ExactByPermit2 => {
                exact_offer(&asset, self.amount, pay_to, seconds)
            }
            Scheme::Upto => {
                let settler = settler(supported, &asset.network)?;
                upto_offer(&asset, self.amount, pay_to, seconds, &settler)
            }
        };
        let offer = offer.map_err(Mistake::Offer)?;
        let requirements = declare_flow(flow, offer).map_err(Mistake::Encoding)?;
        let scheme = common.schemes.iter().find(|scheme| {
            scheme.scheme() == requirements.scheme && scheme.covers(&requirements.network)
        });
        let scheme = scheme.ok_or_else(|| Mistake::NoScheme(requirements.network.clone()))?;
        let terms = scheme.prepare(&requirements).map_err(Mistake::Offer)?;
        let requirements = Verbatim::new(requirements).map_err(Mistake::Encoding)?;
        let metered = self.scheme == Scheme::Upto;
        let in_v1 =
            !metered && asset.transfer_method == TransferMethod::Eip3009 && !common.only_named;
        let streaming = self.streaming;
        Ok(Offer { requirements, terms, asset, metered, streaming, in_v1 })
    }
}

/// The default flow is not told; another must be.
fn declare_flow(
    flow: PaymentFlow,
    offer: PaymentRequirements,
) -> Result<PaymentRequirements, JsonError> {
    if flow == PaymentFlow::default() {
        return Ok(offer);
    }
    let mut extra: serde_json::Map<String, serde_json::Value> = match &offer.extra {
        Some(extra) => extra.parse()?,
        None => serde_json::Map::new(),
    };
    extra.insert("paymentFlow".to_owned(), flow.as_str().into());
    Ok(PaymentRequirements { extra: Some(RawObject::new(&extra)?), ..offer })
}

/// The address that alone settles `upto` on this network, as the facilitator has said.
fn settler(supported: Option<&SupportedResponse>, network: &Network) -> Result<String, Mistake> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Extra {
        facilitator_address: String,
    }
    let kind = supported.and_then(|it| it.kind(UPTO, network));
    let extra = kind.and_then(|kind| kind.extra.as_ref());
    match extra.and_then(|extra| extra.parse::<Extra>().ok()) {
        Some(extra) => Ok(extra.facilitator_address),
        None => Err(Mistake::UnknownSettler { scheme: UPTO.to_owned(), network: network.clone() }),
    }
}

/// Whether these terms are met by Permit2; by EIP-3009 where they do not say.
fn by_permit2(terms: &PaymentRequirements) -> bool {
    let extra = terms.extra.as_ref().and_then(|extra| extra.parse::<serde_json::Value>().ok());
    let method = extra.as_ref().and_then(|extra| extra.get("assetTransferMethod")?.as_str());
    method == Some(TransferMethod::Permit2.as_str())
}
