//! Calls at an even pace, so that a provider's rate limit is kept instead of hit.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Mutex;

use crate::clock::{Clock, SharedClock};
use crate::store::{Rate, SharedStore, Store, StoreError, Taken};

/// Hands out permits at a rate, over [`Store::take`]: all pacers with the same store and key share the rate.
///
/// Callers of one pacer (and its clones) are served in the order in which they asked. Between pacers, as
/// between processes, there is no order, only the rate. A free permit costs an uncontended lock and one step
/// of the store (with a [`MemoryStore`](crate::store::MemoryStore) a look-up in a map); no
/// task or timer is started.
#[derive(Debug, Clone)]
pub struct Pacer {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    store: SharedStore,
    clock: SharedClock,
    key: String,
    rate: Rate,
    burst: u32,
    /// Held by whoever is next. It is fair, and a dropped waiter leaves the line. Inside, how the store failed last.
    turn: Mutex<String>,
    /// How often the store has failed; changes only while the turn is held.
    failures: AtomicU64,
}

impl Pacer {
    /// A pacer of `rate`, with up to `burst` permits at once after a pause (0 counts as 1).
    ///
    /// The key names what is limited (an account, an operation) and holds no secret in clear. The store and
    /// the pacer should have the same clock.
    #[must_use]
    pub fn new(
        store: SharedStore,
        clock: SharedClock,
        key: impl Into<String>,
        rate: Rate,
        burst: u32,
    ) -> Self {
        let (key, turn) = (key.into(), Mutex::default());
        Self { inner: Arc::new(Inner { store, clock, key, rate, burst, turn, failures: AtomicU64::new(0) }) }
    }

    /// Waits for a permit and takes it.
    ///
    /// Dropping the future gives the turn to the next and takes no permit, with one exception: a store on
    /// the network may already have granted it when the future is dropped in the middle of its answer.
    ///
    /// # Errors
    /// The store failed; whether to go on without a permit is the caller's choice. All who stood in line when it
    /// failed are told so at once, instead of each waiting for it in turn; who comes later asks it anew.
    pub async fn ready(&self) -> Result<(), StoreError> {
        let Inner { clock, turn, failures, .. } = &*self.inner;
        let before = failures.load(Ordering::Relaxed);
        let mut last = turn.lock().await;
        if failures.load(Ordering::Relaxed) != before {
            return Err(StoreError::unavailable(
                "take, asked by a call that stood before this one",
                last.as_str(),
            ));
        }
        loop {
            match self.take(&mut last).await? {
                Taken::Granted => return Ok(()),
                // Another process may be faster, so ask again after the wait.
                Taken::Wait(wait) => clock.sleep(wait).await,
            }
        }
    }

    /// Takes a permit if one is free now and nobody waits for it in [`ready`](Self::ready).
    ///
    /// # Errors
    /// The store failed.
    pub async fn try_ready(&self) -> Result<bool, StoreError> {
        let Ok(mut last) = self.inner.turn.try_lock() else { return Ok(false) };
        Ok(self.take(&mut last).await? == Taken::Granted)
    }

    async fn take(&self, last: &mut String) -> Result<Taken, StoreError> {
        let Inner { store, key, rate, burst, failures, .. } = &*self.inner;
        store.take(key, *rate, *burst, 1).await.inspect_err(|error| {
            *last = error.to_string();
            failures.fetch_add(1, Ordering::Relaxed);
        })
    }
}

#[cfg(test)]
pub(crate) mod tests;
