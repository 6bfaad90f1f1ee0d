//! The server's end of a connection: it ends with the emulator, also after an upgrade, and can be cut
//! at an exact byte of an answer.

use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::Sleep,
};

use crate::provider::BoxFuture;

#[derive(Clone, Copy)]
struct Limit {
    /// How much of the blank line that ends the head was seen; 4 = counting the body.
    blank: usize,
    left: u64,
}

impl Limit {
    /// How many of these bytes may still pass; counts them.
    fn pass(&mut self, bytes: &[u8]) -> usize {
        let mut passed = 0;
        for byte in bytes {
            if self.blank == 4 {
                let body = bytes.len() - passed;
                let allowed = usize::try_from(self.left).unwrap_or(usize::MAX).min(body);
                self.left -= allowed as u64;
                return passed + allowed;
            }
            self.blank = match (self.blank, byte) {
                (0 | 2, b'\r') | (1 | 3, b'\n') => self.blank + 1,
                (_, b'\r') => 1,
                _ => 0,
            };
            passed += 1;
        }
        passed
    }
}

/// Where the answer under way is to be cut, shared by a connection and its service.
#[derive(Default)]
pub(crate) struct Cut(Mutex<Option<Limit>>);

impl Cut {
    fn set(&self, limit: Option<Limit>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = limit;
    }

    /// Cuts after so many bytes of the head.
    pub(crate) fn head(&self, left: u64) {
        self.set(Some(Limit { blank: 4, left }));
    }

    /// Cuts after so many bytes of the body.
    pub(crate) fn body(&self, left: u64) {
        self.set(Some(Limit { blank: 0, left }));
    }

    /// Cuts nowhere.
    pub(crate) fn clear(&self) {
        self.set(None);
    }
}

/// Ready once the emulator has stopped.
struct Stop(Option<BoxFuture<'static, ()>>);

impl Stop {
    fn check(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        if self.0.as_mut().is_some_and(|stop| stop.as_mut().poll(cx).is_ready()) {
            self.0 = None;
        }
        // A future that has ended must not be asked again.
        if self.0.is_some() { Ok(()) } else { Err(io::ErrorKind::ConnectionAborted.into()) }
    }
}

pub(crate) struct Socket<T> {
    io: T,
    cut: Arc<Cut>,
    // One each: reading and writing may be polled by different tasks, and a future wakes only one.
    stop_read: Stop,
    stop_write: Stop,
    patience: Duration,
    /// Since when the peer has taken nothing in; else it could hold an answer for ever.
    stall: Option<Pin<Box<Sleep>>>,
}

impl<T> Socket<T> {
    pub(crate) fn new(
        io: T,
        cut: Arc<Cut>,
        patience: Duration,
        stopped: impl Fn() -> BoxFuture<'static, ()>,
    ) -> Self {
        let (stop_read, stop_write) = (Stop(Some(stopped())), Stop(Some(stopped())));
        Self { io, cut, stop_read, stop_write, patience, stall: None }
    }
}

impl<T: AsyncWrite + Unpin> Socket<T> {
    /// Writes, or fails once the peer has taken nothing in for too long.
    fn write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if let Poll::Ready(written) = Pin::new(&mut self.io).poll_write(cx, bytes) {
            self.stall = None;
            return Poll::Ready(written);
        }
        let patience = self.patience;
        let stall = self.stall.get_or_insert_with(|| Box::pin(tokio::time::sleep(patience)));
        stall.as_mut().poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Socket<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.stop_read.check(cx)?;
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Socket<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        this.stop_write.check(cx)?;
        let limit = *this.cut.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(limit) = limit else { return this.write(cx, buf) };
        let allowed = { limit }.pass(buf);
        if allowed == 0 && !buf.is_empty() {
            // TLS keeps what was written until it is flushed.
            std::task::ready!(Pin::new(&mut this.io).poll_flush(cx))?;
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        let written = std::task::ready!(this.write(cx, buf.get(..allowed).unwrap_or(buf)))?;
        let mut after = limit;
        after.pass(buf.get(..written).unwrap_or(buf));
        this.cut.set(Some(after));
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_body_is_found_wherever_the_writes_are_split() {
        let bytes = b"HTTP/1.1 200 OK\r\na: b\r\n\r\nbody";
        for split in 0..bytes.len() {
            let mut limit = Limit { blank: 0, left: 2 };
            let passed = limit.pass(&bytes[..split]);
            let rest = if passed < split { 0 } else { limit.pass(&bytes[split..]) };
            assert_eq!(passed + rest, bytes.len() - 2, "{split}");
        }
    }
}
