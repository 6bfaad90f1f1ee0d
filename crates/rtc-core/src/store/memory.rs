//! The store of one process.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::{Busy, Claim, ClaimToken, Rate, Store, StoreError, Taken, gcra};
use crate::clock::{Clock, SharedClock};

/// A store inside this process, on the monotonic time of its clock. It never fails.
///
/// What has expired is swept now and then as entries are added, so the memory stays within about twice
/// what is alive.
pub struct MemoryStore {
    clock: SharedClock,
    start: Instant,
    tables: Mutex<Tables>,
}

#[derive(Default)]
struct Tables {
    claims: Table<Held>,
    values: Table<Bytes>,
    rates: Table<()>,
}

struct Held {
    owner: String,
    at: Duration,
}

/// Entries with the instant at which each expires.
struct Table<T> {
    entries: HashMap<String, (Duration, T)>,
    sweep_at: usize,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self { entries: HashMap::new(), sweep_at: 64 }
    }
}

impl<T> Table<T> {
    fn get(&self, key: &str, now: Duration) -> Option<&(Duration, T)> {
        self.entries.get(key).filter(|(expires, _)| *expires > now)
    }

    fn put(&mut self, key: &str, now: Duration, expires: Duration, value: T) {
        if let Some(entry) = self.entries.get_mut(key) {
            *entry = (expires, value);
            return;
        }
        if self.entries.len() >= self.sweep_at {
            self.entries.retain(|_, (expires, _)| *expires > now);
            // Next when as many again were added: each addition pays for a constant part of a sweep.
            self.sweep_at = (2 * self.entries.len()).max(64);
            self.entries.shrink_to(self.sweep_at);
        }
        self.entries.insert(key.to_owned(), (expires, value));
    }
}

impl MemoryStore {
    /// An empty store on this clock.
    #[must_use]
    pub fn new(clock: SharedClock) -> Self {
        Self { start: clock.monotonic(), clock, tables: Mutex::default() }
    }

    fn now(&self) -> Duration {
        self.clock.monotonic().saturating_duration_since(self.start)
    }

    fn tables(&self) -> MutexGuard<'_, Tables> {
        // Every step leaves the tables whole, so a panic elsewhere does not matter.
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn free(&self, token: &ClaimToken) -> bool {
        let (now, mut tables) = (self.now(), self.tables());
        let holds = tables.claims.get(token.key(), now).is_some_and(|(_, held)| held.owner == token.owner());
        if holds {
            tables.claims.entries.remove(token.key());
        }
        holds
    }

    fn busy(tables: &Tables, key: &str, now: Duration) -> Option<Busy> {
        let (expires, held) = tables.claims.get(key, now)?;
        Some(Busy::new(Some(now.saturating_sub(held.at)), expires.saturating_sub(now)))
    }

    fn step(&self, key: &str, rate: Rate, burst: u32, n: u32) -> Result<Taken, StoreError> {
        let mut tables = self.tables();
        let now = self.now();
        // One look-up where the key is known: what has expired lies before now, which the step allows for.
        let known = tables.rates.entries.get_mut(key);
        Ok(match gcra(known.as_ref().map(|(filled, ())| *filled), now, rate, burst, n)? {
            // Once all permits are back there is nothing left to remember.
            Ok(filled) => {
                match known {
                    Some(known) => known.0 = filled,
                    None => tables.rates.put(key, now, filled, ()),
                }
                Taken::Granted
            }
            Err(wait) => Taken::Wait(wait),
        })
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        let tables = self.tables();
        tables.claims.entries.len() + tables.values.entries.len() + tables.rates.entries.len()
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore").finish_non_exhaustive()
    }
}

impl Store for MemoryStore {
    async fn claim(&self, key: &str, ttl: Duration) -> Result<Claim, StoreError> {
        let mut tables = self.tables();
        // Read under the lock: an instant from before the wait for it could undo a later claim.
        let now = self.now();
        if let Some(busy) = Self::busy(&tables, key, now) {
            return Ok(busy.into());
        }
        let token = ClaimToken::new(key);
        let held = Held { owner: token.owner().to_owned(), at: now };
        tables.claims.put(key, now, now.saturating_add(ttl), held);
        Ok(Claim::Claimed(token))
    }

    async fn peek(&self, key: &str) -> Result<Option<Busy>, StoreError> {
        Ok(Self::busy(&self.tables(), key, self.now()))
    }

    async fn release(&self, token: &ClaimToken) -> Result<bool, StoreError> {
        Ok(self.free(token))
    }

    fn abandon(&self, token: ClaimToken) {
        self.free(&token);
    }

    async fn get(&self, key: &str) -> Result<Option<Bytes>, StoreError> {
        Ok(self.tables().values.get(key, self.now()).map(|(_, value)| value.clone()))
    }

    async fn put(&self, key: &str, value: Bytes, ttl: Duration) -> Result<(), StoreError> {
        let mut tables = self.tables();
        let now = self.now();
        tables.values.put(key, now, now.saturating_add(ttl), value);
        Ok(())
    }

    async fn take(&self, key: &str, rate: Rate, burst: u32, n: u32) -> Result<Taken, StoreError> {
        self.step(key, rate, burst, n)
    }

    fn take_now(&self, key: &str, rate: Rate, burst: u32, n: u32) -> Option<Result<Taken, StoreError>> {
        Some(self.step(key, rate, burst, n))
    }
}
