//! The attribute `#[paid]` of `x402-axum` and `x402-actix`, which export it under that name.
//!
//! ```text
//! #[paid("$0.01", description = "Weather right now")]
//! async fn weather(Query(city): Query<City>) -> Json<Weather> { … }
//! ```
//!
//! becomes a function of the same name around the function as it was written:
//!
//! ```text
//! async fn weather(unpaid: x402_axum::__private::Unpaid<(Query<City>,)>)
//!     -> x402_axum::__private::Response
//! {
//!     async fn weather(Query(city): Query<City>) -> Json<Weather> { … }
//!     unpaid.serve(const { &Tag { … } }, |(a,)| weather(a)).await
//! }
//! ```
//!
//! The request is kept as it came until it is paid, and only then are the arguments read from it.
//! Nothing stands beside the function, so that it may be one of an `impl`; where it says `Self`, which
//! nothing within another function can, it is put beside it under a hidden name instead. All that
//! happens when it runs is in the adapters.

mod args;
mod expand;
mod function;
mod offer;
mod values;

use proc_macro::TokenStream;

/// `#[paid]` of `x402-axum`; see there.
#[proc_macro_attribute]
pub fn paid_axum(args: TokenStream, item: TokenStream) -> TokenStream {
    expand::paid("x402_axum", args.into(), &item.into()).into()
}

/// `#[paid]` of `x402-actix`; see there.
#[proc_macro_attribute]
pub fn paid_actix(args: TokenStream, item: TokenStream) -> TokenStream {
    expand::paid("x402_actix", args.into(), &item.into()).into()
}
