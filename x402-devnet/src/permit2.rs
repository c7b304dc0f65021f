//! Where Permit2 and the two proxies of x402 stand, on this chain as on all others.

use alloy_primitives::{Address, address};

pub(crate) const PERMIT2: Address = address!("0x000000000022D473030F116dDEE9F6B43aC78BA3");

pub(crate) const EXACT_PERMIT2_PROXY: Address =
    address!("0x402085c248EeA27D92E8b30b2C58ed07f9E20001");

pub(crate) const UPTO_PERMIT2_PROXY: Address =
    address!("0x4020A4f3b7b90ccA423B9fabCc0CE57C6C240002");
