use std::cmp::Ordering;
use std::fmt;

use serde::Deserialize;
use x402_evm::UPTO;
use x402_types::scheme::{ClientScheme, Refusal};
use x402_types::{Amount, Asset, Network, PaymentFlow, PaymentRequirements, TransferMethod};

use crate::limit::worth;
use crate::terms::Terms;
use crate::untrusted::excerpt;
use crate::{Challenge, Limit, Offer, Payer, Purchase, Untrusted};

/// An offer that a payer may take: everything about it is understood and within the limits.
#[derive(Clone, Copy)]
pub struct Choice<'a> {
    pub(crate) offer: &'a Offer,
    pub(crate) asset: &'a Asset,
    pub(crate) scheme: &'a dyn ClientScheme,
    flow: PaymentFlow,
    method: TransferMethod,
}

/// Why a challenge is not paid: what is wrong with each of its offers.
#[derive(Debug)]
pub struct ChooseError {
    /// One reason for each offer, in the seller's order.
    pub refused: Vec<OfferRefusal>,
}

/// Why an offer is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OfferRefusal {
    /// It is not read, or one of its parts is not.
    #[error("it cannot be read")]
    Unreadable(Untrusted),
    /// It would be paid over a connection that others can read and change.
    #[error("it came over plain http; `allow_plain_http` would let it through")]
    PlainHttp,
    /// The payer has no such scheme for this network.
    #[error("there is no way to pay by the scheme {} on {network}", excerpt(scheme))]
    Scheme {
        /// The scheme that is asked for.
        scheme: String,
        /// The network that is asked for.
        network: Network,
    },
    /// The payer does not pay on this network.
    #[error("the payer does not pay on {0}")]
    Network(Network),
    /// `paymentFlow` is not known, or its risk not taken.
    #[error("its paymentFlow is {}", excerpt(.0))]
    PaymentFlow(String),
    /// `assetTransferMethod` is not known.
    #[error("its assetTransferMethod is {}", excerpt(.0))]
    TransferMethod(String),
    /// The token is neither in the pinned table nor the payer's own.
    #[error("the token {} on {network} is not known; `asset` would make it so", excerpt(asset))]
    Asset {
        /// The token's chain.
        network: Network,
        /// What the seller gives as its address.
        asset: String,
    },
    /// Name or version of the signing domain are not those of the token.
    #[error("it gives another signing domain than that of {symbol} on {network}")]
    Domain {
        /// The token.
        symbol: String,
        /// Its chain.
        network: Network,
    },
    /// It asks for more than the limit.
    #[error("it asks for {asked}, and the limit is {limit}")]
    OverLimit {
        /// What is asked, such as `$5 USDC`.
        asked: String,
        /// What is allowed.
        limit: Limit,
    },
    /// The scheme does not take it.
    #[error("the scheme does not take it ({})", .0.reason)]
    Refused(Refusal),
}

/// What `extra` may say that decides whether an offer is taken.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Extra {
    name: Option<String>,
    version: Option<String>,
    asset_transfer_method: Option<String>,
    payment_flow: Option<String>,
}

