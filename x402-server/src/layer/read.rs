use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};

/// A body that has been read before it leaves.
pub(super) enum Read<R> {
    /// All of it, with its trailers: hardly ever any, and large.
    Whole(Bytes, Option<Box<HeaderMap>>),
    /// It is longer than it may be.
    TooLong(R),
    /// It broke off.
    Broken,
}

/// Reads a body, so many bytes at the most.
pub(super) async fn read_whole<B: Body<Data = Bytes>>(body: B, limit: usize) -> Read<()> {
    if body.size_hint().lower() > limit as u64 {
        return Read::TooLong(());
    }
    match read(pin!(body), limit).await {
        Read::Whole(data, trailers) => Read::Whole(data, trailers),
        Read::TooLong(_) => Read::TooLong(()),
        Read::Broken => Read::Broken,
    }
}

/// Reads a body, so many bytes at the most. What is longer is given back with what has been read.
pub(super) async fn read_ahead<B: Body<Data = Bytes>>(body: B, limit: usize) -> Read<Begun<B>> {
    let mut rest = Box::pin(body);
    if rest.size_hint().lower() > limit as u64 {
        return Read::TooLong(Begun { read: VecDeque::new(), rest: Some(rest) });
    }
    match read(rest.as_mut(), limit).await {
        Read::Whole(data, trailers) => Read::Whole(data, trailers),
        Read::TooLong(pieces) => {
            let pieces = pieces.into_iter().filter(|piece| !piece.is_empty());
            Read::TooLong(Begun { read: pieces.map(Frame::data).collect(), rest: Some(rest) })
        }
        Read::Broken => Read::Broken,
    }
}

/// A body that comes in one piece is not copied.
async fn read<B: Body<Data = Bytes>>(mut body: Pin<&mut B>, limit: usize) -> Read<[Bytes; 3]> {
    let (mut first, mut all, mut trailers) = (Bytes::new(), BytesMut::new(), None);
    while !body.is_end_stream() {
        let frame = match poll_fn(|cx| body.as_mut().poll_frame(cx)).await {
            None => break,
            Some(Err(_)) => return Read::Broken,
            Some(Ok(frame)) => frame,
        };
        let data = match frame.into_data() {
            Ok(data) => data,
            Err(other) => {
                trailers = other.into_trailers().ok().map(Box::new);
                continue;
            }
        };
        let so_far = first.len() + all.len();
        if data.len() > limit.saturating_sub(so_far) {
            return Read::TooLong([first, all.freeze(), data]);
        }
        if so_far == 0 {
            first = data;
        } else {
            all.reserve(so_far + data.len());
            all.extend_from_slice(&std::mem::take(&mut first));
            all.extend_from_slice(&data);
        }
    }
    Read::Whole(if first.is_empty() { all.freeze() } else { first }, trailers)
}

/// A body of which a part has been read ahead, or all of it.
pub(super) struct Begun<B> {
    read: VecDeque<Frame<Bytes>>,
    rest: Option<Pin<Box<B>>>,
}

impl<B> Begun<B> {
    /// A body with trailers, read to its end.
    pub(super) fn ended(data: Bytes, trailers: HeaderMap) -> Self {
        Self { read: VecDeque::from([Frame::data(data), Frame::trailers(trailers)]), rest: None }
    }
}

impl<B: Body<Data = Bytes>> Begun<B> {
    pub(super) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        match (self.read.pop_front(), &mut self.rest) {
            (Some(frame), _) => Poll::Ready(Some(Ok(frame))),
            (None, Some(rest)) => rest.as_mut().poll_frame(cx),
            (None, None) => Poll::Ready(None),
        }
    }

    pub(super) fn is_end_stream(&self) -> bool {
        self.read.is_empty() && self.rest.as_ref().is_none_or(|rest| rest.is_end_stream())
    }

    pub(super) fn size_hint(&self) -> SizeHint {
        let read = self.read.iter().filter_map(Frame::data_ref);
        let read: u64 = read.map(|data| data.len() as u64).sum();
        let rest = match &self.rest {
            Some(rest) => rest.size_hint(),
            None => SizeHint::with_exact(0),
        };
        let mut hint = SizeHint::new();
        hint.set_lower(rest.lower().saturating_add(read));
        // In HTTP/1.1 an answer of known length has no trailers.
        if let (Some(upper), false) = (rest.upper(), self.read.iter().any(Frame::is_trailers)) {
            hint.set_upper(upper.saturating_add(read));
        }
        hint
    }
}

impl<B> fmt::Debug for Begun<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Begun").finish_non_exhaustive()
    }
}
