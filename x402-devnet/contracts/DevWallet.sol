// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title A development wallet that signs through ERC-1271 with its owner's key
/// @dev For development chains only: a digest is not bound to the wallet, so that a signature for
/// one wallet of an owner is one for all of them.
contract DevWallet {
    bytes4 private constant MAGIC = 0x1626ba7e;
    bytes4 private constant REFUSAL = 0xffffffff;

    address public owner;

    error AlreadyInitialized();
    error InvalidOwner();
    error NotTheOwner();

    receive() external payable {}

    /// @notice Gives the wallet its owner, once.
    function init(address newOwner) external {
        if (owner != address(0)) revert AlreadyInitialized();
        if (newOwner == address(0)) revert InvalidOwner();
        owner = newOwner;
    }

    /// @notice Calls another contract as the wallet, such as a token to allow a spender.
    function execute(address target, uint256 value, bytes calldata data) external returns (bytes memory) {
        if (msg.sender != owner) revert NotTheOwner();
        (bool ok, bytes memory answer) = target.call{value: value}(data);
        if (!ok) {
            assembly ("memory-safe") {
                revert(add(answer, 0x20), mload(answer))
            }
        }
        return answer;
    }

    /// @notice ERC-1271. The signature is its owner's of the digest itself: r, s and v in 65 bytes.
    function isValidSignature(bytes32 digest, bytes calldata signature) external view returns (bytes4) {
        if (signature.length != 65) return REFUSAL;
        address signer =
            ecrecover(digest, uint8(signature[64]), bytes32(signature[:32]), bytes32(signature[32:64]));
        return signer != address(0) && signer == owner ? MAGIC : REFUSAL;
    }
}
