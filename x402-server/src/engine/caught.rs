use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::Poll;

use super::seen_through::Panicked;

/// Waits for what may panic: a seller's own store, facilitator or price function, a reader of foreign
/// text, or a clock whose runtime has stopped.
pub(crate) async fn caught<T>(mut asked: Pin<&mut impl Future<Output = T>>) -> Result<T, Panicked> {
    poll_fn(move |cx| {
        catch_unwind(AssertUnwindSafe(|| asked.as_mut().poll(cx).map(Ok)))
            .unwrap_or(Poll::Ready(Err(Panicked)))
    })
    .await
}
