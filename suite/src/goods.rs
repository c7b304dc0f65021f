use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::Waker;

use tokio::sync::watch;
use x402_server::{ConfigError, Gate, Inquiry, Payment, Paywall, Quote, Refused};

use crate::{Latch, MARKER, Stream};

/// What is sold, the same in every shop. Cloning shares it.
#[derive(Clone)]
pub struct Goods {
    /// Every run of a handler comes through here.
    pub latch: Latch,
    /// The units that one item costs.
    pub item_price: Arc<AtomicU64>,
    pub(crate) pieces: Arc<Mutex<Pieces>>,
    abandoned: watch::Sender<usize>,
}

/// What streams have still to give.
#[derive(Default)]
pub(crate) struct Pieces {
    pub(crate) waiting: VecDeque<Piece>,
    pub(crate) waker: Option<Waker>,
}

pub(crate) enum Piece {
    Data(&'static str),
    Broken,
    End,
}

impl Default for Goods {
    fn default() -> Self {
        Self {
            latch: Latch::default(),
            item_price: Arc::new(AtomicU64::new(100)),
            pieces: Arc::default(),
            abandoned: watch::Sender::new(0),
        }
    }
}

/// What handlers do.
impl Goods {
    /// The content.
    pub async fn sell(&self) -> &'static str {
        self.latch.pass().await;
        MARKER
    }

    /// The status to be answered: this at the first run, 200 later.
    pub async fn status(&self, code: u16) -> u16 {
        self.latch.pass().await;
        if self.runs() == 1 { code } else { 200 }
    }

    /// The content, but not at the first run.
    ///
    /// # Panics
    /// At the first run.
    pub async fn sell_or_panic(&self) -> &'static str {
        self.latch.pass().await;
        assert!(self.runs() > 1, "the handler's mistake");
        MARKER
    }

    /// The content, with the number of the run.
    pub async fn counted(&self) -> String {
        self.latch.pass().await;
        format!("{MARKER}, run {}", self.runs())
    }

    /// What the claim sends, as it sends it.
    pub async fn stream(&self) -> Stream {
        self.latch.pass().await;
        Stream::new(self, None)
    }

    /// What the claim sends, as it sends it, each byte charged with a hundred units before it is given.
    pub async fn metered(&self, payment: Payment) -> Stream {
        self.latch.pass().await;
        Stream::new(self, Some(payment))
    }

    /// The price of `/items/{id}?count=…`: the id times the count times [`item_price`](Self::item_price).
    /// `gift` is free, and `gone` is not sold. `id` finds the id as it is found in this framework.
    pub fn price(&self, paywall: &Paywall, id: fn(&Inquiry) -> Option<String>) -> Gate {
        let item_price = Arc::clone(&self.item_price);
        let price = paywall.price_by(move |inquiry: Inquiry| {
            let item_price = item_price.load(SeqCst);
            async move {
                let id = id(&inquiry);
                match id.as_deref() {
                    Some("gift") => return Ok(Quote::Free),
                    Some("gone") => return Ok(Quote::Refuse(Refused::new(410, "gone", "Gone."))),
                    _ => {}
                }
                let id: u64 = id.and_then(|it| it.parse().ok()).unwrap_or(9_999);
                let count = inquiry.query_param("count").and_then(|it| it.parse().ok());
                let units = item_price * id * count.unwrap_or(1u64);
                let price = inquiry.price(&format!("0.{units:06}"))?;
                Ok::<Quote, ConfigError>(price.into())
            }
        });
        price.gate().expect("a gate")
    }

    /// Watches a request from here until it is answered.
    pub fn watch(&self) -> Unanswered {
        Unanswered { abandoned: Some(self.abandoned.clone()) }
    }
}

/// What claims do.
impl Goods {
    /// How often a handler has run.
    pub fn runs(&self) -> usize {
        self.latch.count()
    }

    /// Gives a piece to the stream.
    pub fn send(&self, piece: &'static str) {
        self.push(Piece::Data(piece));
    }

    /// Ends the stream.
    pub fn end(&self) {
        self.push(Piece::End);
    }

    /// Breaks the stream off.
    pub fn break_off(&self) {
        self.push(Piece::Broken);
    }

    fn push(&self, piece: Piece) {
        let mut pieces = self.pieces.lock().unwrap();
        pieces.waiting.push_back(piece);
        pieces.waker.take().into_iter().for_each(Waker::wake);
    }

    /// Takes back what was not given yet.
    pub fn take_back(&self) {
        self.pieces.lock().unwrap().waiting.clear();
    }

    /// How many requests were dropped before they were answered, which is how a server takes a client
    /// that hangs up.
    pub fn abandoned(&self) -> usize {
        *self.abandoned.borrow()
    }

    /// Waits until more requests than so many were dropped.
    pub async fn abandoned_beyond(&self, count: usize) {
        self.abandoned.subscribe().wait_for(|now| *now > count).await.expect("a sender is here");
    }
}

impl fmt::Debug for Goods {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Goods").field("runs", &self.runs()).finish_non_exhaustive()
    }
}

/// Counts a request when it is dropped, unless it was answered.
#[derive(Debug)]
pub struct Unanswered {
    abandoned: Option<watch::Sender<usize>>,
}

impl Unanswered {
    /// It is answered.
    pub fn answered(mut self) {
        self.abandoned = None;
    }
}

impl Drop for Unanswered {
    fn drop(&mut self) {
        if let Some(abandoned) = &self.abandoned {
            abandoned.send_modify(|count| *count += 1);
        }
    }
}
