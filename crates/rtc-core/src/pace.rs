//! How often a provider may be called, kept by all who share a store.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use url::Url;

use crate::clock::{Clock, SharedClock};
use crate::pacer::Pacer;
use crate::store::{Rate, SharedStore, Store, StoreError, stable_hash};

/// Up to this many calls a quota can be used up at once and still be kept exactly.
const LANES: u32 = 10;
/// The part of a larger quota that may be used at once: one in so many.
const AT_ONCE: u32 = 5;
/// For how many limits a line of waiters is kept.
const CAPACITY: usize = 1024;
/// For how long a store that has just failed is not asked.
const AWAY: Duration = Duration::from_secs(1);
/// The longest time for which one refusal holds off the others: then somebody asks again.
const LONGEST_HOLD: Duration = Duration::from_secs(60);

/// At most so many calls in any stretch of a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    count: u32,
    per: Duration,
}

impl Quota {
    /// At most `count` calls (0 counts as 1) in any stretch of `per`. Take a little longer a stretch than the provider
    /// counts by: calls may arrive closer to each other than they were sent.
    #[must_use]
    pub const fn new(count: u32, per: Duration) -> Self {
        Self { count, per }
    }
}

/// The lines of those who wait for a provider. The limits are kept in a store, by [`Store::take`]: all that use the
/// same store and the same keys share them, whether tasks, processes or machines. Cheap to clone.
///
/// In a process callers of one limit are served about in their order; between processes there is none. A quota of up to ten
/// is as many lanes, and a call keeps to its own: it may wait for one although another is free, by one stretch at most,
/// where two processes have hit upon the same. A call asks the store once per limit, one limit after the other, and again
/// after each wait: nearly nothing in memory, one round trip each with a store on the network. When the store fails, those
/// who stood in line go on without it, all at once, and for a second it is not asked again: the provider throttles by
/// itself.
#[derive(Clone)]
pub struct Quotas(Arc<Inner>);

struct Inner {
    store: SharedStore,
    clock: SharedClock,
    lines: Mutex<HashMap<String, Arc<Line>>>,
    /// Until when the store is not asked.
    away: Mutex<Option<Instant>>,
}

impl fmt::Debug for Quotas {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Quotas").field("store", &self.0.store).finish_non_exhaustive()
    }
}

