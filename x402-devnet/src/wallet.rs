//! Smart wallets: payers whose signature only their own code can check.

use alloy_primitives::{Address, address};
use alloy_sol_types::sol;

/// Where the wallet factory stands on every development chain. Its interface is
/// [`DevWalletFactory`].
pub const WALLET_FACTORY: Address = address!("0xFac7000000000000000000000000000000001271");

sol! {
    /// The interface of a development wallet: ERC-1271 for the key of one owner. A wallet whose
    /// code was placed by hand takes its owner from the first `init`.
    #[derive(Debug, PartialEq, Eq)]
    interface DevWallet {
        error AlreadyInitialized();
        error InvalidOwner();
        error NotTheOwner();

        function owner() external view returns (address);
        function init(address newOwner) external;
        function execute(address target, uint256 value, bytes calldata data) external returns (bytes memory);
        function isValidSignature(bytes32 digest, bytes calldata signature) external view returns (bytes4);
    }

    /// The interface of the wallet factory. `deploy` takes any caller, and gives the address of a
    /// wallet that stands already.
    #[derive(Debug, PartialEq, Eq)]
    interface DevWalletFactory {
        function deploy(address owner, bytes32 salt) external returns (address wallet);
        function addressOf(address owner, bytes32 salt) external view returns (address);
    }
}

/// A development wallet could not be deployed or foretold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WalletError {
    /// The zero address owns no wallet.
    #[error("the zero address cannot own a wallet")]
    ZeroOwner,
    /// Something else than the wallet factory stands at its address.
    #[error("no wallet factory answers at {WALLET_FACTORY}: {0}")]
    NotTheFactory(String),
}
