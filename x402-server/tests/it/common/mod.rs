//! What the tests have in common: a facilitator that does as it is told, a payer with a key, and a
//! shop with a route behind a price.

#![allow(dead_code, unreachable_pub, unused_imports, reason = "each test uses a part of it")]

mod answer;
mod facilitator;
mod head;
mod http_server;
mod latch;
mod log;
mod payer;
mod remote;
mod shop;
pub mod table;

pub use answer::Answer;
pub use facilitator::{Double, SETTLER, Say};
pub use head::Head;
pub use http_server::{HttpServer, http_response};
pub use latch::Latch;
pub use log::Log;
pub use payer::{Payer, Payment};
pub use remote::Remote;
pub use shop::{Goods, MARKER, PAY_TO, Request, SITE, Shop, builder, get, request};

/// Yields until this holds. The tests' way of waiting for what goes on in other tasks.
pub async fn until(mut condition: impl AsyncFnMut() -> bool) {
    // A bound in turns, not in time: paused clocks do not move here.
    for _ in 0..1_000_000 {
        if condition().await {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("never came true");
}

/// Yields until the clock is past this second since 1970: however many turns that takes.
pub async fn clock_passes(second: u64) {
    while now() <= second {
        tokio::task::yield_now().await;
    }
}

pub fn now() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.expect("after 1970").as_secs()
}
