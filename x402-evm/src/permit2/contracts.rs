//! The contracts that a payment by Permit2 goes through: Permit2 itself, and the x402 proxy of each
//! scheme, which alone may spend what is signed.

use alloy_primitives::{Address, address};
use alloy_sol_types::sol;

/// Permit2, at the same address on every chain.
pub const PERMIT2: Address = address!("0x000000000022D473030F116dDEE9F6B43aC78BA3");
/// The proxy of `exact`.
pub const EXACT_PROXY: Address = address!("0x402085c248EeA27D92E8b30b2C58ed07f9E20001");
/// The proxy of `upto`.
pub const UPTO_PROXY: Address = address!("0x4020A4f3b7b90ccA423B9fabCc0CE57C6C240002");

/// What is signed, and the calls of the proxy: those of the two schemes differ in the witness, and in
/// that `upto` says how much.
macro_rules! scheme {
    ($module:ident, ($($witness:tt)*), ($($amount:tt)*)) => {
        pub(super) mod $module {
            use super::sol;

            sol! {
                struct TokenPermissions {
                    address token;
                    uint256 amount;
                }
                struct Witness {
                    $($witness)*
                }
                struct PermitWitnessTransferFrom {
                    TokenPermissions permitted;
                    address spender;
                    uint256 nonce;
                    uint256 deadline;
                    Witness witness;
                }
                struct PermitTransferFrom {
                    TokenPermissions permitted;
                    uint256 nonce;
                    uint256 deadline;
                }
                struct EIP2612Permit {
                    uint256 value;
                    uint256 deadline;
                    bytes32 r;
                    bytes32 s;
                    uint8 v;
                }
                // Without `Debug`: a call holds a signature.
                interface Proxy {
                    function settle(PermitTransferFrom permit, $($amount)* address owner, Witness witness, bytes signature) external;
                    function settleWithPermit(EIP2612Permit permit2612, PermitTransferFrom permit, $($amount)* address owner, Witness witness, bytes signature) external;
                }
            }
        }
    };
}

scheme!(exact, (address to; uint256 validAfter;), ());
scheme!(upto, (address to; address facilitator; uint256 validAfter;), (uint256 amount,));

sol! {
    /// What Permit2 tells of itself.
    interface Permit2 {
        /// 256 nonces of an owner: a bit that is set is one that was used.
        function nonceBitmap(address owner, uint256 word) external view returns (uint256);
    }
}