impl Payer {
    /// Chooses an offer, without signing anything: a quote.
    ///
    /// Of the offers that can be taken, those that are paid after delivery come before those paid up
    /// front, then the cheapest in whole tokens, then those that need no allowance before, then the
    /// seller's own order.
    ///
    /// # Errors
    /// [`ChooseError`] where there is none.
    pub fn choose<'a>(
        &'a self,
        challenge: &'a Challenge,
        purchase: &Purchase,
    ) -> Result<Choice<'a>, ChooseError> {
        let (choices, refused) = self.judge(challenge, purchase);
        choices.into_iter().next().ok_or(ChooseError { refused })
    }

    /// All offers that can be taken, the best first, and why the others cannot.
    pub(crate) fn judge<'a>(
        &'a self,
        challenge: &'a Challenge,
        purchase: &Purchase,
    ) -> (Vec<Choice<'a>>, Vec<OfferRefusal>) {
        let mut choices = Vec::new();
        let mut refused = Vec::new();
        for offer in &challenge.offers {
            let judged = match offer {
                Ok(offer) => self.judge_offer(offer, purchase),
                Err(why) => Err(OfferRefusal::Unreadable(why.clone())),
            };
            match judged {
                Ok(choice) => choices.push(choice),
                Err(why) => refused.push(why),
            }
        }
        // Stable: the seller's order decides between equals.
        choices.sort_by(Choice::compare);
        (choices, refused)
    }

    fn judge_offer<'a>(
        &'a self,
        offer: &'a Offer,
        purchase: &Purchase,
    ) -> Result<Choice<'a>, OfferRefusal> {
        let terms @ PaymentRequirements { network, .. } = offer.requirements();
        if !purchase.is_private() && !self.inner.allow_plain_http {
            return Err(OfferRefusal::PlainHttp);
        }
        let scheme = self
            .inner
            .schemes
            .iter()
            .find(|scheme| scheme.scheme() == terms.scheme && scheme.covers(network))
            .ok_or_else(|| OfferRefusal::Scheme {
                scheme: terms.scheme.clone(),
                network: network.clone(),
            })?;
        if self.inner.networks.as_ref().is_some_and(|networks| !networks.contains(network)) {
            return Err(OfferRefusal::Network(network.clone()));
        }
        let extra: Extra = match &terms.extra {
            None => Extra::default(),
            Some(extra) => extra
                .parse()
                .map_err(|error| OfferRefusal::Unreadable(Untrusted::new(&error.to_string())))?,
        };
        let flow = match &extra.payment_flow {
            None => PaymentFlow::Authorization,
            Some(text) => PaymentFlow::from_wire(text)
                .filter(|flow| matches!(flow, PaymentFlow::Authorization | PaymentFlow::Upfront))
                .ok_or_else(|| OfferRefusal::PaymentFlow(text.clone()))?,
        };
        let method = match &extra.asset_transfer_method {
            None if terms.scheme == UPTO => TransferMethod::Permit2,
            None => TransferMethod::Eip3009,
            Some(method) => TransferMethod::from_wire(method)
                .ok_or_else(|| OfferRefusal::TransferMethod(method.clone()))?,
        };
        let asset = self.asset(network, &terms.asset).ok_or_else(|| OfferRefusal::Asset {
            network: network.clone(),
            asset: terms.asset.clone(),
        })?;
        let is_of_asset = |said: Option<String>, is: &str| said.is_none_or(|said| said == is);
        if !is_of_asset(extra.name, &asset.name) || !is_of_asset(extra.version, &asset.version) {
            return Err(OfferRefusal::Domain {
                symbol: asset.symbol.clone().into_owned(),
                network: network.clone(),
            });
        }
        for limit in self.limits(purchase) {
            if !limit.allows([(terms.amount, asset)]) {
                return Err(OfferRefusal::OverLimit {
                    asked: asset.in_words(terms.amount),
                    limit: limit.clone(),
                });
            }
        }
        scheme.can_pay(terms).map_err(OfferRefusal::Refused)?;
        Ok(Choice { offer, asset, scheme: scheme.as_ref(), flow, method })
    }

    /// The limits that a purchase must keep to, all of them.
    pub(crate) fn limits<'a>(&'a self, purchase: &'a Purchase) -> impl Iterator<Item = &'a Limit> {
        [Some(&self.inner.limit), purchase.limit()].into_iter().flatten()
    }

    /// The token at this address, as the pinned table or else the payer's owner describes it.
    fn asset(&self, network: &Network, address: &str) -> Option<&Asset> {
        Asset::find(network, address).or_else(|| {
            self.inner.assets.iter().find(|asset| {
                asset.network == *network
                    && if network.chain_id().is_some() {
                        asset.address.eq_ignore_ascii_case(address)
                    } else {
                        asset.address == address
                    }
            })
        })
    }
}

impl<'a> Choice<'a> {
    /// The terms that would be signed for.
    pub fn requirements(&self) -> &'a PaymentRequirements {
        self.offer.requirements()
    }

    /// The token, as it is trusted to be.
    pub fn asset(&self) -> &'a Asset {
        self.asset
    }

    /// How much, in atomic units.
    pub fn amount(&self) -> Amount {
        self.requirements().amount
    }

    /// How much, in words: `$0.01 USDC`.
    pub fn in_words(&self) -> String {
        self.asset.in_words(self.amount())
    }

    /// What a payment of it is known by, to tell whether it is offered again.
    pub(crate) fn terms(&self) -> Terms {
        Terms::new(self.requirements(), self.asset, self.method)
    }

    fn compare(&self, other: &Self) -> Ordering {
        let risk = |choice: &Self| choice.flow != PaymentFlow::Authorization;
        let price = |choice: &Self| worth(choice.amount(), choice.asset);
        // Permit2 must have been allowed before.
        let needs_allowance = |choice: &Self| choice.method == TransferMethod::Permit2;
        risk(self)
            .cmp(&risk(other))
            .then_with(|| price(self).cmp(&price(other)))
            .then_with(|| needs_allowance(self).cmp(&needs_allowance(other)))
    }
}

impl fmt::Debug for Choice<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Choice")
            .field("requirements", self.requirements())
            .field("flow", &self.flow.as_str())
            .finish_non_exhaustive()
    }
}

/// Offers of which an error's message tells; a seller may make thousands.
const SHOWN: usize = 10;

impl fmt::Display for ChooseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("none of the seller's offers is taken")?;
        for (number, why) in self.refused.iter().enumerate().take(SHOWN) {
            write!(f, "; offer {}: {why}", number + 1)?;
        }
        match self.refused.len().saturating_sub(SHOWN) {
            0 => Ok(()),
            more => write!(f, "; and {more} more"),
        }
    }
}

impl std::error::Error for ChooseError {}