/// The key of what one account may do at one server: `name`, and a hash, as an account's name is nobody else's business.
#[must_use]
pub fn account_key(name: &str, account: &str, base: &Url) -> String {
    // With its length in front the account cannot reach into the address.
    let hash = stable_hash(format!("{}:{account}{base}", account.len()).as_bytes());
    format!("{name}{hash:032x}")
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Every step leaves what is inside whole, so a panic elsewhere does not matter.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Quotas {
    /// No lines yet. The store and the quotas should have the same clock.
    #[must_use]
    pub fn new(store: SharedStore, clock: SharedClock) -> Self {
        Self(Arc::new(Inner { store, clock, lines: Mutex::default(), away: Mutex::default() }))
    }

    /// What a call waits for before each of its attempts: these limits, in this order, each with the key by which it is
    /// shared. Put the narrow ones first, so that no permit of an account is held while one of a channel is waited for.
    ///
    /// While processes use up a wide limit together, one may overtake another there: its permit of the narrow limit is
    /// then spent late, and may come too close to the next. The provider's throttle, which is repeated, answers for that.
    ///
    /// A key names what is limited and holds no secret and no personal data in clear.
    #[must_use]
    pub fn pace(&self, limits: impl IntoIterator<Item = (String, Quota)>) -> Pace {
        let lines = limits.into_iter().map(|(key, quota)| self.line(key, quota)).collect();
        Pace(Arc::new(Way { quotas: self.clone(), lines, hold: None }))
    }

    fn line(&self, key: String, quota: Quota) -> Arc<Line> {
        let mut lines = lock(&self.0.lines);
        if let Some(line) = lines.get(&key) {
            return Arc::clone(line);
        }
        if lines.len() >= CAPACITY {
            // What is lost is the order of those who wait, not the rate.
            lines.clear();
        }
        let line = Arc::new(Line::new(&self.0, &key, quota));
        lines.insert(key, Arc::clone(&line));
        line
    }

    fn is_away(&self) -> bool {
        let mut away = lock(&self.0.away);
        let is_away = away.is_some_and(|until| self.0.clock.monotonic() < until);
        if !is_away {
            *away = None;
        }
        is_away
    }

    fn note_failure(&self) {
        *lock(&self.0.away) = self.0.clock.monotonic().checked_add(AWAY);
    }
}

/// One limit. A small one is used up at once by as many pacers of one call per stretch, which take turns: one pacer with
/// that burst and rate would let almost twice as many through. A large one is a pacer whose burst is a part of it.
struct Line {
    pacers: Vec<Pacer>,
    turn: AtomicUsize,
}

impl Line {
    fn new(inner: &Inner, key: &str, Quota { count, per }: Quota) -> Self {
        let pacer = |key, rate, burst| Pacer::new(inner.store.clone(), inner.clock.clone(), key, rate, burst);
        let count = count.max(1);
        let pacers: Vec<_> = if count <= LANES {
            (0..count).map(|lane| pacer(format!("{key}:{lane}"), Rate::new(1, per), 1)).collect()
        } else {
            let burst = count / AT_ONCE;
            vec![pacer(key.to_owned(), Rate::new(count - burst, per), burst)]
        };
        // By chance, so that processes which share the store and call only once do not all take the same one.
        let turn = AtomicUsize::new(fastrand::usize(..pacers.len()));
        Self { pacers, turn }
    }

    async fn ready(&self) -> Result<(), StoreError> {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        match self.pacers.get(turn.checked_rem(self.pacers.len()).unwrap_or_default()) {
            Some(pacer) => pacer.ready().await,
            None => Ok(()),
        }
    }
}

/// What a call waits for, made by [`Quotas::pace`] and given to [`Call::pace`](crate::Call::pace). Cheap to clone; all
/// calls of one kind may share it.
#[derive(Clone)]
pub struct Pace(Arc<Way>);

struct Way {
    quotas: Quotas,
    lines: Vec<Arc<Line>>,
    hold: Option<String>,
}

impl fmt::Debug for Pace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pace").field("limits", &self.0.lines.len()).finish_non_exhaustive()
    }
}

impl Pace {
    /// Holds off all who share this key once the provider has refused one of them for calling too often: until the end of
    /// its `Retry-After`, or of the retry policy's pause where there is none, but a minute at most. For a provider
    /// whose limits are not known. Costs one more question to the store before each attempt.
    #[must_use]
    pub fn holding_off(self, key: impl Into<String>) -> Self {
        let Way { quotas, lines, .. } = &*self.0;
        Self(Arc::new(Way { quotas: quotas.clone(), lines: lines.clone(), hold: Some(key.into()) }))
    }

    /// Waits until the provider may be called. When the store is away, nothing is waited for any more.
    pub async fn ready(&self) {
        if !self.0.quotas.is_away() && self.turn().await.is_err() {
            self.0.quotas.note_failure();
        }
    }

    async fn turn(&self) -> Result<(), StoreError> {
        loop {
            for line in &self.0.lines {
                line.ready().await?;
            }
            let Some(left) = self.held().await? else { return Ok(()) };
            // Not all at the same instant. The turns are taken anew: those from before the wait would come in a crowd.
            let spread = left.mul_f64(fastrand::f64() / 4.0);
            self.0.quotas.0.clock.sleep(left.saturating_add(spread)).await;
        }
    }

    /// How much longer all hold off.
    async fn held(&self) -> Result<Option<Duration>, StoreError> {
        let Some(key) = &self.0.hold else { return Ok(None) };
        Ok(self.0.quotas.0.store.peek(key).await?.map(|busy| busy.expires_in))
    }

    /// The provider has refused a call for calling too often and asks for this pause: all hold off, if this was asked
    /// for with [`holding_off`](Self::holding_off). While they do, a further pause changes nothing.
    pub async fn refused(&self, pause: Duration) {
        let Some(key) = &self.0.hold else { return };
        let pause = pause.min(LONGEST_HOLD);
        if pause.is_zero() || self.0.quotas.is_away() {
            return;
        }
        // The claim is never released: its time limit is the pause, and the store's own time counts for all.
        if self.0.quotas.0.store.claim(key, pause).await.is_err() {
            self.0.quotas.note_failure();
        }
    }
}

#[cfg(test)]
mod tests;
