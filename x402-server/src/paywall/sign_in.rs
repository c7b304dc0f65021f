use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use hmac::{Hmac, Mac};
use sha2::Sha256;
use x402_evm::sign_in_with_x::verify;
use x402_types::extensions::sign_in_with_x::{
    Challenge, Expected, Info, KEY, MAX_AGE_SECONDS, Message, SiwxError, SupportedChain,
};
use x402_types::{RawObject, decode};

use super::{Paywall, Price};
use crate::engine::{Refused, RequestHead, RequestInfo, seconds_since_1970};

/// Bytes of a header that signs in.
const HEADER_LIMIT: usize = 8 * 1024;
/// Nonces that are remembered as used: some 40 MB.
const MOST_USED: usize = 2_000_000;
/// Seconds for which a nonce is remembered at least. Nobody signs in with it that long after it was
/// told, and so after it was used: a little is added for clocks that are set back.
const REMEMBERED: u64 = MAX_AGE_SECONDS + 60;

/// Signs payers in: the extension `sign-in-with-x`.
///
/// A nonce is half random and half its seal, so none needs to be remembered before it is used; used
/// ones are remembered for as long as their challenge is good.
#[derive(Debug)]
pub(super) struct SignIn {
    origin: String,
    chains: Vec<SupportedChain>,
    key: [u8; 32],
    used: Arc<Used>,
}

/// The nonces that have signed in, at all prices of a paywall.
///
/// Of each only the random half, which stands in no other challenge. Kept in two generations, of
/// which the older is dropped as a whole: nothing is looked through. There is room for so many that
/// whoever wants to fill it signs in some three thousand times a second; where it is full nobody is
/// signed in until a generation is dropped; who does not sign in is told prices as ever.
#[derive(Debug, Default)]
pub(super) struct Used {
    generations: Mutex<Generations>,
}

#[derive(Debug, Default)]
struct Generations {
    /// The second in which the younger began.
    began: u64,
    younger: HashSet<u64>,
    older: HashSet<u64>,
}

impl Used {
    /// Remembers a nonce; `false` where it was used before, or there is no room.
    fn use_up(&self, nonce: u64, now: u64) -> bool {
        let mut used = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        used.turn(now);
        if used.older.contains(&nonce) {
            return false;
        }
        let room = used.younger.len() + used.older.len() < MOST_USED;
        if !room {
            tracing::error!("too many sign-ins to be remembered; nobody is signed in");
        }
        room && used.younger.insert(nonce)
    }
}

impl Generations {
    fn turn(&mut self, now: u64) {
        if now < self.began {
            // The clock was set back. Nothing is forgotten for that.
            self.began = now;
        }
        let age = now - self.began;
        if age < REMEMBERED {
            return;
        }
        self.older = std::mem::take(&mut self.younger);
        if age >= 2 * REMEMBERED {
            self.older = HashSet::new();
        }
        self.began = now;
    }
}

impl SignIn {
    pub(super) fn new(paywall: &Paywall) -> Arc<Self> {
        let mut chains: Vec<SupportedChain> = Vec::new();
        let networks = paywall.inner.assets.iter().map(|it| it.asset.network.clone());
        for chain in networks.filter_map(SupportedChain::new) {
            if !chains.contains(&chain) {
                chains.push(chain);
            }
        }
        let (origin, key) = (origin(&paywall.rules().public_url), paywall.inner.quote_key);
        Arc::new(Self { origin, chains, key, used: Arc::clone(&paywall.inner.signed_in) })
    }

    /// Who signed in with this request; `None` where nobody tried to.
    pub(super) fn payer(&self, request: &RequestInfo) -> Result<Option<String>, Refused> {
        let mut headers = request.header_values("sign-in-with-x");
        let Some(header) = headers.next() else { return Ok(None) };
        let signed_in = match headers.next() {
            Some(_) => Err(SiwxError::Malformed),
            None => self.read(header, request.path()),
        };
        signed_in.map(Some).map_err(|error| {
            tracing::debug!(%error, "not signed in");
            Refused::new(401, error.as_str(), "The signature does not sign in: get new terms.")
        })
    }

