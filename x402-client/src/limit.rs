use std::fmt;
use std::str::FromStr;

use ruint::aliases::U256;
use x402_types::{Amount, Asset, Money, MoneyError};

/// The most that one payment may come to, in dollars: `$0.10`.
///
/// It covers one purchase, which is a method and an address: all payments for it that may yet be
/// taken come to no more, taken together. A seller that refuses one payment after another therefore
/// never holds more than this at a time. Purchases from other addresses have a limit each, at the
/// same host too, even where one request is redirected to them; and so have requests for one
/// purchase that run at the same time.
///
/// Compared to the atomic unit; the assets' decimals are those of their owner or of the pinned
/// table, never the seller's.
///
/// ```
/// let limit: x402_client::Limit = "$0.10".parse()?;
/// # Ok::<(), x402_client::LimitError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limit(Money);

/// Why a text is no limit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LimitError {
    /// It is not an amount of money.
    #[error(transparent)]
    Money(#[from] MoneyError),
    /// It names a token. A limit counts for every token that is accepted.
    #[error("a limit is in dollars, not in {0}: write it like \"$0.10\"")]
    Symbol(String),
}

impl Limit {
    /// Whether these payments come to no more, taken together.
    pub(crate) fn allows<'a>(
        &self,
        payments: impl IntoIterator<Item = (Amount, &'a Asset)>,
    ) -> bool {
        let total = payments
            .into_iter()
            .try_fold(U256::ZERO, |sum, (amount, asset)| sum.checked_add(worth(amount, asset)?));
        let most = self.0.to_amount_floor(MAX_DECIMALS);
        total.is_some_and(|total| most.is_ok_and(|most| total <= most.units()))
    }
}

/// Decimals of the finest token that is paid in.
pub(crate) const MAX_DECIMALS: u8 = 36;

/// What an amount comes to in any token, in units of the finest. `None` is more than any limit.
pub(crate) fn worth(amount: Amount, asset: &Asset) -> Option<U256> {
    let missing = MAX_DECIMALS.checked_sub(asset.decimals)?;
    amount.units().checked_mul(U256::from(10u8).checked_pow(U256::from(missing))?)
}

impl FromStr for Limit {
    type Err = LimitError;

    fn from_str(text: &str) -> Result<Self, LimitError> {
        let money: Money = text.parse()?;
        match money.symbol() {
            None => Ok(Self(money)),
            Some(symbol) => Err(LimitError::Symbol(symbol.to_owned())),
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
