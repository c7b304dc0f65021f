//! What a node's reply to a transaction means.

use crate::RpcError;

/// A node's reply to a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    /// The node has it.
    Accepted,
    /// A block has another transaction of this nonce, or this very one.
    NonceTooLow,
    /// Another transaction of this nonce waits for a block.
    Conflict,
    /// The account cannot pay for it.
    NoGas,
    /// The node does not take it, for this reason.
    Refused(String),
    /// It may have arrived or not.
    Unclear(String),
}

impl Reply {
    /// Reads the words of geth, reth, erigon, nethermind and besu.
    pub(crate) fn of(result: &Result<(), RpcError>) -> Self {
        let error = match result {
            Ok(()) => return Self::Accepted,
            Err(error) => error,
        };
        let RpcError::Answer { message, .. } = error else {
            return Self::Unclear(error.to_string());
        };
        let message = message.clone();
        let words = message.to_ascii_lowercase();
        let says = |signs: &[&str]| signs.iter().any(|sign| words.contains(sign));
        if says(&["unknown"]) {
            Self::Unclear(message)
        } else if says(&["already known", "alreadyknown", "known transaction", "already imported"])
        {
            Self::Accepted
        } else if says(&["nonce too low", "nonce is too low", "oldnonce", "noncetoolow"]) {
            Self::NonceTooLow
        } else if says(&["replacement", "replace existing"]) {
            Self::Conflict
        } else if says(&["insufficient funds", "insufficientfunds", "upfront cost exceeds"]) {
            Self::NoGas
        } else if says(&[
            "underpriced",
            "less than block base fee",
            "feetoolow",
            "fee too low",
            "intrinsic gas",
            "exceeds block gas limit",
            "gas limit too high",
            "gaslimitexceeded",
            "txpool is full",
            "invalid chain id",
            "invalid sender",
            "type not supported",
            "not whitelisted",
        ]) {
            Self::Refused(message)
        } else {
            Self::Unclear(message)
        }
    }

    /// Whether the node said plainly that it does not have the transaction.
    pub(crate) fn is_no(&self) -> bool {
        matches!(self, Self::NonceTooLow | Self::Conflict | Self::NoGas | Self::Refused(_))
    }
}

#[cfg(test)]
mod tests {
    use alloy_transport::{TransportError, TransportErrorKind};

    use super::*;

    fn reply(message: &'static str) -> Reply {
        let payload =
            serde_json::from_value(serde_json::json!({"code": -32000, "message": message}));
        Reply::of(&Err(TransportError::ErrorResp(payload.unwrap()).into()))
    }

    #[test]
    fn each_node_is_understood() {
        for (message, meaning) in [
            ("already known", Reply::Accepted),
            ("AlreadyKnown", Reply::Accepted),
            ("Known transaction", Reply::Accepted),
            ("nonce too low: next nonce 7, tx nonce 5", Reply::NonceTooLow),
            ("OldNonce, Current nonce: 7, nonce of rejected tx: 5", Reply::NonceTooLow),
            ("replacement transaction underpriced", Reply::Conflict),
            ("could not replace existing tx", Reply::Conflict),
            ("insufficient funds for gas * price + value: balance 0", Reply::NoGas),
            ("Upfront cost exceeds account balance", Reply::NoGas),
        ] {
            assert_eq!(reply(message), meaning, "{message}");
        }
        assert!(matches!(reply("txpool is full"), Reply::Refused(_)));
        assert!(matches!(reply("transaction underpriced"), Reply::Refused(_)));
    }

    #[test]
    fn what_is_not_understood_may_have_arrived() {
        assert!(matches!(reply("upstream timed out"), Reply::Unclear(_)));
        assert!(matches!(reply("nonce too high"), Reply::Unclear(_)));
        assert!(matches!(reply("unknown transaction type"), Reply::Unclear(_)));
        let lost = Reply::of(&Err(RpcError::from(TransportErrorKind::backend_gone())));
        assert!(matches!(lost, Reply::Unclear(_)));
    }
}
