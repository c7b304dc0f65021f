#![doc = include_str!("../README.md")]

mod answer;
mod attribute;
mod body;
mod charge;
#[cfg(feature = "cors")]
mod cors;
mod directory;
mod failure;
mod head;
pub mod hooks;
mod names;
mod payment;
mod paywall;
mod service;

pub use attribute::PaidHandler;
pub use body::PaidBody;
pub use charge::NotCharged;
#[cfg(feature = "cors")]
pub use cors::cors;
pub use payment::{NotPaid, Payment};
pub use paywall::{Paywall, PriceLayer};
pub use service::{Answering, GateLayer, GateService};
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
/// answer. It need not be `Send`.
///
/// ```
/// use actix_web::{App, get, web::Path};
/// use x402_actix::{Payment, Paywall, paid};
///
/// #[get("/weather/{city}")]
/// #[paid("$0.001", description = "Weather right now", networks = ["base", "base-sepolia"])]
/// async fn weather(city: Path<String>, payment: Payment) -> String {
///     format!("Fine in {city}, for {}", payment.payer())
/// }
///
/// # fn app(paywall: Paywall) {
/// let app = App::new().app_data(paywall.clone()).service(weather);
/// # drop(app); }
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
/// The app, or a scope, must have a [`Paywall`] in its data, as it is or as
/// [`Data`](actix_web::web::Data). Without one, and where the paywall cannot sell at this price, the
/// handler is not run: the answer is 500, and the log says what to do.
///
/// It stands on functions with 16 arguments at most, also on those of an `impl` that take no `self`;
/// there it knows the type parameters of the `impl` only if it says `Self` too. It goes below the
/// attributes of actix-web, which take the paid handler.
pub use x402_macros::paid_actix as paid;

/// What the code that `#[paid]` writes names. Nothing here is for other use, or keeps its shape.
#[doc(hidden)]
pub mod __private {
    pub use crate::attribute::{Response, Unpaid};
    pub use x402_server::{Tag, TagScheme};
}
