use std::sync::Arc;

use x402_types::{Amount, Asset, Money, Network, PaymentRequirements, SettleResponse, Verbatim};

use super::meter::{ChargeError, Meter};

/// A payment that a request is served on.
///
/// Cheap to clone: clones share it, and what is charged on it.
#[derive(Clone, Debug)]
pub struct Payment {
    pub(super) payer: Arc<str>,
    pub(super) amount: Amount,
    pub(super) asset: Arc<Asset>,
    pub(super) requirements: Verbatim<PaymentRequirements>,
    pub(super) receipt: Option<Arc<SettleResponse>>,
    /// `upto` only.
    pub(super) meter: Option<Arc<Meter>>,
    /// Whether what is charged is known only when the answer has streamed.
    pub(super) streaming: bool,
    /// The second since 1970 from which on it cannot be settled.
    pub(super) valid_before: u64,
}

impl Payment {
    /// Who pays: the account whose signature was checked, by us or by the facilitator.
    pub fn payer(&self) -> &str {
        &self.payer
    }

    /// How much, in atomic units of the asset: by `upto` at the most.
    pub fn amount(&self) -> Amount {
        self.amount
    }

    /// In what.
    pub fn asset(&self) -> &Asset {
        &self.asset
    }

    /// Where.
    pub fn network(&self) -> &Network {
        &self.asset.network
    }

    /// To whom.
    pub fn pay_to(&self) -> &str {
        &self.requirements.pay_to
    }

    /// How, such as `exact`.
    pub fn scheme(&self) -> &str {
        &self.requirements.scheme
    }

    /// The settlement, where the route settles before it serves, or where this payment was settled
    /// by an earlier request that was not served.
    pub fn receipt(&self) -> Option<&SettleResponse> {
        self.receipt.as_deref()
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
        if money.symbol().is_some_and(|symbol| symbol != self.asset.symbol) {
            let symbol = self.asset.symbol.clone().into_owned();
            return Err(ChargeError::OtherToken { price: money.to_string(), symbol });
        }
        meter.charge(money.to_amount(self.asset.decimals)?)
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
        self.meter.as_deref().ok_or_else(|| ChargeError::Fixed(self.scheme().to_owned()))
    }

    /// What is to be settled. From now on nothing more can be charged.
    pub(super) fn close(&self) -> Amount {
        let most = self.amount.min(self.requirements.amount);
        self.meter.as_ref().map_or(self.amount, |meter| meter.close().min(most))
    }

    /// Whether less than the whole amount may be settled.
    pub(super) fn is_metered(&self) -> bool {
        self.meter.is_some()
    }

    /// Whether a facilitator that says this name means this payer.
    pub(super) fn is_payer(&self, name: &str) -> bool {
        match self.network().chain_id() {
            Some(_) => self.payer.eq_ignore_ascii_case(name),
            None => *self.payer == *name,
        }
    }
}
