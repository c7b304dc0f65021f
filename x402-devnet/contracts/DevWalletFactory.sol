// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {DevWallet} from "./DevWallet.sol";

/// @title Deploys development wallets to addresses that are known beforehand
/// @dev For development chains only.
contract DevWalletFactory {
    /// @notice Deploys the owner's wallet. Where it stands already, gives its address.
    function deploy(address owner, bytes32 salt) external returns (address wallet) {
        wallet = addressOf(owner, salt);
        if (wallet.code.length == 0) new DevWallet{salt: _salt(owner, salt)}().init(owner);
    }

    /// @notice Where the owner's wallet stands, or will.
    function addressOf(address owner, bytes32 salt) public view returns (address) {
        bytes32 code = keccak256(type(DevWallet).creationCode);
        bytes32 hash = keccak256(abi.encodePacked(bytes1(0xff), address(this), _salt(owner, salt), code));
        return address(uint160(uint256(hash)));
    }

    /// @dev The creation code does not name the owner, so the salt does.
    function _salt(address owner, bytes32 salt) private pure returns (bytes32) {
        return keccak256(abi.encode(owner, salt));
    }
}
