//! A request's way: [`Gate::admit`] reads the payment, checks it, claims it and has it verified;
//! the handler runs; [`Ticket::finish`] settles.
//!
//! | file | what |
//! |---|---|
//! | `head` | what the engine needs to know of a request |
//! | `request_info` | the same, to be kept: for prices and hooks that are asked |
//! | `gate` | the price of a route: what is free, what is refused at once, what is paid |
//! | `offered` | what is asked for a route: its offers, and the terms that tell of them |
//! | `undecided` | a request for which a price function or a hook must be asked |
//! | `hooks`, `refused` | what a seller does at each step, and says no with |
//! | `paid` | from a payment in a header to one that is good, as far as can be told offline |
//! | `admission` | from there to a claimed, verified one |
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
//! | `believed` | what the facilitator is asked, and how far it is believed |
//! | `settlement` | settling, and what its outcome means |
//! | `unresolved` | an outcome that is not known is asked for until it is |
//! | `insist` | what is settled is written down, though the store be out of order |
//! | `caught` | waiting for what may panic |
//! | `seen_through` | work that a client's hanging up does not end |
//! | `observed` | what an operator can see: metrics and spans |
//! | `shared` | what all routes of a paywall have in common |
//! | `answers` | the one table of what is answered when, by whose fault it is |

mod admission;
mod answers;
mod believed;
mod caught;
mod challenge;
mod claim;
mod gate;
mod head;
mod hooks;
mod identifiers;
mod insist;
mod meter;
mod naming;
mod observed;
mod offered;
mod paid;
mod payment;
mod purchase;
mod refused;
mod reply;
mod request_info;
mod seen_through;
mod sent;
mod settlement;
mod shared;
mod stored;
mod ticket;
mod undecided;
mod unresolved;

#[cfg(feature = "tower")]
pub(crate) use reply::VARY_ON;

pub(crate) use caught::caught;
pub(crate) use hooks::{DynHooks, Several};
pub(crate) use identifiers::{AnswerLimits, Identifiers};
pub(crate) use offered::{Offered, Route, WeakOffered};
pub(crate) use request_info::Ambiguous;
pub(crate) use seen_through::Panicked;
pub(crate) use shared::{Offer, Rules, Shared, TURNS, seconds_since_1970};
pub(crate) use undecided::{Ask, Asked, Asking, Before};

pub use gate::{Admission, FirstLook, Gate, Question};
pub use head::RequestHead;
pub use hooks::{Canceled, Entry, Hooks, Recovery, Settling};
pub use meter::ChargeError;
pub use payment::Payment;
pub use refused::Refused;
pub use reply::Reply;
pub use request_info::RequestInfo;
pub use stored::StoredAnswer;
pub use ticket::{Delivery, Ticket};
