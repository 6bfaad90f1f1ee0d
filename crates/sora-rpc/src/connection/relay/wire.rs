//! Whole TURN messages over a socket or a stream.

use std::collections::VecDeque;
use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use rtc_core::Bytes;
use rtc_core::transport::stream::Io;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::UdpSocket;

/// The largest datagram, and what is read of a stream at once.
const READ: usize = 65_536;

/// STUN: the header, and what tells it from everything else at its fifth byte (RFC 8489, 5).
const HEADER: usize = 20;
const COOKIE: [u8; 4] = [0x21, 0x12, 0xA4, 0x42];

/// The way to the TURN server.
pub(super) enum Wire {
    Udp(UdpSocket),
    Stream(Stream),
}

/// A stream, and what is half read or half written on it.
pub(super) struct Stream {
    io: Box<dyn Io>,
    received: Vec<u8>,
    /// How much of the first message to send is written.
    written: usize,
    flushed: bool,
}

impl Wire {
    pub(super) fn stream(io: Box<dyn Io>) -> Self {
        Self::Stream(Stream { io, received: Vec::new(), written: 0, flushed: true })
    }

    /// The next message. Messages of a stream are cut here and not by turn-client-proto 0.7.3: that keeps garbage
    /// until memory is full, and shows nobody what it reads.
    pub(super) fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Bytes>> {
        let mut memory = [const { MaybeUninit::uninit() }; READ];
        let mut buffer = ReadBuf::uninit(&mut memory);
        match self {
            Self::Udp(socket) => loop {
                buffer.clear();
                match ready!(socket.poll_recv(cx, &mut buffer)) {
                    // A router's passing trouble: the packets are lost, the allocation is not.
                    Err(error) if is_passing(&error) => {}
                    received => {
                        return Poll::Ready(received.map(|()| Bytes::copy_from_slice(buffer.filled())));
                    }
                }
            },
            Self::Stream(stream) => loop {
                if let Some(message) = take_message(&mut stream.received)? {
                    return Poll::Ready(Ok(message));
                }
                buffer.clear();
                ready!(Pin::new(&mut stream.io).poll_read(cx, &mut buffer))?;
                if buffer.filled().is_empty() {
                    return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
                }
                stream.received.extend_from_slice(buffer.filled());
            },
        }
    }

    /// Sends what waits in the queue.
    pub(super) fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        queue: &mut VecDeque<Vec<u8>>,
    ) -> Poll<io::Result<()>> {
        match self {
            Self::Udp(socket) => {
                while let Some(message) = queue.front() {
                    // The answer to an earlier datagram: nobody is there. All else that fails is one packet lost, as
                    // it could be lost on the way.
                    let sent = ready!(socket.poll_send(cx, message));
                    if let Err(error) = sent
                        && error.kind() == io::ErrorKind::ConnectionRefused
                    {
                        return Poll::Ready(Err(error));
                    }
                    queue.pop_front();
                }
                Poll::Ready(Ok(()))
            }
            Self::Stream(stream) => stream.poll_send(cx, queue),
        }
    }
}

impl Stream {
    fn poll_send(&mut self, cx: &mut Context<'_>, queue: &mut VecDeque<Vec<u8>>) -> Poll<io::Result<()>> {
        while let Some(message) = queue.front() {
            let rest = message.get(self.written..).unwrap_or_default();
            if rest.is_empty() {
                self.written = 0;
                queue.pop_front();
                continue;
            }
            let written = ready!(Pin::new(&mut self.io).poll_write(cx, rest))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.written += written;
            self.flushed = false;
        }
        if !self.flushed {
            ready!(Pin::new(&mut self.io).poll_flush(cx))?;
            self.flushed = true;
        }
        Poll::Ready(Ok(()))
    }
}

fn is_passing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable)
}

/// Takes the first whole STUN message off the bytes of a stream. ChannelData cannot be among them: no channel is ever
/// bound.
fn take_message(received: &mut Vec<u8>) -> io::Result<Option<Bytes>> {
    let garbage = || io::Error::new(io::ErrorKind::InvalidData, "what it sends is not TURN");
    let &[first, _, high, low, ref rest @ ..] = received.as_slice() else {
        return Ok(None);
    };
    let length = usize::from(u16::from_be_bytes([high, low]));
    let cookie = rest.get(..COOKIE.len());
    if first & 0b1100_0000 != 0 || length % 4 != 0 || cookie.is_some_and(|cookie| cookie != COOKIE) {
        return Err(garbage());
    }
    if received.len() < HEADER + length {
        return Ok(None);
    }
    Ok(Some(Bytes::from(received.drain(..HEADER + length).collect::<Vec<_>>())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(body: usize) -> Vec<u8> {
        let mut message = vec![0, 0x17];
        message.extend(u16::try_from(body).unwrap().to_be_bytes());
        message.extend(COOKIE);
        message.extend(vec![7; 12 + body]);
        message
    }

    #[test]
    fn messages_are_cut_wherever_the_stream_breaks() {
        let sent = [message(0), message(1200), message(65_532), message(4)];
        let all = sent.concat();
        for step in [1, 3, 19, 20, 21, 1000, all.len()] {
            let (mut received, mut cut) = (Vec::new(), Vec::new());
            for piece in all.chunks(step) {
                received.extend_from_slice(piece);
                while let Some(message) = take_message(&mut received).unwrap() {
                    cut.push(message.to_vec());
                }
            }
            assert!(cut == sent && received.is_empty(), "{step}");
        }
    }

    #[test]
    fn garbage_ends_a_stream() {
        // ChannelData, an odd length, another cookie, HTTP.
        let (mut odd, mut cookie) = (message(4), message(4));
        odd[3] = 3;
        cookie[7] = 0;
        for garbage in [vec![0x40, 0, 0, 4, 1, 2, 3, 4], odd, cookie, b"HTTP/1.1 400".to_vec()] {
            assert!(take_message(&mut garbage.clone()).is_err(), "{garbage:?}");
        }
    }
}
