//! Facilitators as a seller knows them: one that is asked over HTTP, or one within the process,
//! which is any [`Facilitator`].

#[cfg(feature = "http-facilitator")]
mod connections;
#[cfg(feature = "http-facilitator")]
mod http;

#[cfg(feature = "http-facilitator")]
pub use self::http::{HttpFacilitator, InvalidFacilitator};
pub use x402_types::facilitator::{Answer, Facilitator, FacilitatorError, Request};
