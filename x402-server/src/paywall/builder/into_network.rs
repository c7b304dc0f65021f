use x402_types::{Network, NetworkError};

/// What names a network: a [`Network`], CAIP-2, or a name of version 1.
pub trait IntoNetwork {
    /// The network.
    ///
    /// # Errors
    /// [`NetworkError`] where there is none of this name.
    fn into_network(self) -> Result<Network, NetworkError>;
}

impl IntoNetwork for Network {
    fn into_network(self) -> Result<Network, NetworkError> {
        Ok(self)
    }
}

impl IntoNetwork for &str {
    fn into_network(self) -> Result<Network, NetworkError> {
        self.parse()
    }
}
