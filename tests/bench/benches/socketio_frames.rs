//! What a Socket.IO frame costs: events through our whole connection (state machine, queues, tasks) over a channel that
//! costs nothing, in either direction, against serde_json alone on the same payload. Rounds are interleaved; the figures
//! are medians.
//!
//! `cargo xtask bench socketio_frames`.

#![allow(clippy::indexing_slicing, reason = "a benchmark over fixed arrays")]

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rtc_bench::{Outcome, median};
use rtc_core::transport::channel::{Channel, Connect, ConnectError, Frame};
use rtc_core::transport::socketio::{Events, Protocol, Socket, SocketOptions, connect};
use rtc_core::{Limits, SharedClock, TransportError, Url, http};
use serde_json::{Value, json};
use tokio::sync::mpsc;

const ROUNDS: usize = 40;
/// How many frames are under way at once: fewer than the queues hold.
const BATCH: usize = 32;
const BATCHES: usize = 200;
const FRAMES: f64 = (BATCH * BATCHES) as f64;

fn payload() -> Value {
    json!({
        "id": "room-1", "clientId": "c-17", "result": 0, "msg": "success", "users": ["c-1", "c-2", "c-3"],
        "user": { "name": "Ada", "role": "participant", "permissions": { "publish": true, "subscribe": true } },
        "timestamp": 1_700_000_000_000_u64, "message": "What the room tells its participants, as long as it usually is.",
    })
}

/// Hands over what is put into its queue, and counts what is sent.
#[derive(Debug)]
struct Wire {
    incoming: mpsc::Receiver<String>,
    sent: Arc<AtomicU64>,
}

impl Channel for Wire {
    async fn send(&mut self, frame: Frame) -> Result<(), TransportError> {
        black_box(&frame);
        self.sent.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    async fn recv(&mut self) -> Option<Result<Frame, TransportError>> {
        Some(Ok(Frame::Text(self.incoming.recv().await?)))
    }
}

#[derive(Debug)]
struct Once(std::sync::Mutex<Option<Wire>>);

impl Connect for Once {
    type Channel = Wire;

    async fn connect(&self, _: http::Request<()>, _: Limits) -> Result<Wire, ConnectError> {
        let wire = self.0.lock().ok().and_then(|mut wire| wire.take());
        wire.ok_or_else(|| TransportError::new(rtc_core::TransportErrorKind::Closed).into())
    }
}

struct Line {
    socket: Socket,
    events: Events,
    feed: mpsc::Sender<String>,
    sent: Arc<AtomicU64>,
}

async fn open() -> Outcome<Line> {
    let (feed, incoming) = mpsc::channel(2 * BATCH);
    let sent = Arc::<AtomicU64>::default();
    let connector = Once(std::sync::Mutex::new(Some(Wire { incoming, sent: Arc::clone(&sent) })));
    for greeting in [
        r#"0{"sid":"s","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#,
        r#"40{"sid":"n"}"#,
    ] {
        feed.send(greeting.into()).await?;
    }
    let base = Url::parse("http://127.0.0.1/")?;
    let options = SocketOptions::new(Protocol::Eio4);
    let (socket, events) =
        connect(&connector, &base, options, SharedClock::default(), Limits::default()).await?;
    Ok(Line { socket, events, feed, sent })
}

impl Line {
    /// Frames that come and are read.
    async fn read(&mut self, frame: &str) -> Outcome<()> {
        for _ in 0..BATCHES {
            for _ in 0..BATCH {
                self.feed.send(frame.to_owned()).await?;
            }
            for _ in 0..BATCH {
                black_box(self.events.recv().await.ok_or("the connection has ended")?);
            }
        }
        Ok(())
    }

    /// Events that are written and sent.
    async fn write(&self, args: &[Value]) -> Outcome<()> {
        let goal = self.sent.load(Ordering::Relaxed) + (BATCH * BATCHES) as u64;
        for _ in 0..BATCH * BATCHES {
            self.socket.emit("message", args).await?;
        }
        while self.sent.load(Ordering::Relaxed) < goal {
            tokio::task::yield_now().await;
        }
        Ok(())
    }
}

fn main() -> Outcome<()> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(measure())
}

async fn measure() -> Outcome<()> {
    let args = [payload()];
    let text = json!(["message", args[0]]).to_string();
    let frame = format!("42{text}");
    let mut line = open().await?;
    let mut rounds = Vec::new();
    for round in 0..=ROUNDS {
        let mut row = [0.0; 4];
        // Whoever goes first in a round finds other caches: take turns.
        for turn in 0..4 {
            let who = (round + turn) % 4;
            let begun = std::time::Instant::now();
            match who {
                0 => {
                    for _ in 0..BATCH * BATCHES {
                        black_box(serde_json::from_str::<Value>(black_box(&text))?);
                    }
                }
                1 => line.read(&frame).await?,
                2 => {
                    for _ in 0..BATCH * BATCHES {
                        black_box(black_box(&args[0]).to_string());
                    }
                }
                _ => line.write(&args).await?,
            }
            row[who] = begun.elapsed().as_nanos() as f64 / FRAMES;
        }
        // The first round warms up.
        if round > 0 {
            rounds.push(row);
        }
    }
    if line.socket.dropped_events() > 0 || line.socket.dropped_packets() > 0 {
        return Err("frames were dropped".into());
    }
    println!("Socket.IO frames of {} bytes, {ROUNDS} interleaved rounds of {FRAMES}", frame.len());
    println!("{:<26} {:>10} {:>8} {:>8}", "", "frames/s", "ns", "x floor");
    let names = ["serde_json, parse", "our connection, read", "serde_json, write", "our connection, write"];
    for (i, name) in names.iter().enumerate() {
        let nanos = median(&rounds, |row| row[i]);
        let ratio = median(&rounds, |row| row[i] / row[i / 2 * 2]);
        println!("{name:<26} {:>10.0} {nanos:>8.0} {ratio:>8.2}", 1e9 / nanos);
    }
    println!("goal: read and write at most 3 x serde_json");
    Ok(())
}
