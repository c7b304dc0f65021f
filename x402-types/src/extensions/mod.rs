//! Extensions: what server, client and facilitator may say to each other beside the payment.
//!
//! In a message an extension stands as `extensions[key] = {info, schema, ..}`. The server declares,
//! the client echoes and adds ([`merge`]), and the server checks the echo ([`check_echo`]).
//! [`Extensions`] reads and writes them by key, and leaves alone what it does not know.
//!
//! ```
//! use x402_types::extensions::{Declared, Extensions, check_echo, merge, payment_identifier};
//! use payment_identifier::{Id, Info};
//!
//! let mut declared = Extensions::default();
//! declared.set(&Declared::new(Info { required: true, id: None })?)?;
//! let declared = declared.to_raw()?.ok_or("empty")?;
//!
//! let mut added = Extensions::default();
//! let id = Id::from_random([7; 16]);
//! added.set(&Declared { info: Info { required: true, id: Some(id.clone()) }, schema: None })?;
//! let echoed = merge(Some(&declared), added.to_raw()?.as_ref())?.ok_or("empty")?;
//!
//! check_echo(&declared, Some(&echoed))?;
//! let read: payment_identifier::Declaration = Extensions::read(&echoed)?.get()?.ok_or("gone")?;
//! assert_eq!(read.info.id, Some(id));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod bazaar;
pub mod builder_code;
mod declared;
mod echo;
pub mod eip2612_gas_sponsoring;
mod entries;
pub mod erc20_approval_gas_sponsoring;
mod fields;
mod merge;
pub mod offer_receipt;
pub mod payment_identifier;
pub mod sign_in_with_x;

pub use declared::{Declared, Info};
pub use echo::{EchoMismatch, check_echo};
pub use entries::{Extension, ExtensionError, Extensions};
pub use fields::Signature;
pub use merge::merge;
