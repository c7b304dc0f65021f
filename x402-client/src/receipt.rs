use std::fmt;

use x402_evm::UPTO;
use x402_ledger::{Payment, PaymentKey, Status};
use x402_types::header::{CHALLENGE_LIMIT, PAYMENT_RESPONSE, X_PAYMENT_RESPONSE};
use x402_types::{Amount, Asset, Network, SettleResponse, header};

/// Who paid how much for what, when, and what is known to have come of it.
///
/// Amount, payee and nonce are what was signed, in the books too. Status, transaction and what was
/// [`charged`](Self::charged) of `upto` are what the seller says, where it says it of this very
/// payment: a chain has not been asked.
#[derive(Clone, Debug)]
pub struct Receipt {
    pub(crate) payment: Payment,
    pub(crate) asset: Asset,
    pub(crate) valid_before: u64,
    pub(crate) settlement: Option<SettleResponse>,
}

impl Receipt {
    /// Network, asset, payer and nonce: what the payment is known by on its chain.
    pub fn key(&self) -> &PaymentKey {
        &self.payment.key
    }

    /// Who paid.
    pub fn payer(&self) -> &str {
        self.payment.key.payer()
    }

    /// Who was paid.
    pub fn pay_to(&self) -> &str {
        &self.payment.pay_to
    }

    /// Where.
    pub fn network(&self) -> &Network {
        self.payment.key.network()
    }

    /// In which token.
    pub fn asset(&self) -> &Asset {
        &self.asset
    }

    /// How much was signed for, in atomic units.
    pub fn amount(&self) -> Amount {
        self.payment.amount
    }

    /// How much was signed for, in whole tokens, which are dollars: `0.01`.
    pub fn dollars(&self) -> String {
        self.amount().to_decimal(self.asset.decimals)
    }

    /// How much was settled, in atomic units: of `upto` what the seller says, which is at most what
    /// was signed for, otherwise what was signed for.
    pub fn charged(&self) -> Amount {
        let said = self.believed().filter(|said| said.success && self.payment.scheme == UPTO);
        said.and_then(|said| said.amount).unwrap_or(self.payment.amount)
    }

    /// What for: method and address.
    pub fn purchase(&self) -> &str {
        &self.payment.purchase
    }

    /// When the payment was drawn up, in seconds since 1970.
    pub fn paid_at(&self) -> u64 {
        u64::try_from(self.payment.created_at).unwrap_or(0) / 1000
    }

    /// The second since 1970 from which on the payment cannot be settled any more.
    pub fn valid_before(&self) -> u64 {
        self.valid_before
    }

    /// What came of it. [`Status::Unknown`] where the seller has not said so of this payment.
    pub fn status(&self) -> &Status {
        &self.payment.status
    }

    /// The transaction that the seller says moved the money.
    pub fn transaction(&self) -> Option<&str> {
        self.payment.transaction.as_deref()
    }

    /// What the seller said of the settlement, believed or not. Untrusted.
    pub fn settlement(&self) -> Option<&SettleResponse> {
        self.settlement.as_ref()
    }

    /// The line in the books.
    pub fn payment(&self) -> &Payment {
        &self.payment
    }

    /// Takes down what the seller says in its headers.
    pub(crate) fn hear<'h, I>(&mut self, headers: impl Fn(&str) -> I)
    where
        I: Iterator<Item = &'h [u8]>,
    {
        let values = [PAYMENT_RESPONSE, X_PAYMENT_RESPONSE]
            .map(|name| headers(name).collect::<Vec<_>>())
            .into_iter()
            .find(|values| !values.is_empty());
        // Of two values none is believed.
        self.settlement = match values.as_deref() {
            Some([value]) => header::decode(value, CHALLENGE_LIMIT).ok(),
            _ => None,
        };
    }

    /// What the seller said, where it said it of this payment.
    pub(crate) fn believed(&self) -> Option<&SettleResponse> {
        self.settlement.as_ref().filter(|said| {
            let key = self.key();
            let network = said.network.parse::<Network>();
            let ours = |network: Network| {
                let payer = said.payer.as_deref().unwrap_or(key.payer());
                PaymentKey::new(network, key.asset(), payer, key.nonce()) == *key
            };
            network.is_ok_and(ours) && said.amount.is_none_or(|amount| amount <= self.amount())
        })
    }

    /// Whether the seller says that this payment is settled: by a transaction, or by none because
    /// nothing was used.
    pub(crate) fn is_settled(&self) -> bool {
        self.believed().is_some_and(|said| said.success)
            && (self.named_transaction().is_some() || self.charged().is_zero())
    }

    /// The transaction that the seller names, where it can be one: letters and digits.
    pub(crate) fn named_transaction(&self) -> Option<String> {
        let text = &self.believed()?.transaction;
        let sound =
            (1..=128).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric());
        sound.then(|| text.clone())
    }
}

impl fmt::Display for Receipt {
    /// One line, as in the books.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.payment.fmt(f)
    }
}
