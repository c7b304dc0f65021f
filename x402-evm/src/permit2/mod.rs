//! Permit2: the message that a payer signs, the contracts that it goes through, and both sides of an
//! offer in an asset that moves by it.
//!
//! | file | what |
//! |---|---|
//! | `contracts` | Permit2 and the proxies of the two schemes |
//! | `authorization` | what is signed, and the calls that settle it |
//! | `call` | the calls read back: who settled it? |
//! | `terms` | the seller's side: an offer, and payments checked against it |
//! | `draft` | the payer's side |

mod authorization;
mod call;
mod contracts;
mod draft;
mod terms;

pub use authorization::{Permit2Authorization, TokenPermissions, Witness, domain_separator};
pub use contracts::{EXACT_PROXY, PERMIT2, Permit2, UPTO_PROXY};
pub use terms::{Permit2Payload, Permit2Terms};

pub(crate) use draft::{Account, draft};
