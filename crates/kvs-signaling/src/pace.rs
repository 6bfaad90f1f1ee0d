//! The documented limits of a channel, kept instead of hit.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use rtc_core::{Pacer, Rate, SharedClock, SharedStore, stable_hash};

/// Calls of GetIceServerConfig per second and channel. Source: quotas of Kinesis Video Streams WebRTC.
const ICE_PER_SECOND: u32 = 5;
/// For how many channels a line of waiters is kept.
const CAPACITY: usize = 1024;

/// The pacers of channels. The rates are in the store, so that all clients of one store share them.
#[derive(Debug)]
pub(crate) struct Pace {
    store: SharedStore,
    clock: SharedClock,
    ice: Mutex<HashMap<String, Pacer>>,
}

impl Pace {
    pub(crate) fn new(store: SharedStore, clock: SharedClock) -> Self {
        Self { store, clock, ice: Mutex::default() }
    }

    /// Waits until GetIceServerConfig may be called for a channel. Without the store nothing is waited for: the
    /// service throttles by itself.
    pub(crate) async fn ice(&self, channel_arn: &str) {
        let _ = self.pacer(channel_arn).ready().await;
    }

    fn pacer(&self, channel_arn: &str) -> Pacer {
        let mut pacers = self.ice.lock().unwrap_or_else(PoisonError::into_inner);
        if pacers.len() >= CAPACITY && !pacers.contains_key(channel_arn) {
            // What is lost is the order of those who wait, not the rate.
            pacers.clear();
        }
        let make = || {
            // An ARN names an account, so the key holds its hash.
            let key = format!("kvs:ice:{}", stable_hash(channel_arn.as_bytes()));
            let rate = Rate::per_second(ICE_PER_SECOND);
            Pacer::new(self.store.clone(), self.clock.clone(), key, rate, ICE_PER_SECOND)
        };
        pacers.entry(channel_arn.to_owned()).or_insert_with(make).clone()
    }
}
