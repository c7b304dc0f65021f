use std::fmt;
use std::str::FromStr;

use ruint::aliases::U256;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A quantity of an asset in its atomic units (for USDC, millionths of a dollar).
///
/// On the wire it is a canonical decimal string: digits only, no sign, no leading zero, at most 256
/// bits. Anything else is refused, so two equal amounts have equal spellings.
///
/// ```
/// use x402_types::Amount;
/// let amount: Amount = "10000".parse()?;
/// assert_eq!(amount, Amount::from(10_000u64));
/// assert!("010".parse::<Amount>().is_err());
/// assert!("1e4".parse::<Amount>().is_err());
/// # Ok::<(), x402_types::AmountError>(())
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Amount(U256);

/// Why a string is not an [`Amount`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AmountError {
    /// The string is empty or holds something other than the digits 0 to 9.
    #[error("an amount is a string of decimal digits, without sign, point, exponent or spaces")]
    NotDigits,
    /// The string starts with a zero that it does not need.
    #[error("an amount has no leading zero")]
    LeadingZero,
    /// The number needs more than 256 bits.
    #[error("the amount does not fit 256 bits")]
    TooLarge,
}

/// Decimal digits of 2^256 - 1.
const MAX_DIGITS: usize = 78;

impl Amount {
    /// Nothing.
    pub const ZERO: Self = Self(U256::ZERO);
    /// The largest amount that a token contract can hold.
    pub const MAX: Self = Self(U256::MAX);

    /// The amount of so many atomic units.
    pub const fn new(units: U256) -> Self {
        Self(units)
    }

    /// The number of atomic units.
    pub const fn units(self) -> U256 {
        self.0
    }

    /// Whether this is nothing.
    pub fn is_zero(self) -> bool {
        self.0.is_zero()
    }

    /// The sum, or `None` where it needs more than 256 bits.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// The difference, or `None` where it would be negative.
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).map(Self)
    }

    /// The amount as a decimal number of whole tokens: 10000 at 6 decimals is `0.01`.
    ///
    /// Exact: every digit is kept, zeros at the end are not.
    pub fn to_decimal(self, decimals: u8) -> String {
        let digits = self.0.to_string();
        let decimals = usize::from(decimals);
        let padded = format!("{digits:0>width$}", width = decimals + 1);
        let (whole, fraction) = padded.split_at(padded.len() - decimals);
        match fraction.trim_end_matches('0') {
            "" => whole.to_owned(),
            fraction => format!("{whole}.{fraction}"),
        }
    }
}

impl From<u64> for Amount {
    fn from(units: u64) -> Self {
        Self(U256::from(units))
    }
}

impl From<U256> for Amount {
    fn from(units: U256) -> Self {
        Self(units)
    }
}

impl FromStr for Amount {
    type Err = AmountError;

    fn from_str(text: &str) -> Result<Self, AmountError> {
        if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
            return Err(AmountError::NotDigits);
        }
        if text.len() > 1 && text.starts_with('0') {
            return Err(AmountError::LeadingZero);
        }
        if text.len() > MAX_DIGITS {
            return Err(AmountError::TooLarge);
        }
        U256::from_str_radix(text, 10).map(Self).map_err(|_| AmountError::TooLarge)
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        crate::json::from_string(deserializer, "an amount in atomic units, as a decimal string")
    }
}
