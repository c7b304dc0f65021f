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
/// its time has run out. That takes little, and is counted apart as long as nobody has found the
/// payment good: whoever sends payments that are not, keeps no room from others.
///
/// Room for the answer is set aside when the payment was found good, before the handler runs. Where
/// there is none, it is refused uncharged; a payment that is settled before it is served, before
/// that. What is settled is served in any case, and where there is no room by then its answer is not
/// kept: sent again, the payment is answered as one that was used. What streams keeps no answer, and
/// has no room set aside. Nothing is forgotten before its time.
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
    /// Names of payments that were found good, and room for their answers.
    bytes: usize,
    /// Names of the others.
    doubtful: usize,
}

#[derive(Debug)]
struct Entry {
    key: PaymentKey,
    named: Named,
    expires: u64,
    /// Whether the payment was found good, or may even be settled.
    good: bool,
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

/// Bytes of all names whose payments are being verified, or settled unverified: more than fifty
/// thousand.
const MOST_DOUBTFUL: usize = 64 << 20;

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

    /// Binds a name to a payment that is claimed.
    pub(super) fn bind(
        &self,
        key: &PaymentKey,
        named: &Named,
        expires: u64,
        now: u64,
    ) -> Result<(), Why> {
        let mut state = self.state();
        state.expire(now);
        match state.entries.get(&named.id) {
            Some(entry) if entry.named != *named || entry.key != *key => return Err(Why::Renamed),
            Some(_) => return Ok(()),
            None if state.names.contains_key(key) => return Err(Why::Renamed),
            None => {}
        }
        let (key, named) = (key.clone(), named.clone());
        let entry = Entry { key, named, expires, good: false, room: 0, answer: None };
        let doubtful = state.doubtful.saturating_add(entry.size());
        if doubtful > MOST_DOUBTFUL {
            tracing::error!("too many named payments are being verified; nothing is served");
            return Err(Why::StoreFailed);
        }
        state.doubtful = doubtful;
        let id = Arc::clone(&entry.named.id);
        state.names.insert(entry.key.clone(), Arc::clone(&id));
        state.ends.insert((expires, Arc::clone(&id)));
        state.entries.insert(id, entry);
        Ok(())
    }

    /// Whether there is room for one more answer, or where none will be kept, for one more name.
    pub(super) fn has_room(&self, keeps: bool) -> bool {
        let room = if keeps { self.limits.each } else { 0 };
        let more = OVERHEAD.saturating_add(room);
        let fits = self.state().bytes.saturating_add(more) <= self.limits.all;
        fits || full()
    }

