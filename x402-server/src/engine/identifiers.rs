use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use x402_ledger::PaymentKey;
use x402_types::extensions::payment_identifier::Id;

use super::answers::Why;
use super::naming::Named;
use super::stored::StoredAnswer;

/// Named payments, and the answers that were given for them. In memory, for this process.
///
/// A name is bound to its payment from the claim on, until the payment is given back unsettled or
/// its time has run out. Room for an answer is set aside before anything is settled: what is full
/// refuses, and forgets nobody.
#[derive(Debug)]
pub(crate) struct Identifiers {
    limits: AnswerLimits,
    state: Mutex<State>,
}

/// How much is kept of answers, in bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AnswerLimits {
    /// Of one answer.
    pub(crate) each: usize,
    /// Of all that is kept.
    pub(crate) all: usize,
}

#[derive(Debug, Default)]
struct State {
    entries: HashMap<Arc<Id>, Entry>,
    names: HashMap<PaymentKey, Arc<Id>>,
    ends: BTreeSet<(u64, Arc<Id>)>,
    bytes: usize,
}

#[derive(Debug)]
struct Entry {
    key: PaymentKey,
    named: Named,
    expires: u64,
    /// Bytes set aside or used for the answer.
    room: usize,
    answer: Option<Arc<StoredAnswer>>,
}

/// What is known of a name.
#[derive(Debug)]
pub(super) enum Known {
    Nothing,
    /// The same payment was answered so.
    Answered(Arc<StoredAnswer>),
    /// The name is another payment's, or the payment has another name.
    Other,
}

/// Bytes of an entry besides its texts: a generous guess.
const OVERHEAD: usize = 1024;

impl Identifiers {
    pub(crate) fn new(limits: AnswerLimits) -> Self {
        Self { limits, state: Mutex::default() }
    }

    /// Bytes that an answer may have.
    pub(super) fn answer_limit(&self) -> usize {
        self.limits.each
    }

    pub(super) fn find(&self, key: &PaymentKey, named: &Named, now: u64) -> Known {
        let mut state = self.state();
        state.expire(now);
        match state.entries.get(&named.id) {
            Some(entry) if entry.named != *named || entry.key != *key => Known::Other,
            Some(entry) => entry.answer.clone().map_or(Known::Nothing, Known::Answered),
            None if state.names.contains_key(key) => Known::Other,
            None => Known::Nothing,
        }
    }

    /// Whether a payment has a name.
    pub(super) fn binds(&self, key: &PaymentKey) -> bool {
        self.state().names.contains_key(key)
    }

    /// Binds a name to a payment that is claimed, and sets room aside for its answer.
    pub(super) fn reserve(
        &self,
        key: &PaymentKey,
        named: &Named,
        expires: u64,
        now: u64,
    ) -> Result<(), Why> {
        let mut state = self.state();
        state.expire(now);
        let bound = state.names.get(key);
        let taken = state.entries.get(&named.id);
        let (same, room) = match taken {
            Some(entry) if entry.named != *named || entry.key != *key => return Err(Why::Renamed),
            Some(entry) => (true, entry.room),
            None if bound.is_some() => return Err(Why::Renamed),
            None => (false, 0),
        };
        let entry_size = if same { 0 } else { OVERHEAD.saturating_add(named.size()) };
        let more = entry_size.saturating_add(self.limits.each.saturating_sub(room));
        let bytes = state.bytes.saturating_add(more);
        if bytes > self.limits.all {
            tracing::error!("no room to keep the answers of named payments; nothing is served");
            return Err(Why::StoreFailed);
        }
        state.bytes = bytes;
        if !same {
            let id = Arc::clone(&named.id);
            state.names.insert(key.clone(), Arc::clone(&id));
            state.ends.insert((expires, Arc::clone(&id)));
            let (key, named) = (key.clone(), named.clone());
            state.entries.insert(id, Entry { key, named, expires, room: 0, answer: None });
        }
        if let Some(entry) = state.entries.get_mut(&named.id) {
            entry.room = entry.room.max(self.limits.each);
        }
        Ok(())
    }

    /// Keeps the answer to a payment that was settled; one that is too large is not kept.
    pub(super) fn keep(&self, key: &PaymentKey, answer: StoredAnswer) {
        let size = answer.size();
        if size > self.limits.each {
            return self.rest(key);
        }
        self.state().with(key, |entry| {
            entry.room = size;
            entry.answer = Some(Arc::new(answer));
        });
    }

    /// Gives back the room that no answer needs at the moment. The name stays bound.
    pub(super) fn rest(&self, key: &PaymentKey) {
        self.state().with(key, |entry| {
            if entry.answer.is_none() {
                entry.room = 0;
            }
        });
    }

