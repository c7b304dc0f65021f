use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::Bytes;
use x402_server::Payment;

use crate::Goods;
use crate::goods::{Piece, Pieces};

/// A body in pieces, each given when the claim sends it.
pub struct Stream {
    pieces: Arc<Mutex<Pieces>>,
    payment: Option<Payment>,
}

impl Stream {
    pub(crate) fn new(goods: &Goods, payment: Option<Payment>) -> Self {
        Self { pieces: Arc::clone(&goods.pieces), payment }
    }
}

impl futures_core::Stream for Stream {
    type Item = Result<Bytes, io::Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut pieces = self.pieces.lock().unwrap();
        let Some(piece) = pieces.waiting.pop_front() else {
            pieces.waker = Some(cx.waker().clone());
            return Poll::Pending;
        };
        let piece = match piece {
            Piece::Data(piece) => piece,
            Piece::Broken => return Poll::Ready(Some(Err(io::Error::other("it broke off")))),
            Piece::End => return Poll::Ready(None),
        };
        if let Some(payment) = &self.payment
            && payment.charge_more(piece.len() as u64 * 100).is_err()
        {
            return Poll::Ready(None);
        }
        Poll::Ready(Some(Ok(Bytes::from_static(piece.as_bytes()))))
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream").finish_non_exhaustive()
    }
}
