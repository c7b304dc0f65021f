//! The JSON-RPC methods, apart from any transport.

mod chain_methods;
mod dev_methods;
mod error;
mod fee_history;
mod params;
mod state_methods;
mod wire;

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

pub(crate) use error::RpcError;
pub(crate) use params::Params;

use crate::node::Node;

/// The result of a method, encoded.
pub(crate) type Answer = Result<Box<RawValue>, RpcError>;

impl Node {
    /// Answers one request.
    pub(crate) fn handle(&self, method: &str, params: Option<&RawValue>) -> Answer {
        let params = Params::read(params)?;
        self.chain_method(method, &params)
            .or_else(|| self.state_method(method, &params))
            .or_else(|| self.dev_method(method, &params))
            .unwrap_or_else(|| Err(RpcError::unknown_method(method)))
    }
}

fn answer<T: Serialize>(value: T) -> Answer {
    to_raw_value(&value).map_err(|error| RpcError::new(-32603, error.to_string()))
}
