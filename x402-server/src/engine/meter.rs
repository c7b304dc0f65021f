use std::sync::{Mutex, MutexGuard, PoisonError};

use x402_types::{Amount, MoneyError};

/// What is charged on a payment by `upto`, of which the payer signed a limit. Shared by all clones
/// of the payment.
#[derive(Debug)]
pub(super) struct Meter {
    limit: Amount,
    state: Mutex<State>,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// What the handler said last.
    Open(Option<Amount>),
    /// The handler has answered.
    Closed,
}

/// Why an amount is not charged. What was charged before stands.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChargeError {
    /// The payment is one of a fixed amount.
    #[error(
        "a payment by {0:?} is over a fixed amount: only a price with .upto() can be charged less"
    )]
    Fixed(String),
    /// More than the payer signed, or more than the price. In atomic units.
    #[error("{amount} is above {limit}, the most that can be charged")]
    AboveLimit {
        /// What was to be charged.
        amount: Amount,
        /// The most that can be.
        limit: Amount,
    },
    /// No price, or one that is finer than the token's smallest unit.
    #[error(transparent)]
    Price(#[from] MoneyError),
    /// A price in another token than the one that is paid with.
    #[error("{price} is not in {symbol}, which is what the payment is in")]
    OtherToken {
        /// The price.
        price: String,
        /// The token of the payment.
        symbol: String,
    },
    /// The handler has answered, and what it charged is being settled. What is found out while the
    /// body streams comes too late, but where the price is `streaming`.
    #[error(
        "the handler has answered: what is charged must be said before, or the price be .streaming()"
    )]
    TooLate,
}

impl Meter {
    /// Where nothing is said, all of it is charged.
    pub(super) fn new(limit: Amount) -> Self {
        Self { limit, state: Mutex::new(State::Open(None)) }
    }

    /// Where nothing is said, nothing is charged: what streams may be cut before anything is told.
    pub(super) fn of_stream(limit: Amount) -> Self {
        Self { limit, state: Mutex::new(State::Open(Some(Amount::ZERO))) }
    }

    /// Charges so much more, counted from nothing.
    pub(super) fn add(&self, amount: Amount) -> Result<(), ChargeError> {
        let mut state = self.state();
        let State::Open(so_far) = *state else { return Err(ChargeError::TooLate) };
        let sum = so_far.unwrap_or(Amount::ZERO).units().saturating_add(amount.units());
        let amount = Amount::new(sum);
        if amount > self.limit {
            return Err(ChargeError::AboveLimit { amount, limit: self.limit });
        }
        *state = State::Open(Some(amount));
        Ok(())
    }

    pub(super) fn charge(&self, amount: Amount) -> Result<(), ChargeError> {
        if amount > self.limit {
            return Err(ChargeError::AboveLimit { amount, limit: self.limit });
        }
        let mut state = self.state();
        match *state {
            State::Open(_) => *state = State::Open(Some(amount)),
            State::Closed => return Err(ChargeError::TooLate),
        }
        Ok(())
    }

    /// What is to be settled, now that nothing more can be charged: all of it where the handler said
    /// nothing.
    pub(super) fn close(&self) -> Amount {
        match std::mem::replace(&mut *self.state(), State::Closed) {
            State::Open(Some(amount)) => amount.min(self.limit),
            State::Open(None) | State::Closed => self.limit,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
