//! What is done for an account before it pays is done once at a time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use alloy_primitives::Address;
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};

/// Who is served at present, and who waits.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    accounts: Mutex<HashMap<Address, Arc<AsyncMutex<()>>>>,
}

impl Turns {
    /// Whether somebody has the account's turn now.
    pub(crate) fn is_taken(&self, account: Address) -> bool {
        let accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        accounts.get(&account).is_some_and(|turn| turn.try_lock().is_err())
    }

    /// Waits for the account's turn, which ends when this is dropped.
    pub(crate) async fn take(&self, account: Address) -> OwnedMutexGuard<()> {
        let turn = {
            let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
            // Whoever waits or is served has a handle besides the one in here.
            accounts.retain(|_, turn| Arc::strong_count(turn) > 1);
            Arc::clone(accounts.entry(account).or_default())
        };
        turn.lock_owned().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_account_waits_for_itself_only_and_nothing_is_kept_of_it() {
        let turns = Turns::default();
        let one = Address::repeat_byte(1);
        let first = turns.take(one).await;
        let second = turns.take(one);
        tokio::pin!(second);
        tokio::select! {
            biased;
            _ = &mut second => panic!("it is not its turn"),
            _ = turns.take(Address::repeat_byte(2)) => {}
        }
        assert!(turns.is_taken(one));
        drop(first);
        drop(second.await);
        drop(turns.take(Address::repeat_byte(3)).await);
        assert_eq!(turns.accounts.lock().unwrap().len(), 1);
    }
}
