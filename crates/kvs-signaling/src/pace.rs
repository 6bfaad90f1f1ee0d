//! The documented limits of a channel, kept instead of hit.

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rtc_core::{Pacer, Rate, SharedClock, SharedStore, stable_hash};

/// Calls of GetIceServerConfig per second and channel. Source: quotas of Kinesis Video Streams WebRTC.
const ICE_PER_SECOND: usize = 5;
/// A second, and what the network may hold up calls by: two bursts that come closer to each other than they were
/// sent must not be one.
const WINDOW: Duration = Duration::from_millis(1100);
/// For how many channels a line of waiters is kept.
const CAPACITY: usize = 1024;

/// The pacers of channels. The rates are in the store, so that all clients of one store share them.
pub(crate) struct Pace {
    store: SharedStore,
    clock: SharedClock,
    ice: Mutex<HashMap<String, Line>>,
}

/// The calls of one channel take turns on as many pacers of one call per window: so a whole burst goes at once, yet
/// no window ever holds more. One pacer with that burst and rate would let almost twice as many through.
#[derive(Debug)]
struct Line {
    pacers: [Pacer; ICE_PER_SECOND],
    turn: usize,
}

impl Line {
    fn next(&mut self) -> Option<Pacer> {
        self.turn = (self.turn + 1) % ICE_PER_SECOND;
        self.pacers.get(self.turn).cloned()
    }
}

/// Without the channels: their ARNs name an account.
impl fmt::Debug for Pace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pace").finish_non_exhaustive()
    }
}

impl Pace {
    pub(crate) fn new(store: SharedStore, clock: SharedClock) -> Self {
        Self { store, clock, ice: Mutex::default() }
    }

    /// Waits until GetIceServerConfig may be called for a channel. Without the store nothing is waited for: the
    /// service throttles by itself.
    pub(crate) async fn ice(&self, channel_arn: &str) {
        if let Some(pacer) = self.pacer(channel_arn) {
            let _ = pacer.ready().await;
        }
    }

    fn pacer(&self, channel_arn: &str) -> Option<Pacer> {
        let mut lines = self.ice.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() >= CAPACITY && !lines.contains_key(channel_arn) {
            // What is lost is the order of those who wait, not the rate.
            lines.clear();
        }
        lines.entry(channel_arn.to_owned()).or_insert_with(|| self.line(channel_arn)).next()
    }

    fn line(&self, channel_arn: &str) -> Line {
        // An ARN names an account, so the key holds its hash.
        let hash = stable_hash(channel_arn.as_bytes());
        let pacer = |turn: usize| {
            let key = format!("kvs:ice:{hash}:{turn}");
            Pacer::new(self.store.clone(), self.clock.clone(), key, Rate::new(1, WINDOW), 1)
        };
        // By chance, so that processes which share the store and call only once do not all take the same one.
        let turn = usize::try_from(RandomState::new().hash_one(hash) & 0xff).unwrap_or_default();
        Line { pacers: std::array::from_fn(pacer), turn }
    }
}
