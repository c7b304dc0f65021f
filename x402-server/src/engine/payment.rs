use std::sync::Arc;

use x402_types::{Amount, Asset, Money, Network, SettleResponse};

use super::meter::{ChargeError, Meter};
use super::purchase::Purchase;
use super::shared::Offer;

/// A payment that a request is served on.
///
/// Cheap to clone: clones share it, and what is charged on it.
#[derive(Clone, Debug)]
pub struct Payment {
    pub(super) facts: Arc<Facts>,
}

#[derive(Clone, Debug)]
pub(super) struct Facts {
    pub(super) payer: String,
    pub(super) amount: Amount,
    pub(super) offer: Arc<Offer>,
    /// What is bought.
    pub(super) purchase: Purchase,
    pub(super) receipt: Option<Arc<SettleResponse>>,
    /// `upto` only.
    pub(super) meter: Option<Arc<Meter>>,
    /// The second since 1970 from which on it cannot be settled.
    pub(super) valid_before: u64,
    /// The second since 1970 at which its claim dies.
    pub(super) claimed_until: u64,
    /// Whether it was found good and is not settled.
    pub(super) given_away: bool,
}

impl Payment {
    pub(super) fn new(facts: Facts) -> Self {
        Self { facts: Arc::new(facts) }
    }

    /// Who pays: the account whose signature was checked, by us or by the facilitator. Spelled as in
    /// the books, on EVM chains in lower case.
    pub fn payer(&self) -> &str {
        &self.facts.payer
    }

    /// How much, in atomic units of the asset: by `upto` at the most.
    pub fn amount(&self) -> Amount {
        self.facts.amount
    }

    /// In what.
    pub fn asset(&self) -> &Asset {
        &self.facts.offer.asset
    }

    /// Where.
    pub fn network(&self) -> &Network {
        &self.facts.offer.asset.network
    }

    /// To whom.
    pub fn pay_to(&self) -> &str {
        &self.facts.offer.requirements.pay_to
    }

    /// How, such as `exact`.
    pub fn scheme(&self) -> &str {
        &self.facts.offer.requirements.scheme
    }

    /// What for: the method, in capitals. `HEAD` buys what `GET` buys.
    pub fn method(&self) -> &str {
        self.facts.purchase.method()
    }

    /// What for: the address, `resource.url` of the terms.
    pub fn resource_url(&self) -> &str {
        self.facts.purchase.url()
    }

    /// The settlement, where the route settles before it serves, or where this payment was settled
    /// by an earlier request that was not served.
    pub fn receipt(&self) -> Option<&SettleResponse> {
        self.facts.receipt.as_deref()
    }

    /// Whether the request is served for nothing, though the payment was found good: an
    /// [allowance](crate::Allowance) or [another hook](crate::Hooks::after_verify) gives it away. Nothing
    /// is settled then, whatever is charged, and the payment can be used again.
    pub fn is_given_away(&self) -> bool {
        self.facts.given_away
    }

    /// The same payment, on a request that it does not pay for.
    pub(super) fn given_away(&self) -> Self {
        Self::new(Facts { given_away: true, ..Facts::clone(&self.facts) })
    }

    /// Charges so much of a payment by `upto`, in atomic units of the asset, instead of the whole
    /// price. Zero charges nothing, and uses the payment up.
    ///
    /// The last call counts. Without a call the whole price is settled, and where the handler does
    /// not answer with success nothing is, whatever was charged. A payment that an earlier request
    /// has settled without being served is not charged anew; up to what was settled then it can be
    /// charged, and beyond that it is an error.
    ///
    /// # Errors
    /// [`ChargeError`]; what was charged before stands.
    pub fn charge(&self, amount: impl Into<Amount>) -> Result<(), ChargeError> {
        self.meter()?.charge(amount.into())
    }

    /// [`charge`](Self::charge), with the amount in words, such as `$0.005` or `0.005 USDC`.
    ///
    /// # Errors
    /// [`ChargeError`]; what was charged before stands. A price that is finer than the token's
    /// smallest unit is an error, and not rounded.
    pub fn charge_price(&self, price: &str) -> Result<(), ChargeError> {
        let meter = self.meter()?;
        let money: Money = price.parse()?;
        if money.symbol().is_some_and(|symbol| symbol != self.facts.offer.asset.symbol) {
            let symbol = self.facts.offer.asset.symbol.clone().into_owned();
            return Err(ChargeError::OtherToken { price: money.to_string(), symbol });
        }
        meter.charge(money.to_amount(self.facts.offer.asset.decimals)?)
    }

    /// Charges so much more of a payment by `upto`, in atomic units of the asset, on top of what was
    /// charged so far: for what is counted while it is made. The first call begins at nothing.
    ///
    /// # Errors
    /// [`ChargeError`]; what was charged before stands. Above the limit it is time to stop.
    pub fn charge_more(&self, amount: impl Into<Amount>) -> Result<(), ChargeError> {
        self.meter()?.add(amount.into())
    }

    fn meter(&self) -> Result<&Meter, ChargeError> {
        self.facts.meter.as_deref().ok_or_else(|| ChargeError::Fixed(self.scheme().to_owned()))
    }

    /// What is to be settled. From now on nothing more can be charged.
    pub(super) fn close(&self) -> Amount {
        let most = self.facts.amount.min(self.facts.offer.requirements.amount);
        self.facts.meter.as_ref().map_or(self.facts.amount, |meter| meter.close().min(most))
    }

    /// Whether what is charged is known only when the answer has streamed.
    pub(super) fn is_streaming(&self) -> bool {
        self.facts.offer.streaming
    }

    /// Whether less than the whole amount may be settled.
    pub(super) fn is_metered(&self) -> bool {
        self.facts.meter.is_some()
    }

    /// Whether a facilitator that says this name means this payer.
    pub(super) fn is_payer(&self, name: &str) -> bool {
        match self.network().chain_id() {
            Some(_) => self.facts.payer.eq_ignore_ascii_case(name),
            None => self.facts.payer == name,
        }
    }
}
