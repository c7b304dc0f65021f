use std::fmt;

use super::time::read;
use super::{Info, Message, SignatureType, SupportedChain};

/// How old a challenge may be, in seconds.
pub const MAX_AGE_SECONDS: u64 = 5 * 60;

/// What a server holds a [`Message`] against.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// The server's own origin, from its configuration: `https://api.example.com`, in lower case and
    /// without a port that is the scheme's own.
    pub origin: &'a str,
    /// Whose signatures it understands.
    pub chains: &'a [SupportedChain],
    /// The time, in seconds since 1970.
    pub now: u64,
}

macro_rules! errors {
    ($($variant:ident $spelling:literal $meaning:literal,)*) => {
        /// Why a client is not signed in.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum SiwxError {
            $(#[doc = concat!($meaning, ": `", $spelling, "`.")] $variant,)*
        }

        impl SiwxError {
            /// The spelling on the wire.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $spelling,)*
                }
            }

            const fn meaning(self) -> &'static str {
                match self {
                    $(Self::$variant => $meaning,)*
                }
            }

            /// Every error there is.
            pub const KNOWN: &[Self] = &[$(Self::$variant,)*];
        }
    };
}

errors! {
    DomainMismatch "invalid_siwx_domain_mismatch" "Signed for another host",
    UriMismatch "invalid_siwx_uri_mismatch" "Signed for another origin",
    IssuedAt "invalid_siwx_issued_at" "The time of issue is no time",
    IssuedAtTooOld "invalid_siwx_issued_at_too_old" "Issued more than five minutes ago",
    IssuedAtInFuture "invalid_siwx_issued_at_in_future" "Issued in the future",
    ExpirationTime "invalid_siwx_expiration_time" "The time of expiry is no time",
    Expired "invalid_siwx_expired" "Expired",
    NotBefore "invalid_siwx_not_before" "The time of its beginning is no time",
    NotYetValid "invalid_siwx_not_yet_valid" "Not valid yet",
    Nonce "invalid_siwx_nonce" "The nonce is none, not the server's, or was used",
    MalformedSignature "invalid_siwx_malformed_signature" "The signature is none",
    Signature "invalid_siwx_signature" "The signature is another's",
    ChainId "invalid_siwx_chain_id" "Accounts of this chain do not sign so",
    UnsupportedChain "invalid_siwx_unsupported_chain" "The chain is not supported",
    VerifierError "invalid_siwx_verifier_error" "The signature could not be verified",
    Malformed "invalid_siwx_malformed" "A field is not one line, or not of this version",
}

impl fmt::Display for SiwxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.meaning())
    }
}

impl std::error::Error for SiwxError {}

impl Message {
    /// Everything but the signature, and but whether the nonce is the server's and unused.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn check(&self, expected: &Expected<'_>) -> Result<(), SiwxError> {
        self.info.check_origin(expected.origin)?;
        self.info.check_times(expected.now)?;
        if self.info.version != "1" {
            return Err(SiwxError::Malformed);
        }
        if SignatureType::of(&self.chain_id).is_some_and(|usual| usual != self.signature_type) {
            return Err(SiwxError::ChainId);
        }
        let supported = |chain: &SupportedChain| {
            chain.chain_id == self.chain_id && chain.signature_type == self.signature_type
        };
        if !expected.chains.iter().any(supported) {
            return Err(SiwxError::UnsupportedChain);
        }
        self.text().map(drop)
    }
}

impl Info {
    /// Whether this is for `origin`: a client asks before it signs, a server before it believes.
    ///
    /// # Errors
    /// [`SiwxError::DomainMismatch`] or [`SiwxError::UriMismatch`].
    pub fn check_origin(&self, origin: &str) -> Result<(), SiwxError> {
        let host = match origin.split_once("://") {
            Some((_, host)) if !host.is_empty() => host,
            _ => return Err(SiwxError::DomainMismatch),
        };
        if self.domain != host {
            return Err(SiwxError::DomainMismatch);
        }
        match self.uri.strip_prefix(origin) {
            Some(rest) if rest.is_empty() || rest.starts_with(['/', '?', '#']) => Ok(()),
            _ => Err(SiwxError::UriMismatch),
        }
    }

    /// Whether this may be used at `now`, in seconds since 1970. Within one second the server's own
    /// clock is behind nobody's.
    ///
    /// # Errors
    /// Which of the times forbids it.
    pub fn check_times(&self, now: u64) -> Result<(), SiwxError> {
        let begin = i64::try_from(now).unwrap_or(i64::MAX).saturating_mul(1000);
        let end = begin.saturating_add(999);
        let issued = read(&self.issued_at).map_err(|_| SiwxError::IssuedAt)?;
        if issued > end {
            return Err(SiwxError::IssuedAtInFuture);
        }
        if begin.saturating_sub(issued) > i64::try_from(MAX_AGE_SECONDS * 1000).unwrap_or(0) {
            return Err(SiwxError::IssuedAtTooOld);
        }
        if let Some(until) = &self.expiration_time
            && read(until).map_err(|_| SiwxError::ExpirationTime)? < begin
        {
            return Err(SiwxError::Expired);
        }
        if let Some(from) = &self.not_before
            && read(from).map_err(|_| SiwxError::NotBefore)? > end
        {
            return Err(SiwxError::NotYetValid);
        }
        Ok(())
    }
}