    /// The payment of a name was found good, or is settled: sets room aside for its answer, where one
    /// will be kept. `false` where there is none; the name stays bound.
    pub(super) fn set_aside(&self, key: &PaymentKey, keeps: bool) -> bool {
        let room = if keeps { self.limits.each } else { 0 };
        let mut state = self.state();
        state.with(key, |entry| entry.good = true);
        let bytes = state.bytes;
        let mut fits = false;
        state.with(key, |entry| {
            let more = room.saturating_sub(entry.room);
            fits = bytes.saturating_add(more) <= self.limits.all;
            if fits {
                entry.room += more;
            }
        });
        fits || full()
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

    /// Gives back the room that no answer needs at the moment. The name stays bound: its payment is
    /// settled, or may be.
    pub(super) fn rest(&self, key: &PaymentKey) {
        self.state().with(key, |entry| {
            entry.good = true;
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
        let before = entry.held();
        change(entry);
        let after = entry.held();
        self.count(before, after);
    }

    /// Bytes of an entry, as they were and as they are: doubtful ones, and others.
    fn count(&mut self, before: (usize, usize), after: (usize, usize)) {
        self.doubtful = self.doubtful.saturating_sub(before.0).saturating_add(after.0);
        self.bytes = self.bytes.saturating_sub(before.1).saturating_add(after.1);
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
        self.count(entry.held(), (0, 0));
    }
}

fn full() -> bool {
    tracing::error!("no room to keep the answers of named payments");
    false
}

impl Entry {
    /// Bytes without the answer.
    fn size(&self) -> usize {
        OVERHEAD.saturating_add(self.named.size())
    }

    /// Bytes that it takes: of what is doubtful, and of the others.
    fn held(&self) -> (usize, usize) {
        match self.good {
            true => (0, self.size().saturating_add(self.room)),
            false => (self.size(), 0),
        }
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

    fn doubtful(identifiers: &Identifiers) -> usize {
        identifiers.state().doubtful
    }

    #[test]
    fn a_name_is_forgotten_when_its_time_has_run_out() {
        let identifiers = Identifiers::new(LIMITS);
        identifiers.bind(&key("1"), &named(1), 100, 0).unwrap();
        assert!(identifiers.set_aside(&key("1"), true));
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
        identifiers.bind(&key("1"), &named(1), 100, 0).unwrap();
        assert_eq!((bytes(&identifiers), doubtful(&identifiers)), (0, alone));
        // Twice for one payment is once.
        for _ in 0..2 {
            identifiers.bind(&key("1"), &named(1), 100, 0).unwrap();
            assert!(identifiers.set_aside(&key("1"), true));
            assert_eq!((bytes(&identifiers), doubtful(&identifiers)), (alone + 1000, 0));
        }
        identifiers.rest(&key("1"));
        assert_eq!(bytes(&identifiers), alone);
        assert!(identifiers.set_aside(&key("1"), true));
        identifiers.keep(&key("1"), answer(10));
        assert_eq!(bytes(&identifiers), alone + 10);
        // What is answered is not taken back.
        identifiers.rest(&key("1"));
        identifiers.forget(&key("1"));
        assert!(matches!(identifiers.find(&key("1"), &named(1), 0), Known::Answered(_)));
        identifiers.bind(&key("2"), &named(2), 100, 0).unwrap();
        assert!(identifiers.set_aside(&key("2"), true));
        identifiers.keep(&key("2"), answer(1001));
        assert_eq!(bytes(&identifiers), 2 * alone + 10);
        identifiers.forget(&key("2"));
        assert_eq!(bytes(&identifiers), alone + 10);
        // What streams keeps nothing.
        identifiers.bind(&key("3"), &named(3), 100, 0).unwrap();
        assert!(identifiers.set_aside(&key("3"), false));
        assert_eq!(bytes(&identifiers), 2 * alone + 10);
    }

    #[test]
    fn payments_that_nobody_found_good_leave_the_room_to_others() {
        let identifiers = Identifiers::new(LIMITS);
        for id in 1..=100 {
            identifiers.bind(&key(&id.to_string()), &named(id), 100, 0).unwrap();
        }
        assert!(bytes(&identifiers) == 0 && identifiers.has_room(true));
        assert!(identifiers.set_aside(&key("1"), true));
        for id in 1..=100 {
            identifiers.forget(&key(&id.to_string()));
        }
        assert_eq!((bytes(&identifiers), doubtful(&identifiers)), (0, 0));
    }

    #[test]
    fn names_that_nobody_found_good_have_a_bound_of_their_own() {
        let identifiers = Identifiers::new(LIMITS);
        let id = |number: u32| {
            let mut bytes = [0; 16];
            bytes[..4].copy_from_slice(&number.to_be_bytes());
            Named::of(Id::from_random(bytes), "GET /goods", "{}")
        };
        let fits = u32::try_from(MOST_DOUBTFUL / (OVERHEAD + id(0).size())).unwrap();
        assert!(fits > 50_000, "{fits}");
        let bind = |number: u32| identifiers.bind(&key(&number.to_string()), &id(number), 100, 0);
        assert!((0..fits).all(|number| bind(number).is_ok()));
        assert!(matches!(bind(fits), Err(Why::StoreFailed)));
        // One that is found good makes room, and so does one that is given back.
        assert!(identifiers.set_aside(&key("0"), true));
        bind(fits).unwrap();
        identifiers.forget(&key("1"));
        bind(fits + 1).unwrap();
        assert!(bind(1).is_err());
    }

    #[test]
    fn what_is_full_refuses_until_time_has_run_out() {
        let identifiers = Identifiers::new(LIMITS);
        let take = |id: u8, now| {
            identifiers.bind(&key(&id.to_string()), &named(id), now + 100, now).unwrap();
            identifiers.set_aside(&key(&id.to_string()), true)
        };
        assert!(take(1, 0) && take(2, 0) && !take(3, 99));
        identifiers.forget(&key("3"));
        assert!(!identifiers.has_room(true));
        assert!(take(3, 100) && identifiers.has_room(true));
    }

    #[test]
    fn one_name_is_for_one_payment_and_one_payment_for_one_name() {
        let identifiers = Identifiers::new(LIMITS);
        identifiers.bind(&key("1"), &named(1), 100, 0).unwrap();
        let other_request = Named::of(Id::from_random([1; 16]), "GET /other", "{}");
        let other_payload = Named::of(Id::from_random([1; 16]), "GET /goods", "{ }");
        for (nonce, named) in
            [("1", other_request), ("1", other_payload), ("2", named(1)), ("1", named(2))]
        {
            assert!(matches!(identifiers.find(&key(nonce), &named, 0), Known::Other));
            let refused = identifiers.bind(&key(nonce), &named, 100, 0);
            assert!(matches!(refused, Err(Why::Renamed)), "{nonce} {named:?}");
        }
        assert!(matches!(identifiers.find(&key("1"), &named(1), 0), Known::Nothing));
    }
}
