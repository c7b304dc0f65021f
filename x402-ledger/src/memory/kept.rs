use std::collections::HashSet;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use crate::PaymentKey;
use crate::key::Evm;

/// A key as it is kept, for a long time and by the million: in one piece with what it is the key of.
/// What lives long in pieces of its own, among all that comes and goes with requests, slows down
/// the allocator for everybody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kept {
    Evm(Evm),
    /// Of another kind of chain, or with a nonce that is no 32 bytes.
    Other(PaymentKey),
}

impl Kept {
    pub(super) fn key(&self) -> PaymentKey {
        match self {
            Self::Evm(evm) => evm.key(),
            Self::Other(key) => key.clone(),
        }
    }
}

impl From<&PaymentKey> for Kept {
    fn from(key: &PaymentKey) -> Self {
        key.evm().map_or_else(|| Self::Other(key.clone()), |evm| Self::Evm(evm.clone()))
    }
}

impl Hash for Kept {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let hash = match self {
            Self::Evm(evm) => evm.hash(),
            Self::Other(key) => key.prehashed(),
        };
        state.write_u64(hash);
    }
}

/// The hash that a key has already, made with a secret of this process.
#[derive(Default)]
pub(super) struct Prehashed(u64);

impl Hasher for Prehashed {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// Texts that many lines have in common, once.
#[derive(Debug, Default)]
pub(super) struct Texts(HashSet<Arc<str>>);

impl Texts {
    pub(super) fn shared(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.0.get(text) {
            return Arc::clone(known);
        }
        let text: Arc<str> = text.into();
        self.0.insert(Arc::clone(&text));
        text
    }

    /// Forgets a text that nobody else has.
    pub(super) fn give_back(&mut self, text: &Arc<str>) {
        if Arc::strong_count(text) <= 2 {
            self.0.remove(text);
        }
    }
}

#[cfg(test)]
mod tests {
    use x402_types::Network;

    use super::*;

    #[test]
    fn a_key_is_kept_and_told_as_it_was() {
        let (asset, payer) = (format!("0x{}", "aB".repeat(20)), format!("0x{}", "01".repeat(20)));
        let nonces = [format!("0x{}", "7f".repeat(32)), "123456".to_owned(), "0x12".to_owned()];
        for network in [Network::BASE, "solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp".parse().unwrap()] {
            for nonce in &nonces {
                let key = PaymentKey::new(network.clone(), &asset, &payer, nonce);
                let kept = Kept::from(&key);
                assert_eq!(kept.key(), key);
                let in_one_piece = nonce.len() == 66 && network == Network::BASE;
                assert_eq!(matches!(kept, Kept::Evm(_)), in_one_piece);
            }
        }
    }

    #[test]
    fn a_text_is_forgotten_with_the_last_who_has_it() {
        let mut texts = Texts::default();
        let (one, same) = (texts.shared("GET /"), texts.shared("GET /"));
        assert!(Arc::ptr_eq(&one, &same));
        texts.give_back(&one);
        drop(one);
        assert_eq!(texts.0.len(), 1);
        texts.give_back(&same);
        assert_eq!(texts.0.len(), 0);
    }
}
