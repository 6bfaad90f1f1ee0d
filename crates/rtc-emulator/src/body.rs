//! Answer bodies: plain, slow and huge.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::{BodyExt, Full, combinators::UnsyncBoxBody};

use crate::{clock::EmulatorClock, provider::BoxFuture};

/// Why a body ended early.
pub type BodyError = Box<dyn std::error::Error + Send + Sync>;
/// The body of every answer.
pub type Body = UnsyncBoxBody<Bytes, BodyError>;

/// A body that is all there.
pub fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed_unsync()
}

/// A body of `left` bytes that is never in memory as a whole.
pub(crate) struct Huge {
    pub(crate) left: u64,
}

impl HttpBody for Huge {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        static CHUNK: [u8; 16_384] = [b'x'; 16_384];
        let now = usize::try_from(self.left).unwrap_or(usize::MAX).min(CHUNK.len());
        self.left -= now as u64;
        Poll::Ready(
            CHUNK
                .get(..now)
                .filter(|chunk| !chunk.is_empty())
                .map(|c| Ok(Frame::data(Bytes::from_static(c)))),
        )
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

/// A body that comes in at most ten pieces a second.
pub(crate) struct Slow {
    inner: Body,
    pending: Bytes,
    piece: usize,
    pause: Duration,
    clock: EmulatorClock,
    sleep: Option<BoxFuture<'static, ()>>,
}

impl Slow {
    pub(crate) fn new(inner: Body, bytes_per_second: u64, clock: EmulatorClock) -> Self {
        let rate = bytes_per_second.max(1);
        let piece = rate.div_ceil(10);
        let pause = Duration::from_nanos(1_000_000_000_u64.saturating_mul(piece) / rate);
        let piece = usize::try_from(piece).unwrap_or(usize::MAX);
        Self { inner, pending: Bytes::new(), piece, pause, clock, sleep: None }
    }
}

impl HttpBody for Slow {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = &mut *self;
        if this.pending.is_empty() {
            match std::task::ready!(Pin::new(&mut this.inner).poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => this.pending = data,
                    Err(frame) => return Poll::Ready(Some(Ok(frame))),
                },
                end => return Poll::Ready(end),
            }
        }
        let sleep = this.sleep.get_or_insert_with(|| {
            let (clock, pause) = (this.clock.clone(), this.pause);
            Box::pin(async move { clock.sleep(pause).await })
        });
        std::task::ready!(sleep.as_mut().poll(cx));
        this.sleep = None;
        let now = this.pending.len().min(this.piece);
        Poll::Ready(Some(Ok(Frame::data(this.pending.split_to(now)))))
    }

    fn size_hint(&self) -> SizeHint {
        let inner = self.inner.size_hint().exact();
        let rest = self.pending.len() as u64;
        inner.map_or_else(SizeHint::default, |inner| SizeHint::with_exact(inner + rest))
    }
}
