//! Accounts, code and storage, with a log of what every change replaced.
//!
//! The log is what makes a past block readable and a snapshot cheap: the state at a mark is the
//! present state with the log undone down to that mark.

use alloy_primitives::{
    Address, B256, U256,
    map::{AddressMap, B256Map, HashMap},
};
use revm::{
    database::CacheDB,
    primitives::KECCAK_EMPTY,
    state::{AccountInfo, Bytecode, EvmState},
};

use super::view::View;

/// The state of the chain at its head.
#[derive(Debug, Default)]
pub(crate) struct State {
    accounts: AddressMap<Account>,
    code: B256Map<Bytecode>,
    log: Vec<Replaced>,
}

#[derive(Debug, Default)]
struct Account {
    /// Its code is kept in `State::code`, by hash.
    info: AccountInfo,
    storage: HashMap<U256, U256>,
}

/// What a change replaced. An account that did not exist was the default one.
#[derive(Debug)]
enum Replaced {
    Info { address: Address, info: AccountInfo },
    Slot { address: Address, slot: U256, value: U256 },
}

/// A position in the log of changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Mark(usize);

impl State {
    pub(crate) fn info(&self, address: Address) -> AccountInfo {
        self.accounts.get(&address).map(|account| account.info.clone()).unwrap_or_default()
    }

    pub(crate) fn slot(&self, address: Address, slot: U256) -> U256 {
        self.accounts
            .get(&address)
            .and_then(|account| account.storage.get(&slot))
            .copied()
            .unwrap_or_default()
    }

    pub(crate) fn code(&self, hash: B256) -> Bytecode {
        self.code.get(&hash).cloned().unwrap_or_default()
    }

    /// Where the log stands.
    pub(crate) fn mark(&self) -> Mark {
        Mark(self.log.len())
    }

    pub(crate) fn set_info(&mut self, address: Address, mut info: AccountInfo) {
        if let Some(code) = info.code.take()
            && !code.is_empty()
        {
            info.code_hash = code.hash_slow();
            self.code.entry(info.code_hash).or_insert(code);
        }
        let account = self.accounts.entry(address).or_default();
        if account.info != info {
            let info = std::mem::replace(&mut account.info, info);
            self.log.push(Replaced::Info { address, info });
        }
    }

    pub(crate) fn set_slot(&mut self, address: Address, slot: U256, value: U256) {
        let account = self.accounts.entry(address).or_default();
        let value = account.storage.insert(slot, value).unwrap_or_default();
        self.log.push(Replaced::Slot { address, slot, value });
    }

    pub(crate) fn set_balance(&mut self, address: Address, balance: U256) {
        self.set_info(address, AccountInfo { balance, code: None, ..self.info(address) });
    }

    pub(crate) fn set_code(&mut self, address: Address, code: Bytecode) {
        let info = self.info(address);
        self.set_info(address, AccountInfo { code_hash: KECCAK_EMPTY, code: Some(code), ..info });
    }

    /// Takes over what an execution changed.
    pub(crate) fn commit(&mut self, changes: EvmState) {
        for (address, account) in changes {
            if !account.is_touched() {
                continue;
            }
            // Since Cancun only a contract of the same transaction can destroy itself, so that
            // there is no earlier storage to forget.
            if account.is_selfdestructed() {
                self.set_info(address, AccountInfo::default());
                continue;
            }
            for (slot, value) in account.changed_storage_slots() {
                self.set_slot(address, *slot, value.present_value());
            }
            self.set_info(address, account.info);
        }
    }

    /// Undoes every change made since `mark`.
    pub(crate) fn unwind(&mut self, mark: Mark) {
        while self.log.len() > mark.0 {
            match self.log.pop() {
                Some(Replaced::Info { address, info }) => {
                    self.accounts.entry(address).or_default().info = info;
                }
                Some(Replaced::Slot { address, slot, value }) => {
                    self.accounts.entry(address).or_default().storage.insert(slot, value);
                }
                None => return,
            }
        }
    }

    /// Lays what stood at `mark` over a view of the present.
    pub(crate) fn overlay(&self, mark: Mark, view: &mut CacheDB<View<'_>>) {
        for replaced in self.log.get(mark.0..).unwrap_or_default().iter().rev() {
            match replaced {
                Replaced::Info { address, info } => {
                    let info =
                        AccountInfo { code: Some(self.code(info.code_hash)), ..info.clone() };
                    view.insert_account_info(*address, info);
                }
                Replaced::Slot { address, slot, value } => {
                    let Ok(()) = view.insert_account_storage(*address, *slot, *value);
                }
            }
        }
    }
}
