//! JSON-RPC errors, with the codes and words of geth.

use std::borrow::Cow;

use alloy_primitives::Bytes;
use serde::Serialize;

use crate::chain::{call_error::CallError, submit::SubmitError};

/// The `error` member of an answer.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct RpcError {
    pub(crate) code: i64,
    pub(crate) message: Cow<'static, str>,
    /// The bytes of a revert.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) data: Option<Bytes>,
}

impl RpcError {
    pub(crate) fn new(code: i64, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, message: message.into(), data: None }
    }

    pub(crate) fn parse() -> Self {
        Self::new(-32700, "parse error")
    }

    pub(crate) fn request(why: &'static str) -> Self {
        Self::new(-32600, why)
    }

    pub(crate) fn params(why: impl Into<Cow<'static, str>>) -> Self {
        Self::new(-32602, why)
    }

    /// What a node answers to a well-formed request that it cannot fulfil.
    pub(crate) fn server(why: impl Into<Cow<'static, str>>) -> Self {
        Self::new(-32000, why)
    }

    pub(crate) fn unknown_method(method: &str) -> Self {
        let method: String = method.chars().take(64).collect();
        Self::new(-32601, format!("the method {method} does not exist/is not available"))
    }
}

impl From<SubmitError> for RpcError {
    fn from(error: SubmitError) -> Self {
        Self::server(error.to_string())
    }
}

impl From<CallError> for RpcError {
    fn from(error: CallError) -> Self {
        let message = error.to_string();
        match error {
            CallError::Reverted(data) => {
                Self { code: 3, message: message.into(), data: Some(data) }
            }
            _ => Self::server(message),
        }
    }
}
