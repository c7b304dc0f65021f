use std::sync::Arc;

use tokio::sync::watch;

/// A place that is passed, counted, and held shut at will.
#[derive(Clone)]
pub struct Latch {
    open: Arc<watch::Sender<bool>>,
    count: Arc<watch::Sender<usize>>,
}

impl Default for Latch {
    fn default() -> Self {
        Self { open: Arc::new(watch::Sender::new(true)), count: Arc::new(watch::Sender::new(0)) }
    }
}

impl Latch {
    /// Whoever comes from now on waits.
    pub fn hold(&self) {
        self.open.send_replace(false);
    }

    pub fn let_go(&self) {
        self.open.send_replace(true);
    }

    /// How many have come, whether or not they got through.
    pub fn count(&self) -> usize {
        *self.count.borrow()
    }

    /// Waits until so many have come.
    pub async fn reached(&self, count: usize) {
        self.count.subscribe().wait_for(|now| *now >= count).await.expect("a sender is here");
    }

    pub async fn pass(&self) {
        self.count.send_modify(|count| *count += 1);
        self.open.subscribe().wait_for(|open| *open).await.expect("a sender is here");
    }
}
