use std::path::PathBuf;
use std::pin::pin;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::task::JoinHandle;

use super::list::{PriceList, text};
use super::mistake::PriceListError;
use super::table::{Inner, PriceTable};
use crate::engine::{Panicked, caught};

/// A file that is being written is read again after so long.
const SETTLING: Duration = Duration::from_millis(50);

impl PriceTable {
    /// Takes the list in a file whenever its contents have changed, looking so often. It is taken when
    /// it reads the same twice, a moment apart; where it is written slowly, write it beside and rename
    /// it. While the file is broken or cannot be read, that is logged, once, and the list before stays.
    ///
    /// Of two texts of this file the newer stays, whoever has brought the older: what was
    /// [loaded](PriceList::load) from this path and is not what is in the file is replaced. Any other
    /// list that the table is given stays until the file changes.
    ///
    /// Ends when the table, its clones and its gates are dropped, or when the handle is aborted.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn follow(&self, path: impl Into<PathBuf>, every: Duration) -> JoinHandle<()> {
        let follower = Follower {
            table: Arc::downgrade(&self.inner),
            reading: Arc::clone(&self.inner.reading),
            path: path.into(),
            seen: self.text().0,
            logged: String::new(),
        };
        let every = every.max(Duration::from_millis(1));
        let dropped = self.inner.dropped.child_token();
        tokio::spawn(async move {
            dropped.run_until_cancelled(follower.follow(every)).await;
        })
    }
}

struct Follower {
    table: Weak<Inner>,
    reading: Arc<Mutex<()>>,
    path: PathBuf,
    /// What the file had in it when that was in the table last.
    seen: Arc<str>,
    /// The mistake that was logged last.
    logged: String,
}

impl Follower {
    async fn follow(mut self, every: Duration) {
        loop {
            tokio::time::sleep(every).await;
            match looked(self.look(every.min(SETTLING))).await {
                Ok(()) => self.logged.clear(),
                Err(error) => {
                    if self.logged != error {
                        let path = self.path.display();
                        tracing::error!(%path, %error, "the prices stay as they were");
                        self.logged = error;
                    }
                }
            }
        }
    }

    async fn look(&mut self, settling: Duration) -> Result<(), PriceListError> {
        let found = text(self.path.clone()).await?;
        if self.has_taken(&found) {
            return Ok(());
        }
        tokio::time::sleep(settling).await;
        let reading = Arc::clone(&self.reading);
        let _turn = reading.lock().await;
        if text(self.path.clone()).await? != found || self.has_taken(&found) {
            return Ok(());
        }
        let list = PriceList::of(&found, &self.path)?;
        let Some(inner) = self.table.upgrade() else { return Ok(()) };
        PriceTable { inner }.replace(list)?;
        self.seen = found.into();
        tracing::info!(path = %self.path.display(), "the prices have changed");
        Ok(())
    }

    /// Whether the table has what was found in the file, or had it until it was given something else.
    fn has_taken(&mut self, found: &str) -> bool {
        let Some(inner) = self.table.upgrade() else { return true };
        let (text, file) = PriceTable { inner }.text();
        if file.is_some_and(|file| *file == *self.path) {
            self.seen = text;
        }
        *self.seen == *found
    }
}

/// What came of a look, though it be a panic: it goes on after that one too.
async fn looked(look: impl Future<Output = Result<(), PriceListError>>) -> Result<(), String> {
    match caught(pin!(look)).await {
        Ok(seen) => seen.map_err(|error| error.to_string()),
        Err(Panicked) => Err("what is in the file made its reader panic".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_look_that_panics_is_a_mistake_and_not_the_end_of_looking() {
        let mistake = looked(async { panic!("no reader was made for this") }).await.unwrap_err();
        assert!(mistake.contains("panic"), "{mistake}");
        assert_eq!(looked(async { Ok(()) }).await, Ok(()));
    }
}
