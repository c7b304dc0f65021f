use std::fmt;
use std::str::FromStr;

use ruint::aliases::U256;

use crate::Amount;

/// A price as a person writes it: `$0.01`, `0.01`, or `0.01 USDC`.
///
/// The grammar is strict, because each laxness is somebody's loss: no sign, exponent, thousands
/// separator or currency other than `$`; digits on both sides of a decimal point. A number without
/// a symbol, or with `USD`, is an amount of dollars, payable in any of a network's pegged assets.
///
/// ```
/// use x402_types::{Amount, Money};
/// let price: Money = "$0.01".parse()?;
/// assert_eq!(price.to_amount(6)?, Amount::from(10_000u64));
/// assert!("1,50".parse::<Money>().is_err());
/// assert!("$0.0000001".parse::<Money>()?.to_amount(6).is_err());
/// # Ok::<(), x402_types::MoneyError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Money {
    mantissa: u128,
    scale: u8,
    symbol: Option<String>,
}

/// Why a string is not a price, or a price not an amount of an asset.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// The text is outside the grammar.
    #[error("{0:?} is not a price: write it like \"$0.01\", \"0.01\" or \"0.01 USDC\"")]
    Format(String),
    /// More digits than any asset has.
    #[error("{0:?} has more digits than a price can have (30, of which 24 after the point)")]
    TooLong(String),
    /// The price is finer than the asset's atomic unit, so a part of it (or all) would be lost.
    #[error("{price} is finer than the smallest unit of an asset with {decimals} decimals")]
    TooFine {
        /// The price.
        price: String,
        /// Decimals of the asset.
        decimals: u8,
    },
    /// The price in atomic units needs more than 256 bits.
    #[error("{0} does not fit 256 bits in atomic units")]
    TooLarge(String),
}

const MAX_DIGITS: usize = 30;
const MAX_SCALE: usize = 24;
const MAX_SYMBOL: usize = 16;

impl Money {
    /// The asset's symbol, where the price names one: `USDC` in `0.01 USDC`.
    pub fn symbol(&self) -> Option<&str> {
        self.symbol.as_deref()
    }

    /// Whether the price is nothing.
    pub fn is_zero(&self) -> bool {
        self.mantissa == 0
    }

    /// The price in atomic units of an asset of so many decimals, exactly.
    ///
    /// # Errors
    /// [`MoneyError::TooFine`] where a part of the price would be lost, which includes every
    /// non-zero price that would come out as zero; [`MoneyError::TooLarge`] beyond 256 bits.
    pub fn to_amount(&self, decimals: u8) -> Result<Amount, MoneyError> {
        let (amount, exact) = self.scaled(decimals)?;
        if exact {
            Ok(amount)
        } else {
            Err(MoneyError::TooFine { price: self.to_string(), decimals })
        }
    }

    /// The largest amount in atomic units that is not above this: what a limit comes to.
    ///
    /// # Errors
    /// [`MoneyError::TooLarge`] beyond 256 bits.
    pub fn to_amount_floor(&self, decimals: u8) -> Result<Amount, MoneyError> {
        self.scaled(decimals).map(|(amount, _)| amount)
    }

    fn scaled(&self, decimals: u8) -> Result<(Amount, bool), MoneyError> {
        let too_large = || MoneyError::TooLarge(self.to_string());
        let power = |n: u8| U256::from(10u8).checked_pow(U256::from(n)).ok_or_else(too_large);
        let mantissa = U256::from(self.mantissa);
        if let Some(missing) = decimals.checked_sub(self.scale) {
            let units = mantissa.checked_mul(power(missing)?).ok_or_else(too_large)?;
            return Ok((Amount::new(units), true));
        }
        let divisor = power(self.scale - decimals)?;
        let (units, lost) = mantissa.div_rem(divisor);
        Ok((Amount::new(units), lost.is_zero()))
    }
}

impl FromStr for Money {
    type Err = MoneyError;

    fn from_str(text: &str) -> Result<Self, MoneyError> {
        let format = || MoneyError::Format(text.chars().take(64).collect());
        let trimmed = text.trim_matches([' ', '\t']);
        let number = trimmed.strip_prefix('$').unwrap_or(trimmed).trim_start_matches([' ', '\t']);
        let (number, symbol) = match number.split_once([' ', '\t']) {
            Some((number, symbol)) => (number, Some(symbol.trim_start_matches([' ', '\t']))),
            None => (number, None),
        };
        if let Some(symbol) = symbol {
            let sound = symbol.len() <= MAX_SYMBOL
                && symbol.starts_with(|c: char| c.is_ascii_alphabetic())
                && symbol.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.');
            if !sound {
                return Err(format());
            }
        }
        let (whole, fraction) = match number.split_once('.') {
            Some((whole, fraction)) => (whole, Some(fraction)),
            None => (number, None),
        };
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if !digits(whole) || !fraction.is_none_or(digits) {
            return Err(format());
        }
        let fraction = fraction.unwrap_or("").trim_end_matches('0');
        let whole = whole.trim_start_matches('0');
        if whole.len() + fraction.len() > MAX_DIGITS || fraction.len() > MAX_SCALE {
            return Err(MoneyError::TooLong(text.chars().take(64).collect()));
        }
        let mantissa = match format!("{whole}{fraction}").as_str() {
            "" => 0,
            digits => digits.parse().map_err(|_| format())?,
        };
        let scale = u8::try_from(fraction.len()).map_err(|_| format())?;
        let symbol = symbol.filter(|symbol| *symbol != "USD").map(str::to_owned);
        Ok(Self { mantissa, scale, symbol })
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decimal = Amount::new(U256::from(self.mantissa)).to_decimal(self.scale);
        match &self.symbol {
            Some(symbol) => write!(f, "{decimal} {symbol}"),
            None => write!(f, "${decimal}"),
        }
    }
}
