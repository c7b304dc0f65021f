use std::sync::{Arc, PoisonError, RwLock, Weak};
use std::time::Duration;

use tokio::time::{sleep, timeout};
use x402_types::SupportedResponse;
use x402_types::facilitator::{Facilitator, FacilitatorError};

/// What the facilitator can do, asked in the background: no request ever waits for it. The last
/// answer stays in force while the next is awaited.
#[derive(Debug)]
pub(super) struct Supported {
    cell: Arc<Cell>,
}

#[derive(Debug, Default)]
struct Cell {
    last: RwLock<Option<Arc<SupportedResponse>>>,
}

/// How long an answer is fresh.
const FRESH: Duration = Duration::from_secs(600);
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

impl Supported {
    /// Asks once, at most so long, and from then on in the background until this is dropped.
    ///
    /// Many servers that start together must not ask together again: pauses are of uneven length.
    pub(super) async fn watch(facilitator: Arc<dyn Facilitator>, first_timeout: Duration) -> Self {
        let cell = Arc::new(Cell::default());
        let answered = ask(&facilitator, first_timeout, &cell).await;
        tokio::spawn(keep_asking(facilitator, Arc::downgrade(&cell), answered));
        Self { cell }
    }

    pub(super) fn last(&self) -> Option<Arc<SupportedResponse>> {
        self.cell.last.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn keep_asking(facilitator: Arc<dyn Facilitator>, cell: Weak<Cell>, mut answered: bool) {
    let mut pause = FIRST_PAUSE;
    loop {
        let base = if answered { FRESH } else { pause };
        sleep(uneven(base)).await;
        let Some(cell) = cell.upgrade() else { return };
        answered = ask(&facilitator, Duration::from_secs(10), &cell).await;
        pause = if answered { FIRST_PAUSE } else { (pause * 2).min(LONGEST_PAUSE) };
    }
}

async fn ask(facilitator: &Arc<dyn Facilitator>, limit: Duration, cell: &Cell) -> bool {
    let answer = timeout(limit, facilitator.supported()).await;
    let failed = match answer {
        Ok(Ok(supported)) => {
            *cell.last.write().unwrap_or_else(PoisonError::into_inner) = Some(supported.into());
            return true;
        }
        Ok(Err(error)) => error,
        Err(elapsed) => FacilitatorError::Lost(elapsed.into()),
    };
    tracing::warn!(error = %failed, "the facilitator does not say what it supports; asking again later");
    false
}

/// Up to a quarter more than this, by the clock's last digits.
fn uneven(base: Duration) -> Duration {
    let nanos = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |since| since.subsec_nanos());
    base + base / 4 * (nanos % 1000) / 1000
}
