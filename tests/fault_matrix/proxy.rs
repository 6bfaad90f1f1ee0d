//! A proxy before the emulator that closes in the middle of a WebSocket frame.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use crate::{aside, servers};

pub(crate) struct Proxy {
    port: u16,
    frames: Arc<AtomicUsize>,
    sent: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Proxy {
    /// Passes everything on to this port, until a connection's n-th frame from there: half of that, and then no more.
    /// Frames to there with `word` in them are counted.
    pub(crate) async fn start(upstream: u16, nth: usize, word: &'static str) -> io::Result<Self> {
        let listener = aside(TcpListener::bind("127.0.0.1:0")).await?;
        let (port, frames) = (listener.local_addr()?.port(), Arc::new(AtomicUsize::new(0)));
        let (most, sent) = (Arc::clone(&frames), Arc::new(AtomicUsize::new(0)));
        let count = Arc::clone(&sent);
        let task = servers().spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                let (most, count) = (Arc::clone(&most), Arc::clone(&count));
                connections
                    .spawn(async move { drop(pass(client, upstream, nth, &most, (word, &count)).await) });
            }
        });
        Ok(Self { port, frames, sent, task })
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// How many frames a connection had from the server at the most.
    pub(crate) fn frames(&self) -> usize {
        self.frames.load(Ordering::SeqCst)
    }

    /// How often the word was sent.
    pub(crate) fn sent(&self) -> usize {
        self.sent.load(Ordering::SeqCst)
    }
}

async fn pass(
    client: TcpStream,
    upstream: u16,
    nth: usize,
    most: &AtomicUsize,
    (word, count): (&str, &AtomicUsize),
) -> io::Result<()> {
    let server = TcpStream::connect(("127.0.0.1", upstream)).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let ((mut from_client, mut to_client), (mut from_server, mut to_server)) =
        (client.into_split(), server.into_split());
    let there = async {
        head(&mut from_client, &mut to_server).await?;
        while let Some(frame) = read(&mut from_client).await? {
            if !word.is_empty() && String::from_utf8_lossy(&frame.payload()).contains(word) {
                count.fetch_add(1, Ordering::SeqCst);
            }
            to_server.write_all(&frame.bytes).await?;
        }
        to_server.shutdown().await
    };
    let back = async {
        head(&mut from_server, &mut to_client).await?;
        for frame in 1.. {
            let Some(read) = read(&mut from_server).await? else { break };
            most.fetch_max(frame, Ordering::SeqCst);
            if frame == nth {
                to_client.write_all(read.half()).await?;
                break;
            }
            to_client.write_all(&read.bytes).await?;
        }
        to_client.shutdown().await
    };
    tokio::pin!(there);
    tokio::select! {
        // The rest of what the server says is still wanted.
        _ = &mut there => Ok(()),
        done = back => done,
    }
}

/// Passes the head of the handshake on.
async fn head(from: &mut OwnedReadHalf, to: &mut OwnedWriteHalf) -> io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(from.read_u8().await?);
    }
    to.write_all(&head).await
}

/// A frame as it came, and where its payload begins.
struct Frame {
    bytes: Vec<u8>,
    start: usize,
}

impl Frame {
    /// Of an empty one the head alone is half.
    fn half(&self) -> &[u8] {
        let middle = self.start + (self.bytes.len() - self.start) / 2;
        &self.bytes[..middle.min(self.bytes.len() - 1)]
    }

    /// What it says, without the mask that frames of a client have.
    fn payload(&self) -> Vec<u8> {
        let payload = self.bytes[self.start..].iter();
        if self.bytes[1] & 0x80 == 0 {
            return payload.copied().collect();
        }
        let mask = &self.bytes[self.start - 4..self.start];
        payload.zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect()
    }
}

/// Reads a frame; `None` at the end.
async fn read(from: &mut OwnedReadHalf) -> io::Result<Option<Frame>> {
    let mut bytes = vec![0; 2];
    if from.read_exact(&mut bytes).await.is_err() {
        return Ok(None);
    }
    let length = match bytes[1] & 0x7f {
        126 => more(from, &mut bytes, 2).await?,
        127 => more(from, &mut bytes, 8).await?,
        short => short.into(),
    };
    if bytes[1] & 0x80 != 0 {
        more(from, &mut bytes, 4).await?;
    }
    let start = bytes.len();
    bytes.resize(start + length, 0);
    from.read_exact(&mut bytes[start..]).await?;
    Ok(Some(Frame { bytes, start }))
}

/// Reads so many bytes more of a head, and gives them as a number.
async fn more(from: &mut OwnedReadHalf, head: &mut Vec<u8>, count: usize) -> io::Result<usize> {
    let start = head.len();
    head.resize(start + count, 0);
    from.read_exact(&mut head[start..]).await?;
    Ok(head[start..].iter().fold(0, |number, byte| number << 8 | usize::from(*byte)))
}
