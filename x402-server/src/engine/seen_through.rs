use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::runtime::Handle;

use super::shared::Shared;

/// Work that is seen through: done by the task that waits for it, and where that one goes away, as
/// it does when a client hangs up, by a task of its own. What it comes to is then dropped.
///
/// That task runs where its first one did. Without a runtime there, or where that one stops, it runs
/// on the paywall's. Only a panic or the end of that one ends it.
#[must_use = "work begins when it is waited for, or dropped"]
pub(super) struct SeenThrough<T: Send + 'static> {
    /// Taken out while it is polled, so that work that panicked is not taken up again.
    work: Option<Work<T>>,
    shared: Arc<Shared>,
}

type Work<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// The work panicked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Panicked;

impl<T: Send + 'static> SeenThrough<T> {
    pub(super) fn new(shared: Arc<Shared>, work: impl Future<Output = T> + Send + 'static) -> Self {
        Self { work: Some(Box::pin(work)), shared }
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
        let Some(work) = self.work.take() else { return };
        let detached = Detached { work: Some(work), home: self.shared.runtime.clone() };
        match Handle::try_current() {
            // One that is stopping drops it at once, or a little later.
            Ok(runtime) => drop(runtime.spawn(detached)),
            Err(_) => drop(detached),
        }
    }
}

/// Work in a task of its own. Dropped with its runtime it goes on at home, once.
struct Detached<T: Send + 'static> {
    work: Option<Work<T>>,
    home: Option<Handle>,
}

impl<T: Send + 'static> Future for Detached<T> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        // As above: what panics is not put back.
        let Some(mut work) = self.work.take() else { return Poll::Ready(()) };
        match work.as_mut().poll(cx) {
            Poll::Ready(done) => {
                drop(done);
                Poll::Ready(())
            }
            Poll::Pending => {
                self.work = Some(work);
                Poll::Pending
            }
        }
    }
}

impl<T: Send + 'static> Drop for Detached<T> {
    fn drop(&mut self) {
        if let (Some(work), Some(home)) = (self.work.take(), self.home.take()) {
            home.spawn(Self { work: Some(work), home: None });
        }
    }
}