    /// Nothing was settled: the name is free again.
    pub(super) fn forget(&self, key: &PaymentKey) {
        let mut state = self.state();
        let Some(id) = state.names.get(key).cloned() else { return };
        if state.entries.get(&id).is_some_and(|entry| entry.answer.is_none()) {
            state.remove(&id);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn with(&mut self, key: &PaymentKey, change: impl FnOnce(&mut Entry)) {
        let entry = self.names.get(key).and_then(|id| self.entries.get_mut(id));
        let Some(entry) = entry else { return };
        let before = entry.room;
        change(entry);
        self.bytes = self.bytes.saturating_sub(before).saturating_add(entry.room);
    }

    fn expire(&mut self, now: u64) {
        while let Some((end, id)) = self.ends.first() {
            if *end > now {
                return;
            }
            let id = Arc::clone(id);
            self.remove(&id);
        }
    }

    fn remove(&mut self, id: &Arc<Id>) {
        let Some(entry) = self.entries.remove(id) else { return };
        self.names.remove(&entry.key);
        self.ends.remove(&(entry.expires, Arc::clone(id)));
        let bytes = OVERHEAD.saturating_add(entry.named.size()).saturating_add(entry.room);
        self.bytes = self.bytes.saturating_sub(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: AnswerLimits = AnswerLimits { each: 1000, all: 5000 };

    fn key(nonce: &str) -> PaymentKey {
        PaymentKey::new("eip155:8453".parse().unwrap(), "0x01", "0x02", nonce)
    }

    fn named(id: u8) -> Named {
        Named::of(Id::from_random([id; 16]), "GET /goods", "{}")
    }

    fn answer(bytes: usize) -> StoredAnswer {
        StoredAnswer { status: 200, headers: Vec::new(), body: vec![7; bytes].into() }
    }

    fn bytes(identifiers: &Identifiers) -> usize {
        identifiers.state().bytes
    }

    #[test]
    fn a_name_is_forgotten_when_its_time_has_run_out() {
        let identifiers = Identifiers::new(LIMITS);
        identifiers.reserve(&key("1"), &named(1), 100, 0).unwrap();
        identifiers.keep(&key("1"), answer(10));
        let found = |now| identifiers.find(&key("1"), &named(1), now);
        assert!(matches!(found(99), Known::Answered(kept) if *kept == answer(10)));
        assert!(matches!(identifiers.find(&key("2"), &named(1), 99), Known::Other));
        assert!(matches!(found(100), Known::Nothing));
        assert_eq!(bytes(&identifiers), 0);
        assert!(matches!(identifiers.find(&key("2"), &named(1), 100), Known::Nothing));
    }

    #[test]
    fn room_is_set_aside_used_and_given_back() {
        let identifiers = Identifiers::new(LIMITS);
        let alone = OVERHEAD + named(1).size();
        identifiers.reserve(&key("1"), &named(1), 100, 0).unwrap();
        assert_eq!(bytes(&identifiers), alone + 1000);
        // Twice for one payment is once.
        identifiers.reserve(&key("1"), &named(1), 100, 0).unwrap();
        assert_eq!(bytes(&identifiers), alone + 1000);
        identifiers.rest(&key("1"));
        assert_eq!(bytes(&identifiers), alone);
        identifiers.reserve(&key("1"), &named(1), 100, 0).unwrap();
        identifiers.keep(&key("1"), answer(10));
        assert_eq!(bytes(&identifiers), alone + 10);
        // What is answered is not taken back.
        identifiers.rest(&key("1"));
        identifiers.forget(&key("1"));
        assert!(matches!(identifiers.find(&key("1"), &named(1), 0), Known::Answered(_)));
        identifiers.reserve(&key("2"), &named(2), 100, 0).unwrap();
        identifiers.keep(&key("2"), answer(1001));
        assert_eq!(bytes(&identifiers), 2 * alone + 10);
        identifiers.forget(&key("2"));
        assert_eq!(bytes(&identifiers), alone + 10);
    }

    #[test]
    fn what_is_full_refuses_until_time_has_run_out() {
        let identifiers = Identifiers::new(LIMITS);
        for id in 1..=2 {
            identifiers.reserve(&key(&id.to_string()), &named(id), 100, 0).unwrap();
        }
        let third = |now| identifiers.reserve(&key("3"), &named(3), 200, now);
        assert!(matches!(third(99), Err(Why::StoreFailed)));
        assert!(third(100).is_ok());
    }

    #[test]
    fn one_name_is_for_one_payment_and_one_payment_for_one_name() {
        let identifiers = Identifiers::new(LIMITS);
        identifiers.reserve(&key("1"), &named(1), 100, 0).unwrap();
        let other_request = Named::of(Id::from_random([1; 16]), "GET /other", "{}");
        let other_payload = Named::of(Id::from_random([1; 16]), "GET /goods", "{ }");
        for (nonce, named) in
            [("1", other_request), ("1", other_payload), ("2", named(1)), ("1", named(2))]
        {
            assert!(matches!(identifiers.find(&key(nonce), &named, 0), Known::Other));
            let refused = identifiers.reserve(&key(nonce), &named, 100, 0);
            assert!(matches!(refused, Err(Why::Renamed)), "{nonce} {named:?}");
        }
        assert!(matches!(identifiers.find(&key("1"), &named(1), 0), Known::Nothing));
    }
}