    fn read(&self, header: &[u8], path: &str) -> Result<String, SiwxError> {
        let message: Message = decode(header, HEADER_LIMIT).map_err(|_| SiwxError::Malformed)?;
        let now = seconds_since_1970();
        let (origin, chains) = (&*self.origin, &*self.chains);
        message.check(&Expected { origin, chains, now })?;
        if message.info.uri != [&*self.origin, path].concat() {
            return Err(SiwxError::UriMismatch);
        }
        let nonce = u128::from_str_radix(&message.info.nonce, 16).map_err(|_| SiwxError::Nonce)?;
        let (seal, lot) = ((nonce >> 64) as u64, nonce as u64);
        if message.info.nonce.len() != 32 || !self.is_sealed(lot, &message.info, seal) {
            return Err(SiwxError::Nonce);
        }
        let address = verify(&message)?;
        if self.used.use_up(lot, now) {
            Ok(address.to_string().to_lowercase())
        } else {
            Err(SiwxError::Nonce)
        }
    }

    /// The price with a fresh challenge to sign in.
    pub(super) fn declare(
        &self,
        price: Price,
        path: &str,
    ) -> Result<Price, Box<dyn std::error::Error + Send + Sync>> {
        let mut lot = [0; 8];
        getrandom::fill(&mut lot).map_err(|error| error.to_string())?;
        let now = seconds_since_1970();
        let lot = u64::from_be_bytes(lot);
        let domain = self.origin.split_once("://").map_or("", |(_, host)| host);
        let uri = [&*self.origin, path].concat();
        let info = Info::new(domain, uri, [0; 16], now)?;
        let seal = self.seal(lot, &info);
        let seal = seal.finalize().into_bytes();
        let nonce = [seal.get(..8).unwrap_or_default(), &lot.to_be_bytes()].concat();
        let nonce = nonce.iter().map(|byte| format!("{byte:02x}")).collect();
        let challenge = Challenge::new(Info { nonce, ..info }, self.chains.clone())?;
        Ok(price.extension(KEY, RawObject::new(&challenge)?))
    }

    fn is_sealed(&self, lot: u64, info: &Info, seal: u64) -> bool {
        self.seal(lot, info).verify_truncated_left(&seal.to_be_bytes()).is_ok()
    }

    fn seal(&self, lot: u64, info: &Info) -> Hmac<Sha256> {
        let mut mac = super::quote::keyed(&self.key);
        mac.update(format!("x402 sign-in\n{lot}\n{}\n{}", info.issued_at, info.uri).as_bytes());
        mac
    }
}

/// Scheme and host, in lower case and without a port that is the scheme's own.
fn origin(public_url: &str) -> String {
    let (scheme, rest) = public_url.split_once("://").unwrap_or(("https", public_url));
    let host = rest.split('/').next().unwrap_or("").to_ascii_lowercase();
    let scheme = scheme.to_ascii_lowercase();
    let usual = if scheme == "https" { ":443" } else { ":80" };
    format!("{scheme}://{}", host.strip_suffix(usual).unwrap_or(&host))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nonce_signs_in_once_for_as_long_as_its_challenge_can_be_good() {
        let used = Used::default();
        for began in [0, 1_000_000] {
            // Used in the first or the last second of a generation.
            for first in [began, began + REMEMBERED - 1] {
                assert!(used.use_up(first, first));
                for later in 0..=MAX_AGE_SECONDS {
                    assert!(!used.use_up(first, first + later), "{later} seconds later");
                }
            }
        }
        assert!(used.generations.lock().unwrap().older.len() <= 2);
        // Far too late for its challenge, and long forgotten.
        assert!(used.use_up(0, 10_000_000));
    }

    #[test]
    fn a_clock_that_is_set_back_makes_nobody_forget_and_nothing_last() {
        let used = Used::default();
        assert!(used.use_up(1, 10_000_000));
        assert!(!used.use_up(1, 1_000));
        assert!(!used.use_up(1, 1_000 + MAX_AGE_SECONDS));
        assert!(used.use_up(1, 1_000 + 2 * REMEMBERED));
    }

    #[test]
    fn what_is_full_signs_nobody_in_until_a_generation_has_passed() {
        let used = Used::default();
        let half = MOST_USED as u64 / 2;
        let sign_in = |from: u64, now| (from..from + half).all(|nonce| used.use_up(nonce, now));
        assert!(sign_in(0, 0));
        assert!(sign_in(half, REMEMBERED));
        assert!(!used.use_up(u64::MAX, REMEMBERED) && !used.use_up(u64::MAX, 2 * REMEMBERED - 1));
        // The first half has lapsed.
        assert!(used.use_up(u64::MAX, 2 * REMEMBERED));
        assert!(!used.use_up(half, 2 * REMEMBERED), "the second half is remembered");
    }
}
