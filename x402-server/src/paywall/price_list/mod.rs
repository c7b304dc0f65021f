//! The prices of a whole site, from one file.
//!
//! | file | what |
//! |---|---|
//! | `list` | what is written in TOML, key by key |
//! | `read` | tables of TOML, of which each mistake is told with its line |
//! | `mistake` | what is wrong with a list |
//! | `path` | the one spelling of a path that prices are looked up by |
//! | `pattern` | the path of a route |
//! | `routes` | the route of a request |
//! | `offers` | what a paywall makes of a list |
//! | `table` | the list of this moment, those before it, and their gate |
//! | `follow` | a file that is taken when it changes |

mod follow;
mod list;
mod mistake;
mod offers;
mod path;
mod pattern;
mod read;
mod routes;
mod table;

pub use list::PriceList;
pub use mistake::{PriceListError, PriceListFault, PriceListMistake};
pub use table::PriceTable;
