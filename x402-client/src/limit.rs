use std::fmt;
use std::str::FromStr;

use x402_types::{Amount, Asset, Money, MoneyError};

/// The most that one payment may come to, in dollars: `$0.10`.
///
/// Compared in whole atomic units of the asset that is asked for, rounded down; the asset's decimals
/// are those of its owner or of the pinned table, never the seller's.
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
    pub(crate) fn allows(&self, amount: Amount, asset: &Asset) -> bool {
        self.0.to_amount_floor(asset.decimals).is_ok_and(|most| amount <= most)
    }
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
