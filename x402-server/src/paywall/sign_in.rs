use std::collections::HashMap;
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
/// Nonces that are remembered as used.
const MOST_USED: usize = 100_000;

/// Signs payers in: the extension `sign-in-with-x`.
///
/// A nonce is half random and half its seal, so none needs to be remembered before it is used; used
/// ones are remembered for as long as their challenge is good.
#[derive(Debug)]
pub(super) struct SignIn {
    origin: String,
    chains: Vec<SupportedChain>,
    key: [u8; 32],
    used: Mutex<HashMap<String, u64>>,
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
        Arc::new(Self { origin, chains, key, used: Mutex::default() })
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
        self.use_up(message.info.nonce.to_ascii_lowercase(), now)?;
        Ok(address.to_string())
    }

    /// Remembers a nonce, once. Where there is no room nobody is signed in.
    fn use_up(&self, nonce: String, now: u64) -> Result<(), SiwxError> {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        if used.len() >= MOST_USED {
            used.retain(|_, until| *until >= now);
        }
        let room = used.len() < MOST_USED;
        let until = now.saturating_add(2 * MAX_AGE_SECONDS);
        if room && used.insert(nonce, until).is_none() { Ok(()) } else { Err(SiwxError::Nonce) }
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
