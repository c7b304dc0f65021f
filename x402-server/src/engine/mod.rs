//! A request's way: [`Gate::admit`] reads the payment, checks it, claims it and has it verified;
//! the handler runs; [`Ticket::finish`] settles.
//!
//! | file | what |
//! |---|---|
//! | `head` | what the engine needs to know of a request |
//! | `gate` | the price of a route: what is free, what is refused at once, what is paid |
//! | `admission` | from a payment in a header to a claimed, verified one |
//! | `sent` | the payment as it came, decoded and matched with an offer |
//! | `challenge` | the 402, encoded once |
//! | `claim` | the hold on a payment, given up when dropped |
//! | `purchase` | what is bought: method and address |
//! | `naming` | the name that a payer gave its payment |
//! | `identifiers` | named payments, and the answers that are kept for them |
//! | `stored` | an answer that is kept |
//! | `payment` | what the handler is told, and may say of what it charges |
//! | `meter` | what is charged on a payment by `upto` |
//! | `ticket` | what the handler runs under, and its end |
//! | `settlement` | settling, and what its outcome means |
//! | `seen_through` | work that a client's hanging up does not end |
//! | `shared` | what all routes of a paywall have in common |
//! | `answers` | the one table of what is answered when, by whose fault it is |

mod admission;
mod answers;
mod challenge;
mod claim;
mod gate;
mod head;
mod identifiers;
mod meter;
mod naming;
mod payment;
mod purchase;
mod reply;
mod seen_through;
mod sent;
mod settlement;
mod shared;
mod stored;
mod ticket;

#[cfg(feature = "tower")]
pub(crate) use {admission::Paid, gate::FirstLook};

#[cfg(feature = "tower")]
pub(crate) use reply::VARY_ON;

pub(crate) use gate::Route;
pub(crate) use identifiers::{AnswerLimits, Identifiers};
pub(crate) use shared::{Offer, Rules, Shared};

pub use gate::{Admission, Gate};
pub use head::RequestHead;
pub use meter::ChargeError;
pub use payment::Payment;
pub use reply::Reply;
pub use stored::StoredAnswer;
pub use ticket::Ticket;
