use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::runtime::Handle;

/// Work that is seen through: done by the task that waits for it, and where that one goes away, as
/// it does when a client hangs up, by a task of its own. What it comes to is then dropped.
///
/// Only a panic or the shutdown of the runtime ends it.
#[must_use = "work begins when it is waited for, or dropped"]
pub(super) struct SeenThrough<T: Send + 'static> {
    /// Taken out while it is polled, so that work that panicked is not taken up again.
    work: Option<Pin<Box<dyn Future<Output = T> + Send>>>,
}

/// The work panicked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Panicked;

impl<T: Send + 'static> SeenThrough<T> {
    pub(super) fn new(work: impl Future<Output = T> + Send + 'static) -> Self {
        Self { work: Some(Box::pin(work)) }
    }
}

impl<T: Send + 'static> Future for SeenThrough<T> {
    type Output = Result<T, Panicked>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(mut work) = self.work.take() else { return Poll::Ready(Err(Panicked)) };
        match catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(cx))) {
            Ok(Poll::Ready(done)) => Poll::Ready(Ok(done)),
            Ok(Poll::Pending) => {
                self.work = Some(work);
                Poll::Pending
            }
            Err(_) => Poll::Ready(Err(Panicked)),
        }
    }
}

impl<T: Send + 'static> Drop for SeenThrough<T> {
    fn drop(&mut self) {
        if let Some(work) = self.work.take()
            && let Ok(runtime) = Handle::try_current()
        {
            runtime.spawn(async move { drop(work.await) });
        }
    }
}
