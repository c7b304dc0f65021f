//! Positional parameters.

use alloy_eips::BlockId;
use alloy_primitives::U256;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::RpcError;

/// The parameters of a request, each read when it is asked for.
#[derive(Debug)]
pub(crate) struct Params<'a>(Vec<&'a RawValue>);

impl<'a> Params<'a> {
    pub(crate) fn read(raw: Option<&'a RawValue>) -> Result<Self, RpcError> {
        match raw.map(RawValue::get) {
            None | Some("null") => Ok(Self(Vec::new())),
            Some(array) => serde_json::from_str(array)
                .map(Self)
                .map_err(|_| RpcError::params("non-array args")),
        }
    }

    pub(crate) fn need<T: Deserialize<'a>>(&self, at: usize) -> Result<T, RpcError> {
        self.find(at)?
            .ok_or_else(|| RpcError::params(format!("missing value for required argument {at}")))
    }

    pub(crate) fn find<T: Deserialize<'a>>(&self, at: usize) -> Result<Option<T>, RpcError> {
        let Some(raw) = self.0.get(at) else { return Ok(None) };
        serde_json::from_str(raw.get())
            .map_err(|error| RpcError::params(format!("invalid argument {at}: {error}")))
    }

    /// A block, the latest where none is named.
    pub(crate) fn block(&self, at: usize) -> Result<BlockId, RpcError> {
        Ok(self.find(at)?.unwrap_or_default())
    }

    /// A number as hex, as a decimal string or as a JSON number: tools differ.
    pub(crate) fn number(&self, at: usize) -> Result<u64, RpcError> {
        let number: U256 = self.need(at)?;
        u64::try_from(number)
            .map_err(|_| RpcError::params(format!("invalid argument {at}: more than 64 bits")))
    }
}
