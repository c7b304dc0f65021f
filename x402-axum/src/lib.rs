#![doc = include_str!("../README.md")]

mod attribute;
mod charge;
#[cfg(feature = "cors")]
mod cors;
mod directory;
pub mod hooks;
mod payment;
mod paywall;

pub use attribute::PaidHandler;
pub use charge::NotCharged;
#[cfg(feature = "cors")]
pub use cors::cors;
pub use payment::{NotPaid, Payment};
pub use paywall::{GateLayer, Paywall, PriceLayer};
#[cfg(feature = "http-facilitator")]
pub use x402_server::facilitator::{HttpFacilitator, InvalidFacilitator};
pub use x402_server::{
    Allowance, ChargeError, ConfigError, Directory, DynamicPrice, Gate, Inquiry, Listing, Mistake,
    OfferReceipts, PaywallBuilder, Price, Quote, Refused,
};
#[cfg(feature = "price-list")]
pub use x402_server::{PriceList, PriceListError, PriceTable};
pub use x402_types::extensions::bazaar::{BodyType, Shape};
pub use x402_types::{Amount, Asset, Network};

/// Charges for a handler: an `async fn` that stays as it is written, with any extractors and any
/// answer.
///
/// ```
/// use axum::{Router, extract::Path, routing::get};
/// use x402_axum::{Payment, Paywall, paid};
///
/// #[paid("$0.001", description = "Weather right now", networks = ["base", "base-sepolia"])]
/// async fn weather(Path(city): Path<String>, payment: Payment) -> String {
///     format!("Fine in {city}, for {}", payment.payer())
/// }
///
/// # fn router(paywall: Paywall) -> Router {
/// Router::new().route("/weather/{city}", get(weather)).layer(paywall)
/// # }
/// ```
///
/// The price, networks, words and numbers are checked when the program is compiled; whether the
/// paywall takes the networks and tokens, with the first request, or when it is
/// [listed](Paywall::list).
///
/// | argument | meaning |
/// |---|---|
/// | `"$0.01"`, `"0.01 USDC"` | the price; comes first |
/// | `or = ["0.009 EURC"]` | alternative prices; a token that is not in the table is described to the paywall first, by `.asset(..)` |
/// | `networks = ["base", "eip155:137"]` | on these of the paywall's networks only |
/// | `assets = ["USDC"]` | in these of the paywall's tokens only, where the price names none |
/// | `description = "…"` | what is for sale; any `&'static str`, such as `include_str!(…)` |
/// | `mime_type = "application/json"` | the media type of a successful answer |
/// | `scheme = "exact"`, `"permit2"`, `"upto"` | how it is paid; `exact` unless said otherwise |
/// | `upto` | short for `scheme = "upto"`: the price is a limit, see [`Payment::charge`] |
/// | `streaming` | an `upto` that is metered while the answer streams, see [`Payment::charge_more`] |
/// | `flow = "upfront"`, `"authorization"` | settled before or after the handler runs; as the paywall says, unless said here |
/// | `upfront` | short for `flow = "upfront"` |
/// | `tags = ["weather"]` | words to be found by: 5 at most, of 32 characters at most |
/// | `route = "GET /weather/{city}"` | where it is found, for catalogues and [`Paywall::list`] |
/// | `service_name = "…"` | who sells: 32 printable ASCII characters at most |
/// | `max_timeout_seconds = 60` | seconds that a payer has |
/// | `payment_identifier = "optional"`, `"required"` | payers may, or must, [name their payments](PriceLayer::payment_identifier) |
///
/// The payment is checked before any extractor looks at the request, so that whoever probes for the
/// price without a sound request is told it; where an extractor then refuses, nothing is charged and
/// the payment can be used again.
///
/// The router must have a [`Paywall`] as a layer. Without one, and where the paywall cannot sell at
/// this price, the handler is not run: the answer is 500, and the log says what to do.
///
/// It stands on functions with 16 arguments at most, also on those of an `impl` that take no `self`;
/// there it knows the type parameters of the `impl` only if it says `Self` too. Attributes above `#[paid]` see the function as it is written; those below it stand
/// on the paid handler, which has one argument, the request. `#[axum::debug_handler]` goes below.
pub use x402_macros::paid_axum as paid;

/// What the code that `#[paid]` writes names. Nothing here is for other use, or keeps its shape.
#[doc(hidden)]
pub mod __private {
    pub use crate::attribute::Unpaid;
    pub use axum_core::response::Response;
    pub use x402_server::{Tag, TagScheme};
}
