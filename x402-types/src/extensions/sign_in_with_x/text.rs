use std::fmt::Write as _;

use super::{Info, SiwxError};
use crate::Network;

impl Info {
    /// The text that a wallet signs: EIP-4361 on EVM chains, and its like on Solana.
    ///
    /// `address` stands in it as it is given: on EVM chains the mixed-case checksum form is due.
    ///
    /// # Errors
    /// [`SiwxError::UnsupportedChain`] where the chain is neither; [`SiwxError::Malformed`] where a
    /// field would break out of its line; [`SiwxError::Nonce`] where the nonce is none.
    pub fn message_text(&self, address: &str, chain: &Network) -> Result<String, SiwxError> {
        let (kind, reference) = match chain.as_str().split_once(':') {
            Some(("eip155", reference)) => ("Ethereum", reference),
            Some(("solana", reference)) => ("Solana", reference),
            _ => return Err(SiwxError::UnsupportedChain),
        };
        self.check_lines(address)?;
        let Self { domain, uri, version, nonce, issued_at, .. } = self;
        let mut text =
            format!("{domain} wants you to sign in with your {kind} account:\n{address}\n\n");
        match &self.statement {
            // An empty statement is one on EVM chains, and none on Solana.
            Some(statement) if kind == "Ethereum" || !statement.is_empty() => {
                text.push_str(statement);
                text.push_str("\n\n");
            }
            _ if kind == "Ethereum" => text.push('\n'),
            _ => {}
        }
        let _ = write!(
            text,
            "URI: {uri}\nVersion: {version}\nChain ID: {reference}\nNonce: {nonce}\nIssued At: {issued_at}"
        );
        let optional = [
            ("Expiration Time", &self.expiration_time),
            ("Not Before", &self.not_before),
            ("Request ID", &self.request_id),
        ];
        for (name, value) in optional {
            if let Some(value) = value {
                let _ = write!(text, "\n{name}: {value}");
            }
        }
        if !self.resources.is_empty() {
            text.push_str("\nResources:");
            for resource in &self.resources {
                let _ = write!(text, "\n- {resource}");
            }
        }
        Ok(text)
    }

    /// Each field is a line of its own: what has line breaks could say what it is not.
    fn check_lines(&self, address: &str) -> Result<(), SiwxError> {
        let words = [&self.domain, &self.uri, &self.version, &self.issued_at]
            .into_iter()
            .chain(&self.expiration_time)
            .chain(&self.not_before)
            .chain(&self.resources)
            .map(String::as_str)
            .chain([address]);
        let lines = [&self.statement, &self.request_id].into_iter().flatten();
        let word = |text: &str| {
            !text.is_empty() && !text.chars().any(|c| c.is_control() || c.is_whitespace())
        };
        let line = |text: &str| {
            !text.chars().any(|c| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}'))
        };
        if !words.into_iter().all(word) || !lines.into_iter().all(|text| line(text)) {
            return Err(SiwxError::Malformed);
        }
        let digits = self.nonce.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if (8..=128).contains(&self.nonce.len()) && digits { Ok(()) } else { Err(SiwxError::Nonce) }
    }
}
