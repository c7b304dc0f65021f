//! The attribute `#[paid]` of `x402-axum` and `x402-actix`, which export it under that name.
//!
//! ```text
//! #[paid("$0.01", description = "Weather right now")]
//! async fn weather(Query(city): Query<City>) -> Json<Weather> { … }
//! ```
//!
//! becomes a type that carries what was said, and a function of the same name around the function as
//! it was written:
//!
//! ```text
//! struct __x402_paid_weather;
//! impl x402_axum::__private::Paid for __x402_paid_weather { const TAG: &'static Tag = …; }
//!
//! async fn weather(paid: x402_axum::__private::Admitted<__x402_paid_weather>, a: Query<City>)
//!     -> x402_axum::__private::Response
//! {
//!     async fn weather(Query(city): Query<City>) -> Json<Weather> { … }
//!     paid.serve(weather(a)).await
//! }
//! ```
//!
//! Arguments are extracted in their order, so the payment is checked before any other looks at what
//! was sent. All that happens when it runs is in the adapters.

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
