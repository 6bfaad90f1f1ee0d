//! Calls at an even pace, so that a provider's rate limit is kept instead of hit.

use std::sync::Arc;

use tokio::sync::Mutex;

use crate::clock::{Clock, SharedClock};
use crate::store::{Rate, SharedStore, Store, StoreError, Taken};

/// Hands out permits at a rate, over [`Store::take`]: all pacers with the same store and key share the rate.
///
/// Callers of one pacer (and its clones) are served in the order in which they asked. Between pacers, as
/// between processes, there is no order, only the rate. A free permit costs an uncontended lock and one step
/// of the store (with a [`MemoryStore`](crate::store::MemoryStore) a look-up and a small allocation); no
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
    /// Held by whoever is next. It is fair, and a dropped waiter leaves the line.
    turn: Mutex<()>,
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
        let key = key.into();
        Self { inner: Arc::new(Inner { store, clock, key, rate, burst, turn: Mutex::new(()) }) }
    }

    /// Waits for a permit and takes it.
    ///
    /// Dropping the future gives the turn to the next and takes no permit, with one exception: a store on
    /// the network may already have granted it when the future is dropped in the middle of its answer.
    ///
    /// # Errors
    /// The store failed; whether to go on without a permit is the caller's choice.
    pub async fn ready(&self) -> Result<(), StoreError> {
        let _turn = self.inner.turn.lock().await;
        loop {
            match self.take().await? {
                Taken::Granted => return Ok(()),
                // Another process may be faster, so ask again after the wait.
                Taken::Wait(wait) => self.inner.clock.sleep(wait).await,
            }
        }
    }

    /// Takes a permit if one is free now and nobody waits for it in [`ready`](Self::ready).
    ///
    /// # Errors
    /// The store failed.
    pub async fn try_ready(&self) -> Result<bool, StoreError> {
        let Ok(_turn) = self.inner.turn.try_lock() else { return Ok(false) };
        Ok(self.take().await? == Taken::Granted)
    }

    async fn take(&self) -> Result<Taken, StoreError> {
        let Inner { store, key, rate, burst, .. } = &*self.inner;
        store.take(key, *rate, *burst, 1).await
    }
}

#[cfg(test)]
mod tests;
